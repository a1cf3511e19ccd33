import Mail
import Octets

/// A mail server's end of one connection: our SMTP session, with a mailbox in memory.
struct MailReceiver {
  private var session: SMTPServerSession?
  private var partial: [UInt8] = []
  private var kept = 0
  /// Mails that were answered 250 and not yet fetched.
  var newMails: [[UInt8]] = []

  init(at now: Instant) {
    session = Self.session(at: now)
  }

  /// A session of `post.example.test`, for mail to `example.test`.
  static func session(at now: Instant) -> SMTPServerSession? {
    guard let name = DomainName("post.example.test"), let domain = MailDomain("example.test")
    else { return nil }
    return SMTPServerSession(
      configuration: SMTPServerConfiguration(
        hostname: name, policy: RecipientPolicy(domains: [domain])),
      peer: "\(Recorder.clientAddress)", at: now)
  }

  var isClosed: Bool { session?.isClosed ?? true }

  mutating func receive(_ octets: [UInt8], at now: Instant) {
    session?.receive(octets.span, at: now)
    perform(at: now)
  }

  mutating func ended(at now: Instant) {
    guard session?.isClosed == false else { return }
    session?.streamEnded(at: now)
    perform(at: now)
  }

  mutating func takeOutput() -> [UInt8] { session?.takeOutput() ?? [] }

  private mutating func perform(at now: Instant) {
    while let action = session?.nextAction() {
      switch action {
      case .beginMessage, .abortMessage: partial = []
      case .messageOctets(let octets): partial += octets
      case .endMessage:
        newMails.append(partial)
        partial = []
        kept += 1
        session?.messageStored(.success("lab.\(kept)"), at: now)
      case .close: break
      }
    }
  }
}

/// A mail client's end of one connection: groups of commands, each sent when the last is answered.
struct MailSender {
  /// Octets, and how many replies they will have.
  private var groups: [(octets: String, replies: Int)]
  /// Replies that are waited for; the greeting is the first.
  private var awaited = 1
  private var line: [UInt8] = []
  private var output: [UInt8] = []

  init(mails: Int, from first: Int) {
    groups = [("EHLO client.example.net\r\n", 1)]
    for number in first..<(first + mails) {
      // RFC 2920 3.1: DATA is the last of a group.
      let envelope =
        "MAIL FROM:<ada@example.net>\r\nRCPT TO:<postmaster@example.test>\r\nDATA\r\n"
      groups.append((envelope, 3))
      groups.append(("Subject: mail \(number + 1)\r\n\r\nBy the post road.\r\n.\r\n", 1))
    }
    groups.append(("QUIT\r\n", 1))
  }

  mutating func receive(_ octets: [UInt8]) {
    for octet in octets {
      guard octet == 10 else {
        line.append(octet)
        continue
      }
      // RFC 5321 4.2.1: a hyphen behind the code says that more lines follow.
      let isLast = line.count < 4 || line[3] != UInt8(ascii: "-")
      line = []
      guard isLast else { continue }
      awaited -= 1
      if awaited == 0, !groups.isEmpty {
        let next = groups.removeFirst()
        output += Array(next.octets.utf8)
        awaited = next.replies
      }
    }
  }

  mutating func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }
}
