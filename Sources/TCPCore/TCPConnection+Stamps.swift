public import Octets
import Wire

/// When the octet that a user asked about was sent, or acknowledged.
public struct SendReport: Hashable, Sendable {
  /// What happened to the octet.
  public enum Event: Hashable, Sendable {
    /// It was sent for the first time.
    case sent
    /// The peer has it.
    case acknowledged
  }
  /// What the user called it.
  public var name: UInt32
  /// What happened.
  public var event: Event
  /// When.
  public var at: Instant
}

/// The octets that a user asked about, and what became of them. Empty for nearly all connections.
struct SendStamps {
  /// How many octets may be asked about at once; later ones are not reported.
  static var limit: Int { 1024 }
  var waiting: [(end: SequenceNumber, name: UInt32, isSent: Bool)] = []
  var reports: [SendReport] = []

  var isEmpty: Bool { waiting.isEmpty }

  mutating func sent(before end: SequenceNumber, at now: Instant) {
    for index in waiting.indices where !waiting[index].isSent {
      guard waiting[index].end.precedesOrEquals(end) else { return }
      waiting[index].isSent = true
      reports.append(SendReport(name: waiting[index].name, event: .sent, at: now))
    }
  }

  mutating func acknowledged(before end: SequenceNumber, at now: Instant) {
    while let first = waiting.first, first.end.precedesOrEquals(end) {
      waiting.removeFirst()
      reports.append(SendReport(name: first.name, event: .acknowledged, at: now))
    }
  }
}

extension TCPConnection {
  /// Asks to be told when the last octet that the user has given is sent, and acknowledged.
  package mutating func stampLastOctet(_ name: UInt32) {
    guard stamps.waiting.count &+ stamps.reports.count < SendStamps.limit else { return }
    stamps.waiting.append((endOfData, name, false))
  }

  /// What happened to the octets that were asked about.
  package mutating func takeSendReports() -> [SendReport] {
    guard !stamps.reports.isEmpty else { return [] }
    defer { stamps.reports = [] }
    return stamps.reports
  }
}
