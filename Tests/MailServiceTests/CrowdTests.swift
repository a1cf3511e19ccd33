import Logging
import Mail
import MailStore
import Synchronization
import Testing

@testable import MailService

/// A stream whose peer takes nothing and says nothing, until the task is cancelled.
private final class DeafStream: ByteStream {
  enum End { case closed, aborted }

  let peerName = "192.0.2.66"
  let end = Mutex<End?>(nil)

  func read(atMost limit: Int) async throws -> [UInt8] {
    try await Task.sleep(for: .seconds(3600))
    return []
  }
  func write(_ octets: [UInt8]) async throws { try await Task.sleep(for: .seconds(3600)) }
  func closeSending() async throws {}
  func abort() async { end.withLock { $0 = $0 ?? .aborted } }
  func close() async { end.withLock { $0 = $0 ?? .closed } }
}

@Suite("more clients than there is room for", .timeLimit(.minutes(1)))
struct CrowdTests {
  @Test("one peer cannot take all sessions, and the next is served")
  func onePeer() async throws {
    let post = try Post(maximumSessions: 10, perPeer: 2)
    try await post.serving { () async throws in
      let (first, second) = (post.source.connect(), post.source.connect())
      #expect(try await first.reply().hasPrefix("220"))
      #expect(try await second.reply().hasPrefix("220"))
      #expect(try await post.source.connect().reply().hasPrefix("421 4.7.0"))
      #expect(try await post.source.connect(from: "192.0.2.11").reply().hasPrefix("220"))
      #expect(try await first.ask("QUIT").hasPrefix("221"))
      await first.close()
      var greeting = ""
      while !greeting.hasPrefix("220") { greeting = try await post.source.connect().reply() }
    }
  }

  @Test("if nothing is said, one peer may have half of the sessions or fifty, but never all")
  func shares() async throws {
    for (sessions, share) in [(1, 1), (2, 1), (10, 9), (50, 49), (60, 50), (200, 100)] {
      let post = try Post(maximumSessions: sessions)
      try await post.serving { () async throws in
        var held: [MemoryStream] = []
        for _ in 0..<share {
          held.append(post.source.connect())
          #expect(try await held.last?.reply().hasPrefix("220") == true)
        }
        let answer = try await post.source.connect().reply()
        #expect(answer.hasPrefix("421 4.7.0"), "\(answer)")
        let stranger = try await post.source.connect(from: "192.0.2.11").reply()
        #expect(stranger.hasPrefix(share < sessions ? "220" : "421 4.3.2"), "\(stranger)")
      }
    }
  }

  @Test("a peer's count is forgotten with its last session, and refusals have a counter each")
  func counts() async throws {
    let (server, factory) = try countedServer(maximumSessions: 2, maximumSessionsPerPeer: 1)
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws in
      for (peer, answer) in [
        ("192.0.2.1", "220"), ("192.0.2.1", "421 4.7.0"), ("192.0.2.2", "220"),
        ("192.0.2.3", "421 4.3.2"),
      ] {
        let (client, end) = MemoryStream.pair(from: peer)
        group.addTask { await server.receive(end) }
        #expect(try await client.reply().hasPrefix(answer), "\(peer)")
        if answer != "220" { await client.close() }
      }
      group.cancelAll()
    }
    #expect(factory.sum("postroad_smtp_rules_total tooManyFromPeer") == 1)
    #expect(factory.sum("postroad_smtp_rules_total tooManySessions") == 1)
    #expect(factory.sum("postroad_smtp_sessions_refused_total") == 2)
    let (client, end) = MemoryStream.pair(from: "192.0.2.1")
    try await client.write(Array("QUIT\r\n".utf8))
    await server.receive(end)
    #expect(try await client.reply().hasPrefix("220"))
  }

  @Test("streams that take no refusal are given up in time, and no more than a hundred are told")
  func deafCrowd() async throws {
    var post = try Post(maximumSessions: 1)
    post.server.farewellPeriod = .milliseconds(500)
    let server = post.server
    let holder = MemoryStream.pair()
    let held = Task { await server.receive(holder.server) }
    #expect(try await holder.client.reply().hasPrefix("220"))
    let crowd = (0..<300).map { _ in DeafStream() }
    await withTaskGroup(of: Void.self) { group in
      for stream in crowd { group.addTask { await server.receive(stream) } }
    }
    let ends = crowd.map { stream in stream.end.withLock { $0 } }
    #expect(ends.count { $0 == .closed } >= 100)
    #expect(ends.count { $0 == nil } == 0)
    #expect(ends.contains(.aborted))
    held.cancel()
    await held.value
  }
}

@Suite("what ends a session's waiting", .timeLimit(.minutes(1)))
struct SessionWatchTests {
  @Test("what was decided as the round ended is not lost with the round")
  func lateInterruption() async {
    let watch = SessionWatch()
    let interruptions = watch.beginRound()
    #expect(watch.willRead(until: nil) == nil)
    watch.stop()
    #expect(!watch.didWait())
    // The round ends by what it read, and nobody listens any more.
    _ = interruptions
    #expect(watch.interruption == .stopping)
    _ = watch.beginRound()
    #expect(watch.interruption == nil)
  }
}
