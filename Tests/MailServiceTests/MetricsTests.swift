import Logging
import Mail
import MailService
import MailStore
import Metrics
import Synchronization
import Testing

/// Remembers the sum of each counter under its label and labels' values; nothing else.
final class CountingFactory: MetricsFactory {
  private final class Handler: CounterHandler {
    let sum = Atomic<Int64>(0)
    func increment(by amount: Int64) { sum.add(amount, ordering: .relaxed) }
    func reset() {}
  }

  private let handlers = Mutex<[String: Handler]>([:])

  func sum(_ name: String) -> Int64 {
    handlers.withLock { $0[name]?.sum.load(ordering: .relaxed) ?? 0 }
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    let handler = Handler()
    let name = ([label] + dimensions.map(\.1)).joined(separator: " ")
    handlers.withLock { $0[name] = handler }
    return handler
  }
  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler { NOOPMetricsHandler.instance }
  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    NOOPMetricsHandler.instance
  }
  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}

/// A server of `example.test` that keeps mail in memory, and what it counts.
func countedServer(
  maximumSessions: Int = 1000, maximumSessionsPerPeer: Int? = nil
) throws -> (server: SMTPServer<MemorySource>, counts: CountingFactory) {
  let name = try #require(DomainName("post.example.test"))
  let domain = try #require(MailDomain("example.test"))
  let factory = CountingFactory()
  var configuration = SMTPServerConfiguration(
    hostname: name, policy: RecipientPolicy(domains: [domain]))
  configuration.pipelining = .any
  let server = SMTPServer(
    source: MemorySource(), configuration: configuration, store: MemoryMailStore(),
    maximumSessions: maximumSessions,
    maximumSessionsPerPeer: maximumSessionsPerPeer, logger: .quiet, metrics: factory)
  return (server, factory)
}

@Suite("what a mail server counts", .timeLimit(.minutes(1)))
struct MetricsTests {
  @Test("each refusal is counted by its reason when the session has ended")
  func refusals() async throws {
    let (server, factory) = try countedServer()
    let (client, end) = MemoryStream.pair()
    let text =
      "EHLO a.example\r\nFROB\r\nMAIL FROM:<>\r\nRCPT TO:<x@foreign.example>\r\n"
      + "RCPT TO:<y@foreign.example>\r\nRCPT TO:<x@example.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
    try await client.write(Array(text.utf8))
    try await client.closeSending()
    await server.receive(end)
    #expect(factory.sum("postroad_smtp_rules_total foreignDomain") == 2)
    #expect(factory.sum("postroad_smtp_rules_total unknownCommand") == 1)
    #expect(factory.sum("postroad_smtp_rules_total acceptMessage") == 1)
    #expect(factory.sum("postroad_smtp_messages_stored_total") == 1)
    #expect(factory.sum("postroad_smtp_sessions_total") == 1)
  }

  @Test("a session more than there may be is counted by its reason, too")
  func tooManySessions() async throws {
    let (server, factory) = try countedServer(maximumSessions: 0)
    let (client, end) = MemoryStream.pair()
    await server.receive(end)
    #expect(try await client.reply().hasPrefix("421"))
    #expect(factory.sum("postroad_smtp_rules_total tooManySessions") == 1)
    #expect(factory.sum("postroad_smtp_sessions_refused_total") == 1)
  }
}
