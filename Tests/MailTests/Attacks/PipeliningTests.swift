import Mail
import Octets
import Testing

/// What is sent before a reply that had to be waited for was written by somebody who did not know it:
/// the text of a message, another protocol, a command put in by a man in the middle.
@Suite("Attacks: pipelining outside its groups")
struct PipeliningTests {
  static let strict = configuration { $0.pipelining = .groups }

  /// Each piece is what has arrived when the server reads.
  static let refused: [(name: String, pieces: [String], replies: [String])] = [
    ("EHLO and MAIL at once", ["EHLO me\r\nMAIL FROM:<>\r\n"], ["220", "554 5.5.0"]),
    ("EHLO and half a line", ["EHLO me\r\nM"], ["220", "554 5.5.0"]),
    ("HELO and MAIL at once", ["HELO me\r\nMAIL FROM:<>\r\n"], ["220", "554 5.5.0"]),
    (
      "a group where none was offered",
      ["HELO me\r\n", "MAIL FROM:<>\r\nRCPT TO:<c@example.test>\r\n"], ["220", "250", "554 5.5.0"]
    ),
    (
      "MAIL and RCPT before any greeting", ["MAIL FROM:<>\r\nRCPT TO:<c@d>\r\n"],
      ["220", "554 5.5.0"]
    ),
    (
      "the message behind a DATA that is refused",
      ["EHLO me\r\n", "DATA\r\nMAIL FROM:<evil@b>\r\n"], ["220"] + hello + ["554 5.5.0"]
    ),
    (
      "the message behind a DATA that would be taken",
      [
        "EHLO me\r\n",
        "MAIL FROM:<>\r\nRCPT TO:<c@example.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n",
      ],
      ["220"] + hello + ["250", "250", "554 5.5.0"]
    ),
    (
      "NOOP in the middle", ["EHLO me\r\n", "NOOP\r\nMAIL FROM:<>\r\n"],
      ["220"] + hello + ["554 5.5.0"]
    ),
    (
      "VRFY in the middle", ["EHLO me\r\n", "VRFY a\r\nVRFY b\r\n"], ["220"] + hello + ["554 5.5.0"]
    ),
    ("EXPN in the middle", ["EHLO me\r\n", "EXPN a\r\nRSET\r\n"], ["220"] + hello + ["554 5.5.0"]),
  ]
  static let hello = ["250-", "250-PIPELINING", "250-", "250-", "250 "]

  @Test("is answered 554, and nothing behind it is followed", arguments: refused)
  func refuses(name: String, pieces: [String], replies: [String]) {
    var harness = ServerHarness(Self.strict)
    for piece in pieces { harness.receive(piece) }
    #expect(difference(replies, harness.served.replyLines) == nil)
    #expect(harness.served.isClosed && harness.served.messages.isEmpty)
    #expect(harness.session.ledger.count(.outOfTurn) == 1)
    harness.receive("QUIT\r\n")
    #expect(difference(replies, harness.served.replyLines) == nil, "nothing more is said")
  }

  @Test("the groups of RFC 2920 are taken, cut anywhere, and a group may follow a message")
  func groups() {
    let group = bytes(
      "RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@example.test>\r\nRCPT TO:<d@foreign.example>\r\nDATA\r\n"
    )
    let second = bytes("first\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.test>\r\nDATA\r\n")
    let last = bytes("second\r\n.\r\nQUIT\r\n")
    for (position, cutGroup) in [group, second, last].enumerated() {
      for cut in cutGroup.indices {
        var harness = ServerHarness(Self.strict)
        harness.receive("EHLO me\r\n")
        for (index, octets) in [group, second, last].enumerated() {
          guard index == position else {
            harness.receive(octets)
            continue
          }
          harness.receive(Array(octets[..<cut]))
          harness.receive(Array(octets[cut...]))
        }
        #expect(harness.served.messages.map(\.octets) == [bytes("first\r\n"), bytes("second\r\n")])
        #expect(harness.served.replyLines.last?.hasPrefix("221") == true)
      }
    }
  }

  @Test("what comes behind QUIT is nobody's")
  func behindQuit() {
    let served = serve([bytes("QUIT\r\nMAIL FROM:<>\r\n")], Self.strict)
    #expect(difference(["220", "221"], served.replyLines) == nil)
  }

  @Test("who has spoken before the greeting is told so, and not greeted")
  func earlyTalk() {
    for delay in [Duration.zero, .seconds(5)] {
      let server = configuration { $0.timeouts.greetingDelay = delay }
      var session = SMTPServerSession(
        configuration: server, peer: nil, hasSpoken: true, at: .start)
      #expect(difference(["554 5.5.1"], lines(of: session.takeOutput())) == nil)
      #expect(session.nextAction() == .close && session.isClosed)
      #expect(session.ledger.count(.earlyTalk) == 1)
      session.receive(bytes("EHLO me\r\n").span, at: .start)
      #expect(session.takeOutput().isEmpty)
    }
  }

  @Test("the greeting is held back to its time, and one octet before it is one too many")
  func greetingDelay() {
    let server = configuration { $0.timeouts.greetingDelay = .seconds(5) }
    for octet in [UInt8(13), 10, 0, 65, 255] {
      for early in [Duration.zero, .milliseconds(4999)] {
        var harness = ServerHarness(server)
        harness.advance(by: early)
        harness.receive([octet])
        #expect(difference(["554 5.5.1"], harness.served.replyLines) == nil)
        #expect(harness.served.isClosed)
      }
    }
    var patient = ServerHarness(server)
    patient.advance(by: .seconds(5))
    #expect(difference(["220"], patient.served.replyLines) == nil)
  }
}
