import Octets

/// A reply code of three digits. Source: RFC 5321 4.2.1.
public struct SMTPReplyCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// 200 to 599.
  public let rawValue: UInt16

  /// A code from its number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The first digit: 2 and 3 go on, 4 may be tried again, 5 may not.
  public var severity: Int { Int(rawValue / 100) }
  /// Whether it is 2yz.
  public var isPositive: Bool { severity == 2 }
  /// Whether it is 4yz.
  public var isTransient: Bool { severity == 4 }
  /// Whether it is 5yz.
  public var isPermanent: Bool { severity == 5 }
  /// The three digits.
  public var description: String { String(rawValue) }
}

/// An enhanced status code such as `5.1.1`. Source: RFC 3463 2.
public struct EnhancedStatus: Hashable, Sendable, CustomStringConvertible {
  /// 2, 4 or 5.
  public let severity: UInt8
  /// What it is about: 1 addresses, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content,
  /// 7 security.
  public let subject: UInt16
  /// The detail.
  public let detail: UInt16

  /// A status from its numbers.
  public init(_ severity: UInt8, _ subject: UInt16, _ detail: UInt16) {
    self.severity = severity
    self.subject = subject
    self.detail = detail
  }

  /// The three numbers with dots.
  public var description: String { "\(severity).\(subject).\(detail)" }
}

/// A reply as a client reads it.
public struct SMTPReply: Hashable, Sendable, CustomStringConvertible {
  /// The code, the same on each line.
  public let code: SMTPReplyCode
  /// The text of each line, the code and what follows it taken away.
  public let lines: [String]

  /// A reply from its parts.
  public init(code: SMTPReplyCode, lines: [String]) {
    self.code = code
    self.lines = lines
  }

  /// Code and text in one line, for people.
  public var description: String {
    "\(code) " + lines.joined(separator: " / ")
  }
}

/// What a server says: the code, the status and the text that go with a rule.
struct SMTPAnswer {
  let code: UInt16
  let status: EnhancedStatus?
  let text: String

  init(_ code: UInt16, _ status: EnhancedStatus?, _ text: String) {
    self.code = code
    self.status = status
    self.text = text
  }

  /// One line, at most 512 octets with its end. Source: RFC 5321 4.5.3.1.5.
  ///
  /// Where the connection begins or ends, the text begins with the server's name: RFC 5321 4.2.
  func append(to output: inout [UInt8], from hostname: DomainName) {
    let start = output.count
    output += String(code).utf8
    output.append(Octet.blank)
    if let status {
      output += status.description.utf8
      output.append(Octet.blank)
    }
    if code == 220 || code == 221 || code == 421 {
      output += hostname.octets
      output.append(Octet.blank)
    }
    // Some of the text, such as a message's name, comes from elsewhere: it cannot end the line.
    output += text.utf8.map { (32...126).contains($0) ? $0 : UInt8(ascii: "?") }
    if output.count - start > 510 { output.removeLast(output.count - start - 510) }
    output.append(Octet.carriageReturn)
    output.append(Octet.lineFeed)
  }
}

extension SMTPRule {
  /// The reply that this rule sends; nil where the session writes it or nothing is sent.
  var answer: SMTPAnswer? {
    switch self {
    case .closeOnQuit: .init(221, .init(2, 0, 0), "until the next mail")
    case .acceptSender: .init(250, .init(2, 1, 0), "sender accepted")
    case .acceptRecipient: .init(250, .init(2, 1, 5), "recipient accepted")
    case .startData: .init(354, nil, "send the message; a line with only a dot ends it")
    case .reset: .init(250, .init(2, 0, 0), "transaction forgotten")
    case .noOperation: .init(250, .init(2, 0, 0), "nothing done")
    case .help:
      .init(
        214, .init(2, 0, 0),
        "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT; see RFC 5321")
    case .verifyNothing: .init(252, .init(2, 0, 0), "cannot verify; send the mail and see")
    case .unknownCommand: .init(500, .init(5, 5, 1), "unknown command")
    case .lineTooLong: .init(500, .init(5, 5, 2), "line too long")
    case .controlCharacter: .init(501, .init(5, 5, 2), "control character in the command")
    case .bareLineEnd: .init(550, .init(5, 5, 2), "bare CR or LF; lines end with CR LF")
    case .eightBitCommand: .init(500, .init(5, 5, 2), "octet above 127 in the command")
    case .notImplemented: .init(502, .init(5, 5, 1), "command not implemented")
    case .badHello: .init(501, .init(5, 5, 4), "a domain or an address literal is needed")
    case .badSender: .init(501, .init(5, 1, 7), "syntax: MAIL FROM:<address> [parameters]")
    case .badRecipient: .init(501, .init(5, 1, 3), "syntax: RCPT TO:<address>")
    case .badParameter: .init(501, .init(5, 5, 4), "bad value of a parameter")
    case .unknownParameter: .init(555, .init(5, 5, 4), "parameter not recognized")
    case .duplicateParameter: .init(501, .init(5, 5, 4), "parameter given twice")
    case .unexpectedArgument: .init(501, .init(5, 5, 4), "no argument is allowed")
    case .missingArgument: .init(501, .init(5, 5, 4), "an argument is needed")
    case .eightBitEnvelope: .init(553, .init(5, 6, 7), "address needs SMTPUTF8, not offered")
    case .pathTooLong: .init(501, .init(5, 5, 2), "address too long")
    case .badChunk: .init(501, .init(5, 5, 4), "syntax: BDAT size [LAST]; goodbye")
    case .chunkRefused: .init(502, .init(5, 5, 1), "BDAT is not offered; the octets are dropped")
    case .chunkTooBig: .init(552, .init(5, 3, 4), "chunk too big; goodbye")
    case .helloFirst: .init(503, .init(5, 5, 1), "EHLO or HELO first")
    case .senderFirst: .init(503, .init(5, 5, 1), "MAIL first")
    case .recipientFirst: .init(503, .init(5, 5, 1), "no valid recipient yet")
    case .nestedSender: .init(503, .init(5, 5, 1), "sender already given")
    case .foreignDomain: .init(550, .init(5, 7, 1), "domain not served here; no relaying")
    case .unknownMailbox: .init(550, .init(5, 1, 1), "no such mailbox")
    case .routedLocalPart: .init(550, .init(5, 7, 1), "no relaying through the local part")
    case .tooManyRecipients: .init(452, .init(4, 5, 3), "too many recipients")
    case .sizeTooBig, .messageTooBig: .init(552, .init(5, 3, 4), "message too big")
    case .bareLineEndInMessage:
      .init(550, .init(5, 5, 2), "bare CR or LF in the message; lines end with CR LF")
    case .textLineTooLong: .init(554, .init(5, 6, 0), "line of text too long")
    case .mailLoop: .init(554, .init(5, 4, 6), "too many Received lines: mail loop")
    case .headerTooLong: .init(554, .init(5, 6, 0), "too many lines in the header")
    case .messageRejected: .init(554, .init(5, 6, 0), "message refused")
    case .storeFull: .init(452, .init(4, 3, 1), "no space for the message now")
    case .storeFailed: .init(451, .init(4, 3, 0), "message could not be stored now")
    case .earlyTalk: .init(554, .init(5, 5, 1), "spoke before the greeting")
    case .outOfTurn: .init(554, .init(5, 5, 0), "sent more before the reply to this command")
    case .otherProtocol: .init(502, .init(5, 5, 1), "this is SMTP; goodbye")
    case .tooManyErrors: .init(421, .init(4, 7, 0), "too many errors")
    case .tooManyIdleCommands: .init(421, .init(4, 7, 0), "too many commands without a message")
    case .timedOut: .init(421, .init(4, 4, 2), "timed out")
    case .sessionTooLong: .init(421, .init(4, 4, 2), "session too long; come again")
    case .shuttingDown: .init(421, .init(4, 3, 2), "the server stops; try again later")
    case .tooManySessions: .init(421, .init(4, 3, 2), "too many sessions; try again later")
    case .tooManyFromPeer:
      .init(421, .init(4, 7, 0), "too many sessions from your address; try again later")
    case .greet, .helloExtended, .helloPlain, .acceptMessage: nil
    case .sourceRouteIgnored, .lineFeedNormalized, .swallowRest, .cutOff: nil
    case .clientHello, .clientFallsBack, .clientGroup, .clientMessage, .clientQuit,
      .clientGivesUp:
      nil
    }
  }

  /// Whether the refusal counts towards the limit of errors.
  var isClientError: Bool {
    guard let answer else { return false }
    return answer.code >= 500 && self != .foreignDomain && self != .unknownMailbox
      && self != .routedLocalPart
  }
}
