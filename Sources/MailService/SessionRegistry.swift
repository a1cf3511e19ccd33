import Mail
import Octets
import Synchronization

/// Why a session's waiting is ended from outside.
enum SessionInterruption: Sendable {
  /// The session's deadline has passed.
  case deadline
  /// The server is stopping: the session should come to its end.
  case stopping
  /// The server has waited long enough: the session ends now.
  case stoppingNow
}

/// What the server knows of one session: whether it waits for its peer, and until when.
///
/// A session is driven in rounds. A round begins with ``beginRound()``; in it the session calls
/// ``willRead(until:)`` before it reads, ``willWrite(until:)`` before it writes, and ``didWait()``
/// after. At most one interruption ends a round, and it ends only a waiting: work under way
/// (storing a message) is never cut off, and a reply is cut off only by time.
final class SessionWatch: Sendable {
  private enum Waiting {
    case none, reading, writing
  }

  private struct State {
    var deadline: Instant?
    var waiting = Waiting.none
    var isStopping = false
    var isStoppingNow = false
    /// Whether the session was told that the server is stopping.
    var wasTold = false
    /// What ends the present round: kept here, for the round may end before it hears of it.
    var interruption: SessionInterruption?
    var continuation: AsyncStream<SessionInterruption>.Continuation?
  }

  private let state = Mutex(State())

  /// A new round; its interruption, if there is one.
  func beginRound() -> AsyncStream<SessionInterruption> {
    let (stream, continuation) = AsyncStream<SessionInterruption>.makeStream(
      bufferingPolicy: .bufferingOldest(1))
    state.withLock {
      $0.continuation = continuation
      $0.interruption = nil
      $0.waiting = .none
    }
    return stream
  }

  /// What has ended the present round, if something did.
  var interruption: SessionInterruption? { state.withLock { $0.interruption } }

  /// The session is about to read.
  /// - Returns: what ends the round instead, if something does.
  func willRead(until deadline: Instant?) -> SessionInterruption? {
    state.withLock {
      if $0.isStoppingNow { return .stoppingNow }
      if $0.isStopping && !$0.wasTold {
        $0.wasTold = true
        return .stopping
      }
      $0.deadline = deadline
      $0.waiting = .reading
      return nil
    }
  }

  /// The session is about to write; that the server is stopping it hears when it next reads.
  ///
  /// Even one that ends at once may say what has become of its message: a 250 that is not told brings
  /// the message once more.
  func willWrite(within limit: Duration, from now: Instant) {
    state.withLock {
      $0.deadline = now + ($0.isStoppingNow ? min(limit, Self.lastWords) : limit)
      $0.waiting = .writing
    }
  }

  /// How long a reply may take when the server has waited long enough.
  static let lastWords = Duration.seconds(2)

  /// The session has read something, or has written everything.
  /// - Returns: false if the round was interrupted meanwhile.
  func didWait() -> Bool {
    state.withLock {
      $0.waiting = .none
      return $0.interruption == nil
    }
  }

  /// Ends the waiting of a session whose deadline has passed.
  func check(at now: Instant) {
    interrupt { state in
      guard let deadline = state.deadline, deadline <= now else { return nil }
      return .deadline
    }
  }

  /// Tells the session that the server is stopping, at once or when it next waits.
  func stop() {
    interrupt { state in
      state.isStopping = true
      guard state.waiting == .reading, state.interruption == nil, !state.wasTold else { return nil }
      state.wasTold = true
      return .stopping
    }
  }

  /// Ends the session, at once or when it next waits.
  func stopNow() {
    interrupt { state in
      state.isStoppingNow = true
      return .stoppingNow
    }
  }

  private func interrupt(_ decide: (inout State) -> SessionInterruption?) {
    let (interruption, continuation) = state.withLock { state in
      let decision = decide(&state)
      guard state.waiting != .none, state.interruption == nil, let decision else {
        return (SessionInterruption?.none, state.continuation)
      }
      state.interruption = decision
      return (decision, state.continuation)
    }
    if let interruption { continuation?.yield(interruption) }
  }
}

/// The sessions of a server: their number is bounded, their silence is noticed, and all of them
/// hear when the server stops.
final class SessionRegistry: Sendable {
  private struct Session {
    let watch: SessionWatch
    let peer: String
  }

  private struct State {
    var sessions: [Int: Session] = [:]
    /// How many of them each peer has; none with 0.
    var peers: [String: Int] = [:]
    var refusals = 0
    var next = 0
    var isStopping = false
  }

  /// Whether a session may begin.
  enum Admission {
    case admitted(number: Int, watch: SessionWatch)
    case refused(SMTPRule)
  }

  /// Streams that are told at the same time why they are refused; more are cut off without a word.
  static let mostRefusals = 100

  private let state = Mutex(State())
  private let limit: Int
  private let perPeer: Int

  /// - Parameter perPeer: sessions of one peer, of which it can be sure only while others leave room.
  init(limit: Int, perPeer: Int) {
    self.limit = limit
    self.perPeer = perPeer
  }

  /// How many of all sessions one peer may have: enough for a relay that has much to bring, and never
  /// so many that it keeps everybody else out.
  static func share(of sessions: Int) -> Int { max(1, min(max(sessions / 2, 50), sessions - 1)) }

  /// How many sessions there are.
  var count: Int { state.withLock { $0.sessions.count } }

  /// Admits a session of a peer, unless there are too many, or the server is stopping.
  func admit(_ peer: String) -> Admission {
    state.withLock {
      if $0.isStopping { return .refused(.shuttingDown) }
      // The peer's own limit first: it is what the peer can do something about.
      let count = $0.peers[peer] ?? 0
      guard count < perPeer else { return .refused(.tooManyFromPeer) }
      guard $0.sessions.count < limit else { return .refused(.tooManySessions) }
      let watch = SessionWatch()
      let number = $0.next
      $0.next += 1
      $0.sessions[number] = Session(watch: watch, peer: peer)
      $0.peers[peer] = count + 1
      return .admitted(number: number, watch: watch)
    }
  }

  /// Forgets a session that has ended.
  func remove(_ number: Int) {
    state.withLock {
      guard let peer = $0.sessions.removeValue(forKey: number)?.peer else { return }
      let left = ($0.peers[peer] ?? 1) - 1
      $0.peers[peer] = left > 0 ? left : nil
    }
  }

  /// Whether one more stream may be told why it is refused; if so, ``endRefusal()`` follows.
  func beginRefusal() -> Bool {
    state.withLock {
      guard $0.refusals < Self.mostRefusals else { return false }
      $0.refusals += 1
      return true
    }
  }

  /// A stream was told.
  func endRefusal() { state.withLock { $0.refusals -= 1 } }

  /// Notices whose deadline has passed.
  func check(at now: Instant) { everyone.forEach { $0.check(at: now) } }

  /// Admits nobody any more, and asks every session to come to its end.
  func stop() {
    state.withLock { $0.isStopping = true }
    everyone.forEach { $0.stop() }
  }

  /// Ends every session.
  func stopNow() { everyone.forEach { $0.stopNow() } }

  private var everyone: [SessionWatch] { state.withLock { $0.sessions.values.map(\.watch) } }
}
