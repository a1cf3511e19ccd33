import Octets
import TCPCore
import Simulation

/// SMTP over segments that the learner cuts.
struct SegmentsExercise: Exercise {
  let name = "segments"
  let title = "An SMTP dialogue, cut into segments as you like"

  let text = """
    TCP carries a stream of octets, not messages: how the stream is cut into segments means nothing
    (RFC 9293 section 3.8, RFC 5321 section 2.3.7). A command may come in three segments, or three
    commands in one. A server that thinks a segment is a command works on a quiet network, and fails
    on the first busy day.

    `answer.txt` has what a client sends, each line the payload of one segment of its own, 300 ms
    apart. Write `\\r\\n` for the end of an SMTP line, as in

        EHLO client.example.net\\r\\n
        MAIL FROM:<ada@example.net>\\r\\n
        RCPT TO:<postmaster@example.test>\\r\\n
        DATA\\r\\n
        Subject: cut\\r\\n\\r\\nHello.\\r\\n.\\r\\n
        QUIT\\r\\n

    The server is ours, and knows PIPELINING: commands may be sent without waiting for each reply
    (RFC 2920), but DATA must be the last of its group. Show in one dialogue:

    1. a command that is cut in the middle of a word;
    2. a segment that carries two commands or more;
    3. an end of mail, `\\r\\n.\\r\\n`, that is cut somewhere inside;
    4. and still, one mail that the server takes.
    """

  let hints = [
    "cut: a line EH and then a line LO client.example.net\\r\\n are one command in two segments.",
    "two: MAIL FROM:<...>\\r\\nRCPT TO:<...>\\r\\n on one line is a group of two commands.",
    "end: let one line end with \\r\\n. and the next be \\r\\n alone.",
    "mail: the order is EHLO, MAIL, RCPT, DATA, the mail, a lone dot, QUIT.",
  ]

  var files: [ExerciseFile] {
    [
      ExerciseFile(
        "answer.txt",
        """
        # Each line is a segment's payload; \\r\\n ends an SMTP line.
        EHLO client.example.net\\r\\n
        MAIL FROM:<ada@example.net>\\r\\n
        RCPT TO:<postmaster@example.test>\\r\\n
        DATA\\r\\n
        Subject: cut\\r\\n\\r\\nHello.\\r\\n.\\r\\n
        QUIT\\r\\n

        """)
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    guard let text = folder.text("answer.txt") else {
      throw NotYet("answer.txt is missing", hint: "it holds the segments' payloads")
    }
    var run = RecordedRun(seed: 6, inputs: [RunInput(.zero, .client, .open)])
    run.serverHabit = .mailServer
    run.client.noDelay = true
    run.limit = .seconds(100)
    let lines = AnswerLines.content(text)
    guard lines.count <= 100 else {
      throw NotYet("\(lines.count) segments are more than 100", hint: "one mail is enough")
    }
    var time = 500
    for (number, line) in lines {
      guard let octets = AnswerLines.unescape(line), !octets.isEmpty, octets.count <= 1400 else {
        throw NotYet(
          "line \(number): a segment has 1 to 1400 octets, and the escapes are \\r, \\n and \\\\",
          hint: hints[0])
      }
      run.inputs.append(RunInput(.milliseconds(time), .client, .send(octets)))
      time += 300
    }
    run.inputs.append(RunInput(.milliseconds(time), .client, .close))
    let recording = run.record()
    guard recording.mails.count == 1 else {
      throw NotYet(
        "the server has taken \(recording.mails.count) mails, not one; it said: "
          + Self.complaint(recording.answered), hint: hints[3])
    }
    let pieces = recording.frames.filter {
      $0.sender == .client && $0.segment.count > 0 && !$0.segment.isRetransmission
    }.map { Array($0.octets.suffix($0.segment.count)) }
    var cuts = Cuts()
    for piece in pieces { cuts.read(piece) }
    guard cuts.hasCutCommand else {
      throw NotYet("no command is cut in the middle of a word", hint: hints[0])
    }
    guard cuts.hasGroup else {
      throw NotYet("no segment carries two commands", hint: hints[1])
    }
    guard cuts.hasCutEnd else {
      throw NotYet("the end of the mail, \\r\\n.\\r\\n, came in one segment", hint: hints[2])
    }
    return "\(pieces.count) segments, one mail: the cuts meant nothing"
  }

  /// The first line that refuses something, or the last line.
  private static func complaint(_ octets: [UInt8]) -> String {
    let lines = String(decoding: octets, as: UTF8.self).split { $0.isNewline }
    let refused = lines.first { $0.hasPrefix("4") || $0.hasPrefix("5") }
    return String((refused ?? lines.last ?? "nothing").prefix(100))
  }

  /// Where segments begin in the client's stream.
  private struct Cuts {
    var hasCutCommand = false
    var hasGroup = false
    var hasCutEnd = false
    private var line: [UInt8] = []
    private var isInMail = false
    private var tail: [UInt8] = []

    mutating func read(_ piece: [UInt8]) {
      if !isInMail, let last = line.last, let first = piece.first, Self.isLetter(last),
        Self.isLetter(first)
      {
        hasCutCommand = true
      }
      // How much of CR LF . CR LF had come when the segment began.
      let begun = isInMail ? Self.begunEnd(tail) : 0
      var commands = 0
      for (place, octet) in piece.enumerated() {
        line.append(octet)
        if isInMail {
          tail = Array((tail + [octet]).suffix(5))
          if tail == [13, 10, 46, 13, 10] {
            // The end began before this segment if fewer than five octets of it are here.
            if place < 4, begun > 0 { hasCutEnd = true }
            isInMail = false
            line = []
          }
          continue
        }
        guard octet == 10 else { continue }
        commands += 1
        if String(decoding: line.prefix(4), as: UTF8.self).uppercased() == "DATA" {
          isInMail = true
          tail = [13, 10]
        }
        line = []
      }
      if commands > 1 { hasGroup = true }
    }

    private static func isLetter(_ octet: UInt8) -> Bool {
      (65...90).contains(octet & 0xDF)
    }

    private static func begunEnd(_ tail: [UInt8]) -> Int {
      let end: [UInt8] = [13, 10, 46, 13, 10]
      for count in stride(from: 4, to: 0, by: -1) where tail.suffix(count) == end.prefix(count) {
        return count
      }
      return 0
    }
  }
}
