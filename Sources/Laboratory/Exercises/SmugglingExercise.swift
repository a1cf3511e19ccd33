import Octets
import Mail

/// One mail that a lax server takes for two.
struct SmugglingExercise: Exercise {
  let name = "smuggling"
  let title = "SMTP smuggling, and how strictness ends it"

  let text = """
    A line ends with CR LF, together, and nothing else (RFC 5321 section 2.3.8); a mail ends with
    CR LF, dot, CR LF (section 4.1.1.4). Where two servers disagree about that, a mail can be
    smuggled: the first takes a line feed alone for an ordinary octet and passes it on, the second takes
    it for a line end, sees the end of the mail, and takes the rest of it for commands. So a second
    mail is born on the way, with a sender that the first server would never have allowed.

    Here the first server doubles dots behind CR LF only, and passes line feeds on. Write the mail that you
    give it into `message.txt`. Each line of the file ends with CR LF on the wire; within a line `\\n` is
    a line feed alone and `\\r` a carriage return alone, such as in

        one line\\nstill the same line, says the first server

    1. Against a **deliberately lax** server, which takes a line feed alone for a line end, your message
       must become two mails, the second from `admin@example.test`.
    2. Then the same octets go to our own server, which is strict. Say in `answer.txt` what it does.

    This is how to see that your own server is safe; the servers of others are not yours to try.
    """

  let hints = [
    "The lax server must see a line with nothing but a dot, where the first sees none.",
    "A line such as: text\\n.   has no dot at its beginning, so that the first doubles nothing.",
    "Behind it come the commands of the second mail: MAIL FROM:<admin@example.test>, RCPT TO:<...>, "
      + "DATA, and its text; the first server's own end of mail ends it.",
    "What the strict server says: RFC 5321 section 2.3.8 forbids it to take such line ends; our "
      + "server refuses the whole mail at its true end.",
    "A server that repairs line ends takes a line feed alone for a line end in the text, but never "
      + "for a part of the end of a mail.",
  ]

  private static let names = ["strict mails", "strict reply", "repairing mails"]

  let answers = ["message.txt", "answer.txt"]

  var files: [ExerciseFile] {
    let asked = [
      (Self.names[0], "How many mails does our strict server take of your octets?"),
      (Self.names[1], "The code of its reply at the true end of the mail, such as 250."),
      (
        Self.names[2],
        "Set to repair line ends instead of refusing them, how many mails does it take?"
      ),
    ]
    return [
      ExerciseFile("message.txt", "Subject: harmless\n\nA mail like any other.\n"),
      ExerciseFile("answer.txt", AnswerForm.text(asked)),
    ]
  }

  /// The message as the first server passes it on: dots doubled behind CR LF only.
  static func passedOn(_ text: String) -> [UInt8]? {
    var lines = AnswerLines.split(text)
    if lines.last == "" { lines.removeLast() }
    var octets: [UInt8] = []
    for line in lines {
      guard let content = AnswerLines.unescape(line) else { return nil }
      if content.first == UInt8(ascii: ".") { octets.append(UInt8(ascii: ".")) }
      octets += content + [13, 10]
    }
    return octets + [46, 13, 10]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    guard let text = folder.text("message.txt") else {
      throw NotYet(
        "message.txt is missing", hint: "it holds the mail that you give the first server")
    }
    guard let octets = Self.passedOn(text) else {
      throw NotYet(
        "message.txt has an escape that is not known",
        hint: "the escapes are \\r, \\n, \\t and \\\\")
    }
    let lax = LaxServer.receive(octets)
    guard lax.count > 1 else {
      throw NotYet(
        "the lax server has seen one mail only: nothing in it ended the first", hint: hints[1])
    }
    guard lax.count == 2, lax[1].sender == "admin@example.test" else {
      let senders = lax.dropFirst().map(\.sender).joined(separator: ", ")
      throw NotYet(
        "the lax server has seen \(lax.count) mails, the later ones from '\(senders)', not two with "
          + "the second from admin@example.test", hint: hints[2])
    }
    let strict = MailWire.receive(octets)
    let repairing = MailWire.receive(octets, policy: .normalize)
    let code = strict.replies.first.flatMap { Int($0.prefix(3)) } ?? 0
    let sheet = try AnswerSheet(folder, names: Self.names)
    let questions = [
      NumberQuestion(
        name: Self.names[0], ask: "", key: strict.mails.count,
        mistakes: [
          1: "it does not even take the first, for a line feed alone is no part of a mail",
          2: "that is what the lax one does",
        ],
        otherwise: "give it the octets in your mind, one by one", hint: hints[3]),
      NumberQuestion(
        name: Self.names[1], ask: "", key: code,
        mistakes: [
          250: "it does not take the mail",
          500: "that would be for a command; this is the answer to a whole mail",
          354: "that is the answer to DATA",
        ],
        otherwise: "a mail is refused for good by a code that begins with 55", hint: hints[3]),
      NumberQuestion(
        name: Self.names[2], ask: "", key: repairing.mails.count,
        mistakes: [2: "then repairing would be the hole itself"],
        otherwise: "the true end is CR LF, dot, CR LF, in any profile of ours", hint: hints[4]),
    ]
    for question in questions { try question.judge(sheet) }
    return "two mails for the lax server, none for the strict one: the line end decides"
  }
}
