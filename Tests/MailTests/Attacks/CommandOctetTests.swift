import Mail
import Octets
import Testing

/// One octet put into a command where it does not belong: injection, truncation at NUL, 8-bit names.
@Suite("Attacks: octets that no command has")
struct CommandOctetTests {
  static let commands = [
    "EHLO me", "HELO me", "MAIL FROM:<a@b>", "MAIL FROM:<> SIZE=1 BODY=7BIT",
    "RCPT TO:<c@example.test>", "RCPT TO:<\"c d\"@example.test>", "RCPT TO:<Postmaster>", "DATA",
    "RSET", "NOOP x", "VRFY c", "EXPN c", "HELP x", "BDAT 5", "QUIT",
  ]
  /// Every C0 control but those that end lines and the tab, which is a blank; DEL; and 8-bit ones.
  static let octets: [UInt8] =
    (0..<32).filter { ![9, 10, 13].contains($0) } + [127, 128, 0x85, 0xA0, 0xC3, 0xFF]

  /// What a server says to the command when MAIL and RCPT may be said, cut before and behind the octet.
  static func answer(_ line: [UInt8], cutAt cut: Int) -> (code: Int, harness: ServerHarness) {
    var harness = ServerHarness()
    harness.receive("EHLO me\r\n")
    if line.starts(with: bytes("RCPT")) || line.starts(with: bytes("DATA")) {
      harness.receive("MAIL FROM:<a@b>\r\n")
    }
    if line.starts(with: bytes("DATA")) { harness.receive("RCPT TO:<c@example.test>\r\n") }
    let before = harness.served.replies.count
    harness.receive(Array(line[..<cut]))
    harness.receive(Array(line[cut...]))
    let said = lines(of: Array(harness.served.replies[before...]))
    return (said.first.flatMap { Int($0.prefix(3)) } ?? 0, harness)
  }

  @Test("a command with a control or an 8-bit octet anywhere is refused", arguments: commands)
  func everywhere(command: String) {
    let line = bytes(command)
    for place in 0...line.count {
      for octet in Self.octets {
        let wrong = line[..<place] + [octet] + line[place...] + [13, 10]
        for cut in [place, place + 1] {
          let (code, harness) = Self.answer(Array(wrong), cutAt: cut)
          #expect((500...555).contains(code), "\(octet) at \(place)")
          #expect(!harness.session.isInMessage && harness.served.messages.isEmpty)
        }
      }
    }
  }

  @Test(
    "a CR or LF alone anywhere in a command is refused, and no part of it is followed",
    arguments: commands)
  func bareLineEnds(command: String) {
    let line = bytes(command)
    for place in 0..<line.count {
      for octet: UInt8 in [10, 13] {
        let wrong = Array(line[..<place] + [octet] + line[place...] + [13, 10])
        for cut in [place, place + 1, wrong.count - 1] {
          let (code, harness) = Self.answer(wrong, cutAt: cut)
          #expect(code == 550, "\(octet) at \(place)")
          #expect(!harness.session.isInMessage)
        }
      }
    }
  }

  @Test("a command that was refused has changed nothing")
  func nothingChanged() {
    for octet in Self.octets {
      var harness = ServerHarness()
      harness.receive(bytes("EHLO me\r\nMAIL FROM:<a") + [octet] + bytes("@b>\r\n"))
      harness.receive("RCPT TO:<c@example.test>\r\nDATA\r\n")
      let said = Array(harness.served.replyLines.suffix(2))
      #expect(difference(["503 5.5.1 MAIL", "503 5.5.1 MAIL"], said) == nil, "\(octet)")
    }
  }

  @Test(
    "names above 127 need SMTPUTF8 and are told so, elsewhere the command is refused",
    arguments: [
      ("MAIL FROM:<gr\u{fc}n@b>", "553 5.6.7"), ("RCPT TO:<c@ex\u{e4}mple.test>", "553 5.6.7"),
      ("RCPT TO:<\u{202e}c@example.test>", "553 5.6.7"), ("VRFY \u{fc}", "500 5.5.2"),
    ])
  func eightBit(line: String, reply: String) {
    let (_, harness) = Self.answer(bytes(line + "\r\n"), cutAt: 3)
    #expect(harness.served.replyLines.last?.hasPrefix(reply) == true)
  }

  @Test("a message with NUL is kept whole, NUL and all")
  func nulInMessage() {
    let text = bytes("a\u{0}b\r\n\u{0}\r\n\u{0}.\r\n.\u{0}\r\n")
    let kept = bytes("a\u{0}b\r\n\u{0}\r\n\u{0}.\r\n\u{0}\r\n")
    for cut in 0...text.count {
      let served = DataPhaseTests.send(text + bytes(".\r\n"), cutAt: cut)
      #expect(served.messages.map(\.octets) == [kept], "cut at \(cut)")
    }
  }
}
