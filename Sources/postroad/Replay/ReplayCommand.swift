import Analysis
import ArgumentParser
import Frames
import Octets
import Pictures
import Wire

/// `postroad replay`: what a correct stack sees in a capture.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read a pcap or pcapng file and tell, frame by frame, what a correct stack sees.",
    discussion: """
      Fragments and streams are put together again; what is said by SMTP, POP3 or DNS is told below the \
      frame that completes a line (C: client, S: server). A damaged capture is read up to the damage; then \
      that is said, and the exit code is 1.

      With --json each line is one object. For a frame: "frame" (counted from 1), "time" (seconds \
      since the first frame), "captured" and "length" (octets) and "summary"; for one with a TCP \
      segment also "stream" (connections counted from 0), "flags" and "values", both by the names \
      and conditions of tshark 4.0.17's tcp.analysis fields, times in seconds, and where a flag \
      was given, or nearly, "explanation" (the condition, in a sentence); where there is something \
      to remark, "remarks" (each with "sentence" and "source"); where lines of dialogue \
      are complete, "dialogue" (each with "flow", "speaker", "line", and "message": true where it \
      is part of the mail itself). At the end there is one object for each mail with --mail, with \
      "mail" (the file), "stream", "number", "by" (DATA, BDAT, RETR or TOP), "octets", and where it \
      is so "missing" (octets), "problem", "accepted" and "reply"; and one for each connection, \
      with "stream", "client", "server" and sums for "from_client" and "from_server".

      --stream and --filter choose what is told; all frames are read, so that numbers and \
      judgments are the same with and without them.

      With --as our stack takes an end's place in one connection: it is fed what the peer sent, when it \
      arrived, its user does what that end's user did, and what it would have sent is laid beside what \
      was sent, each difference with our rule and its document. Numbers and times of both sides are \
      mapped; options are set as that end offered them. With --json there is one object for each \
      difference: "mark" ("~" ours differs, "<" only theirs, ">" only ours), "frame", "time", "kinds" \
      (in what it differs), "theirs" and "ours" (segments, each with "time", "flags", "seq", "octets", \
      "ack", "window" and "summary"), and "reasons" (each with "rule", "sentence" and "source"); at the \
      end one with "summary" and the counts. Differences are no failure: the exit code is 0, with \
      --strict 1. Over IPv6 the TCP layer alone is judged; "mapped_ours" and "mapped_peer" are the \
      addresses used instead. Where nothing of that end was captured ("unseen": true), its user is guessed \
      from the peer's acknowledgments, and what our stack would have sent is told.
      """)

  @Argument(help: ArgumentHelp("The capture.", valueName: "file"))
  var file: String

  @Flag(help: "One JSON object a line.")
  var json = false

  @Flag(help: "Say what is remarkable about a frame, with the document that explains it.")
  var explain = false

  @Option(
    help: ArgumentHelp(
      "Draw sequence numbers, octets under way, round trips, throughput and a ladder of the busiest"
        + " connection, or of --stream, into this .svg or .html file.",
      valueName: "file"))
  var plot: String?

  @Option(help: ArgumentHelp("Tell of this connection only, from 0.", valueName: "number"))
  var stream: Int?

  @Option(
    help: ArgumentHelp(
      "Tell of frames only for which this holds, in tcpdump's syntax.", valueName: "expression"))
  var filter: String?

  @Flag(help: "Tell at the end what became of each connection; --json always does.")
  var summary = false

  @OptionGroup var standIn: StandInOptions

  @Option(
    help: ArgumentHelp(
      "Tell only what was said on this connection, line by line with the frames.",
      valueName: "number"))
  var follow: Int?

  @Flag(help: "With --follow: the octets, as tshark 4.0.17 writes them with follow,tcp,raw.")
  var raw = false

  @Option(
    help: ArgumentHelp(
      "Write each mail that SMTP or POP3 carries into this folder, octet for octet.",
      valueName: "folder"))
  var mail: String?

  func validate() throws {
    try PlotFile.check(plot)
    try FrameChoice.check(filter)
    for (name, number) in [("--stream", stream), ("--follow", follow)] {
      if let number, number < 0 {
        throw ValidationError("\(name) \(number): connections are counted from 0")
      }
    }
    if raw, follow == nil { throw ValidationError("--raw is for --follow NUMBER") }
    if follow != nil, json || explain || summary || stream != nil || filter != nil || mail != nil {
      throw ValidationError("--follow goes with --raw and --plot alone")
    }
    if standIn.role != nil, plot != nil || filter != nil || explain || summary {
      throw ValidationError("--as: goes with --stream and --json, and with its own options, only")
    }
  }

  func run() throws {
    if let role = standIn.role {
      return try standIn.run(role, file: file, stream: stream, isJSON: json)
    }
    var reader: CaptureFileReader
    do throws(CaptureError) {
      reader = try CaptureFileReader(path: file)
    } catch {
      if case .file = error { throw complain("\(error)") }
      throw complain("\(file): \(error)")
    }
    if let follow {
      var output = FollowOutput(stream: follow, isRaw: raw)
      if let damage = try output.read(&reader) { throw complain("\(file): \(damage)") }
      return
    }
    var mails = try mail.map { try MailFolder($0, onlyStream: stream) }
    var replayer = Replayer()
    let output = OutputThread(ReplayOutput(isJSON: json, explains: explain))
    let choice = FrameChoice(stream: stream, filter: filter)
    let tellsComments = explain && !json
    var collector = plot.map { _ in FlowCollector(stream: stream) }
    var damage: CaptureError?
    while !output.hasFailed {
      do throws(CaptureError) {
        guard let frame = try reader.lend() else { break }
        let entry = replayer.read(
          frame.octets, length: frame.originalLength, nanoseconds: frame.time,
          link: frame.linkType)
        if let stream = entry.finding?.stream { mails?.take(replayer.mail, of: stream) }
        if collector != nil, let finding = entry.finding {
          collector?.add(
            finding, at: Double(entry.time) / 1e9,
            reason: PlotFile.reason(comment: frame.comment, finding.segment))
        }
        guard choice.includes(entry, frame) else { continue }
        output.tell(entry, frame, comment: tellsComments ? frame.comment : nil)
      } catch {
        damage = error
        break
      }
    }
    for end in replayer.ended() { mails?.take(end.mail, of: end.stream) }
    try output.finish { output in
      for mail in mails?.mails ?? [] { output.tell(mail) }
      guard json || summary else { return }
      for connection in replayer.summaries where stream ?? connection.stream == connection.stream {
        output.tell(connection)
        if output.isFull { try output.flush() }
      }
    }
    if let plot, let collector {
      try PlotFile.draw(collector, stream: stream, of: file, to: plot)
    }
    if let damage { throw complain("\(file): \(damage)") }
    if let failure = mails?.failure { throw complain(failure) }
  }
}
