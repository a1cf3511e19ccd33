import Octets
import Oracle
import Wire

/// Writes how our stack compares with a captured end, as a ladder of lines or as JSON.
struct StandInOutput: ~Copyable {
  private let report: OracleReport
  private var pending = JSONLine()

  init(_ report: OracleReport) { self.report = report }

  mutating func tell(asJSON isJSON: Bool) throws {
    if isJSON {
      for comparison in report.comparisons where comparison.mark != .same {
        tellJSON(comparison)
        try flushIfFull()
      }
      tellSummary()
    } else {
      try tellText()
    }
    try put(pending.text.octets)
    pending.removeAll()
  }

  private mutating func flushIfFull() throws {
    guard pending.count > 65_536 else { return }
    try put(pending.text.octets)
    pending.removeAll()
  }

  private mutating func line(_ text: String) { pending.line(text) }

  // MARK: Text

  private mutating func tellText() throws {
    let connection = report.connection
    line(
      "connection \(connection.stream): \(connection.client) > \(connection.server);"
        + " our stack stands in for the \(report.role.rawValue)")
    line("set as the \(report.role.rawValue) is: \(report.settings.joined(separator: ", "))")
    if let mapped = report.mapped {
      line(
        "IPv6 is judged at the TCP layer alone: our stack is \(mapped.ours),"
          + " the peer \(mapped.peer)")
    }
    if report.isUnseen {
      line("nothing that the \(report.role.rawValue) sent is in the capture: its user is guessed")
    } else {
      line("the capture was made \(Self.milliseconds(report.distance)) ms from there, to and fro")
    }
    line("=  both alike   ~  ours differs   <  only theirs   >  only ours   .  the peer's")
    line("")
    var others = others[...]
    for comparison in report.comparisons {
      while let next = others.first, next.time <= comparison.time,
        next.time < comparison.time || next.frame < comparison.theirs.first?.frame ?? .max
      {
        line(next.text)
        others.removeFirst()
      }
      tell(comparison)
      try flushIfFull()
    }
    for next in others { line(next.text) }
    line("")
    line(summary)
    for note in notes { line(note) }
  }

  /// The lines of what others have sent: the peer, and routers.
  private var others: [(frame: Int, time: Int64, text: String)] {
    let lost = "  (taken for lost: it did not reach the \(report.role.rawValue))"
    let peers = report.connection.peers(of: report.role).map { segment in
      let frame = segment.frame ?? 0
      let text = Self.head(frame, segment.time, ".") + Self.text(segment)
      return (frame, segment.time, text + (report.lost.contains(frame) ? lost : ""))
    }
    let errors = report.connection.errors(for: report.role).map { error in
      (error.frame, error.time, Self.head(error.frame, error.time, ".") + Self.text(error.kind))
    }
    return errors.isEmpty ? peers : (peers + errors).sorted { $0.0 < $1.0 }
  }

  private mutating func tell(_ comparison: Comparison) {
    let mark = comparison.mark.rawValue
    for segment in comparison.theirs { line(Self.head(segment, mark) + Self.text(segment)) }
    if comparison.mark == .onlyOurs {
      for segment in comparison.ours { line(Self.head(segment, mark) + Self.text(segment)) }
    }
    let indent = String(repeating: " ", count: 22)
    if comparison.mark == .changed {
      let names = comparison.aspects.map(\.rawValue).joined(separator: ", ")
      let ours = comparison.ours.map { "\(Self.seconds($0.time)) \(Self.text($0))" }
      line("\(indent)ours differs in \(names): \(ours.joined(separator: " and "))")
    }
    for reason in comparison.reasons { line("\(indent)\(reason.sentence) (\(reason.source))") }
  }

  private static func text(_ kind: ICMPv4Kind) -> String {
    switch kind {
    case .unreachable(4, let mtu): "[ICMP] too long: the next link takes \(mtu) octets"
    case .unreachable(let code, _): "[ICMP] unreachable, code \(code)"
    case .timeExceeded(let code): "[ICMP] time exceeded, code \(code)"
    default: "[ICMP] \(kind)"
    }
  }

  private static func head(_ segment: Segment, _ mark: String) -> String {
    head(segment.frame, segment.time, mark)
  }

  private static func head(_ frame: Int?, _ time: Int64, _ mark: String) -> String {
    "\(pad(frame.map(String.init) ?? "", 6)) \(pad(seconds(time), 11)) \(mark) "
  }

  /// Flags and numbers, in tcpdump's order.
  private static func text(_ segment: Segment) -> String {
    var words = ["[\(flags(segment.flags))]"]
    words.append("seq \(segment.sequence)" + (segment.payload > 0 ? ":\(segment.end)" : ""))
    if let number = segment.acknowledgment { words.append("ack \(number)") }
    if !segment.flags.contains(.rst) { words.append("win \(segment.window)") }
    if !segment.blocks.isEmpty {
      let blocks = segment.blocks.map { "\($0.lowerBound):\($0.upperBound)" }
      words.append("sack \(blocks.joined(separator: ","))")
    }
    if segment.flags.contains(.syn) { words.append(options(segment.options)) }
    if segment.payload > 0 { words.append("len \(segment.payload)") }
    return words.joined(separator: " ")
  }

  private static func options(_ options: TCPOptions) -> String {
    var words: [String] = []
    if let size = options.maximumSegmentSize { words.append("mss \(size)") }
    if let scale = options.windowScale { words.append("wscale \(scale)") }
    if options.sackPermitted { words.append("sackOK") }
    if options.timestamps != nil { words.append("TS") }
    if options.fastOpen != nil { words.append("tfo") }
    return "<\(words.joined(separator: ","))>"
  }

  private static func flags(_ flags: TCPFlags) -> String {
    let letters: [(TCPFlags, String)] = [
      (.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ece, "E"), (.cwr, "W"),
      (.ae, "A"), (.ack, "."),
    ]
    return letters.filter { flags.contains($0.0) }.map(\.1).joined()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  private static func seconds(_ nanoseconds: Int64) -> String {
    let micro = nanoseconds.magnitude / 1000
    return "\(micro / 1_000_000).\(String(micro % 1_000_000 + 1_000_000).dropFirst())"
  }

  private static func milliseconds(_ nanoseconds: Int64) -> String {
    let micro = nanoseconds.magnitude / 1000
    return "\(micro / 1000).\(String(micro % 1000 + 1000).dropFirst())"
  }

  // MARK: In the end

  /// How many segments compare how, in one sentence.
  private var summary: String {
    if report.isUnseen {
      return Self.count(report.count(.onlyOurs), "segment") + " of ours, not seen in the capture"
    }
    let alike = report.count(.same)
    var parts = [Self.count(alike, "segment") + " alike"]
    let names: [(Aspect, String)] = [
      (.time, "at another time"), (.split, "cut otherwise"), (.flags, "with other flags"),
      (.window, "with another window"), (.acknowledgment, "with another acknowledgment"),
      (.sack, "with other SACK blocks"), (.echo, "with another echo"),
      (.options, "with other options"), (.ecn, "marked otherwise"),
      (.number, "with another number"),
    ]
    for (aspect, name) in names where report.count(aspect) > 0 {
      parts.append("\(report.count(aspect)) \(name)")
    }
    if report.count(.onlyTheirs) > 0 { parts.append("\(report.count(.onlyTheirs)) only theirs") }
    if report.count(.onlyOurs) > 0 { parts.append("\(report.count(.onlyOurs)) only ours") }
    return parts.joined(separator: ", ")
  }

  private static func count(_ number: Int, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  private var notes: [String] {
    var notes: [String] = []
    if !report.lost.isEmpty {
      notes.append(
        Self.count(report.lost.count, "frame")
          + " of the peer taken for lost behind the capture's place")
    }
    if report.supplied > 0 {
      notes.append(
        Self.count(report.supplied, "octet")
          + " of the peer supplied: the \(report.role.rawValue) has"
          + " acknowledged them, and no frame brought them to our stack")
    }
    if report.clipped > 0 {
      notes.append(
        Self.count(report.clipped, "acknowledgment")
          + " of what our stack had not sent yet: it was told when it had")
    }
    if report.connection.leftOut > 0 {
      notes.append(
        Self.count(report.connection.leftOut, "frame")
          + " left out: cut off, or within fragments or tunnels")
    }
    if report.connection.isTooLong {
      notes.append("only the first \(ConnectionReader.maximumSegments) segments are compared")
    }
    if report.isCutShort {
      notes.append("our stack goes on and on, and the rest is not compared")
    }
    return notes
  }

  // MARK: JSON

  private mutating func tellJSON(_ comparison: Comparison) {
    pending.begin()
    pending.member("mark", comparison.mark.rawValue)
    pending.member("frame", comparison.theirs.first?.frame)
    pending.member("time", seconds: comparison.time)
    pending.key("kinds")
    pending.begin("[")
    for aspect in comparison.aspects { pending.value(aspect.rawValue) }
    pending.end("]")
    pending.key("theirs")
    tell(comparison.theirs)
    pending.key("ours")
    tell(comparison.ours)
    pending.key("reasons")
    pending.begin("[")
    for reason in comparison.reasons {
      pending.begin()
      pending.member("rule", reason.name)
      pending.member("sentence", reason.sentence)
      pending.member("source", reason.source)
      pending.end()
    }
    pending.end("]")
    pending.end()
    pending.newline()
  }

  private mutating func tell(_ segments: [Segment]) {
    pending.begin("[")
    for segment in segments {
      pending.begin()
      pending.member("frame", segment.frame)
      pending.member("time", seconds: segment.time)
      pending.member("flags", Self.flags(segment.flags))
      pending.member("seq", segment.sequence)
      pending.member("octets", segment.payload)
      pending.member("ack", segment.acknowledgment)
      pending.member("window", segment.window)
      pending.member("summary", Self.text(segment))
      pending.end()
    }
    pending.end("]")
  }

  private mutating func tellSummary() {
    pending.begin()
    pending.member("summary", summary)
    pending.member("stream", report.connection.stream)
    pending.member("client", "\(report.connection.client)")
    pending.member("server", "\(report.connection.server)")
    pending.member("as", report.role.rawValue)
    if report.isUnseen {
      pending.key("unseen")
      pending.value(true)
    }
    if let mapped = report.mapped {
      pending.member("mapped_ours", "\(mapped.ours)")
      pending.member("mapped_peer", "\(mapped.peer)")
    }
    pending.member("alike", report.count(.same))
    pending.member("changed", report.count(.changed))
    pending.member("only_theirs", report.count(.onlyTheirs))
    pending.member("only_ours", report.count(.onlyOurs))
    pending.key("kinds")
    pending.begin()
    for (aspect, name) in Self.keys { pending.member(name, report.count(aspect)) }
    pending.end()
    pending.member("lost", report.lost.count)
    pending.member("supplied", report.supplied)
    pending.member("clipped", report.clipped)
    pending.end()
    pending.newline()
  }

  private static let keys: [(Aspect, StaticString)] = [
    (.time, "time"), (.split, "split"), (.flags, "flags"), (.window, "window"),
    (.acknowledgment, "acknowledgment"), (.sack, "sack"), (.echo, "echo"), (.options, "options"),
    (.ecn, "ecn"), (.number, "number"),
  ]
}
