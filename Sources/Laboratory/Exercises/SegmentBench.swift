import Octets
import Stack
import TCPCore
import Wire

/// A host of ours and a learner who types segments to it, one a line.
///
/// ```text
/// SYN seq=1000 win=4000
/// ACK seq=1001 ack=123 data="hello"
/// wait 500ms
/// ```
struct SegmentBench: ~Copyable {
  /// A line that was understood.
  struct Segment {
    var flags: TCPFlags = []
    var sequence: UInt32 = 0
    var acknowledgment: UInt32 = 0
    var window: UInt16 = 8192
    var data: [UInt8] = []
  }

  enum Line {
    case segment(Segment)
    case wait(Duration)
  }

  static let port: Port = 7
  static let learnersPort: Port = 40_000

  private var stack: Stack
  private let interface: InterfaceID
  private var listener: SocketID?
  private var socket: SocketID?
  private var now = Instant.start
  /// What the server's user has read.
  private(set) var received: [UInt8] = []
  /// The server's packets so far.
  private(set) var answers: [SegmentFacts] = []

  /// A packet of the server.
  struct SegmentFacts {
    var flags: TCPFlags
    var sequence: UInt32
    var acknowledgment: UInt32
    var count: Int
  }

  /// A server at 192.0.2.2, port 7, whose numbers are always the same.
  init() {
    var configuration = StackConfiguration()
    configuration.explains = true
    configuration.tcp.usesTimestamps = false
    configuration.tcp.usesWindowScaling = false
    configuration.tcp.usesSACK = false
    stack = Stack(configuration: configuration, random: .seeded(20))
    let address = IPv4Prefix(Recorder.serverAddress, length: 24)
    interface = stack.addInterface(InterfaceConfiguration(name: "bench", addresses: [address]))
    listener = try? stack.listen(at: SocketAddress(Recorder.serverAddress, Self.port))
  }

  /// The server's state: LISTEN until a connection is there.
  var state: TCPState { stack.connectionSummaries.first?.info.state ?? .listen }

  /// The first sequence number that the server has told; nil before.
  var serversNumber: UInt32? { answers.first { $0.flags.contains(.syn) }?.sequence }

  /// Follows a line, lets 100 ms pass, and says what came back.
  /// - Throws: a sentence about a line that is not understood.
  mutating func type(_ line: String) throws(BenchError) -> [String] {
    switch try Self.parse(line) {
    case .wait(let time): return pass(time)
    case .segment(let segment):
      deliver(segment)
      return pass(.milliseconds(100))
    }
  }

  private mutating func deliver(_ segment: Segment) {
    let header = TCPHeader(
      sourcePort: Self.learnersPort, destinationPort: Self.port,
      sequence: SequenceNumber(segment.sequence),
      acknowledgment: SequenceNumber(segment.acknowledgment), flags: segment.flags,
      window: segment.window)
    let length = header.length + segment.data.count
    let ip = IPv4Header(
      payloadLength: length, transport: .tcp, source: Recorder.clientAddress,
      destination: Recorder.serverAddress)
    let octets = [UInt8](capacity: 20 + length) { (output: inout OutputSpan<UInt8>) in
      ip.emit(into: &output)
      header.emit(into: &output)
      output.append(copying: segment.data.span)
    }
    let packet = Alteration.repairingChecksum(octets, segmentAt: 20)
    stack.frameArrived(packet.span, on: interface, at: now)
  }

  /// Time passes, and the server does what it does.
  private mutating func pass(_ time: Duration) -> [String] {
    let end = now + time
    var lines = transmit()
    while let deadline = stack.nextDeadline, deadline <= end {
      now = max(now, deadline)
      stack.deadlinePassed(at: now)
      lines += transmit()
    }
    now = end
    for decision in stack.takeExplanations() where decision.effect == .drops {
      lines.append("dropped: \(decision.sentence) (\(decision.source))")
    }
    return lines
  }

  private mutating func transmit() -> [String] {
    while stack.nextEvent() != nil {}
    if socket == nil, let listener { socket = (try? stack.accept(listener)) ?? nil }
    if let socket, stack.receivable(socket) > 0 {
      let now = now
      let piece = try? stack.receive(socket, at: now) { ($0.count, [UInt8](copying: $0)) }
      received += piece ?? []
    }
    var sink = CollectingSink()
    stack.transmit(on: interface, into: &sink, at: now)
    var lines: [String] = []
    for packet in sink.frames {
      guard let view = try? IPv4PacketView(parsing: packet.octets.span),
        let segment = try? TCPSegmentView(parsing: view.payload)
      else { continue }
      answers.append(
        SegmentFacts(
          flags: segment.flags, sequence: segment.sequence.rawValue,
          acknowledgment: segment.acknowledgment.rawValue, count: segment.payload.count))
      var line = "\(SegmentSummary.names(segment.flags)) seq=\(segment.sequence)"
      if segment.flags.contains(.ack) { line += " ack=\(segment.acknowledgment)" }
      line += " win=\(segment.window)"
      if segment.payload.count > 0 { line += " data=\(segment.payload.count) octets" }
      if let reason = packet.explanation { line += "   (\(reason.sentence); \(reason.source))" }
      lines.append(line)
    }
    return lines
  }
}

/// Why a line is not understood.
struct BenchError: Error, Hashable, Sendable {
  /// One sentence.
  let sentence: String
}

extension SegmentBench {
  /// Reads a line: flags, then fields; or a wait.
  static func parse(_ text: String) throws(BenchError) -> Line {
    var words = try words(of: text)
    guard let first = words.first else { throw BenchError(sentence: "an empty line") }
    if first.lowercased() == "wait" {
      guard words.count == 2, let time = duration(words[1]) else {
        throw BenchError(sentence: "'wait' needs a time of at most 60s, such as 500ms or 2s")
      }
      return .wait(time)
    }
    var segment = Segment()
    let flags: [String: TCPFlags] = [
      "SYN": .syn, "ACK": .ack, "FIN": .fin, "RST": .rst, "PSH": .psh, "URG": .urg,
    ]
    for name in first.uppercased().split(separator: ",") {
      guard let flag = flags[String(name)] else {
        throw BenchError(
          sentence: "'\(name)' is no control bit; a line begins with SYN, ACK, FIN, RST or PSH")
      }
      segment.flags.insert(flag)
    }
    words.removeFirst()
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count == 2 ? String(parts[1]) : ""
      switch parts[0].lowercased() {
      case "seq": segment.sequence = try number(value, word)
      case "ack": segment.acknowledgment = try number(value, word)
      case "win":
        guard let window = UInt16(value) else {
          throw BenchError(sentence: "'\(word)': a window is a number up to 65535")
        }
        segment.window = window
      case "data":
        guard value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\""),
          let octets = AnswerLines.unescape(String(value.dropFirst().dropLast())),
          octets.count <= 1000
        else {
          throw BenchError(sentence: "data is written as data=\"text\", 1000 octets at most")
        }
        segment.data = octets
      default:
        throw BenchError(sentence: "'\(word)' is none of seq=, ack=, win= and data=\"\"")
      }
    }
    return .segment(segment)
  }

  private static func number(_ text: String, _ word: String) throws(BenchError) -> UInt32 {
    guard let number = UInt32(text) else {
      throw BenchError(sentence: "'\(word)': a number from 0 to 4294967295 is expected")
    }
    return number
  }

  private static func duration(_ text: String) -> Duration? {
    let text = text.lowercased()
    let isMilliseconds = text.hasSuffix("ms")
    guard isMilliseconds || text.hasSuffix("s"),
      let number = Int(text.dropLast(isMilliseconds ? 2 : 1)), number > 0
    else { return nil }
    guard number <= (isMilliseconds ? 60_000 : 60) else { return nil }
    return isMilliseconds ? .milliseconds(number) : .seconds(number)
  }

  /// Words, but that what is between quotes stays together.
  private static func words(of text: String) throws(BenchError) -> [String] {
    var words: [String] = []
    var word = ""
    var isQuoted = false
    var isEscaped = false
    for character in text {
      if character.isWhitespace, !isQuoted {
        if !word.isEmpty { words.append(word) }
        word = ""
        continue
      }
      if character == "\"", !isEscaped { isQuoted.toggle() }
      isEscaped = character == "\\" && !isEscaped
      word.append(character)
    }
    guard !isQuoted else { throw BenchError(sentence: "a quotation mark is missing") }
    if !word.isEmpty { words.append(word) }
    return words
  }
}
