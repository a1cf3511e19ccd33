import Mail
import Octets
import Testing

/// A client session with what it said and decided.
struct ClientHarness {
  var session: SMTPClientSession
  var said: [UInt8] = []
  var delivery: SMTPDelivery?
  var isClosed = false
  var now = Instant.start
  /// The message, in the pieces in which it is given; nil means it breaks off.
  var message: [[UInt8]?] = [bytes("Subject: x\r\n\r\n.text\r\n")]

  init(_ submission: SMTPSubmission) {
    session = SMTPClientSession(
      helloName: given(MailDomain("me.example.net")), submission: submission, at: .start)
  }

  var saidLines: [String] { lines(of: said) }

  mutating func receive(_ octets: [UInt8]) {
    session.receive(octets.span, at: now)
    drain()
  }
  mutating func receive(_ text: String) { receive(bytes(text)) }

  mutating func drain() {
    said += session.takeOutput()
    while let action = session.nextAction() {
      switch action {
      case .finished(let delivery):
        precondition(self.delivery == nil, "finished twice")
        self.delivery = delivery
      case .close: isClosed = true
      case .sendMessage:
        for piece in message {
          if let piece {
            session.message(piece.span, at: now)
          } else {
            session.abandonMessage(at: now)
          }
          said += session.takeOutput()
        }
        session.endMessage(at: now)
      }
      said += session.takeOutput()
    }
  }
}

func submission(
  _ recipients: [String] = ["b@example.test"], eightBit: Bool = false, size: Int? = nil
)
  -> SMTPSubmission
{
  SMTPSubmission(
    from: .address(given(MailAddress("a@example.net"))),
    to: recipients.map { .address(given(MailAddress($0))) }, size: size, isEightBit: eightBit)
}

@Suite("Client sessions")
struct ClientTests {
  static let offer = "250-post\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8bitmime\r\n250 X\r\n"

  @Test("with PIPELINING the envelope travels in one group")
  func pipelined() {
    var client = ClientHarness(submission(["b@x", "c@x"], eightBit: true, size: 99))
    client.receive("220 hello\r\n")
    client.receive(Self.offer)
    #expect(
      client.saidLines == [
        "EHLO me.example.net", "MAIL FROM:<a@example.net> SIZE=99 BODY=8BITMIME",
        "RCPT TO:<b@x>", "RCPT TO:<c@x>", "DATA",
      ])
    client.receive("250 a\r\n250 b\r\n550 5.1.1 c\r\n354 go\r\n")
    #expect(client.saidLines.suffix(4) == ["Subject: x", "", "..text", "."])
    client.receive("250 2.0.0 kept\r\n")
    #expect(client.saidLines.last == "QUIT")
    let outcomes = client.delivery?.outcomes.map(\.outcome)
    #expect(outcomes?[0].isDelivered == true)
    guard case .permanent(.refused(let reply, at: .recipient))? = outcomes?[1] else {
      Issue.record("\(String(describing: outcomes))")
      return
    }
    #expect(reply.code.rawValue == 550)
    client.receive("221 bye\r\n")
    #expect(client.isClosed)
  }

  @Test("without PIPELINING each command waits for its reply")
  func oneByOne() {
    var client = ClientHarness(submission(["b@x", "c@x"]))
    let steps = [
      ("220 hi", "EHLO me.example.net"), ("502 no", "HELO me.example.net"),
      ("250 hi", "MAIL FROM:<a@example.net>"), ("250 ok", "RCPT TO:<b@x>"),
      ("250 ok", "RCPT TO:<c@x>"), ("251 forwards", "DATA"), ("354 go", "."), ("250 kept", "QUIT"),
    ]
    for (reply, said) in steps {
      client.receive(reply + "\r\n")
      #expect(client.saidLines.last == said)
    }
    #expect(client.delivery?.isComplete == true)
  }

  static let failures: [(String, Bool)] = [
    ("554 no\r\n", false), ("421 busy\r\n", true), ("garbage\r\n", true), ("", true),
    ("220 hi\r\n421 busy\r\n", true), ("220 hi\r\n550 no\r\n550 no\r\n", false),
    ("220 hi\r\n250 x\r\n550 not you\r\n", false), ("220 hi\r\n250 x\r\n451 later\r\n", true),
    ("220 hi\r\n250 x\r\n250 ok\r\n450 later\r\n", true),
    ("220 hi\r\n250 x\r\n250 ok\r\n550 who\r\n", false),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n554 no\r\n", false),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n250 what\r\n", true),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n552 big\r\n", false),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n452 full\r\n", true),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n", true),
    ("220-hi\r\n221 other\r\n", true), ("220-a\r\n", true), ("120 x\r\n", true),
    ("22\r\n", true), ("220x\r\n", true), ("999 x\r\n", true),
    (String(repeating: "2", count: 5000), true),
    (String(repeating: "220-x\r\n", count: 500), true),
    ("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n354 again\r\n", true),
  ]

  @Test("refusals and nonsense end in a typed result, however cut", arguments: failures)
  func fails(server: String, isTransient: Bool) {
    func run(_ pieces: [[UInt8]]) -> ClientHarness {
      var client = ClientHarness(submission())
      for piece in pieces { client.receive(piece) }
      client.session.streamEnded(at: .start)
      client.drain()
      return client
    }
    let replies = bytes(server).split(separator: 10).map { Array($0) + [10] }
    let client = run(server.utf8.last == 10 ? replies : [bytes(server)])
    let outcome = client.delivery?.outcomes[0].outcome
    switch outcome {
    case .transient: #expect(isTransient, "\(String(describing: outcome))")
    case .permanent: #expect(!isTransient, "\(String(describing: outcome))")
    default: Issue.record("\(String(describing: outcome))")
    }
    #expect(client.isClosed)
    let single = run(bytes(server).map { [$0] })
    #expect(single.delivery == client.delivery)
  }

  @Test(
    "what a reply is shown with cannot command a terminal or turn the text around",
    arguments: [
      "\u{1B}[2J", "\u{85}", "\u{9B}2J", "\u{9D}0;x\u{9C}", "\u{202E}x", "\u{2066}x", "\u{200F}x",
      "\u{061C}x", "\u{2028}x", "\u{2029}x", "\u{200B}x", "\u{7F}", "\0", "\t",
    ])
  func shownReply(text: String) throws {
    var client = ClientHarness(submission())
    client.receive("554 no \(text) grüße, Ελλάδα\r\n")
    let shown = try #require(client.delivery?.outcomes.first).outcome
    guard case .permanent(.refused(let reply, at: .greeting)) = shown else {
      Issue.record("\(shown)")
      return
    }
    let scalars = reply.description.unicodeScalars
    #expect(!scalars.contains { $0.value < 32 || 127...159 ~= $0.value || $0.value >= 0x600 })
    #expect(reply.description.hasPrefix("554 no ?"))
    #expect(reply.description.hasSuffix(" grüße, Ελλάδα"))
  }

  @Test("a DATA that was taken with no recipient left is ended at once")
  func nobodyLeft() {
    var client = ClientHarness(submission())
    client.receive("220 hi\r\n" + Self.offer + "250 ok\r\n550 who\r\n354 go\r\n")
    #expect(client.saidLines.last == ".")
    client.receive("554 nobody\r\n")
    #expect(client.saidLines.last == "QUIT")
    #expect(client.delivery?.outcomes[0].outcome.isDelivered == false)
  }

  @Test("what the server cannot take is not sent")
  func extensions() {
    var big = ClientHarness(submission(size: 1001))
    big.receive("220 hi\r\n" + Self.offer)
    #expect(big.delivery?.outcomes[0].outcome == .permanent(.tooBig(limit: 1000)))
    #expect(big.saidLines == ["EHLO me.example.net", "QUIT"])
    var eight = ClientHarness(submission(eightBit: true))
    eight.receive("220 hi\r\n250 plain\r\n")
    #expect(eight.delivery?.outcomes[0].outcome == .permanent(.eightBitNotOffered))
  }

  @Test("many recipients go in groups that never fill both directions")
  func groups() {
    let names = (0..<120).map { "u\($0)@x" }
    var client = ClientHarness(submission(names))
    client.receive("220 hi\r\n" + Self.offer)
    #expect(client.saidLines.count == 2 + 50)
    client.receive("250 sender\r\n")
    for _ in names { client.receive("250 ok\r\n") }
    #expect(client.saidLines.last == "DATA")
    client.receive("354 go\r\n")
    client.receive("250 kept\r\n")
    #expect(client.delivery?.isComplete == true)
  }

  @Test("silence is given up on, at each stage in its time")
  func timeouts() {
    var client = ClientHarness(submission())
    let stages: [(String, Int)] = [
      ("", 300), ("220 hi\r\n", 300), ("250 x\r\n", 300), ("250 ok\r\n", 300),
      ("250 ok\r\n", 120), ("354 go\r\n", 600),
    ]
    for (reply, seconds) in stages {
      client.receive(reply)
      #expect(client.session.nextDeadline == client.now + .seconds(seconds), "after \(reply)")
      client.now = client.now + .seconds(seconds - 1)
      client.session.deadlinePassed(at: client.now)
      #expect(!client.isClosed)
    }
    client.now = client.now + .seconds(1)
    client.session.deadlinePassed(at: client.now)
    client.drain()
    #expect(client.delivery?.outcomes[0].outcome == .transient(.timedOut(at: .messageEnd)))
    #expect(client.isClosed)
  }

  @Test("a refusal before the end of the message is believed, a success is not")
  func premature() {
    for (reply, isTransient) in [("552 big", false), ("421 bye", true), ("250 kept", true)] {
      var client = ClientHarness(submission())
      client.receive("220 hi\r\n" + Self.offer + "250 ok\r\n250 ok\r\n354 go\r\n\(reply)\r\n")
      guard let outcome = client.delivery?.outcomes[0].outcome else { return }
      if case .transient = outcome { #expect(isTransient) } else { #expect(!isTransient) }
      #expect(!outcome.isDelivered && client.isClosed)
      #expect(!client.saidLines.contains("."))
    }
  }

  @Test("a message that breaks off is never ended")
  func broken() {
    var client = ClientHarness(submission())
    client.message = [bytes("half"), nil]
    client.receive("220 hi\r\n" + Self.offer + "250 ok\r\n250 ok\r\n354 go\r\n")
    #expect(client.isClosed)
    #expect(!client.saidLines.contains("."))
    #expect(client.delivery?.outcomes[0].outcome == .transient(.messageBroken))
  }

  static let stuffing: [(String, String)] = [
    ("", ".\r\n"), (".", "..\r\n.\r\n"), ("a", "a\r\n.\r\n"), ("a\r\n", "a\r\n.\r\n"),
    (".\r\n.\r\n", "..\r\n..\r\n.\r\n"), ("a\nb", "a\r\nb\r\n.\r\n"), ("a\r", "a\r\n.\r\n"),
    ("a\r.b", "a\r\n..b\r\n.\r\n"), ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
    ("\r\r\n", "\r\n\r\n.\r\n"), ("a.\r\n..", "a.\r\n...\r\n.\r\n"), ("\n\n", "\r\n\r\n.\r\n"),
  ]

  @Test("dots are doubled and line ends repaired at every cut", arguments: stuffing)
  func stuffs(message: String, travelling: String) throws {
    let octets = bytes(message)
    for cut in 0...octets.count {
      var stuffer = DotStuffer()
      var output: [UInt8] = []
      try stuffer.append(Array(octets[..<cut]).span, to: &output)
      try stuffer.append(Array(octets[cut...]).span, to: &output)
      try stuffer.finish(to: &output)
      #expect(output == bytes(travelling), "cut at \(cut)")
    }
  }

  @Test(
    "bare line ends are refused where they may not be repaired",
    arguments: [
      ("a\nb", 1), ("a\rb", 1), ("ab\r", 2), ("\r\n\r\r\n", 2),
    ])
  func refuses(message: String, offset: Int) {
    let octets = bytes(message)
    for cut in 0...octets.count {
      var stuffer = DotStuffer(repair: .refuse)
      var output: [UInt8] = []
      let error = #expect(throws: BareLineEndError.self) {
        try stuffer.append(Array(octets[..<cut]).span, to: &output)
        try stuffer.append(Array(octets[cut...]).span, to: &output)
        try stuffer.finish(to: &output)
      }
      #expect(error?.offset == offset)
    }
  }

  static let nonsense: [(SMTPReplyError, String)] = [
    (.notAReply, "a line does not begin with a reply code from 200 to 599"),
    (.codesDiffer(250, 550), "the lines of one reply have different codes, 250 and 550"),
    (.lineTooLong, "a line of a reply is longer than 2048 octets"),
    (.tooManyLines, "a reply has more than 128 lines"),
  ]

  @Test("what is no reply is told in a sentence", arguments: nonsense)
  func sentences(error: SMTPReplyError, sentence: String) {
    let failure = SMTPFailure.malformed(error, at: .greeting)
    #expect(failure.description == "the server does not speak SMTP (greeting): \(sentence)")
  }
}
