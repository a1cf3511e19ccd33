import Octets

/// Tells when something that is counted begins to happen: once for each burst, however long it lasts.
struct BurstWatch {
  private var total: UInt64 = 0
  private var last: Instant?

  /// A burst is over when nothing has happened for so many nanoseconds.
  static var pause: Int64 { 10_000_000_000 }

  /// Whether a burst has begun, now that the count is `count`.
  mutating func begins(_ count: UInt64, at now: Instant) -> Bool {
    guard count != total else { return false }
    total = count
    defer { last = now }
    guard let last else { return true }
    return now.nanoseconds(since: last) >= Self.pause
  }
}
