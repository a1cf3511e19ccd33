import Octets

/// The name a client greets with. Source: RFC 5321 4.1.1.1.
public struct SMTPHello: Hashable, Sendable, CustomStringConvertible {
  /// A domain or an address literal.
  public let name: MailDomain

  /// As on the wire.
  public var description: String { name.description }
}

/// How a message body is encoded. Source: RFC 6152 2.
public enum MailBody: Hashable, Sendable {
  /// Only octets up to 127, says the client.
  case sevenBit
  /// Any octets.
  case eightBit
}

/// The parameters of MAIL that we offer. Source: RFC 1870 6, RFC 6152 2.
public struct MailParameters: Hashable, Sendable {
  /// `SIZE=`: the octets of the message, as the client announces them.
  public var size: Int?
  /// `BODY=`.
  public var body: MailBody?

  /// No parameters.
  public init(size: Int? = nil, body: MailBody? = nil) {
    self.size = size
    self.body = body
  }
}

/// Why a line is not a command that can be followed.
public struct SMTPSyntaxError: Error, Hashable, Sendable {
  /// The rule that refuses it.
  public let rule: SMTPRule
  /// The offset in the line where reading stopped.
  public let offset: Int
}

/// A command, its arguments read by grammar. Source: RFC 5321 4.1.1.
public enum SMTPCommand: Hashable, Sendable {
  /// EHLO with the client's name.
  case extendedHello(SMTPHello)
  /// HELO with the client's name.
  case hello(SMTPHello)
  /// MAIL FROM.
  case mail(ReversePath, MailParameters, sourceRoute: Bool)
  /// RCPT TO.
  case recipient(ForwardPath, sourceRoute: Bool)
  /// DATA.
  case data
  /// RSET.
  case reset
  /// NOOP, whatever its argument.
  case noOperation
  /// QUIT.
  case quit
  /// VRFY of something.
  case verify
  /// EXPN of something.
  case expand
  /// HELP, whatever its argument.
  case help
  /// BDAT, and how many octets follow it. Source: RFC 3030 2.
  case chunk(octets: Int)

  /// Reads a line without its CR LF.
  public init(parsing line: Span<UInt8>) throws(SMTPSyntaxError) {
    var parser = CommandParser(line)
    self = try parser.command()
  }
}

/// The commands of other protocols that browsers and proxies can be made to send.
enum OtherProtocol {
  static let verbs: [StaticString] = [
    "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE", "TRACE", "PATCH", "PRI",
    "USER-AGENT:", "HOST:",
  ]

  static func begins(_ line: Span<UInt8>) -> Bool {
    // Every command begins with a letter. A blank in front of it, or an empty line, is a slip.
    if let first = OctetCursor(line).next, first != Octet.blank, first != Octet.tab, !first.isLetter
    {
      return true
    }
    return verbs.contains { verb in
      var cursor = OctetCursor(line)
      guard cursor.take(keyword: verb) else { return false }
      return cursor.isAtEnd || cursor.next == Octet.blank
    }
  }

  /// Whether the octet begins a line of no SMTP at all, such as TLS's handshake (22).
  ///
  /// Such a peer waits for an answer and ends no line, so it is told at once.
  static func begins(with octet: UInt8) -> Bool {
    octet > 127
      || octet.isControl && octet != Octet.tab && octet != Octet.carriageReturn
        && octet != Octet.lineFeed
  }
}
