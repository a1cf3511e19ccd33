import Mail
import Octets
import Testing

/// Clients that lie about how much they send, and headers that are nothing but header.
@Suite("Attacks: sizes")
struct SizeTests {
  static let server = configuration { $0.limits.messageOctets = 1000 }

  @Test(
    "SIZE= in every form",
    arguments: [
      ("SIZE=1000", "250"), ("SIZE=0", "250"), ("SIZE=00000000000000000001", "250"),
      ("SIZE=1001", "552 5.3.4"), ("SIZE=9223372036854775807", "552 5.3.4"),
      ("SIZE=9223372036854775808", "501 5.5.4"), ("SIZE=18446744073709551615", "501 5.5.4"),
      ("SIZE=18446744073709551617", "501 5.5.4"), ("SIZE=-1", "501 5.5.4"),
      ("SIZE=+1", "501 5.5.4"),
      ("SIZE=1e3", "501 5.5.4"), ("SIZE=0x10", "501 5.5.4"), ("SIZE=", "501 5.5.4"),
      ("SIZE", "501 5.5.4"), ("SIZE=1 SIZE=1", "501 5.5.4"), ("SIZE=1 size=2", "501 5.5.4"),
      ("SIZE=1 FOO", "555 5.5.4"), ("BODY=8BITMIME BODY=7BIT", "501 5.5.4"),
      ("SIZE=000000000000000000001", "501 5.5.4"), ("RET=FULL", "555 5.5.4"), ("=1", "501 5.5.4"),
    ])
  func announced(parameter: String, reply: String) {
    let served = serve([bytes("EHLO me\r\nMAIL FROM:<a@b> \(parameter)\r\n")], Self.server)
    #expect(served.replyLines.last?.hasPrefix(reply) == true, "\(served.replyLines.last ?? "")")
  }

  @Test("who announces little and sends much is read to the end and refused; the next is served")
  func lies() {
    for announced in [0, 1, 1000] {
      let turn =
        "MAIL FROM:<a@b> SIZE=\(announced)\r\nRCPT TO:<c@example.test>\r\nDATA\r\n"
        + String(repeating: "MAIL FROM:<evil@b>\r\n", count: 60) + ".\r\n"
      let text =
        "EHLO me\r\n" + turn + turn.replacing("MAIL FROM:<evil@b>\r\n", with: "") + "QUIT\r\n"
      let octets = bytes(text)
      let whole = serve([octets], Self.server)
      let said = Array(whole.replyLines.suffix(6))
      #expect(difference(["552 5.3.4", "250", "250", "354", "250", "221"], said) == nil)
      #expect(whole.messages.map(\.octets) == [[]])
      for cut in stride(from: 0, to: octets.count, by: 7) {
        #expect(serve([Array(octets[..<cut]), Array(octets[cut...])], Self.server) == whole)
      }
    }
  }

  static func header(lines: Int, folded: Int = 0) -> String {
    String(repeating: "X-Y: z\r\n", count: lines) + String(repeating: "\tmore\r\n", count: folded)
  }

  @Test("a header has at most so many lines, folded ones counted, and text has any number")
  func headerLines() {
    let server = configuration { $0.limits.headerLines = 10 }
    let text = "\r\n" + Self.header(lines: 50)
    for (header, isTaken) in [
      (Self.header(lines: 10), true), (Self.header(lines: 11), false),
      (Self.header(lines: 5, folded: 5), true), (Self.header(lines: 5, folded: 6), false),
      // Not a header at all: text from the first line on.
      (String(repeating: "no name here\r\n", count: 50), true),
      (" a blank first\r\n" + Self.header(lines: 50), true),
      (":\r\n" + Self.header(lines: 50), true), ("\u{e9}: x\r\n" + Self.header(lines: 50), true),
      (Self.header(lines: 10) + "text begins\r\n" + Self.header(lines: 50), true),
      ("Old Name : x\r\n" + Self.header(lines: 50), false),
    ] {
      let octets = bytes(header + text + ".\r\n")
      let whole = DataPhaseTests.send(octets, server)
      #expect(whole.messages.isEmpty != isTaken, "\(header.prefix(30))")
      let code = isTaken ? "250 2.0.0" : "554 5.6.0 too many lines"
      #expect(whole.replyLines.suffix(2).first?.hasPrefix(code) == true)
      for cut in stride(from: 0, through: octets.count, by: 11) {
        #expect(DataPhaseTests.send(octets, server, cutAt: cut) == whole, "cut at \(cut)")
      }
    }
  }

  @Test("if nothing is said, a header has a thousand lines")
  func manyLines() {
    let text = "\r\nx\r\n.\r\n"
    #expect(DataPhaseTests.send(bytes(Self.header(lines: 1000) + text)).messages.count == 1)
    #expect(DataPhaseTests.send(bytes(Self.header(lines: 1001) + text)).messages.isEmpty)
  }

  @Test("a mail loop is found though the first line is no header's")
  func loopBehindText() {
    let loop = "From someone\r\n" + String(repeating: "Received: x\r\n", count: 101) + "\r\n.\r\n"
    let served = DataPhaseTests.send(bytes(loop))
    #expect(served.messages.isEmpty)
    #expect(served.replyLines.suffix(2).first?.hasPrefix("554 5.4.6") == true)
  }
}
