import Logging
import Mail
import MailService
import MailStore
import ServiceLifecycle
import Testing

/// A store whose commits wait until the test lets them.
private final class SlowStore: MailStoring {
  let inner = MemoryMailStore()
  let (committing, begun) = AsyncStream<Void>.makeStream()
  let (gate, opening) = AsyncStream<Void>.makeStream()

  func begin() async throws(MailStoreError) -> any MailDraft {
    SlowDraft(try await inner.begin(), self)
  }

  private final class SlowDraft: MailDraft {
    let inner: any MailDraft
    let store: SlowStore
    var identifier: String { inner.identifier }

    init(_ inner: any MailDraft, _ store: SlowStore) { (self.inner, self.store) = (inner, store) }

    func append(_ octets: [UInt8]) async throws(MailStoreError) { try await inner.append(octets) }
    func commit() async throws(MailStoreError) {
      store.begun.yield()
      for await _ in store.gate { break }
      try await inner.commit()
    }
    func discard() async { await inner.discard() }
  }
}

/// What SIGTERM brings about, but for the signal.
@Suite("stopping a server", .timeLimit(.minutes(1)))
struct StopTests {
  /// Runs a server; `body` stops it, and it must come to its end by itself.
  private func running(
    _ server: SMTPServer<MemorySource>,
    _ body: @Sendable (_ stop: @Sendable () async -> Void) async throws -> Void
  ) async throws {
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: .quiet))
    try await withThrowingTaskGroup(of: Void.self) { (tasks) async throws in
      tasks.addTask { try await group.run() }
      try await body { await group.triggerGracefulShutdown() }
      try await tasks.waitForAll()
    }
  }

  private func begin(_ peer: MemoryStream) async throws {
    #expect(try await peer.reply().hasPrefix("220"))
    for line in ["EHLO a.example", "MAIL FROM:<>", "RCPT TO:<x@example.test>"] {
      #expect(try await peer.ask(line).hasPrefix("250"))
    }
    #expect(try await peer.ask("DATA").hasPrefix("354"))
  }

  @Test("a message that is being made durable is answered first")
  func storing() async throws {
    let store = SlowStore()
    let source = MemorySource()
    let name = try #require(DomainName("post.example.test"))
    let domain = try #require(MailDomain("example.test"))
    let server = SMTPServer(
      source: source,
      configuration: SMTPServerConfiguration(
        hostname: name, policy: RecipientPolicy(domains: [domain])),
      store: store, logger: .quiet)
    try await running(server) { (stop) async throws in
      let (peer, idle) = (source.connect(), source.connect())
      #expect(try await idle.reply().hasPrefix("220"))
      try await begin(peer)
      try await peer.write(Array("Subject: x\r\n.\r\n".utf8))
      for await _ in store.committing { break }
      await stop()
      #expect(try await idle.reply().hasPrefix("421"))
      #expect(store.inner.messages.isEmpty)
      store.opening.yield()
      #expect(try await peer.reply().hasPrefix("250"))
      #expect(try await peer.reply().hasPrefix("421"))
      #expect(try await peer.read(atMost: 1).isEmpty)
      await peer.close()
      await idle.close()
    }
    #expect(store.inner.messages.count == 1)
  }

  @Test("what is stored after the grace period is told all the same")
  func lateStore() async throws {
    let store = SlowStore()
    let source = MemorySource()
    let name = try #require(DomainName("post.example.test"))
    let domain = try #require(MailDomain("example.test"))
    var server = SMTPServer(
      source: source,
      configuration: SMTPServerConfiguration(
        hostname: name, policy: RecipientPolicy(domains: [domain])),
      store: store, logger: .quiet)
    server.gracePeriod = .milliseconds(100)
    try await running(server) { (stop) async throws in
      let (peer, dribbler) = (source.connect(), source.connect())
      try await begin(dribbler)
      try await begin(peer)
      try await peer.write(Array("Subject: x\r\n.\r\n".utf8))
      for await _ in store.committing { break }
      await stop()
      // The other one is cut off when the grace period is over.
      await #expect(throws: MemoryStreamError.self) {
        while true {
          try await dribbler.write(Array("x\r\n".utf8))
          try await Task.sleep(for: .milliseconds(5))
        }
      }
      store.opening.yield()
      #expect(try await peer.reply().hasPrefix("250"))
      await peer.close()
    }
    #expect(store.inner.messages.count == 1)
  }

  @Test("a client that sends and never reads does not keep the server")
  func deafClient() async throws {
    var post = try Post()
    post.server.gracePeriod = .milliseconds(300)
    let source = post.source
    let began = ContinuousClock.now
    let turn =
      "MAIL FROM:<>\r\n" + String(repeating: "RCPT TO:<x@example.test>\r\n", count: 1000)
      + "RSET\r\n"
    try await running(post.server) { (stop) async throws in
      let peer = source.connect()
      #expect(try await peer.reply().hasPrefix("220"))
      #expect(try await peer.ask("EHLO a.example").hasPrefix("250"))
      let sending = Task {
        while true { try await peer.write(Array(turn.utf8)) }
      }
      await stop()
      await #expect(throws: MemoryStreamError.self) { try await sending.value }
    }
    #expect(ContinuousClock.now - began < .seconds(30))
  }

  @Test("a message that dribbles is cut off in the end, and not delivered")
  func dribbler() async throws {
    var post = try Post()
    post.server.gracePeriod = .milliseconds(300)
    let source = post.source
    let began = ContinuousClock.now
    try await running(post.server) { (stop) async throws in
      let peer = source.connect()
      try await begin(peer)
      let dribbling = Task {
        while true {
          try await peer.write(Array("x\r\n".utf8))
          try await Task.sleep(for: .milliseconds(5))
        }
      }
      await stop()
      await #expect(throws: MemoryStreamError.self) { try await dribbling.value }
    }
    #expect(post.store.messages.isEmpty)
    #expect(ContinuousClock.now - began < .seconds(30))
  }
}
