import Mail
import Octets
import Testing

@Suite("Limits of a session")
struct LimitTests {
  @Test("a line too long is dropped to its end and its tail is no command")
  func longLine() {
    for count in [513, 600, 5000, 100_000] {
      let served = serve([
        bytes(String(repeating: "x", count: count) + "QUIT\r\nNOOP\r\nQUIT\r\n")
      ])
      #expect(difference(["220", "500 5.5.2", "250", "221"], served.replyLines) == nil)
    }
    let longest = "NOOP " + String(repeating: "x", count: 505)
    #expect(serve([bytes("\(longest)\r\n")]).replyLines.last?.hasPrefix("250") == true)
    #expect(serve([bytes("\(longest)x\r\n")]).replyLines.last?.hasPrefix("500 5.5.2") == true)
  }

  @Test("a line without end does not grow the memory of a session")
  func endlessLine() {
    var harness = ServerHarness()
    for _ in 0..<1000 { harness.receive(String(repeating: "y", count: 10_000)) }
    harness.receive("\r\nNOOP\r\n")
    #expect(difference(["220", "500 5.5.2", "250"], harness.served.replyLines) == nil)
  }

  @Test(
    "a CR or LF alone in a command is told at once or at its end, and hides no command",
    arguments: [
      "NOOP\nNOOP\r\n", "NOOP\rNOOP\r\n", "\n\r\n", "NOOP\n\n\nRSET\r\n", "NOOP\r\r\n", "\r\r\n",
    ])
  func bareLineEnds(line: String) {
    let octets = bytes(line + "QUIT\r\n")
    let whole = serve([octets])
    #expect(difference(["220", "550 5.5.2", "221"], whole.replyLines) == nil)
    #expect(serve(octets.map { [$0] }) == whole)
    var harness = ServerHarness()
    harness.receive("HELO x\n")
    #expect(harness.served.replyLines.last?.hasPrefix("550 5.5.2") == true, "at once")
  }

  @Test("in normalizing mode a LF alone ends a command")
  func normalizing() {
    let served = serve(
      [bytes("HELO x\nNOOP\nQUIT\n")], configuration { $0.bareLineEnds = .normalize })
    #expect(difference(["220", "250", "250", "221"], served.replyLines) == nil)
  }

  @Test("recipients: at least a hundred, then 452 and the transaction goes on")
  func recipients() {
    for limit in [100, 1000] {
      let server = configuration { $0.limits.recipients = limit }
      let text =
        "HELO x\r\nMAIL FROM:<>\r\n"
        + (0...limit).map { "RCPT TO:<u\($0)@example.test>\r\n" }.joined()
        + "DATA\r\nx\r\n.\r\nQUIT\r\n"
      let served = serve([bytes(text)], server)
      #expect(served.messages.first?.envelope.recipients.count == limit)
      #expect(served.replyLines.filter { $0.hasPrefix("452 4.5.3") }.count == 1)
    }
  }

  @Test("recipients above the limit are put off, and the message goes to the others")
  func manyMoreRecipients() {
    let text =
      "HELO x\r\nMAIL FROM:<>\r\n"
      + (0..<3000).map { "RCPT TO:<u\($0)@example.test>\r\n" }.joined()
      + "DATA\r\nx\r\n.\r\nQUIT\r\n"
    let served = serve([bytes(text)])
    #expect(served.replyLines.count { $0.hasPrefix("452 4.5.3") } == 2000)
    #expect(served.messages.first?.envelope.recipients.count == 1000)
    #expect(served.replyLines.last?.hasPrefix("221") == true)
  }

  @Test("who names ten times as many recipients as are taken is sent away")
  func endlessRecipients() {
    let server = configuration { $0.limits.recipients = 100 }
    let text =
      "HELO x\r\nMAIL FROM:<>\r\n"
      + (0..<2000).map { "RCPT TO:<u\($0)@example.test>\r\n" }.joined()
    let served = serve([bytes(text)], server)
    #expect(served.replyLines.count { $0.hasPrefix("452 4.5.3") } == 1001)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)
    #expect(served.messages.isEmpty)
  }

  @Test("the greeting and each reply that ends the connection begin with the server's name")
  func hostname() {
    let name = "post.example.test"
    #expect(serve([]).replyLines == ["220 \(name) ESMTP Postroad"])
    #expect(serve([bytes("QUIT\r\n")]).replyLines.last?.hasPrefix("221 2.0.0 \(name) ") == true)
    let errors = serve([bytes(String(repeating: "FROB\r\n", count: 50))])
    #expect(errors.replyLines.last?.hasPrefix("421 4.7.0 \(name) ") == true)
    for rule in [SMTPRule.tooManySessions, .shuttingDown] {
      let said = SMTPServerSession.refusal(hostname: configuration().hostname, rule)
      #expect(lines(of: said).first?.hasPrefix("421 4.3.2 \(name) ") == true)
    }
    let said = SMTPServerSession.refusal(hostname: configuration().hostname, .tooManyFromPeer)
    #expect(lines(of: said).first?.hasPrefix("421 4.7.0 \(name) ") == true)
  }

  @Test("SIZE and BODY mean the same after HELO, where they are not offered")
  func parametersAfterHello() {
    var server = configuration()
    server.limits.messageOctets = 1000
    let text =
      "HELO x\r\nMAIL FROM:<> SIZE=1000 BODY=8BITMIME\r\nRSET\r\nMAIL FROM:<> SIZE=1001\r\n"
      + "MAIL FROM:<> AUTH=<>\r\n"
    let served = serve([bytes(text)], server)
    let expected = ["220", "250", "250 2.1.0", "250", "552 5.3.4", "555 5.5.4"]
    #expect(difference(expected, served.replyLines) == nil)
  }

  @Test("messages that are refused for what they are count as errors")
  func refusedMessages() {
    let turn = "MAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\nDATA\r\nbare\nline\r\n.\r\n"
    let served = serve([bytes("HELO x\r\n" + String(repeating: turn, count: 100))])
    #expect(served.replyLines.count { $0.hasPrefix("550 5.5.2") } == 21)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)
    #expect(served.isClosed && served.messages.isEmpty)
  }

  @Test("after too many errors 421 and the end")
  func errors() {
    let served = serve([bytes(String(repeating: "FROB\r\n", count: 1000))])
    #expect(served.replyLines.filter { $0.hasPrefix("500") }.count == 21)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)
    #expect(served.isClosed)
  }

  @Test("guessing recipients is bounded")
  func guesses() {
    let text =
      "HELO x\r\nMAIL FROM:<>\r\n"
      + (0..<1000).map { "RCPT TO:<u\($0)@foreign.example>\r\n" }.joined()
    let served = serve([bytes(text)])
    #expect(served.replyLines.filter { $0.hasPrefix("550 5.7.1") }.count == 201)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)
  }

  @Test(
    "commands without a message are bounded",
    arguments: ["NOOP", "RSET", "VRFY x", "HELP", "HELO x"])
  func idleCommands(command: String) {
    let served = serve([bytes(String(repeating: "\(command)\r\n", count: 500))])
    #expect(served.replyLines.count == 1 + 100 + 1)
    #expect(served.replyLines.last?.hasPrefix("421 4.7.0") == true)
  }

  @Test("a message that is kept starts the count of idle commands anew")
  func usefulSession() {
    let turn =
      "RSET\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\nDATA\r\nx\r\n.\r\n"
    let served = serve([bytes("HELO x\r\n" + String(repeating: turn, count: 300))])
    #expect(served.messages.count == 300)
  }

  @Test("who speaks before the greeting is refused")
  func earlyTalk() {
    let server = configuration { $0.timeouts.greetingDelay = .seconds(2) }
    var harness = ServerHarness(server)
    #expect(harness.served.replies.isEmpty)
    #expect(harness.session.nextDeadline == Instant.start + .seconds(2))
    harness.receive("EHLO me\r\n")
    #expect(difference(["554 5.5.1"], harness.served.replyLines) == nil)
    #expect(harness.served.isClosed)
    var patient = ServerHarness(server)
    patient.advance(by: .seconds(2))
    patient.receive("HELO x\r\n")
    #expect(difference(["220", "250"], patient.served.replyLines) == nil)
  }

  @Test("silence: five minutes for a command, three within a message, an hour for all of it")
  func timeouts() {
    var harness = ServerHarness()
    harness.advance(by: .seconds(299))
    harness.receive("NO")
    harness.advance(by: .seconds(1))
    #expect(
      difference(["220", "421 4.4.2"], harness.served.replyLines) == nil, "octets do not help")

    var sending = ServerHarness(configuration { $0.limits.octetsPerSecond = 0 })
    sending.receive(DataPhaseTests.start)
    for _ in 0..<20 {
      sending.advance(by: .seconds(179))
      sending.receive("x")
    }
    #expect(!sending.served.isClosed)
    sending.advance(by: .seconds(179))
    #expect(sending.served.replyLines.last?.hasPrefix("421 4.4.2") == true, "the hour is over")
    #expect(sending.served.aborted == 1 && sending.served.messages.isEmpty)

    var silent = ServerHarness()
    silent.receive(DataPhaseTests.start)
    silent.advance(by: .seconds(180))
    #expect(silent.served.aborted == 1 && silent.served.isClosed)
  }

  @Test("when the server stops, a message under way is finished first")
  func shutDown() {
    var idle = ServerHarness()
    idle.session.shutDown(at: .start)
    idle.drain()
    #expect(difference(["220", "421 4.3.2"], idle.served.replyLines) == nil)
    #expect(idle.served.isClosed)

    var busy = ServerHarness()
    busy.receive(DataPhaseTests.start)
    busy.session.shutDown(at: .start)
    busy.drain()
    #expect(!busy.served.isClosed)
    busy.receive("x\r\n.\r\nMAIL FROM:<>\r\n")
    #expect(busy.served.messages.count == 1)
    let said = Array(busy.served.replyLines.suffix(2))
    #expect(difference(["250 2.0.0", "421 4.3.2"], said) == nil)
    #expect(busy.served.isClosed)
  }

  @Test("one session too many hears why")
  func tooMany() {
    let said = SMTPServerSession.refusal(hostname: configuration().hostname)
    #expect(lines(of: said).first?.hasPrefix("421 4.3.2") == true)
  }

  @Test("the ledger counts what was decided and reports it with its numbers")
  func ledger() {
    var harness = ServerHarness()
    harness.session.ledger.isReporting = true
    harness.receive("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<@r:a@example.test>\r\nFROB\r\n")
    #expect(harness.session.ledger.count(.sourceRouteIgnored) == 1)
    #expect(
      harness.session.ledger.takeReports().map(\.rule)
        == [.helloPlain, .acceptSender, .sourceRouteIgnored, .acceptRecipient, .unknownCommand])
  }

  @Test("what a command lacks or has too much of is refused by its own rule")
  func refusals() {
    var harness = ServerHarness()
    harness.receive("EHLO c\r\nVRFY\r\nMAIL FROM:<a@b>\r\n")
    harness.receive("RCPT TO:<" + String(repeating: "l", count: 65) + "@example.test>\r\n")
    #expect(harness.served.replyLines.suffix(3).map { $0.prefix(3) } == ["501", "250", "501"])
    #expect(harness.session.ledger.count(.missingArgument) == 1)
    #expect(harness.session.ledger.count(.pathTooLong) == 1)
  }
}
