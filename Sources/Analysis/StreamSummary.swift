import Wire

/// One direction of a connection, summed up.
public struct DirectionSummary: Hashable, Sendable {
  /// Frames.
  public var segments = 0
  /// Octets of payload, those sent again included.
  public var octets = 0
  /// Frames that were sent again.
  public var retransmissions = 0
  /// Frames that were overtaken.
  public var outOfOrder = 0
  /// Duplicate acknowledgments.
  public var duplicateACKs = 0
  /// Round trips that were measured, from octets of this direction to their acknowledgment.
  public var roundTrips = 0
  /// The least of them, in nanoseconds.
  public var leastRoundTrip = Int64.max
  /// The greatest of them, in nanoseconds.
  public var greatestRoundTrip: Int64 = 0
  /// Their sum, in nanoseconds.
  public var sumOfRoundTrips: Int64 = 0
  /// The largest window that was offered, in octets, as far as its scale is known.
  public var largestWindow = 0
}

/// A connection in a capture, summed up in the manner of tcptrace.
public struct StreamSummary: Sendable {
  /// How a connection ended.
  public enum Ending: String, Hashable, Sendable {
    /// The capture has no end of it.
    case open
    /// One side has sent a FIN.
    case halfClosed = "half closed"
    /// Both sides have.
    case closed
    /// There was a reset.
    case reset
  }

  /// Its number, from 0.
  public let stream: Int
  /// Who opened it: the sender of the SYN, else of the first frame.
  public let client: CapturedEnd
  /// Who was asked.
  public let server: CapturedEnd
  /// The first frame's time, in nanoseconds on the capture's clock.
  public let start: Int64
  /// The last frame's time.
  public private(set) var end: Int64
  /// From the SYN to the acknowledgment that ended the handshake, in nanoseconds.
  public private(set) var handshake: Int64?
  /// What the client sent.
  public private(set) var fromClient = DirectionSummary()
  /// What the server sent.
  public private(set) var fromServer = DirectionSummary()
  /// How it ended.
  public private(set) var ending = Ending.open
  /// Whether the client ended it, or reset it, first; nil while it is open.
  public private(set) var clientEndedFirst: Bool?
  private var finished = (client: false, server: false)

  init(_ stream: Int, _ facts: TCPFacts, _ time: Int64) {
    self.stream = stream
    (client, server) =
      facts.answers ? (facts.destination, facts.source) : (facts.source, facts.destination)
    start = time
    end = time
  }

  mutating func add(_ facts: TCPFacts, _ verdict: FrameVerdict, _ scale: Int, _ time: Int64) {
    end = max(end, time)
    handshake = handshake ?? verdict.initialRoundTrip
    let isClient = facts.source == client
    if isClient {
      Self.add(facts, verdict, scale, to: &fromClient, acknowledging: &fromServer)
    } else {
      Self.add(facts, verdict, scale, to: &fromServer, acknowledging: &fromClient)
    }
    if facts.flags.contains(.fin) {
      if isClient { finished.client = true } else { finished.server = true }
    }
    if facts.flags.contains(.rst) {
      ending = .reset
    } else if ending != .reset, finished.client || finished.server {
      ending = finished.client && finished.server ? .closed : .halfClosed
    }
    if ending != .open, clientEndedFirst == nil { clientEndedFirst = isClient }
  }

  private static func add(
    _ facts: TCPFacts, _ verdict: FrameVerdict, _ scale: Int,
    to sender: inout DirectionSummary, acknowledging receiver: inout DirectionSummary
  ) {
    sender.segments += 1
    sender.octets += facts.length
    sender.largestWindow = max(sender.largestWindow, Int(facts.window) << scale)
    if verdict.flags.contains(.retransmission) { sender.retransmissions += 1 }
    if verdict.flags.contains(.outOfOrder) { sender.outOfOrder += 1 }
    if verdict.flags.contains(.duplicateACK) { sender.duplicateACKs += 1 }
    guard let roundTrip = verdict.acknowledgmentRoundTrip else { return }
    receiver.roundTrips += 1
    receiver.sumOfRoundTrips &+= roundTrip
    receiver.leastRoundTrip = min(receiver.leastRoundTrip, roundTrip)
    receiver.greatestRoundTrip = max(receiver.greatestRoundTrip, roundTrip)
  }
}
