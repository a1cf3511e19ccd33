import Analysis

/// Says of a piece of SMTP dialogue what it means, in one sentence.
struct MailStory {
  /// A sentence and the section it stands on.
  struct Sentence: Equatable {
    var text: String
    var source: String
  }

  /// Whether the message is whole and its reply is still to come.
  private var isMessageWhole = false

  /// What these lines mean, which one segment completed.
  mutating func tell(_ said: [DialogueLine]) -> Sentence? {
    guard let first = said.first, let last = said.last else { return nil }
    let texts = (first.text.uppercased(), last.text.uppercased())
    if first.speaker == .server { return reply(texts.0, texts.1) }
    if last.text.hasPrefix("(end of message") {
      isMessageWhole = true
      return Sentence(
        text: "the mail itself: a lone dot ends it, so a dot that begins a line is doubled",
        source: "RFC 5321 4.5.2")
    }
    if first.isMessage {
      return Sentence(text: "a part of the mail itself", source: "RFC 5321 3.3")
    }
    return command(texts.0, isGroup: said.count > 1)
  }

  private func command(_ text: String, isGroup: Bool) -> Sentence? {
    let known = [
      "EHLO": ("the client names itself and asks what the server can do", "RFC 5321 4.1.1.1"),
      "MAIL": ("the envelope: who sends", "RFC 5321 4.1.1.2"),
      "RCPT": ("the envelope: who shall have it", "RFC 5321 4.1.1.3"),
      "DATA": ("the client asks to give the mail itself", "RFC 5321 4.1.1.4"),
      "QUIT": ("the client has said everything", "RFC 5321 4.1.1.10"),
    ]
    if isGroup, text.hasPrefix("MAIL") {
      return Sentence(
        text: "the envelope: who sends, who shall have it; in one go, for the server can PIPELINE",
        source: "RFC 2920 3.1")
    }
    return known[String(text.prefix(4))].map { Sentence(text: $0.0, source: $0.1) }
  }

  private mutating func reply(_ first: String, _ last: String) -> Sentence? {
    if last.hasPrefix("354") {
      return Sentence(
        text: "each command has its answer, in order; 354 asks for the mail itself",
        source: "RFC 5321 4.1.1.4")
    }
    if isMessageWhole, last.hasPrefix("250") {
      isMessageWhole = false
      return Sentence(
        text: "with this 250 the server answers for the mail from now on", source: "RFC 5321 6.1")
    }
    if first.hasPrefix("250-") {
      return Sentence(text: "the server greets back and lists what it can", source: "RFC 5321 3.2")
    }
    let known = [
      "220": ("the server speaks first: it says who it is", "RFC 5321 3.1"),
      "221": ("the server says goodbye, and closes", "RFC 5321 4.1.1.10"),
      "250": ("granted", "RFC 5321 4.2"),
    ]
    return known[String(first.prefix(3))].map { Sentence(text: $0.0, source: $0.1) }
  }
}
