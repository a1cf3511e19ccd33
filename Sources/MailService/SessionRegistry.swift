import Synchronization

/// Why a session's waiting is ended from outside.
enum SessionInterruption: Sendable {
  /// The peer was silent for too long.
  case idle
  /// The server is stopping.
  case stopping
}

/// What the server knows of one session: whether it waits for its peer, and until when.
///
/// A session calls ``willWait(untilNanoseconds:isBetweenMails:)`` before it reads and
/// ``didHear()`` after. Whoever watches the session receives at most one interruption.
final class SessionWatch: Sendable {
  private struct State {
    var deadline: Int64?
    var isBetweenMails = true
    var isStopping = false
    var isInterrupted = false
  }

  private let state = Mutex(State())
  private let (interruptions, continuation) = AsyncStream<SessionInterruption>.makeStream(
    bufferingPolicy: .bufferingOldest(1))

  /// Waits for an interruption; nil when the task is cancelled.
  func interruption() async -> SessionInterruption? {
    await interruptions.first { _ in true }
  }

  /// The session is about to read.
  /// - Returns: false if it should end instead, because the server is stopping.
  func willWait(untilNanoseconds deadline: Int64, isBetweenMails: Bool) -> Bool {
    state.withLock {
      $0.deadline = deadline
      $0.isBetweenMails = isBetweenMails
      return !($0.isStopping && isBetweenMails)
    }
  }

  /// The session has read something.
  func didHear() { state.withLock { $0.deadline = nil } }

  /// Ends the waiting of a session whose peer is silent.
  func check(atNanoseconds now: Int64) {
    interrupt(.idle) { $0.deadline.map { $0 <= now } ?? false }
  }

  /// Ends the waiting of a session that owes its peer nothing; others see it when they next wait.
  func stop() {
    interrupt(.stopping) {
      $0.isStopping = true
      return $0.deadline != nil && $0.isBetweenMails
    }
  }

  /// Ends the session whatever it is doing.
  func stopNow() {
    interrupt(.stopping) {
      $0.isStopping = true
      return true
    }
  }

  private func interrupt(
    _ interruption: SessionInterruption, if condition: (inout State) -> Bool
  ) {
    let isDue = state.withLock {
      guard condition(&$0), !$0.isInterrupted else { return false }
      $0.isInterrupted = true
      return true
    }
    if isDue { continuation.yield(interruption) }
  }
}

/// The sessions of a server: their number is bounded, their silence is noticed, and all of them
/// hear when the server stops.
final class SessionRegistry: Sendable {
  private struct State {
    var sessions: [Int: SessionWatch] = [:]
    var next = 0
    var isStopping = false
  }

  private let state = Mutex(State())
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// How many sessions there are.
  var count: Int { state.withLock { $0.sessions.count } }

  /// Admits a session; nil if there are too many, or the server is stopping.
  func admit() -> (number: Int, watch: SessionWatch)? {
    state.withLock {
      guard !$0.isStopping, $0.sessions.count < limit else { return nil }
      let watch = SessionWatch()
      let number = $0.next
      $0.next += 1
      $0.sessions[number] = watch
      return (number, watch)
    }
  }

  /// Forgets a session that has ended.
  func remove(_ number: Int) { state.withLock { _ = $0.sessions.removeValue(forKey: number) } }

  /// Notices who has been silent too long.
  func check(atNanoseconds now: Int64) { everyone.forEach { $0.check(atNanoseconds: now) } }

  /// Admits nobody any more, and ends the sessions that owe their peers nothing.
  func stop() {
    state.withLock { $0.isStopping = true }
    everyone.forEach { $0.stop() }
  }

  /// Ends every session at once.
  func stopNow() { everyone.forEach { $0.stopNow() } }

  private var everyone: [SessionWatch] { state.withLock { Array($0.sessions.values) } }
}
