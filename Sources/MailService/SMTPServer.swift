public import Logging
public import Mail
public import MailStore
public import Metrics
import Octets
import Sockets
public import ServiceLifecycle

/// A mail server: sessions driven over the streams of a source, messages kept in a store.
///
/// A graceful shutdown stops accepting, lets messages under way be finished and answered, says 421
/// to everybody, and returns when the last session is over; those that dribble are cut off after
/// ``gracePeriod``.
public struct SMTPServer<Source: ByteStreamSource>: Service {
  private let source: Source
  private let configuration: SMTPServerConfiguration
  private let registry: SessionRegistry
  private let surroundings: Conversation.Surroundings
  /// How long sessions may take to come to their end.
  public var gracePeriod = Duration.seconds(30)
  /// How long a stream stays open for the last words to arrive.
  public var farewellPeriod = Duration.seconds(2)

  /// A server that is not running yet.
  /// - Parameters:
  ///   - maximumSessionsPerPeer: sessions of one peer at once; if not said, half of all, but 50 where
  ///     that is more, and never all unless there is only one.
  ///   - metrics: where it counts; what sessions decide is counted when they end.
  public init(
    source: Source, configuration: SMTPServerConfiguration, store: any MailStoring,
    maximumSessions: Int = 1000, maximumSessionsPerPeer: Int? = nil, logger: Logger,
    metrics: any MetricsFactory = MetricsSystem.factory
  ) {
    self.source = source
    self.configuration = configuration
    registry = SessionRegistry(
      limit: maximumSessions,
      perPeer: maximumSessionsPerPeer ?? SessionRegistry.share(of: maximumSessions))
    surroundings = Conversation.Surroundings(
      hostname: configuration.hostname, store: store, clock: MonotonicClock(),
      metrics: ServerMetrics(metrics), logger: logger)
  }

  /// Serves until the source ends, the service is shut down, or the task is cancelled.
  public func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { helpers in
      helpers.addTask { await watchDeadlines() }
      helpers.addTask { await awaitShutdown() }
      defer { helpers.cancelAll() }
      try await withThrowingDiscardingTaskGroup { sessions in
        do {
          while let stream = try await source.nextStream() {
            sessions.addTask { await receive(stream) }
          }
        } catch {
          registry.stop()
          registry.stopNow()
          if !(error is CancellationError) { throw error }
        }
      }
    }
  }

  /// Serves one stream to its end; what ``run()`` does with each.
  public func receive(_ stream: some ByteStream) async {
    switch registry.admit(stream.peerName) {
    case .refused(let rule): await refuse(stream, rule)
    case .admitted(let number, let watch):
      surroundings.metrics.sessionsOpened.increment()
      surroundings.metrics.sessionsOpen.record(registry.count)
      await serve(stream, watched: watch)
      registry.remove(number)
      surroundings.metrics.sessionsOpen.record(registry.count)
    }
  }

  /// Says why there is no room; where too many hear that already, the stream is cut off instead.
  private func refuse(_ stream: some ByteStream, _ rule: SMTPRule) async {
    surroundings.metrics.sessionsRefused.increment()
    var ledger = RuleLedger<SMTPRule>()
    ledger.note(rule)
    surroundings.metrics.add(ledger)
    guard registry.beginRefusal() else {
      surroundings.metrics.sessionsCutOff.increment()
      return await stream.abort()
    }
    let reply = SMTPServerSession.refusal(hostname: configuration.hostname, rule)
    await finish(stream, saying: reply)
    registry.endRefusal()
  }

  private func serve(_ stream: some ByteStream, watched watch: SessionWatch) async {
    // Who speaks first expects no answer. Most such octets come with the handshake or right behind it.
    let hasSpoken = configuration.pipelining == .groups ? await stream.hasInput : false
    var conversation = Conversation(
      configuration, peer: stream.peerName, hasSpoken: hasSpoken, surroundings: surroundings)
    defer { surroundings.metrics.add(conversation.session.ledger) }
    while true {
      let (next, end) = await round(conversation, stream, watch)
      conversation = next
      switch end {
      case .closed:
        await conversation.abandon()
        return await finish(stream)
      case .broken:
        await conversation.abandon()
        return await stream.abort()
      case .interrupted(let interruption):
        guard let interruption else {
          guard Task.isCancelled else { continue }
          // Cancelled from outside, not by the watch: the server is going down at once.
          await conversation.abandon()
          return await stream.abort()
        }
        // What the session has to say to it is written in the next round.
        conversation.heed(interruption)
      }
    }
  }

  /// One round: the conversation in one task, whoever may interrupt it in another.
  private func round(
    _ conversation: Conversation, _ stream: some ByteStream, _ watch: SessionWatch
  ) async -> (Conversation, Conversation.RoundEnd) {
    let interruptions = watch.beginRound()
    return await withTaskGroup(of: RoundOutcome.self) { group in
      group.addTask {
        var conversation = conversation
        let end = await conversation.converse(over: stream, watched: watch)
        return .conversation(conversation, end)
      }
      group.addTask { .interruption(await interruptions.first { _ in true }) }
      var result = (conversation, Conversation.RoundEnd.interrupted(nil))
      var interruption: SessionInterruption?
      while let outcome = await group.next() {
        switch outcome {
        case .conversation(let conversation, let end): result = (conversation, end)
        case .interruption(let found): interruption = interruption ?? found
        }
        group.cancelAll()
      }
      // What the watch said stands, unless the session was over anyway. The stream of interruptions may
      // have been cancelled between the watch's decision and its telling.
      if let interruption = interruption ?? watch.interruption, case .interrupted = result.1 {
        result.1 = .interrupted(interruption)
      }
      return result
    }
  }

  /// Ends a stream so that what was written arrives: a reset would take it back.
  private func finish(_ stream: some ByteStream, saying words: [UInt8] = []) async {
    try? await withDeadline(farewellPeriod) {
      if !words.isEmpty { try? await stream.write(words) }
      try? await stream.closeSending()
      var left = 1 << 20
      while left > 0, let octets = try? await stream.read(atMost: 65_536), !octets.isEmpty {
        left -= octets.count
      }
    }
    await stream.close()
  }

  private func watchDeadlines() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(200))
      registry.check(at: surroundings.clock.now)
    }
  }

  private func awaitShutdown() async {
    guard (try? await gracefulShutdown()) != nil else { return }
    await source.stop()
    registry.stop()
    try? await Task.sleep(for: gracePeriod)
    registry.stopNow()
  }
}

/// Which of a round's two tasks has ended.
private enum RoundOutcome: Sendable {
  case conversation(Conversation, Conversation.RoundEnd)
  case interruption(SessionInterruption?)
}
