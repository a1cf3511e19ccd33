import Mail
import Octets
import Testing

@Suite("The data phase")
struct DataPhaseTests {
  static let start = bytes(
    "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@example.test>\r\nDATA\r\n")

  /// Serves a message given as it travels, then QUIT.
  static func send(
    _ text: [UInt8], _ configuration: SMTPServerConfiguration = configuration(),
    cutAt cut: Int? = nil
  ) -> Served {
    let octets = text + bytes("QUIT\r\n")
    guard let cut else { return serve([start + octets], configuration) }
    return serve([start + octets[..<cut], Array(octets[cut...])], configuration)
  }

  static let texts: [(String, String)] = [
    (".\r\n", ""), ("\r\n.\r\n", "\r\n"), ("a\r\n.\r\n", "a\r\n"),
    ("a\r\n..\r\n.\r\n", "a\r\n.\r\n"), ("..a\r\n.\r\n", ".a\r\n"), (".a\r\n.\r\n", "a\r\n"),
    ("...\r\n....\r\n.\r\n", "..\r\n...\r\n"), ("a.\r\n.\r\n", "a.\r\n"),
    ("\r\n\r\n.\r\n", "\r\n\r\n"), ("a\u{0}b\r\n.\r\n", "a\u{0}b\r\n"),
    ("Ärger\r\n.\r\n", "Ärger\r\n"), ("a\r\n. \r\n.\r\n", "a\r\n \r\n"),
  ]

  @Test("dots are taken away at every cut", arguments: texts)
  func unstuffs(travelling: String, kept: String) throws {
    let octets = bytes(travelling)
    for cut in 0...octets.count {
      let served = Self.send(octets, cutAt: cut)
      #expect(served.messages.map(\.octets) == [bytes(kept)], "cut at octet \(cut)")
      #expect(served.replyLines.last?.hasPrefix("221") == true)
    }
    let single = serve((Self.start + octets).map { [$0] })
    #expect(single.messages.map(\.octets) == [bytes(kept)])
  }

  /// Sequences that some server takes for the end of a message and some other does not.
  static let smuggling: [String] = [
    "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\n\n.\r\n",
    "\r\r\n.\r\r\n", "\r\n.\r\r\n", "\r\r.\r\r", "\r\n.\n\r\n", "\n\r.\n\r", "\r\n\r.\r\n",
    "\r\n.\r\r", "\n.\n\n", "\r\n.\u{0}\n",
  ]

  @Test("no other sequence ends a message, and none of them is delivered", arguments: smuggling)
  func refusesSmuggling(sequence: String) {
    let text = bytes(
      "Subject: x\r\n\r\nfirst\(sequence)MAIL FROM:<evil@b>\r\nRCPT TO:<d@example.test>\r\n"
        + "DATA\r\nsecond\r\n.\r\n")
    let whole = Self.send(text)
    #expect(whole.messages.isEmpty)
    #expect(whole.aborted == 1)
    let said = whole.replyLines.suffix(2)
    #expect(said.first?.hasPrefix("550 5.5.2") == true && said.last?.hasPrefix("221") == true)
    #expect(whole.replyLines.count == 11, "only one message was answered")
    for cut in 0...text.count { #expect(Self.send(text, cutAt: cut) == whole, "cut at \(cut)") }
  }

  @Test(
    "sequences that are no line ends at all are text",
    arguments: ["\r\n\u{0}.\r\n", "\r\n..\r\n", "\r\n. \r\n", "\r\n.\t\r\n", "\r\n.\u{c}\r\n"])
  func keepsText(sequence: String) {
    let served = Self.send(bytes("first\(sequence)MAIL FROM:<evil@b>\r\n.\r\n"))
    #expect(served.messages.count == 1)
    #expect(served.replyLines.count == 11)
  }

  static let normalizing = configuration { $0.bareLineEnds = .normalize }
  static let normalized: [(String, String?)] = [
    ("a\nb\r\n.\r\n", "a\r\nb\r\n"), ("a\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n"),
    ("a\n.\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n"), ("a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n"),
    ("a\n..b\n\r\n.\r\n", "a\r\n.b\r\n\r\n"), ("a\rb\r\n.\r\n", nil),
    ("\n\n\r\n.\r\n", "\r\n\r\n\r\n"),
    ("a\r\n.\r\r\n.\r\n", nil),
  ]

  @Test(
    "in normalizing mode a LF alone ends a line but never the message", arguments: normalized)
  func normalizes(travelling: String, kept: String?) {
    let octets = bytes(travelling)
    for cut in 0...octets.count {
      let served = Self.send(octets, Self.normalizing, cutAt: cut)
      #expect(served.messages.map(\.octets) == (kept.map { [bytes($0)] } ?? []), "cut at \(cut)")
      #expect(served.replyLines.last?.hasPrefix("221") == true)
    }
  }

  @Test("a stream that ends within the message delivers nothing, wherever it ends")
  func cutOff() {
    let text = bytes("Subject: x\r\n\r\n..text\r\n.\r\n")
    for length in 0..<text.count {
      let served = serve([Self.start + text[..<length]])
      #expect(served.messages.isEmpty && served.aborted == 1, "after \(length) octets")
      #expect(served.isClosed)
    }
    #expect(serve([Self.start + text]).messages.count == 1)
  }

  @Test("a message too big is read to its end and then refused, the session goes on")
  func tooBig() {
    let server = configuration { $0.limits.messageOctets = 1000 }
    let line = String(repeating: "x", count: 98) + "\r\n"
    func message(_ lines: Int) -> [UInt8] {
      bytes(String(repeating: line, count: lines) + ".\r\n")
    }
    #expect(Self.send(message(10), server).messages.map(\.octets.count) == [1000])
    let served = Self.send(message(10 + 1), server)
    #expect(served.messages.isEmpty && served.aborted == 1)
    #expect(served.replyLines.suffix(2).first?.hasPrefix("552 5.3.4") == true)
    #expect(served.replyLines.last?.hasPrefix("221") == true)
    // Dots that were stuffed do not count.
    let dots = bytes(String(repeating: ".." + line.dropFirst(), count: 10) + ".\r\n")
    #expect(Self.send(dots, server).messages.map(\.octets.count) == [1000])
  }

  @Test("long lines of text are taken up to the cap, then the message is refused at its end")
  func longLines() {
    let server = configuration { $0.limits.textLine = 2000 }
    for (count, isTaken) in [(998, true), (1998, true), (1999, false), (50_000, false)] {
      let text = bytes("a\r\n" + String(repeating: "x", count: count) + "\r\nb\r\n.\r\n")
      let served = Self.send(text, server)
      #expect(served.messages.isEmpty != isTaken, "\(count) octets")
      let code = isTaken ? "250 2.0.0" : "554 5.6.0"
      #expect(served.replyLines.suffix(2).first?.hasPrefix(code) == true, "\(count) octets")
    }
  }

  @Test("mail that runs in circles is refused, and only headers count")
  func loops() {
    let received = String(repeating: "Received: from a\r\n\tby b\r\n", count: 100)
    let body = "\r\n" + String(repeating: "Received: in the text\r\n", count: 100) + ".\r\n"
    let almost = Self.send(bytes(received + "X-Received: x\r\nReceive: x\r\n" + body))
    #expect(almost.messages.count == 1)
    let loop = bytes(received + "rEcEiVeD: x\r\n" + body)
    let served = Self.send(loop)
    #expect(served.messages.isEmpty)
    #expect(served.replyLines.suffix(2).first?.hasPrefix("554 5.4.6") == true)
    let single = serve((Self.start + loop + bytes("QUIT\r\n")).map { [$0] })
    #expect(single == served, "one octet at a time")
  }

  @Test(
    "what the store says is what the client hears",
    arguments: [
      (MessageFailure.full, "452 4.3.1"), (.unavailable, "451 4.3.0"), (.tooBig, "552 5.3.4"),
      (.refused, "554 5.6.0"),
    ])
  func storeFails(failure: MessageFailure, reply: String) {
    var harness = ServerHarness()
    harness.results = [.failure(failure), .success("second")]
    let again = Self.start.dropFirst(9)
    harness.receive(Self.start + bytes("x\r\n.\r\n") + again + bytes("y\r\n.\r\nQUIT\r\n"))
    let said = harness.served.replyLines
    #expect(said.contains { $0.hasPrefix(reply) })
    #expect(said.last?.hasPrefix("221") == true)
    #expect(harness.served.messages.map(\.octets) == [bytes("y\r\n")])
  }

  @Test("what is pipelined behind a message waits for the store, and survives a half close")
  func waits() {
    var session = SMTPServerSession(configuration: configuration(), peer: nil, at: .start)
    let octets = Self.start + bytes("x\r\n.\r\nNOOP\r\nQUIT\r\n")
    session.receive(octets.span, at: .start)
    session.streamEnded(at: .start)
    var seen: [SMTPServerSession.Action] = []
    while let action = session.nextAction() { seen.append(action) }
    #expect(seen.count == 3 && seen.last == .endMessage(octets: 3))
    #expect(!session.wantsInput && session.nextDeadline == nil)
    #expect(lines(of: session.takeOutput()).last?.hasPrefix("354") == true)
    session.messageStored(.success("id"), at: .start)
    let said = lines(of: session.takeOutput())
    #expect(difference(["250 2.0.0 message kept", "250 2.0.0 nothing", "221"], said) == nil)
    #expect(session.nextAction() == .close && session.nextAction() == nil)
  }
}
