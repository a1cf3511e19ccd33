import Foundation
import Logging
import Mail
import MailService
import MailStore
import ServiceLifecycle
import Testing

/// A server over streams in memory, with a store in memory.
struct Post {
  let source = MemorySource()
  let store = MemoryMailStore()
  var server: SMTPServer<MemorySource>

  init(maximumSessions: Int = 10, perPeer: Int? = nil, idle: Duration = .seconds(60)) throws {
    let name = try #require(DomainName("post.example.test"))
    let domain = try #require(MailDomain("example.test"))
    var configuration = SMTPServerConfiguration(
      hostname: name, policy: RecipientPolicy(domains: [domain]))
    configuration.timeouts.command = idle
    configuration.timeouts.dataBlock = idle
    server = SMTPServer(
      source: source, configuration: configuration, store: store,
      maximumSessions: maximumSessions, maximumSessionsPerPeer: perPeer, logger: .quiet)
  }

  /// Serves while `body` runs.
  func serving(_ body: @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      try await body()
      group.cancelAll()
      try await group.waitForAll()
    }
  }
}

extension MemoryStream {
  /// Reads one reply; its text, or what there was before the end.
  func reply() async throws -> String {
    var text: [UInt8] = []
    while true {
      let octet = try await read(atMost: 1)
      if octet.isEmpty { return String(decoding: text, as: UTF8.self) }
      text += octet
      guard octet == [10] else { continue }
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\r\n")
      if let last = lines.last, last.dropFirst(3).first == " " {
        return lines.joined(separator: "\n")
      }
    }
  }

  func ask(_ line: String) async throws -> String {
    try await write(Array((line + "\r\n").utf8))
    return try await reply()
  }
}

@Suite("the mail server over streams", .timeLimit(.minutes(1)))
struct SMTPServerTests {
  @Test("a dialogue ends with the message in the store, trace header first")
  func dialogue() async throws {
    let post = try Post()
    try await post.serving { () async throws in
      let peer = post.source.connect()
      #expect(try await peer.reply().hasPrefix("220 post.example.test"))
      for (line, answer) in [
        ("EHLO me.example.net", "250-"), ("MAIL FROM:<me@example.net>", "250 "),
        ("RCPT TO:<x@foreign.example>", "550 "), ("RCPT TO:<x@example.test>", "250 "),
        ("DATA", "354 "), ("Subject: s\r\n\r\n..\r\nend\r\n.", "250 "), ("QUIT", "221 "),
      ] {
        let got = try await peer.ask(line)
        #expect(got.hasPrefix(answer), "\(line): \(got)")
      }
      #expect(try await peer.read(atMost: 1).isEmpty)
    }
    let kept = try #require(post.store.messages.first)
    let text = String(decoding: kept.octets, as: UTF8.self)
    #expect(text.hasPrefix("Return-Path: <me@example.net>\r\nDelivered-To: "))
    #expect(text.hasSuffix("Subject: s\r\n\r\n.\r\nend\r\n"))
    #expect(post.store.messages.count == 1)
  }

  @Test("client and server of ours understand each other, whatever is in the message")
  func clientAndServer() async throws {
    let post = try Post()
    let text =
      Array("Subject: x\r\n\r\n.\r\n..\r\n\u{E4}\u{F6}\r\n".utf8)
      + Array(repeating: Array("line\r\n".utf8), count: 40_000).flatMap { $0 }
    try await post.serving { () async throws in
      let to = try #require(MailAddress("x@example.test"))
      let wrong = try #require(MailAddress("x@foreign.example"))
      let delivery = await SMTPClient.deliver(
        SMTPSubmission(
          from: .null, to: [.address(to), .address(wrong)], size: text.count, isEightBit: true),
        message: text, helloName: try #require(MailDomain("me.example.net")),
        over: post.source.connect())
      let outcomes = try #require(delivery).outcomes.map(\.outcome)
      #expect(outcomes.count == 2)
      #expect(outcomes.first?.isDelivered == true)
      #expect(outcomes.last?.isDelivered == false)
    }
    let kept = try #require(post.store.messages.first)
    #expect(kept.octets.suffix(text.count).elementsEqual(text))
  }

  @Test("one session more than may be is told 421, and the next is welcome again")
  func tooMany() async throws {
    let post = try Post(maximumSessions: 1)
    try await post.serving { () async throws in
      let first = post.source.connect()
      #expect(try await first.reply().hasPrefix("220"))
      let second = post.source.connect()
      #expect(try await second.reply().hasPrefix("421"))
      #expect(try await first.ask("QUIT").hasPrefix("221"))
      await first.close()
      var greeting = ""
      while !greeting.hasPrefix("220") { greeting = try await post.source.connect().reply() }
    }
  }

  @Test("a silent peer is told 421, and the connection ends")
  func silence() async throws {
    let post = try Post(idle: .milliseconds(300))
    try await post.serving { () async throws in
      let peer = post.source.connect()
      #expect(try await peer.reply().hasPrefix("220"))
      #expect(try await peer.reply().hasPrefix("421"))
      #expect(try await peer.read(atMost: 1).isEmpty)
    }
  }

  @Test("a peer that sends and never reads does not hold its session for ever")
  func deafPeer() async throws {
    let post = try Post(maximumSessions: 1, idle: .seconds(2))
    try await post.serving { () async throws in
      let peer = post.source.connect()
      #expect(try await peer.reply().hasPrefix("220"))
      let turn =
        "MAIL FROM:<>\r\n" + String(repeating: "RCPT TO:<x@example.test>\r\n", count: 1000)
        + "RSET\r\n"
      await #expect(throws: MemoryStreamError.self) {
        #expect(try await peer.ask("EHLO a.example").hasPrefix("250"))
        while true { try await peer.write(Array(turn.utf8)) }
      }
      var greeting = ""
      while !greeting.hasPrefix("220") { greeting = try await post.source.connect().reply() }
    }
  }

  @Test("a server that takes no more of the message is given up in time")
  func deafServer() async throws {
    let (client, server) = MemoryStream.pair()
    try await server.write(
      Array("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n".utf8))
    var timeouts = SMTPClientTimeouts()
    timeouts.dataBlock = .milliseconds(300)
    let to = try #require(MailAddress("a@example.test"))
    let delivery = await SMTPClient.deliver(
      SMTPSubmission(from: .null, to: [.address(to)]),
      message: Array(repeating: 120, count: 300_000),
      helloName: try #require(MailDomain("me.example.net")), timeouts: timeouts, over: client)
    #expect(
      delivery?.outcomes.first?.outcome == .transient(.timedOut(at: .message)))
  }

  @Test("what a server says before it closes on a message is what became of it")
  func lastWords() async throws {
    let (client, server) = MemoryStream.pair()
    async let served: Void = {
      try await server.write(Array("220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n".utf8))
      var heard = ""
      while !heard.contains("DATA\r\n") {
        heard += String(decoding: try await server.read(atMost: 1000), as: UTF8.self)
      }
      try await server.write(Array("354 go\r\n".utf8))
      _ = try await server.read(atMost: 10)
      try await server.write(Array("552 5.3.4 enough\r\n".utf8))
      await server.close()
    }()
    let to = try #require(MailAddress("a@example.test"))
    let delivery = await SMTPClient.deliver(
      SMTPSubmission(from: .null, to: [.address(to)]),
      message: Array(repeating: 120, count: 300_000),
      helloName: try #require(MailDomain("me.example.net")), over: client)
    try await served
    let reply = SMTPReply(code: SMTPReplyCode(rawValue: 552), lines: ["5.3.4 enough"])
    #expect(delivery?.outcomes.first?.outcome == .permanent(.refused(reply, at: .message)))
  }

  @Test("a message that is cut off leaves nothing behind")
  func cutOff() async throws {
    let post = try Post()
    try await post.serving { () async throws in
      for aborts in [false, true] {
        let peer = post.source.connect()
        _ = try await peer.reply()
        for line in ["EHLO a.example", "MAIL FROM:<>", "RCPT TO:<x@example.test>", "DATA"] {
          _ = try await peer.ask(line)
        }
        try await peer.write(Array("Subject: half\r\n".utf8))
        if aborts { await peer.abort() } else { await peer.close() }
      }
      let whole = post.source.connect()
      #expect(try await whole.reply().hasPrefix("220"))
    }
    #expect(post.store.messages.isEmpty)
  }

  @Test("a graceful shutdown finishes the message under way and says 421 to the idle")
  func shutdown() async throws {
    let post = try Post()
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: post.server)], logger: .quiet))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      let (idle, busy) = (post.source.connect(), post.source.connect())
      #expect(try await idle.reply().hasPrefix("220"))
      #expect(try await busy.reply().hasPrefix("220"))
      for line in ["EHLO a.example", "MAIL FROM:<>", "RCPT TO:<x@example.test>", "DATA"] {
        _ = try await busy.ask(line)
      }
      await group.triggerGracefulShutdown()
      #expect(try await idle.reply().hasPrefix("421"))
      await idle.close()
      #expect(try await busy.ask("Subject: kept\r\n.").hasPrefix("250"))
      #expect(try await busy.reply().hasPrefix("421"))
      await busy.close()
      try await tasks.waitForAll()
    }
    #expect(post.store.messages.count == 1)
  }
}

@Suite("the README")
struct ReadmeTests {
  @Test("its example is the file that these tests compile")
  func example() throws {
    let here = URL(filePath: #filePath).deletingLastPathComponent()
    let root = here.deletingLastPathComponent().deletingLastPathComponent()
    let example = try String(
      contentsOf: here.appending(path: "Example.swift"), encoding: .utf8)
    let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    #expect(readme.contains("```swift\n" + example + "```"))
  }
}
