import Octets
import Simulation

/// Many mails over one connection, or each over its own.
struct PoolingExercise: Exercise {
  let name = "pooling"
  let title = "One connection for many mails, or a fresh one for each"

  let text = """
    A mail costs more than its octets. On a fresh connection (RFC 9293 section 3.5, RFC 5321 section 3.1),
    where an answer takes a whole round trip:

        SYN                      - SYN,ACK
        ACK                      - 220        the server speaks first
        EHLO                     - 250
        MAIL, RCPT, DATA         - 250, 250, 354   in one group, for the server knows PIPELINING
        the mail and its dot     - 250
        QUIT                     - 221

    A pooled connection says QUIT only after the last mail: each further mail begins with MAIL at once
    (RFC 5321 section 3.3). And each connection leaves an end in TIME-WAIT for a minute, at the side
    that closed first (RFC 9293 section 3.6.1): here that is the server, after its 221.

    Our client hands 8 mails to our server, on a link with a round trip of 100 ms; without a pool the
    next connection begins when the 221 of the last has come. `fresh.txt` and `pooled.txt` have the
    ladders of the first two mails. Foretell the rest.
    """

  let hints = [
    "first: count the round trips from the SYN to the 250 behind the dot.",
    "next: on a pooled connection, from MAIL to the 250 behind the dot.",
    "fresh: 8 connections of all the round trips in the list above, but the last QUIT is not waited for.",
    "pooled: the first mail's round trips, and 7 times those of a further mail.",
    "waiting: each connection that the server closes first leaves one.",
  ]

  static let count = 8

  static func run(mails: Int, isPooled: Bool) -> RecordedRun {
    var run = LaboratoryScene.mail.run(seed: 9)
    run.clientHabit = .mailClient(mails: mails, isPooled: isPooled)
    run.link.rate = nil
    return run
  }

  /// When the client had the 250 for its last mail, in milliseconds.
  static func milliseconds(mails: Int, isPooled: Bool) -> Int {
    let recording = run(mails: mails, isPooled: isPooled).record()
    let last = recording.frames.last {
      $0.sender == .server && $0.segment.count > 0
        && String(decoding: $0.octets.suffix($0.segment.count), as: UTF8.self)
          .contains("message kept")
    }
    return Int((last?.arrivesAt ?? .zero).wholeNanoseconds / 1_000_000)
  }

  private var questions: [NumberQuestion] {
    let first = Self.milliseconds(mails: 1, isPooled: true) / 100
    let second = Self.milliseconds(mails: 2, isPooled: true) / 100
    let fresh = Self.milliseconds(mails: Self.count, isPooled: false)
    let pooled = Self.milliseconds(mails: Self.count, isPooled: true)
    let waiting = Self.run(mails: Self.count, isPooled: false).record().count(
      "enterTimeWait", at: .server)
    return [
      NumberQuestion(
        name: "first", ask: "Round trips from the first SYN to the 250 for the first mail.",
        key: first,
        mistakes: [
          first - 1: "the handshake is one, and the greeting is one of its own",
          first + 1: "QUIT is not needed for the 250",
        ],
        otherwise: "go through the list of the text line by line", hint: hints[0]),
      NumberQuestion(
        name: "next", ask: "Round trips of each further mail on a pooled connection.",
        key: second - first,
        mistakes: [4: "MAIL, RCPT and DATA travel in one group"],
        otherwise: "nothing but the envelope and the mail is left", hint: hints[1]),
      NumberQuestion(
        name: "fresh", ask: "Milliseconds until the 250 for the last of 8 mails, without a pool.",
        key: fresh, tolerance: 60,
        mistakes: [Self.count * first * 100: "each connection but the last waits for the 221, too"],
        otherwise: "count round trips of 100 ms", hint: hints[2]),
      NumberQuestion(
        name: "pooled", ask: "Milliseconds until the 250 for the last of 8 mails, with a pool.",
        key: pooled, tolerance: 60,
        mistakes: [fresh: "that is without a pool"],
        otherwise: "count round trips of 100 ms", hint: hints[3]),
      NumberQuestion(
        name: "waiting",
        ask: "Ends in TIME-WAIT that the 8 mails leave at the server, without a pool.",
        key: waiting,
        mistakes: [1: "that is with a pool"], otherwise: "one for each connection",
        hint: hints[4]),
    ]
  }

  var files: [ExerciseFile] {
    func ladder(_ isPooled: Bool) -> String {
      let frames = Self.run(mails: 2, isPooled: isPooled).record().frames
      return LadderLine.head(width: 78) + "\n"
        + frames.map { LadderLine.text($0, width: 78) }.joined(separator: "\n") + "\n"
    }
    return [
      ExerciseFile("fresh.txt", ladder(false)), ExerciseFile("pooled.txt", ladder(true)),
      ExerciseFile("answer.txt", AnswerForm.text(questions.map { ($0.name, $0.ask) })),
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let questions = questions
    let sheet = try AnswerSheet(folder, names: questions.map(\.name))
    for question in questions { try question.judge(sheet) }
    return "a pool saves what no bandwidth can buy: round trips"
  }
}
