import Foundation
import Frames
import ProgramRunner
import Testing

@testable import Analysis

/// What an analysis says of one frame, by tshark's names.
struct Said: Equatable, CustomStringConvertible {
  var stream: Int
  var flags: Set<String> = []
  /// Whole numbers; times in nanoseconds.
  var values: [String: Int64] = [:]

  var description: String {
    "stream \(stream) \(flags.sorted()) "
      + values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}

/// tshark, asked for what it says of each frame.
enum Tshark {
  static let flags = AnalysisFlags.named.map(\.name)
  static let numbers = [
    "acks_frame", "bytes_in_flight", "push_bytes_sent", "rto_frame", "duplicate_ack_num",
    "duplicate_ack_frame",
  ]
  static let times = ["ack_rtt", "initial_rtt", "rto"]

  /// The version that is agreed with.
  static let version = "4.0.17"

  static let path: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { "\($0)/tshark" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Every frame of a capture that has a stream.
  static func analysis(of capture: String) async throws -> [Int: Said] {
    let fields = flags + numbers + times
    let names = ["frame.number", "tcp.stream"] + fields.map { "tcp.analysis.\($0)" }
    let arguments =
      ["-r", capture, "-T", "fields", "-E", "occurrence=f"] + names.flatMap { ["-e", $0] }
    let done = try await run(try #require(path), arguments)
    var result: [Int: Said] = [:]
    for line in done.output.split(separator: "\n") {
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard columns.count == fields.count + 2, let number = Int(columns[0]),
        let stream = Int(columns[1])
      else { continue }
      var said = Said(stream: stream)
      for (name, text) in zip(fields, columns[2...]) where !text.isEmpty {
        if flags.contains(name) {
          said.flags.insert(name)
        } else if times.contains(name) {
          said.values[name] = nanoseconds(text)
        } else {
          said.values[name] = Int64(text)
        }
      }
      result[number] = said
    }
    return result
  }

  /// Seconds with a fraction, as nanoseconds.
  static func nanoseconds(_ text: String) -> Int64? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard let seconds = Int64(parts[0]) else { return nil }
    let fraction = parts.count > 1 ? parts[1] + String(repeating: "0", count: 9) : "0"
    let rest = Int64(fraction.prefix(9)) ?? 0
    return seconds * 1_000_000_000 + (text.hasPrefix("-") ? -rest : rest)
  }
}

/// Our own analysis of a capture, in the same terms.
func ourAnalysis(of capture: String) throws -> [Int: Said] {
  var reader = try CaptureFileReader(path: capture)
  var analyzer = CaptureAnalyzer()
  var result: [Int: Said] = [:]
  while let frame = try? reader.next() {
    let finding = analyzer.frameArrived(
      frame.octets.span, wireLength: frame.originalLength, link: frame.linkType,
      number: frame.number, time: frame.time)
    guard let finding else { continue }
    var said = Said(stream: finding.stream)
    if let verdict = finding.segment?.verdict {
      said.flags = Set(verdict.flags.names)
      said.values = [
        "acks_frame": verdict.acknowledgedFrame.map { Int64($0) },
        "ack_rtt": verdict.acknowledgmentRoundTrip, "initial_rtt": verdict.initialRoundTrip,
        "bytes_in_flight": verdict.bytesInFlight.map { Int64($0) },
        "push_bytes_sent": verdict.pushBytesSent.map { Int64($0) },
        "rto": verdict.retransmissionTimeout,
        "rto_frame": verdict.originalFrame.map { Int64($0) },
        "duplicate_ack_num": verdict.duplicateNumber.map { Int64($0) },
        "duplicate_ack_frame": verdict.duplicateOf.map { Int64($0) },
      ].compactMapValues { $0 }
    }
    result[frame.number] = said
  }
  return result
}

/// Expects that both say the same of every frame; says how many frames there were.
@discardableResult
func expectAgreement(on capture: String) async throws -> [Int: Said] {
  let theirs = try await Tshark.analysis(of: capture)
  let ours = try ourAnalysis(of: capture)
  var differences: [String] = []
  for number in Set(theirs.keys).union(ours.keys).sorted() where theirs[number] != ours[number] {
    let (their, our) = (theirs[number]?.description, ours[number]?.description)
    differences.append("frame \(number): tshark \(their ?? "nothing"), we \(our ?? "nothing")")
  }
  let name = URL(filePath: capture).lastPathComponent
  #expect(differences.isEmpty, "\(name):\n\(differences.prefix(10).joined(separator: "\n"))")
  return theirs
}

extension Trait where Self == ConditionTrait {
  /// Needs tshark of the version whose judgments are ours.
  static var needsTshark: Self {
    .enabled("tshark \(Tshark.version) is not installed") {
      guard let path = Tshark.path else { return false }
      return try await run(path, ["--version"]).output.contains(Tshark.version)
    }
  }
}
