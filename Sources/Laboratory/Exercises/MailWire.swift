import Mail
import Octets

/// What comes of octets behind DATA at a mail server.
struct MailWire {
  /// The mails that were taken.
  var mails: [[UInt8]] = []
  /// The replies behind 354, line by line.
  var replies: [String] = []
  /// The server still waits for the end of the mail.
  var isWaiting = false

  /// Our session, with a policy for line ends that stand alone.
  static func receive(_ octets: [UInt8], policy: BareLineEndPolicy = .refuse) -> MailWire {
    var wire = MailWire()
    guard let name = DomainName("post.example.test"), let domain = MailDomain("example.test")
    else { return wire }
    var configuration = SMTPServerConfiguration(
      hostname: name, policy: RecipientPolicy(domains: [domain]))
    configuration.bareLineEnds = policy
    // Everything is here at once, replies and all: nobody waits for anything.
    configuration.pipelining = .any
    var session = SMTPServerSession(configuration: configuration, peer: nil, at: .start)
    let opening =
      "EHLO client.example.net\r\nMAIL FROM:<ada@example.net>\r\n"
      + "RCPT TO:<postmaster@example.test>\r\nDATA\r\n"
    session.receive(Array(opening.utf8).span, at: .start)
    while session.nextAction() != nil {}
    _ = session.takeOutput()
    session.receive(octets.span, at: .start)
    var partial: [UInt8] = []
    while let action = session.nextAction() {
      switch action {
      case .beginMessage, .abortMessage: partial = []
      case .messageOctets(let octets): partial += octets
      case .endMessage:
        wire.mails.append(partial)
        session.messageStored(.success("lab"), at: .start)
      case .close: break
      }
    }
    wire.isWaiting = session.isInMessage
    wire.replies = String(decoding: session.takeOutput(), as: UTF8.self)
      .split { $0.isNewline }.map(String.init)
    return wire
  }
}

/// A mail server that is deliberately lax, as some were until 2023: a line feed alone ends a line,
/// and so a dot between two of them ends a mail. Never use anything like it.
struct LaxServer {
  /// A mail and who it claims to be from.
  struct Taken: Hashable {
    var sender: String
    var text: String
  }

  /// The mails in octets behind the DATA of a mail of `ada@example.net`.
  static func receive(_ octets: [UInt8]) -> [Taken] {
    var taken: [Taken] = []
    var sender: String? = "ada@example.net"
    var text: [String] = []
    var isInMail = true
    for line in octets.split(separator: 10, omittingEmptySubsequences: false) {
      let plain = String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
      if isInMail {
        guard plain == "." else {
          text.append(plain)
          continue
        }
        taken.append(Taken(sender: sender ?? "", text: text.joined(separator: "\n")))
        (isInMail, text, sender) = (false, [], nil)
        continue
      }
      let upper = plain.uppercased()
      if upper.hasPrefix("MAIL FROM:<"), let end = plain.firstIndex(of: ">") {
        sender = String(plain[plain.index(plain.startIndex, offsetBy: 11)..<end])
      }
      if upper == "DATA", sender != nil { isInMail = true }
    }
    return taken
  }
}
