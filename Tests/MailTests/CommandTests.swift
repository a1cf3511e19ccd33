import Mail
import Testing

@Suite("Commands")
struct CommandTests {
  static func rule(_ line: [UInt8]) -> SMTPRule? {
    do throws(SMTPSyntaxError) { _ = try SMTPCommand(parsing: line.span) } catch {
      return error.rule
    }
    return nil
  }

  static let accepted: [String] = [
    "EHLO host", "ehlo host", "eHlO [192.0.2.1]", "EHLO [IPv6:2001:db8::1]", "EHLO my_host.local",
    "HELO a.b", "HELO x ", "MAIL FROM:<>", "mail from:<a@b>", "MAIL FROM:<a@b> SIZE=0",
    "MAIL FROM:<a@b> size=12 body=8bitmime", "MAIL FROM:<a@b> BODY=7BIT ", "MAIL FROM: <a@b>",
    "MAIL FROM:<@x,@y:a@b>", "RCPT TO:<a@b>", "RCPT TO:<Postmaster>", "RCPT TO:<\"a b\"@c>  ",
    "DATA", "DATA ", "RSET", "NOOP", "NOOP anything at all", "QUIT", "VRFY x", "EXPN x", "HELP",
    "HELP MAIL", "BDAT 0", "BDAT 12 LAST", "bdat 12 last ",
    "MAIL FROM:<a@b> SIZE=9223372036854775807",
  ]

  @Test("commands are read whatever the case of letters", arguments: accepted)
  func accepts(line: String) { #expect(Self.rule(bytes(line)) == nil) }

  static let refused: [(String, SMTPRule)] = [
    ("", .unknownCommand), ("FOO", .unknownCommand), ("DAT", .unknownCommand),
    ("DATAX", .unknownCommand), ("1234", .unknownCommand), (" NOOP", .unknownCommand),
    ("MAIL\tFROM:<a@b>", .unknownCommand), ("STARTTLSX", .unknownCommand),
    ("STARTTLS", .notImplemented), ("starttls now", .notImplemented),
    ("AUTH PLAIN", .notImplemented), ("ETRN x", .notImplemented), ("TURN", .notImplemented),
    ("SEND FROM:<a@b>", .notImplemented), ("SOML", .notImplemented), ("SAML", .notImplemented),
    ("BDAT", .badChunk), ("BDAT LAST", .badChunk), ("BDAT -1", .badChunk), ("BDAT +1", .badChunk),
    ("BDAT 1 FIRST", .badChunk), ("BDAT 1 LAST 2", .badChunk), ("BDAT 0x10", .badChunk),
    ("BDAT 9223372036854775808", .badChunk), ("BDAT 18446744073709551617", .badChunk),
    ("EHLO", .badHello), ("EHLO ", .badHello), ("HELO a b", .badHello), ("EHLO -x", .badHello),
    ("EHLO [1.2.3]", .badHello), ("EHLO a..b", .badHello), ("EHLO a>b", .badHello),
    ("MAIL", .badSender), ("MAIL FROM", .badSender), ("MAIL FROM:", .badSender),
    ("MAIL FROM:a@b", .badSender), ("MAIL TO:<a@b>", .badSender), ("MAIL FROM:<a>", .badSender),
    ("MAIL FROM:<a@b>SIZE=1", .badSender), ("MAIL FROM:<a@b> SIZE", .badParameter),
    ("MAIL FROM:<a@b> SIZE=", .badParameter), ("MAIL FROM:<a@b> SIZE=-1", .badParameter),
    ("MAIL FROM:<a@b> SIZE=1x", .badParameter), ("MAIL FROM:<a@b> SIZE==1", .badParameter),
    ("MAIL FROM:<a@b> SIZE=99999999999999999999", .badParameter),
    ("MAIL FROM:<a@b> SIZE=100000000000000000000000", .badParameter),
    ("MAIL FROM:<a@b> SIZE=1 SIZE=1", .duplicateParameter),
    ("MAIL FROM:<a@b> BODY=7BIT BODY=7BIT", .duplicateParameter),
    ("MAIL FROM:<a@b> BODY=BINARYMIME", .badParameter), ("MAIL FROM:<a@b> BODY", .badParameter),
    ("MAIL FROM:<a@b> FOO=1", .unknownParameter), ("MAIL FROM:<a@b> RET", .unknownParameter),
    ("MAIL FROM:<a@b> SMTPUTF8", .unknownParameter), ("MAIL FROM:<a@b> -X=1", .badParameter),
    ("MAIL FROM:<a@b> X=a=b", .badParameter), ("MAIL FROM:<Postmaster>", .badSender),
    ("RCPT", .badRecipient), ("RCPT TO:", .badRecipient), ("RCPT TO:<>", .badRecipient),
    ("RCPT TO:a@b", .badRecipient), ("RCPT FROM:<a@b>", .badRecipient),
    ("RCPT TO:<a@b> NOTIFY=NEVER", .unknownParameter), ("RCPT TO:<a@b>x", .badRecipient),
    ("DATA x", .unexpectedArgument), ("RSET x", .unexpectedArgument),
    ("QUIT now", .unexpectedArgument), ("VRFY", .missingArgument), ("EXPN ", .missingArgument),
    ("MAIL FROM:<ä@b>", .eightBitEnvelope), ("RCPT TO:<ä@b>", .eightBitEnvelope),
    ("EHLO ä", .eightBitCommand), ("NOOP\u{0}", .controlCharacter),
    ("RCPT TO:<a\u{0}@b>", .controlCharacter), ("NOOP \u{1b}[2J", .controlCharacter),
    ("RCPT TO:<\"a\tb\"@c>", .badRecipient), ("MAIL FROM:<a\u{7f}@b>", .controlCharacter),
    ("RCPT TO:<" + String(repeating: "l", count: 65) + "@b>", .pathTooLong),
    ("RCPT TO:<a@" + String(repeating: "d", count: 64) + ">", .pathTooLong),
  ]

  @Test("what is not a command is refused for its reason", arguments: refused)
  func refuses(line: String, reason: SMTPRule) { #expect(Self.rule(bytes(line)) == reason) }

  @Test("arguments arrive as values")
  func values() throws {
    let line = bytes("MAIL FROM:<@r:a@b> BODY=8BITMIME SIZE=77")
    let address = try #require(MailAddress("a@b"))
    #expect(
      try SMTPCommand(parsing: line.span)
        == .mail(.address(address), MailParameters(size: 77, body: .eightBit), sourceRoute: true))
  }

  @Test("every rule says where it comes from and why")
  func rules() {
    for rule in SMTPRule.allCases {
      #expect(rule.source.hasPrefix("RFC "), "\(rule)")
      #expect(!rule.sentence.isEmpty && !rule.sentence.hasSuffix("."), "\(rule)")
    }
    #expect(Set(SMTPRule.allCases.map(\.sentence)).count == SMTPRule.allCases.count)
  }
}
