import Mail
import Octets
import Testing

/// BDAT is not offered. What follows one is text of somebody's, and must never become commands.
@Suite("Attacks: BDAT where it is not offered")
struct ChunkTests {
  static let evil = "RSET\r\nMAIL FROM:<evil@b>\r\nRCPT TO:<c@example.test>\r\nDATA\r\nx\r\n.\r\n"

  @Test("the octets behind it are dropped, however they are cut", arguments: ["", " LAST"])
  func drops(last: String) {
    let chunk = bytes(
      "EHLO me\r\nBDAT \(Self.evil.utf8.count)\(last)\r\n\(Self.evil)NOOP\r\nQUIT\r\n")
    let whole = serve([chunk])
    #expect(
      difference(["502 5.5.1", "250 2.0.0 nothing", "221"], whole.replyLines.suffix(3).map(\.self))
        == nil)
    #expect(whole.replyLines.count == 1 + 5 + 3 && whole.messages.isEmpty)
    for cut in 0...chunk.count {
      #expect(serve([Array(chunk[..<cut]), Array(chunk[cut...])]) == whole, "cut at \(cut)")
    }
    #expect(serve(chunk.map { [$0] }) == whole)
  }

  @Test("an empty one has nothing behind it, and one in a transaction leaves it as it is")
  func empty() {
    let served = serve([
      bytes(
        "EHLO me\r\nMAIL FROM:<>\r\nBDAT 0 LAST\r\nRCPT TO:<c@example.test>\r\nBDAT 3\r\nabc"
          + "DATA\r\nx\r\n.\r\n")
    ])
    let said = Array(served.replyLines.suffix(6))
    #expect(difference(["250", "502", "250", "502", "354", "250"], said) == nil)
    #expect(served.messages.map(\.octets) == [bytes("x\r\n")])
  }

  @Test(
    "a size that is none ends the session, for nobody knows where the octets end",
    arguments: [
      "", " ", " x", " -5", " +5", " 5x", " 5 FIRST", " 99999999999999999999",
      " 9223372036854775808",
      " 18446744073709551617", " 0x10", " 5 LAST LAST",
    ])
  func badSize(size: String) {
    let served = serve([bytes("EHLO me\r\nBDAT\(size)\r\n\(Self.evil)")])
    #expect(served.replyLines.last?.hasPrefix("501 5.5.4") == true)
    #expect(served.replyLines.count == 1 + 5 + 1 && served.isClosed && served.messages.isEmpty)
  }

  @Test("more octets than a message may have are not waited for")
  func tooBig() {
    let server = configuration { $0.limits.messageOctets = 1000 }
    let taken = serve(
      [bytes("BDAT 1000\r\n" + String(repeating: "x", count: 1000) + "NOOP\r\n")], server)
    #expect(difference(["220", "502", "250"], taken.replyLines) == nil)
    for size in ["1001", "9223372036854775807"] {
      let served = serve([bytes("BDAT \(size)\r\nNOOP\r\n")], server)
      #expect(difference(["220", "552 5.3.4"], served.replyLines) == nil)
      #expect(served.isClosed)
    }
  }

  @Test("each is an error, so they come to an end; and the octets have to come in time")
  func bounded() {
    let served = serve([bytes(String(repeating: "BDAT 2\r\nab", count: 100))])
    #expect(served.replyLines.count { $0.hasPrefix("502") } == 21)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)

    var silent = ServerHarness()
    silent.receive("BDAT 1000000\r\nx")
    silent.advance(by: .seconds(180))
    #expect(silent.served.replyLines.last?.hasPrefix("421 4.4.2") == true)

    var dribbler = ServerHarness()
    dribbler.receive("BDAT 1000000\r\n")
    for _ in 0..<40 where !dribbler.served.isClosed {
      dribbler.receive("x")
      dribbler.advance(by: .seconds(100))
    }
    #expect(dribbler.served.isClosed && dribbler.now == Instant.start + .seconds(3600))
  }

  @Test("where groups are enforced, what follows BDAT belongs to it all the same")
  func inGroups() {
    var harness = ServerHarness(PipeliningTests.strict)
    harness.receive("EHLO me\r\n")
    harness.receive("BDAT 4\r\nabcdRSET\r\n")
    #expect(difference(["502", "250 2.0.0"], Array(harness.served.replyLines.suffix(2))) == nil)
  }
}
