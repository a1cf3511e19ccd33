import Analysis
import Octets
import Wire

/// Writes entries of a replay to standard output, as text or as JSON.
struct ReplayOutput: ~Copyable {
  private static let fullSize = 65_536

  let isJSON: Bool
  let explains: Bool
  private var pending = JSONLine(capacity: 2 * fullSize)

  init(isJSON: Bool, explains: Bool) {
    self.isJSON = isJSON
    self.explains = explains
  }

  /// Tells of frames in their order.
  mutating func tell(_ batch: borrowing ToldFrames) throws {
    let octets = batch.octets.span
    for index in batch.frames.indices {
      let link = batch.frames[index].link
      let part = octets.extracting(batch.frames[index].octets)
      if isJSON {
        tellJSON(batch.frames[index].entry, part, link)
      } else {
        tellText(batch.frames[index].entry, part, link)
        if let comment = batch.frames[index].comment { tell(comment: comment) }
      }
      if isFull { try flush() }
    }
  }

  /// Whether it is time to flush.
  var isFull: Bool { pending.count > Self.fullSize }

  /// Writes what was told since the last time.
  mutating func flush() throws {
    try put(pending.text.octets)
    pending.removeAll()
  }

  // MARK: Text

  private mutating func tellText(
    _ entry: Replayer.Entry, _ octets: Span<UInt8>, _ link: LinkType
  ) {
    pending.line { text in
      var mark = text.count
      text.append(decimal: entry.number)
      text.alignRight(from: mark, width: 5)
      text.append(" ")
      mark = text.count
      text.append(secondsToMicroseconds: entry.time)
      text.alignRight(from: mark, width: 11)
      text.append(" ")
      PacketDescription.write(octets, link: link, to: &text)
      if entry.captured < entry.length {
        text.append(" (")
        text.append(decimal: entry.captured)
        text.append(" of ")
        text.append(decimal: entry.length)
        text.append(" octets kept)")
      }
      Self.tell(entry.finding?.segment?.verdict.flags ?? [], to: &text)
    }
    if explains {
      for remark in entry.remarks {
        line("                 · \(remark.sentence) (\(remark.source))")
      }
    }
    for said in entry.lines {
      pending.line { text in
        text.append(said.speaker == .client ? "                 C: " : "                 S: ")
        text.append(string: said.textOnWire)
      }
    }
  }

  /// The names of flags in brackets, if there are any.
  private static func tell(_ flags: AnalysisFlags, to text: inout TextBuffer) {
    guard !flags.isEmpty else { return }
    text.append(" [")
    let mark = text.count
    flags.forEachName { name in
      if text.count > mark { text.append(", ") }
      text.append(name)
    }
    text.append("]")
  }

  /// The comment of a frame: our own captures say why in it.
  private mutating func tell(comment: String) {
    let indent = String(repeating: " ", count: 17)
    for part in comment.split(whereSeparator: \.isNewline) {
      line("\(indent)\u{201C}\(part)\u{201D}")
    }
  }

  private mutating func line(_ text: String) { pending.line(text) }

  // MARK: JSON

  private mutating func tellJSON(
    _ entry: Replayer.Entry, _ octets: Span<UInt8>, _ link: LinkType
  ) {
    pending.begin()
    pending.member("frame", entry.number)
    pending.member("time", seconds: entry.time)
    pending.member("stream", entry.finding?.stream)
    pending.member("captured", entry.captured)
    pending.member("length", entry.length)
    pending.member(
      "summary",
      plain: { text in
        PacketDescription.write(octets, link: link, to: &text)
      })
    if let finding = entry.finding { tell(finding) }
    if !entry.remarks.isEmpty { tell(entry.remarks) }
    if !entry.lines.isEmpty { tell(entry.lines, in: entry.flow) }
    pending.end()
    pending.newline()
  }

  private mutating func tell(_ finding: CaptureAnalyzer.Finding) {
    let verdict = finding.segment?.verdict ?? FrameVerdict(stream: finding.stream)
    pending.key("flags")
    pending.begin("[")
    verdict.flags.forEachName { name in pending.value(plain: { $0.append(name) }) }
    pending.end("]")
    pending.key("values")
    pending.begin()
    pending.member("acks_frame", verdict.acknowledgedFrame)
    pending.member("ack_rtt", seconds: verdict.acknowledgmentRoundTrip)
    pending.member("initial_rtt", seconds: verdict.initialRoundTrip)
    pending.member("bytes_in_flight", verdict.bytesInFlight)
    pending.member("push_bytes_sent", verdict.pushBytesSent)
    pending.member("rto", seconds: verdict.retransmissionTimeout)
    pending.member("rto_frame", verdict.originalFrame)
    pending.member("duplicate_ack_num", verdict.duplicateNumber.map { Int($0) })
    pending.member("duplicate_ack_frame", verdict.duplicateOf)
    pending.end()
    guard let facts = finding.segment?.facts else { return }
    pending.member("explanation", plainIfAny: { verdict.writeExplanation(of: facts, to: &$0) })
  }

  // MARK: Mails

  mutating func tell(_ mail: MailFolder.Mail) {
    guard isJSON else { return line(Self.text(mail)) }
    pending.begin()
    pending.member("mail", mail.path)
    pending.member("stream", mail.stream)
    pending.member("number", mail.number)
    pending.member("by", mail.origin.rawValue)
    pending.member("octets", mail.octets)
    if mail.missing > 0 { pending.member("missing", mail.missing) }
    if let problem = mail.problem { pending.member("problem", problem) }
    if let answer = mail.answer {
      pending.key("accepted")
      pending.value(answer.isAccepted)
      pending.member("reply", answer.reply)
    }
    pending.end()
    pending.newline()
  }

  private static func text(_ mail: MailFolder.Mail) -> String {
    var text = "mail \(mail.path): \(mail.octets) octets by \(mail.origin.rawValue)"
    if let problem = mail.problem {
      text += ", incomplete: \(problem)"
      if mail.missing > 0 { text += " (\(mail.missing) octets missing)" }
    }
    guard let answer = mail.answer else { return text }
    return text + (answer.isAccepted ? ", accepted" : ", rejected: \(answer.reply)")
  }

  // MARK: Connections

  mutating func tell(_ summary: StreamSummary) {
    guard isJSON else { return tellText(summary) }
    pending.begin()
    pending.member("stream", summary.stream)
    pending.member("client", summary.client.description)
    pending.member("server", summary.server.description)
    pending.member("duration", seconds: summary.end &- summary.start)
    pending.member("handshake", seconds: summary.handshake)
    pending.member("idle_max", seconds: summary.longestIdle)
    pending.member("ending", summary.ending.rawValue)
    if let isClient = summary.clientEndedFirst {
      pending.member("ended_by", isClient ? "client" : "server")
    }
    pending.key("from_client")
    summary.fromClient.tell(over: summary.end &- summary.start, in: &pending)
    pending.key("from_server")
    summary.fromServer.tell(over: summary.end &- summary.start, in: &pending)
    pending.end()
    pending.newline()
  }

  private mutating func tellText(_ summary: StreamSummary) {
    let seconds = Self.seconds(summary.end &- summary.start)
    let who = summary.clientEndedFirst.map { $0 ? " by the client" : " by the server" } ?? ""
    line(
      "stream \(summary.stream): \(summary.client) > \(summary.server), \(seconds) s,"
        + " \(summary.ending.rawValue)\(who), idle for \(Self.seconds(summary.longestIdle)) s at most"
    )
    for (name, direction) in [("client", summary.fromClient), ("server", summary.fromServer)] {
      for text in direction.lines(over: summary.end &- summary.start, by: name) {
        line("  " + text)
      }
    }
  }

  static func seconds(_ nanoseconds: Int64) -> String {
    TextBuffer.string { $0.append(secondsToMicroseconds: nanoseconds) }
  }

  private mutating func tell(_ remarks: [Replayer.Remark]) {
    pending.key("remarks")
    pending.begin("[")
    for remark in remarks {
      pending.begin()
      pending.member("sentence", remark.sentence)
      pending.member("source", remark.source)
      pending.end()
    }
    pending.end("]")
  }

  private mutating func tell(_ said: [DialogueLine], in flow: String) {
    pending.key("dialogue")
    pending.begin("[")
    for line in said {
      pending.begin()
      pending.member("flow", plain: { $0.append(string: flow) })
      pending.member(
        "speaker", plain: { $0.append(line.speaker == .client ? "client" : "server") })
      pending.member("line", line.textOnWire)
      if line.isMessage {
        pending.key("message")
        pending.value(true)
      }
      pending.end()
    }
    pending.end("]")
  }
}
