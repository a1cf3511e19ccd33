import Analysis
import Frames
import Octets

/// Writes one connection: what was said, line by line, or its octets as tshark 4.0.17 does with
/// `-q -z follow,tcp,raw,N`.
struct FollowOutput {
  private let stream: Int
  private let isRaw: Bool
  private var follower: StreamFollower
  private var connection: FollowedConnection?
  private var raw = RawLines()
  private var isBegun = false

  /// There is only one connection: much may wait.
  private static var limits: StreamFollower.Limits {
    var limits = StreamFollower.Limits()
    (limits.octets, limits.segments) = (64 << 20, 100_000)
    return limits
  }

  /// - Parameter stream: its number, from 0.
  init(stream: Int, isRaw: Bool) {
    (self.stream, self.isRaw) = (stream, isRaw)
    follower = StreamFollower(limits: Self.limits)
  }

  /// Reads a capture to its end.
  ///
  /// - Returns: the damage at which it ended, if there was some.
  mutating func read(_ reader: inout CaptureFileReader) throws -> CaptureError? {
    var analyzer = CaptureAnalyzer()
    var damage: CaptureError?
    while true {
      do throws(CaptureError) {
        guard let frame = try reader.lend() else { break }
        let finding = analyzer.frameArrived(
          frame.octets, wireLength: frame.originalLength, link: frame.linkType,
          number: frame.number, time: frame.time)
        guard let finding, finding.stream == stream, let facts = finding.segment?.facts,
          facts.header == .whole
        else { continue }
        analyzer.withPayload(of: facts, in: frame.octets) { payload in
          segmentArrived(facts, finding, payload, number: frame.number)
        }
      } catch {
        damage = error
        break
      }
      if raw.octets.count > 65_536 { try flush() }
    }
    end()
    try flush()
    return damage
  }

  private mutating func flush() throws {
    try put(raw.octets)
    raw.octets = []
  }

  private mutating func segmentArrived(
    _ facts: TCPFacts, _ finding: CaptureAnalyzer.Finding, _ payload: Span<UInt8>, number: Int
  ) {
    if isRaw {
      if !isBegun { begin(facts.source.description, facts.destination.description) }
      _ = follower.segmentArrived(facts, at: finding.relative, payload: payload, to: &raw)
      return
    }
    if connection == nil {
      let begun = FollowedConnection(first: facts, tellsAll: true, limits: Self.limits)
      raw.line("stream \(stream): \(begun.name)")
      connection = begun
    }
    let heard = connection?.segmentArrived(facts, at: finding.relative, payload: payload)
    if let heard { tell(heard.told, number) }
  }

  private mutating func begin(_ first: String, _ second: String) {
    isBegun = true
    raw.line("")
    raw.line(RawLines.rule)
    raw.line("Follow: tcp,raw")
    raw.line("Filter: tcp.stream eq \(stream)")
    raw.line("Node 0: \(first)")
    raw.line("Node 1: \(second)")
  }

  private mutating func tell(_ told: Told, _ number: Int?) {
    let place = number.map { String($0) } ?? ""
    for line in told.lines {
      let indent = String(repeating: " ", count: max(6 - place.count, 0))
      raw.line("\(indent)\(place) \(line.speaker == .client ? "C:" : "S:") \(line.text)")
    }
  }

  private mutating func end() {
    guard !isRaw else {
      if !isBegun { begin(":0", ":0") }
      return raw.line(RawLines.rule)
    }
    if let told = connection?.ended() { tell(told, nil) }
  }
}

/// Octets as lines of hexadecimal digits, those of the second side behind a tab.
private struct RawLines: StreamReader {
  static let rule = String(repeating: "=", count: 67)
  private static let digits = Array("0123456789abcdef".utf8)

  var octets: [UInt8] = []
  var isReading: Bool { true }

  mutating func line(_ text: String) {
    octets += text.utf8
    octets.append(10)
  }

  mutating func read(_ input: Span<UInt8>, fromFirst: Bool) {
    if !fromFirst { octets.append(9) }
    for index in input.indices {
      octets.append(Self.digits[Int(input[index] >> 4)])
      octets.append(Self.digits[Int(input[index] & 15)])
    }
    octets.append(10)
  }

  mutating func missing(_ count: Int, fromFirst: Bool) {
    read(Array("[\(count) bytes missing in capture file]\0".utf8).span, fromFirst: fromFirst)
  }

  mutating func cut(_ count: Int, fromFirst: Bool) {}
  mutating func unseen(_ count: Int, fromFirst: Bool) {}
}
