import Glibc
import Octets

/// Time for sessions: from the system's monotonic clock, as an ``Instant``.
struct MonotonicClock: Sendable {
  private let origin = ContinuousClock.now

  /// Since the clock was made.
  var now: Instant { .start + (ContinuousClock.now - origin) }

  /// Seconds since 1970, for dates in messages.
  static func wallSeconds() -> Int64 { Int64(time(nil)) }
}
