import Mail
import Octets
import Testing

/// What a client can make a session hold: each shape of endless input, measured after each piece.
@Suite("Attacks: memory")
struct MemoryTests {
  /// The most octets that the session held while it was fed, one piece after another.
  static func peak(_ harness: inout ServerHarness, _ pieces: [[UInt8]], turns: Int) -> Int {
    var peak = 0
    for _ in 0..<turns {
      for piece in pieces where !harness.served.isClosed {
        harness.session.receive(piece.span, at: harness.now)
        harness.drain()
        // What was said and kept is the harness's own; the session's is what it holds itself.
        harness.served.replies = []
        harness.served.messages = []
        peak = max(peak, heldOctets(in: harness.session))
      }
    }
    return peak
  }

  static let piece = 65_536

  @Test("a command line without end: of six megabytes one kilobyte is held")
  func endlessLine() {
    var harness = ServerHarness()
    let peak = Self.peak(&harness, [[UInt8](repeating: 120, count: Self.piece)], turns: 100)
    #expect(peak <= 1200, "\(peak)")
    harness.receive("\r\nNOOP\r\n")
    #expect(difference(["500 5.5.2", "250"], harness.served.replyLines) == nil)
  }

  @Test("a line of text without end is refused at its end, and nothing of it is held")
  func endlessText() {
    var harness = ServerHarness()
    harness.receive(DataPhaseTests.start)
    let peak = Self.peak(&harness, [[UInt8](repeating: 120, count: Self.piece)], turns: 100)
    #expect(peak <= 1200, "\(peak)")
    harness.receive("\r\n.\r\n")
    #expect(harness.served.replyLines.last?.hasPrefix("554 5.6.0") == true)
    #expect(harness.served.aborted == 1)
  }

  @Test(
    "whatever the text is made of, a piece of it is all that is held",
    arguments: [
      "\r\n.x", ".\r\n..\r\n", "\r", "\n", "\r\n", "\u{0}", "Received: x\r\n", "a:\r\n b\r\n",
    ])
  func text(pattern: String) {
    var harness = ServerHarness()
    harness.receive(DataPhaseTests.start)
    let unit = bytes(pattern)
    let pieces = Array(repeatElement(unit, count: 4096 / unit.count).joined())
    let peak = Self.peak(&harness, [pieces], turns: 20)
    #expect(peak <= 1200, "\(peak)")
  }

  @Test("commands without end, of every kind, end by themselves")
  func commands() {
    for command in [
      "NOOP", "RSET", "HELP", "VRFY a", "EXPN a", "EHLO a", "HELO a", "FROB", "DATA",
      "MAIL FROM:<>", "RCPT TO:<a@example.test>", "RCPT TO:<a@foreign.example>",
      "MAIL FROM:<> SIZE=99999999999", "AUTH PLAIN", "STARTTLS", "BDAT 0", "", "x\ny", "x\ry",
    ] {
      var harness = ServerHarness()
      harness.receive("EHLO me\r\nMAIL FROM:<>\r\n")
      let unit = bytes(command + "\r\n")
      let piece = Array(repeatElement(unit, count: 4096 / unit.count).joined())
      let peak = Self.peak(&harness, [piece], turns: 320)
      #expect(harness.served.isClosed, "\(command) goes on for ever")
      // A thousand recipients are held, and nothing else.
      #expect(peak <= 200_000, "\(command): \(peak)")
    }
  }

  @Test(
    "what is pipelined behind a message being stored is one piece of input, no more is asked for")
  func pending() {
    var session = SMTPServerSession(configuration: configuration(), peer: nil, at: .start)
    let octets = DataPhaseTests.start + bytes(".\r\n") + [UInt8](repeating: 120, count: Self.piece)
    session.receive(octets.span, at: .start)
    #expect(!session.wantsInput)
    #expect(heldOctets(in: session) <= 2 * Self.piece)
  }
}
