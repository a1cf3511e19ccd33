import Mail
import Octets
import Testing

/// Browsers, proxies and TLS stacks that are made to speak to a mail server (ALPACA, HTTP POST).
@Suite("Attacks: other protocols")
struct OtherProtocolTests {
  static let openings: [[UInt8]] = [
    "GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT post.example.test:25 HTTP/1.1", "PUT /x HTTP/1.0",
    "HEAD / HTTP/1.1", "OPTIONS * HTTP/1.1", "DELETE / HTTP/1.1", "TRACE / HTTP/1.1",
    "PATCH / HTTP/1.1", "PRI * HTTP/2.0", "Host: post.example.test", "User-Agent: x", "get /",
    "<?xml version=\"1.0\"?>", "{\"a\": 1}", "* OK", "1 LOGIN a b", "+OK", "-ERR", "\"EHLO me\"",
    ".", "/EHLO me", "@", "_MAIL", "~", "\u{0}EHLO me", "\u{7f}", "\u{1b}[A",
  ].map { bytes($0) }

  @Test("is cut off at the first line, and none of its text is followed", arguments: openings)
  func lines(opening: [UInt8]) {
    let body =
      "\r\nHost: x\r\nContent-Length: 99\r\n\r\nEHLO me\r\nMAIL FROM:<evil@b>\r\n"
      + "RCPT TO:<c@example.test>\r\nDATA\r\nx\r\n.\r\n"
    let octets = opening + bytes(body)
    let whole = serve([octets])
    #expect(difference(["220", "502 5.5.1"], whole.replyLines) == nil)
    #expect(whole.isClosed && whole.messages.isEmpty)
    for cut in 0...opening.count + 3 {
      #expect(serve([Array(octets[..<cut]), Array(octets[cut...])]) == whole, "cut at \(cut)")
    }
  }

  @Test("TLS, SSH's key exchange and other binary openings are told at their first octet")
  func binary() {
    for octet in [UInt8(0x16), 0x80, 0, 1, 3, 5, 0x1B, 0x7F, 0xFF] {
      var harness = ServerHarness()
      harness.receive([octet])
      #expect(difference(["220", "502 5.5.1"], harness.served.replyLines) == nil, "\(octet)")
      #expect(harness.served.isClosed)
    }
    // In a line that has begun the same octet is the line's fault, told at its end.
    var harness = ServerHarness()
    harness.receive("NOOP ")
    harness.receive([0x16])
    #expect(!harness.served.isClosed)
    harness.receive("\r\n")
    #expect(difference(["220", "501 5.5.2"], harness.served.replyLines) == nil)
  }

  @Test("behind a line that was dropped, too, the first octet of the next one tells")
  func behindDroppedLine() {
    let octets = bytes("NOOP\nrest\r\n") + [0xB0] + bytes("\r\nQUIT\r\n")
    let whole = serve([octets])
    #expect(difference(["220", "550 5.5.2", "502 5.5.1"], whole.replyLines) == nil)
    for cut in octets.indices {
      #expect(serve([Array(octets[..<cut]), Array(octets[cut...])]) == whole, "cut at \(cut)")
    }
  }

  @Test(
    "an empty line or a blank in front is only a slip", arguments: ["", " NOOP", "\tNOOP", " "])
  func slips(line: String) {
    let served = serve([bytes(line + "\r\nNOOP\r\n")])
    #expect(difference(["220", "500 5.5.1", "250"], served.replyLines) == nil)
  }

  @Test(
    "commands that are known and not offered are told apart from unknown ones",
    arguments: [
      "STARTTLS", "AUTH PLAIN AGEAYg==", "ETRN example.test", "TURN", "ATRN", "SEND FROM:<a@b>",
    ])
  func notOffered(line: String) {
    let served = serve([bytes("EHLO me\r\n\(line)\r\nNOOP\r\nFROB\r\n")])
    let said = Array(served.replyLines.suffix(3))
    #expect(difference(["502 5.5.1", "250", "500 5.5.1"], said) == nil)
  }
}
