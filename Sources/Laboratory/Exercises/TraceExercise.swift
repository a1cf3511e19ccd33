import Analysis
import Frames
import Octets
import Simulation
import Wire

/// Questions about a capture.
struct TraceExercise: Exercise {
  let name = "trace"
  let title = "Reading a trace"

  let text = """
    `trace.pcapng` is what a listener beside the client has heard of one mail: open it with
    Wireshark, `tcpdump -r`, or `postroad replay trace.pcapng`. `trace.txt` has the same in
    tcpdump's manner: flags (S for SYN, F for FIN, P for PSH, the dot for ACK), sequence numbers
    from first to behind the last, acknowledgment number, window, options.

    Each side counts its octets from an *initial sequence number* of its own, which its SYN carries;
    the SYN itself takes one number, and so does the FIN (RFC 9293 section 3.4). An acknowledgment
    names the next number that is expected, so it confirms everything before. What was not confirmed
    in time goes out again with the numbers it had (RFC 9293 section 3.8.1).
    """

  let hints = [
    "Absolute numbers are in trace.txt: 'seq' of the first packet is the client's initial number.",
    "A packet sent again has the same sequence numbers as an earlier one of the same sender.",
    "The round trip of the handshake: from the SYN to its answer, both as the client's side saw them.",
    "Octets of data: the last number that the client's FIN takes, less its initial number, less 1.",
    "Under way: the client waits for an answer after each group of commands, so look for the largest.",
  ]

  /// What happened: one data segment of the client and one of the server were lost on the way.
  static let recording: Recording = {
    var run = LaboratoryScene.mail.run(seed: 11)
    run.limit = .seconds(20)
    // The server's comes first, so that the packets before it, and it, keep their numbers.
    for end in [RunEnd.server, .client] {
      let data = run.record().frames.filter {
        $0.sender == end && $0.segment.count > 0 && !$0.segment.isRetransmission
      }
      if data.count > 2 { run.interventions[data[2].ordinal] = .drop }
    }
    return run.record()
  }()

  /// What the listener beside the client has heard, and when: packets that were lost on their way
  /// to the client are not there.
  static let heard: [(frame: RecordedFrame, at: Duration)] = {
    let heard = recording.frames.compactMap { frame -> (frame: RecordedFrame, at: Duration)? in
      frame.sender == .client ? (frame, frame.sentAt) : frame.arrivesAt.map { (frame, $0) }
    }
    return heard.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      .map(\.element)
  }()

  private struct Facts {
    var clientNumber = 0
    var serverSegmentSize = 0
    var handshakeMilliseconds = 0
    var repeated: [Int] = []
    var clientOctets = 0
    var clientMost = 0
    var isClientFirst = false
  }

  /// The key: what our analysis of captures finds in the trace.
  private static let facts: Facts = {
    var facts = Facts()
    var analyzer = CaptureAnalyzer()
    for (place, entry) in heard.enumerated() {
      let octets = entry.frame.octets
      let finding = analyzer.frameArrived(
        octets.span, wireLength: octets.count, link: .rawIP, number: place + 1,
        time: entry.at.wholeNanoseconds)
      guard let (segment, verdict) = finding?.segment else { continue }
      let isClient = entry.frame.sender == .client
      if segment.flags.contains(.syn), isClient { facts.clientNumber = Int(segment.sequence) }
      if segment.flags.contains(.syn), !isClient, facts.serverSegmentSize == 0 {
        facts.serverSegmentSize = entry.frame.segment.maximumSegmentSize ?? 0
        facts.handshakeMilliseconds = Int((verdict.acknowledgmentRoundTrip ?? 0) / 1_000_000)
      }
      if verdict.flags.contains(.retransmission) {
        facts.repeated.append(place + 1)
      } else if isClient {
        facts.clientOctets += segment.length
      }
      if isClient { facts.clientMost = max(facts.clientMost, verdict.bytesInFlight ?? 0) }
    }
    facts.isClientFirst = analyzer.summaries.first?.clientEndedFirst ?? false
    return facts
  }()

  private var numbers: [NumberQuestion] {
    let facts = Self.facts
    return [
      NumberQuestion(
        name: "packets", ask: "How many packets are in the trace?", key: Self.heard.count,
        otherwise: "count the lines of trace.txt", hint: "each line of trace.txt is a packet"),
      NumberQuestion(
        name: "initial", ask: "The client's initial sequence number (ISS).",
        key: facts.clientNumber,
        mistakes: [
          facts.clientNumber + 1: "that is the first octet's number; the SYN has the one before"
        ],
        otherwise: "it is the sequence number of the client's SYN", hint: hints[0]),
      NumberQuestion(
        name: "segment size", ask: "The largest segment that the server says it can take (MSS).",
        key: facts.serverSegmentSize,
        otherwise: "the server's SYN says it in an option",
        hint: "look for mss in the second packet"),
      NumberQuestion(
        name: "round trip", ask: "The round trip of the handshake, in milliseconds.",
        key: facts.handshakeMilliseconds, tolerance: 1,
        mistakes: [facts.handshakeMilliseconds / 2: "that is one way only"],
        otherwise: "it is the time from the SYN to the SYN,ACK", hint: hints[2]),
      NumberQuestion(
        name: "repeated", ask: "The number of the first packet that is a retransmission.",
        key: facts.repeated.first ?? 0,
        mistakes: Dictionary(
          facts.repeated.dropFirst().map { ($0, "it is one, but not the first in this trace") }
        ) { one, _ in one },
        otherwise: "no packet before it has carried the same numbers of the same sender, or it has "
          + "none", hint: hints[1]),
      NumberQuestion(
        name: "octets", ask: "How many octets of data has the client sent, each counted once?",
        key: facts.clientOctets,
        mistakes: [
          facts.clientOctets + 1: "SYN or FIN is counted too: each takes a number, but is no data",
          facts.clientOctets + 2:
            "SYN and FIN are counted too: each takes a number, but is no data",
        ],
        otherwise: "subtract the first number from the last, and mind SYN and FIN", hint: hints[3]),
      NumberQuestion(
        name: "under way",
        ask: "The most octets of the client's that were under way at once: sent, and not yet "
          + "acknowledged to the listener's knowledge.",
        key: facts.clientMost,
        mistakes: [facts.clientOctets: "most of these were acknowledged before the next went out"],
        otherwise: "after each packet of the client, take its last number less the last "
          + "acknowledgment that had come", hint: hints[4]),
    ]
  }

  private var closer: WordQuestion {
    WordQuestion(
      name: "closes first", ask: "Who sends its FIN first: client or server?",
      key: (Self.facts.isClientFirst ? RunEnd.client : .server).rawValue,
      otherwise: "look for the first F among the flags, and who sent it",
      hint: "the port 25 is the server's")
  }

  var files: [ExerciseFile] {
    var writer = PcapngWriter()
    let interface = writer.addInterface(name: "laboratory", link: .rawIP)
    var text = ""
    for (place, entry) in Self.heard.enumerated() {
      // A fixed date, so that the folder is the same each time.
      let time = 1_767_225_600_000_000_000 + entry.at.wholeNanoseconds
      writer.write(entry.frame.octets.span, interface: interface, time: time)
      let number = Columns.pad("\(place + 1)", 3, left: true)
      let clock = Columns.pad(LadderLine.clock(entry.at), 9, left: true)
      text += "\(number) \(clock) \(PacketDescription.internet(entry.frame.octets.span))\n"
    }
    let asked = numbers.map { ($0.name, $0.ask) } + [(closer.name, closer.ask)]
    return [
      ExerciseFile("trace.pcapng", octets: writer.takeOctets()),
      ExerciseFile("trace.txt", text),
      ExerciseFile("answer.txt", AnswerForm.text(asked)),
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let numbers = numbers
    let sheet = try AnswerSheet(folder, names: numbers.map(\.name) + [closer.name])
    for question in numbers { try question.judge(sheet) }
    try closer.judge(sheet)
    return "you read the trace as our analyser does"
  }
}
