import Mail
import Octets
import Testing

/// Servers that want to harm the client: CVE-2020-8794 and its kind.
@Suite("Attacks: hostile servers")
struct HostileServerTests {
  /// What a server says and how the client takes it: the stage at which it gives up.
  static func stage(_ octets: [UInt8], cutAt cut: Int) -> SMTPFailure? {
    var client = ClientHarness(submission())
    client.receive(Array(octets[..<cut]))
    client.receive(Array(octets[cut...]))
    client.session.streamEnded(at: client.now)
    client.drain()
    #expect(client.isClosed)
    switch client.delivery?.outcomes.first?.outcome {
    case .transient(let failure)?, .permanent(let failure)?: return failure
    default: return nil
    }
  }

  static let nonsense: [(name: String, said: [UInt8], error: SMTPReplyError)] = [
    ("a line without end", [UInt8](repeating: 50, count: 10_000), .lineTooLong),
    (
      "a long line of a reply", bytes("220 ") + [UInt8](repeating: 120, count: 2045) + [13, 10],
      .lineTooLong
    ),
    (
      "lines without end", Array(repeatElement(bytes("220-x\r\n"), count: 129).joined()),
      .tooManyLines
    ),
    ("other codes in one reply", bytes("220-a\r\n250 b\r\n"), .codesDiffer(220, 250)),
    ("a success that becomes a failure", bytes("220-a\r\n554 b\r\n"), .codesDiffer(220, 554)),
    ("NUL for a code", [0, 0, 0, 13, 10], .notAReply),
    ("NUL in the code", bytes("2\u{0}0 x\r\n"), .notAReply),
    ("an empty line", [13, 10], .notAReply),
    ("a LF alone", [10], .notAReply), ("a code below", bytes("199 x\r\n"), .notAReply),
    ("a code above", bytes("600 x\r\n"), .notAReply), ("two digits", bytes("22 x\r\n"), .notAReply),
    ("four digits", bytes("2200 x\r\n"), .notAReply), ("a sign", bytes("+20 x\r\n"), .notAReply),
    ("other digits", bytes("\u{0662}20 x\r\n"), .notAReply),
    ("a tab", bytes("220\tx\r\n"), .notAReply),
    ("HTTP", bytes("HTTP/1.1 200 OK\r\n"), .notAReply),
    ("TLS", [0x15, 3, 1, 0, 2, 10], .notAReply),
  ]

  @Test("nonsense is refused at once, with its reason, wherever it is cut", arguments: nonsense)
  func malformed(name: String, said: [UInt8], error: SMTPReplyError) {
    for cut in stride(from: 0, through: said.count, by: max(1, said.count / 40)) {
      #expect(Self.stage(said, cutAt: cut) == .malformed(error, at: .greeting), "cut at \(cut)")
    }
  }

  @Test("the longest reply that is taken is held once, and nothing of an endless one is kept")
  func memory() {
    let line = bytes("220-") + [UInt8](repeating: 120, count: 2042) + [13, 10]
    var client = ClientHarness(submission())
    for _ in 0..<127 { client.receive(line) }
    #expect(!client.isClosed)
    #expect(heldOctets(in: client.session) <= 8192, "text is text by now")
    client.receive("220 x\r\n")
    #expect(client.saidLines == ["EHLO me.example.net"])
    var endless = ClientHarness(submission())
    for _ in 0..<100 { endless.receive([UInt8](repeating: 50, count: 65_536)) }
    #expect(endless.isClosed && heldOctets(in: endless.session) <= 8192)
  }

  /// Replies that are in order as such, and mean the wrong thing at that place.
  static let wrong: [(replies: [String], stage: SMTPClientStage, saysMessage: Bool)] = [
    (["354 go"], .greeting, false), (["250 hi"], .greeting, false), (["221 bye"], .greeting, false),
    (["220 a", "354 go"], .extendedHello, false), (["220 a", "220 b"], .extendedHello, false),
    (["220 a", "250 b", "354 go"], .sender, false),
    (["220 a", "250 b", "250 c", "354 go"], .recipient, false),
    (["220 a", "250 b", "250 c", "250 d", "250 e"], .data, false),
    (["220 a", "250 b", "250 c", "250 d", "220 e"], .data, false),
    (["220 a", "250 b", "250 c", "250 d", "354 go", "354 go"], .messageEnd, true),
    (["220 a", "250 b", "250 c", "250 d", "354 go", "334 YQ=="], .messageEnd, true),
  ]

  @Test("a reply that fits no stage delivers nothing, and sends no message early", arguments: wrong)
  func outOfPlace(replies: [String], stage: SMTPClientStage, saysMessage: Bool) throws {
    var client = ClientHarness(submission())
    for reply in replies { client.receive(reply + "\r\n") }
    client.receive("221 bye\r\n")
    let outcome = try #require(client.delivery?.outcomes.first?.outcome)
    guard case .transient(.unexpected(_, let at)) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(at == stage)
    #expect(client.saidLines.contains("Subject: x") == saysMessage)
    #expect(client.isClosed)
  }

  @Test("all replies at once, before anything was said: no message is believed to be delivered")
  func allAtOnce() {
    for offer in ["250 x\r\n", ClientTests.offer] {
      let octets = bytes("220 a\r\n\(offer)250 b\r\n250 c\r\n354 go\r\n250 kept\r\n221 bye\r\n")
      let failure = Self.stage(octets, cutAt: octets.count)
      // The reply to the message came before the message was sent.
      guard case .unexpected(let reply, at: .message)? = failure else {
        Issue.record("\(String(describing: failure))")
        continue
      }
      #expect(reply.lines == ["kept"])
    }
  }

  @Test("a server that answers everything at the last moment is given up after four hours")
  func tarpit() {
    let names = (0..<400).map { "u\($0)@x" }
    var client = ClientHarness(submission(names))
    client.receive("220 hi\r\n")
    client.receive("250 x\r\n")
    client.receive("250 sender\r\n")
    for _ in names where !client.isClosed {
      client.now = client.now + .seconds(299)
      client.session.deadlinePassed(at: client.now)
      client.receive("250 ok\r\n")
      client.drain()
    }
    #expect(client.isClosed && client.now <= Instant.start + .seconds(14_400 + 299))
    #expect(client.delivery?.outcomes.last?.outcome == .transient(.timedOut(at: .recipient)))
  }

  @Test("extensions in every odd form are taken for none, or for what they say")
  func extensions() {
    for (line, limit) in [
      ("SIZE", Int?.none), ("SIZE 0", nil), ("SIZE -5", nil), ("SIZE x", nil), ("SIZE 5", 5),
      ("SIZE 99999999999999999999", nil), ("SIZE 9223372036854775807", Int.max), ("size 7 8", 7),
      ("\u{0}SIZE 5", nil), ("XSIZE 5", nil),
    ] {
      var client = ClientHarness(submission())
      client.receive("220 hi\r\n250-post\r\n250 \(line)\r\n")
      #expect(client.session.extensions.sizeLimit == limit, "\(line)")
    }
  }
}
