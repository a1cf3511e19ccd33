import Octets
import TCPCore
import Wire

/// The learner is one end of a connection, segment by segment.
struct HandshakeExercise: Exercise {
  let name = "handshake"
  let title = "The three-way handshake, by hand"
  let hasPrompt = true

  let text = """
    Two ends that want to talk must first agree on where each begins to count (RFC 9293 section 3.5):

    1. the client sends **SYN** with its initial sequence number;
    2. the server answers **SYN,ACK**: its own initial number, and the client's plus 1, for the SYN
       takes a number;
    3. the client sends **ACK** with its next number and the server's initial number plus 1.

    Now both are ESTABLISHED, and octets can be sent, each with a number.

    You are the client, our stack is the server. Talk to it with

        postroad lab try handshake

    and type segments, one a line:

        SYN seq=1000
        ACK seq=... ack=... data="hello"
        wait 500ms

    The flags come first, joined by commas (SYN, ACK, FIN, RST, PSH), then `seq=`, `ack=`, `win=` and
    `data="..."`; what is left out is 0, and the window 8192. The server's answers are shown, and
    why it gave them; 100 ms pass after each line.

    Your task: open the connection, send the five octets `hello` in a segment of their own or with the
    last ACK, and see them acknowledged. `answer.txt` has the lines that you send, in order; the
    server's numbers are the same each time.
    """

  let hints = [
    "The first line is SYN seq=N with any N that you like; ack= has no meaning in it.",
    "In the answer, the server's seq is its initial number, and its ack is your next one.",
    "Your ACK has seq= what the server has in ack=, and ack= the server's seq plus 1.",
    "Data that follows a bare ACK has the same seq as that ACK: an ACK takes no number.",
  ]

  var files: [ExerciseFile] {
    [ExerciseFile("answer.txt", "# The segments that you send, one a line.\n")]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    guard let text = folder.text("answer.txt") else {
      throw NotYet("answer.txt is missing", hint: "it holds the segments that you send")
    }
    let lines = AnswerLines.content(text)
    guard !lines.isEmpty else {
      throw NotYet("answer.txt has no segment yet", hint: hints[0])
    }
    var bench = SegmentBench()
    var own: UInt32?
    for (number, line) in lines.prefix(200) {
      let before = bench.state
      let readBefore = bench.received.count
      let answersBefore = bench.answers.count
      let parsed: SegmentBench.Line
      do throws(BenchError) {
        parsed = try SegmentBench.parse(line)
        _ = try bench.type(line)
      } catch {
        throw NotYet("line \(number): \(error.sentence)", hint: hints[0])
      }
      guard case .segment(let segment) = parsed else { continue }
      if segment.flags == .syn, own == nil { own = segment.sequence }
      let reset = bench.answers.dropFirst(answersBefore).contains { $0.flags.contains(.rst) }
      if before == .listen, !segment.flags.contains(.syn) {
        throw NotYet(
          "line \(number): a connection begins with a SYN, and with it alone", hint: hints[0])
      }
      if before == .listen, segment.flags.contains(.ack) {
        throw NotYet(
          "line \(number): the first SYN has nothing to acknowledge, and a listener answers RST",
          hint: hints[0])
      }
      if before == .synReceived, segment.flags.contains(.ack),
        segment.acknowledgment != bench.serversNumber.map({ $0 &+ 1 })
      {
        throw NotYet(
          "line \(number): ack=\(segment.acknowledgment) is not the server's first number plus 1"
            + (reset ? ", so that it answered RST" : ""), hint: hints[2])
      }
      if before == .synReceived || before == .established, let own,
        segment.sequence != own &+ 1 &+ UInt32(readBefore),
        !segment.flags.contains(.syn)
      {
        throw NotYet(
          "line \(number): seq=\(segment.sequence) is not your next number; the SYN took one, and "
            + "each octet of data takes one", hint: hints[3])
      }
    }
    return try finish(bench.state, bench.received, bench.answers, own)
  }

  private func finish(
    _ state: TCPState, _ received: [UInt8], _ answers: [SegmentBench.SegmentFacts], _ own: UInt32?
  ) throws(NotYet) -> String {
    guard state != .synReceived else {
      throw NotYet(
        "the server is in SYN-RECEIVED: your ACK of its SYN is still missing", hint: hints[2])
    }
    guard received == Array("hello".utf8) else {
      let text = PacketDissection.printable(received.span)
      throw NotYet(
        received.isEmpty
          ? "the connection stands, but no data has come; send data=\"hello\""
          : "the server has read '\(text)', not 'hello'", hint: hints[3])
    }
    guard let own, answers.contains(where: { $0.acknowledgment == own &+ 6 }) else {
      throw NotYet("the five octets are not acknowledged yet; wait for it", hint: "add: wait 500ms")
    }
    return "SYN, SYN,ACK, ACK: the connection stands, and 'hello' was acknowledged"
  }
}

/// The prompt of an exercise: lines in, answers out, without any terminal.
public struct ExercisePrompt: ~Copyable {
  private var bench = SegmentBench()
  /// The lines that were understood, as an answer file has them.
  public private(set) var lines: [String] = []

  /// A prompt at its beginning.
  public init() {}

  /// What is said first.
  public var greeting: [String] {
    [
      "You are 192.0.2.1:40000, our stack is 192.0.2.2:7 and in LISTEN.",
      "Type segments such as: SYN seq=1000    or: wait 500ms    (an empty line ends)",
    ]
  }

  /// What a line brings about.
  public mutating func type(_ line: String) -> [String] {
    do throws(BenchError) {
      let before = bench.state
      let answers = try bench.type(line)
      lines.append(line)
      var told = answers.map { "  server: \($0)" }
      if told.isEmpty { told = ["  server: (silent)"] }
      if bench.state != before {
        told.append("  the server goes from \(before.rawValue) to \(bench.state.rawValue)")
      }
      return told
    } catch {
      return ["  not understood: \(error.sentence)"]
    }
  }
}
