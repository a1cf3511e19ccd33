import Octets

/// Dots at the beginning of lines.
struct DotsExercise: Exercise {
  let name = "dots"
  let title = "Dot-stuffing"

  let text = """
    After DATA a mail is sent line by line, and a line with nothing but a dot ends it (RFC 5321 section
    4.1.1.4). So what if the mail has such a line? The sender puts one more dot in front of *every*
    line that begins with a dot, whatever follows; the receiver takes one away from every line that
    begins with a dot and is not the end (RFC 5321 section 4.5.2). Dots elsewhere in a line stay as
    they are.

    `message.txt` is a mail. Write into `wire.txt` what the client sends behind DATA, up to and with
    the line that ends it. Each line of the file stands for a line with CR LF.
    """

  let hints = [
    "Go through the lines one by one: does the first character equal a dot? Then put one before it.",
    "A line with a single dot becomes a line with two; one with two becomes one with three.",
    "A dot in the middle or at the end of a line means nothing.",
    "The last line of wire.txt is a single dot, and nothing comes behind it.",
  ]

  static let message = [
    "Subject: On the use of dots", "", "Dear reader,", "...and so it begins:", ".", "e.g. this.",
    ".profile and .. are names of files,", "..", " .this line begins with a blank", "The end.",
  ]

  let answers = ["wire.txt"]

  var files: [ExerciseFile] {
    let text = Self.message.joined(separator: "\n") + "\n"
    return [ExerciseFile("message.txt", text), ExerciseFile("wire.txt", text)]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    guard let text = folder.text("wire.txt") else {
      throw NotYet("wire.txt is missing", hint: "it holds what is sent behind DATA")
    }
    var lines = AnswerLines.split(text)
    if lines.last == "" { lines.removeLast() }
    let octets = lines.flatMap { Array(($0 + "\r\n").utf8) }
    let wire = MailWire.receive(octets)
    if wire.isWaiting {
      throw NotYet("the server still waits for the end of the mail", hint: hints[3])
    }
    if let place = lines.firstIndex(of: "."), place < lines.count - 1 {
      throw NotYet(
        "line \(place + 1) ends the mail, and what follows it was taken for commands: "
          + "'\((wire.replies.dropFirst().first ?? "").prefix(60))'", hint: hints[1])
    }
    guard let mail = wire.mails.first, wire.mails.count == 1 else {
      throw NotYet(
        "the server has not taken one mail: '\(wire.replies.first ?? "no reply")'", hint: hints[3])
    }
    var received = AnswerLines.split(String(decoding: mail, as: UTF8.self))
    if received.last == "" { received.removeLast() }
    for (place, line) in Self.message.enumerated() {
      let came = place < received.count ? received[place] : "(nothing)"
      guard came != line else { continue }
      let why =
        came == "." + line
        ? ": one dot too many, for it does not begin with a dot, or has two more"
        : "." + came == line ? ": its dot was taken away" : ""
      throw NotYet("line \(place + 1) arrives as '\(came)', not '\(line)'\(why)", hint: hints[0])
    }
    guard received.count == Self.message.count else {
      throw NotYet(
        "\(received.count) lines arrive, and the mail has \(Self.message.count)", hint: hints[3])
    }
    return "the mail arrives as it was written, dots and all"
  }
}
