import Mail
import Octets
import Testing

/// Clients that hold a session without ever being silent for too long.
@Suite("Attacks: slowness")
struct SlownessTests {
  @Test("a message that comes too slowly on the whole is given up, though never silent")
  func dribble() {
    var harness = ServerHarness()
    harness.receive(DataPhaseTests.start)
    // 10 octets a second are a tenth of what is asked for: over after the first five minutes, which
    // what has come makes a little longer.
    while !harness.served.isClosed, harness.now < Instant.start + .seconds(3600) {
      harness.receive("12345678\r\n")
      harness.advance(by: .seconds(1))
    }
    #expect(
      harness.now >= Instant.start + .seconds(300) && harness.now <= Instant.start + .seconds(340))
    #expect(harness.served.replyLines.last?.hasPrefix("421 4.4.2") == true)
    #expect(harness.served.aborted == 1 && harness.served.messages.isEmpty)
  }

  @Test("one that comes fast enough is taken, though it pauses")
  func pauses() {
    var harness = ServerHarness()
    harness.receive(DataPhaseTests.start)
    for _ in 0..<20 {
      harness.receive(bytes(String(repeating: "x", count: 9_998) + "\r\n"))
      harness.advance(by: .seconds(100))
    }
    #expect(!harness.served.isClosed)
    harness.receive(".\r\n")
    #expect(harness.served.messages.map(\.octets.count) == [200_000])
  }

  @Test("octets that are dropped count, too: a refused message is not given up early")
  func refused() {
    var harness = ServerHarness(configuration { $0.limits.messageOctets = 10 })
    harness.receive(DataPhaseTests.start)
    for _ in 0..<20 {
      harness.receive(bytes(String(repeating: "x", count: 9_998) + "\r\n"))
      harness.advance(by: .seconds(100))
    }
    harness.receive(".\r\n")
    #expect(harness.served.replyLines.last?.hasPrefix("552 5.3.4") == true)
  }

  @Test("a session ends after two hours, however busy, but not within a message")
  func session() {
    var harness = ServerHarness()
    harness.receive("EHLO me\r\n")
    while harness.now < Instant.start + .seconds(7199) {
      harness.advance(by: .seconds(257))
      harness.receive("MAIL FROM:<>\r\nRSET\r\n")
    }
    #expect(harness.served.isClosed)
    #expect(
      harness.served.replyLines.last?.hasPrefix("421 4.4.2 post.example.test session too long")
        == true)
    #expect(harness.session.ledger.count(.sessionTooLong) == 1)

    var busy = ServerHarness()
    busy.advance(by: .seconds(250))
    for _ in 0..<27 {
      busy.receive("HELO me\r\n")
      busy.advance(by: .seconds(257))
    }
    #expect(busy.now == Instant.start + .seconds(7189) && !busy.served.isClosed)
    busy.receive(Array(DataPhaseTests.start.dropFirst(9)))
    busy.advance(by: .seconds(100))
    busy.receive("x\r\n.\r\n")
    #expect(busy.served.messages.count == 1, "what is under way is finished")
    busy.advance(by: .zero)
    #expect(busy.served.isClosed)
  }

  @Test("who never pauses is noticed by the octets themselves, not only by the clock")
  func neverSilent() {
    var harness = ServerHarness()
    harness.receive("EHLO me\r\n")
    harness.now = Instant.start + .seconds(7200)
    harness.receive("MAIL FROM:<>\r\n")
    #expect(harness.served.isClosed)
    #expect(harness.served.replyLines.last?.hasPrefix("421 4.4.2") == true)

    var sending = ServerHarness()
    sending.receive(DataPhaseTests.start)
    sending.now = Instant.start + .seconds(301)
    sending.receive("x")
    #expect(sending.served.isClosed && sending.served.aborted == 1)
  }
}
