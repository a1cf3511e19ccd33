import Logging
import Mail
import MailStore
import Metrics
import Octets

/// One client's session being driven over its stream: octets in, replies out, messages to the store.
///
/// A value that is handed into a round and handed back: so a round can be interrupted, and the next
/// goes on where it was.
struct Conversation: Sendable {
  /// What the conversations of one server share.
  struct Surroundings: Sendable {
    let hostname: DomainName
    let store: any MailStoring
    let clock: MonotonicClock
    let metrics: ServerMetrics
    let logger: Logger
  }

  private enum Draft: Sendable {
    case none
    case open(any MailDraft)
    case failed(MessageFailure)
  }

  /// Octets read at once.
  static let readLimit = 65_536

  let surroundings: Surroundings
  private(set) var session: SMTPServerSession
  private var draft = Draft.none
  /// Read, but not yet given to the session.
  private var unread: [UInt8] = []
  /// How long the client may take to let replies through.
  private let writeLimit: Duration

  init(
    _ configuration: SMTPServerConfiguration, peer: String, hasSpoken: Bool,
    surroundings: Surroundings
  ) {
    self.surroundings = surroundings
    writeLimit = configuration.timeouts.command
    session = SMTPServerSession(
      configuration: configuration, peer: peer, hasSpoken: hasSpoken, at: surroundings.clock.now)
  }

  private var now: Instant { surroundings.clock.now }

  /// How a round ended.
  enum RoundEnd: Sendable {
    /// The session is over.
    case closed
    /// The stream is broken: nothing more can be said.
    case broken
    /// Somebody outside wants something.
    case interrupted(SessionInterruption?)
  }

  /// Goes on until the session is over or is interrupted.
  mutating func converse(
    over stream: some ByteStream, watched watch: SessionWatch
  ) async -> RoundEnd {
    do {
      while true {
        if !unread.isEmpty {
          let octets = unread
          unread = []
          session.receive(octets.span, at: now)
        }
        guard try await settle(over: stream, watched: watch) else { return .interrupted(nil) }
        if session.isClosed { return .closed }
        if let interruption = watch.willRead(until: session.nextDeadline) {
          return .interrupted(interruption)
        }
        let octets = try await stream.read(atMost: Self.readLimit)
        let mayGoOn = watch.didWait()
        if octets.isEmpty {
          session.streamEnded(at: now)
        } else {
          unread = octets
        }
        if !mayGoOn { return .interrupted(nil) }
      }
    } catch is CancellationError {
      return .interrupted(nil)
    } catch {
      session.streamEnded(at: now)
      return .broken
    }
  }

  /// Passes on what ended a round.
  mutating func heed(_ interruption: SessionInterruption) {
    switch interruption {
    case .deadline: session.deadlinePassed(at: now)
    case .stopping: session.shutDown(at: now)
    case .stoppingNow:
      session.shutDown(at: now)
      if !session.isClosed { session.streamEnded(at: now) }
    }
  }

  /// Performs what the session wants and writes what it says, until both are done; false when it
  /// was interrupted before that.
  private mutating func settle(
    over stream: some ByteStream, watched watch: SessionWatch
  ) async throws(ReplyNotTaken) -> Bool {
    while true {
      // A message that is whole is stored before its reply is there to be written.
      while let action = session.nextAction() { await perform(action) }
      let output = session.takeOutput()
      if output.isEmpty { return true }
      // A client that sends and never reads must not hold the session for ever.
      watch.willWrite(within: writeLimit, from: now)
      do {
        try await stream.write(output)
      } catch {
        // A part of the reply may be written, so nothing sensible can follow: cancelled or lost.
        throw ReplyNotTaken()
      }
      guard watch.didWait() else { return false }
    }
  }

  private struct ReplyNotTaken: Error {}

  /// Performs what is left to do when nothing can be said any more: no draft stays behind.
  mutating func abandon() async {
    while let action = session.nextAction() { await perform(action) }
    if case .open(let draft) = draft { await draft.discard() }
    draft = .none
  }

  private mutating func perform(_ action: SMTPServerSession.Action) async {
    switch action {
    case .beginMessage(let envelope): await begin(envelope)
    case .messageOctets(let octets):
      guard case .open(let draft) = draft else { return }
      do throws(MailStoreError) {
        try await draft.append(octets)
      } catch {
        await fail(error, draft)
      }
    case .endMessage(let octets): await end(octets: octets)
    case .abortMessage:
      if case .open(let draft) = draft { await draft.discard() }
      draft = .none
      surroundings.metrics.messagesAborted.increment()
    case .close: break
    }
  }

  private mutating func begin(_ envelope: SMTPEnvelope) async {
    do throws(MailStoreError) {
      let draft = try await surroundings.store.begin()
      self.draft = .open(draft)
      let header = TraceHeader(
        envelope: envelope, hostname: surroundings.hostname, identifier: draft.identifier,
        date: MailDate(secondsSince1970: MonotonicClock.wallSeconds()))
      try await draft.append(header.octets)
    } catch {
      if case .open(let draft) = draft {
        await fail(error, draft)
      } else {
        report(error)
        draft = .failed(error.failure)
      }
    }
  }

  private mutating func end(octets: Int) async {
    let result: Result<String, MessageFailure>
    switch draft {
    case .open(let draft):
      do throws(MailStoreError) {
        try await draft.commit()
        result = .success(draft.identifier)
        surroundings.metrics.messagesStored.increment()
        surroundings.metrics.octetsStored.increment(by: Int64(octets))
        surroundings.logger.info(
          "message stored", metadata: ["id": "\(draft.identifier)", "octets": "\(octets)"])
      } catch {
        report(error)
        result = .failure(error.failure)
      }
    case .failed(let failure): result = .failure(failure)
    case .none: result = .failure(.unavailable)
    }
    draft = .none
    session.messageStored(result, at: now)
  }

  private mutating func fail(_ error: MailStoreError, _ broken: any MailDraft) async {
    report(error)
    draft = .failed(error.failure)
    await broken.discard()
  }

  private func report(_ error: MailStoreError) {
    surroundings.metrics.storeFailures.increment()
    surroundings.logger.error("cannot store a message", metadata: ["reason": "\(error)"])
  }
}
