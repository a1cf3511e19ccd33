import Mail
import MailService
import MailStore
import Testing

/// A stream whose peer has sent something already.
private struct EagerStream: ByteStream {
  let inner: MemoryStream
  var peerName: String { inner.peerName }
  var hasInput: Bool { true }

  func read(atMost limit: Int) async throws -> [UInt8] { try await inner.read(atMost: limit) }
  func write(_ octets: [UInt8]) async throws { try await inner.write(octets) }
  func closeSending() async throws { try await inner.closeSending() }
  func abort() async { await inner.abort() }
  func close() async { await inner.close() }
}

@Suite("clients that do not wait for the greeting", .timeLimit(.minutes(1)))
struct EarlyTalkTests {
  private func server(
    _ change: (inout SMTPServerConfiguration) -> Void = { _ in }
  ) throws -> SMTPServer<MemorySource> {
    var configuration = SMTPServerConfiguration(
      hostname: try #require(DomainName("post.example.test")),
      policy: RecipientPolicy(domains: [try #require(MailDomain("example.test"))]))
    change(&configuration)
    return SMTPServer(
      source: MemorySource(), configuration: configuration, store: MemoryMailStore(),
      logger: .quiet)
  }

  private func served(
    by server: SMTPServer<MemorySource>, saying text: String
  ) async throws -> String {
    let (client, end) = MemoryStream.pair()
    try await client.write(Array(text.utf8))
    try await client.closeSending()
    await server.receive(EagerStream(inner: end))
    return try await client.reply()
  }

  @Test("octets that are there before the greeting are refused instead of greeted")
  func refused() async throws {
    let answer = try await served(by: server(), saying: "EHLO a.example\r\n")
    #expect(answer.hasPrefix("554 5.5.1"), "\(answer)")
  }

  @Test("with a delay, too, and where any order is allowed they are followed")
  func policies() async throws {
    let delayed = try server { $0.timeouts.greetingDelay = .seconds(30) }
    #expect(try await served(by: delayed, saying: "QUIT\r\n").hasPrefix("554 5.5.1"))
    let lenient = try server { $0.pipelining = .any }
    #expect(try await served(by: lenient, saying: "QUIT\r\n").hasPrefix("220"))
  }
}
