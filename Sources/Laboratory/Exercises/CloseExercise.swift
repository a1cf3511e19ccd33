import Octets
import Wire
import Simulation
import TCPCore

/// Closing one direction, and what stays behind.
struct CloseExercise: Exercise {
  let name = "close"
  let title = "Half close and TIME-WAIT"

  let text = """
    A connection is two streams, and each is closed by the end that sends it (RFC 9293 section 3.6).
    Who has closed may still receive, for as long as the other likes: a *half-closed* connection.
    A client that closes right after its question says: that was all of it, now answer.

        client: ESTABLISHED - FIN-WAIT-1 - FIN-WAIT-2 - TIME-WAIT - CLOSED
        server: ESTABLISHED - CLOSE-WAIT - LAST-ACK - CLOSED

    Who closes first stays in TIME-WAIT for twice the segment lifetime, for two reasons (RFC 9293
    section 3.6.1, RFC 1337): if its last ACK is lost, the other's FIN comes again and must be
    answered; and old segments must die out before the same ports are used again.

    Write into `answer.txt` what the two users do, one line each, with the time in milliseconds:

        0    client opens
        200  client sends 100
        300  client closes
        400  server sends 500
        500  server closes
        lose 7

    The last kind of line loses a packet on its way, by its number; `postroad lab check` shows the
    ladder that comes of your lines as long as something is missing. Both users read everything.
    One way takes 50 ms. Show all of this in one run:

    1. The client sends, closes, and comes to FIN-WAIT-2 while the server still sends.
    2. The server sends at least 2,000 octets in CLOSE-WAIT, and they arrive.
    3. The server closes too, and the client goes to TIME-WAIT.
    4. The client's last ACK is lost, the server's FIN comes again, and TIME-WAIT answers it.
    """

  let hints = [
    "The client must close at least 100 ms before the server does anything: its FIN needs 50 ms.",
    "'server sends 2000' after the FIN has arrived, and 'server closes' after that.",
    "The last ACK is the answer to the server's FIN: find its number in the ladder, and lose that.",
    "If you change the times, the packets' numbers may change too: look at the ladder again.",
  ]

  var files: [ExerciseFile] {
    [
      ExerciseFile(
        "answer.txt",
        """
        # What the users do, and when in milliseconds; 'lose N' loses packet N.
        0    client opens
        200  client sends 100

        """)
    ]
  }

  /// Reads the lines of a run.
  static func parse(_ text: String) throws(NotYet) -> RecordedRun {
    var run = RecordedRun(seed: 4)
    run.port = 9
    run.client.usesTimestamps = false
    run.server.usesTimestamps = false
    let form = "lines are 'MILLISECONDS client|server opens|sends N|closes', or 'lose N'"
    var opened: Int?
    for (number, line) in AnswerLines.content(text) {
      let words = line.split(separator: " ").map { $0.lowercased() }
      func wrong(_ what: String) -> NotYet { NotYet("line \(number): \(what)", hint: form) }
      if words.first == "lose" {
        guard words.count == 2, let ordinal = Int(words[1]), ordinal > 0 else {
          throw wrong("'lose' needs the number of a packet")
        }
        run.interventions[ordinal] = .drop
        continue
      }
      guard words.count >= 3, let time = Int(words[0]), (0...60_000).contains(time),
        let end = RunEnd(rawValue: words[1])
      else { throw wrong("'\(line.prefix(40))' is not understood") }
      let action: UserAction
      switch (words[2], words.count) {
      case ("opens", 3) where end == .client && opened == nil:
        action = .open
        opened = time
      case ("opens", 3): throw wrong("the client opens, and only once")
      case ("closes", 3): action = .close
      case ("sends", 4):
        guard let count = Int(words[3]), (1...100_000).contains(count) else {
          throw wrong("'sends' needs a number of octets, 1 to 100000")
        }
        action = .send(LaboratoryScene.pattern(count))
      default: throw wrong("'\(line.prefix(40))' is not understood")
      }
      if action != .open, opened.map({ time <= $0 + (end == .server ? 100 : 0) }) ?? true {
        throw wrong("there is no connection at that time; the handshake takes 100 ms")
      }
      run.inputs.append(RunInput(.milliseconds(time), end, action))
    }
    return run
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    guard let text = folder.text("answer.txt") else {
      throw NotYet("answer.txt is missing", hint: "it holds what the users do")
    }
    let run = try Self.parse(text)
    let recording = run.record()
    func missing(_ sentence: String, _ hint: String) -> NotYet {
      let lines = recording.frames.prefix(60).map { LadderLine.text($0, width: 74) }
      return NotYet(
        sentence, hint: hint + "\n\nWhat comes of your lines:\n" + lines.joined(separator: "\n"))
    }
    let states = recording.states(of: .client)
    guard states.contains(.established) else {
      throw missing("the connection does not come about", "begin with: 0 client opens")
    }
    let isFirst = run.inputs.contains { $0.end == .client && $0.action == .close }
    guard isFirst else { throw missing("the client does not close", hints[0]) }
    guard recording.states(of: .server).contains(.closeWait) else {
      throw missing("the server does not come to CLOSE-WAIT: it closed first", hints[0])
    }
    guard states.contains(.finWait2) else {
      throw missing("the client never comes to FIN-WAIT-2", hints[0])
    }
    let late = recording.moments.reduce(0) { sum, moment in
      guard moment.server.state == .closeWait else { return sum }
      return sum
        + moment.sent.reduce(0) { $0 + Self.fresh(recording.frames[$1], of: .server) }
    }
    guard late >= 2000 else {
      throw missing("the server has sent \(late) octets in CLOSE-WAIT, not 2000", hints[1])
    }
    guard recording.answered.count >= 2000 else {
      throw missing("the client has read \(recording.answered.count) octets only", hints[1])
    }
    guard states.contains(.timeWait) else {
      throw missing("the client does not come to TIME-WAIT: the server must close too", hints[1])
    }
    let answered = recording.moments.contains { moment in
      moment.client.state == .timeWait
        && moment.arrivals.contains {
          recording.frames[$0].segment.flags.contains(.fin)
            && recording.frames[$0].segment.isRetransmission
        } && !moment.sent.isEmpty
    }
    let lostAck = recording.frames.contains { frame in
      frame.sender == .client && !frame.fate.arrives && frame.segment.count == 0
        && recording.moments.contains {
          $0.sent.contains(frame.ordinal - 1) && $0.client.state == .timeWait
        }
    }
    guard lostAck else { throw missing("the client's last ACK is not lost", hints[2]) }
    guard answered else {
      throw missing("the server's FIN did not come again to a client in TIME-WAIT", hints[3])
    }
    return "a half-closed connection carried an answer, and TIME-WAIT had its purpose"
  }

  private static func fresh(_ frame: RecordedFrame, of end: RunEnd) -> Int {
    frame.sender == end && !frame.segment.isRetransmission ? frame.segment.count : 0
  }
}
