import Octets

/// When an event is to happen, and how exactly. All numbers are microseconds after the start.
struct Schedule: Hashable, Sendable {
  var start: Int64
  var end: Int64
  /// Any time will do.
  var isAny = false
  /// What `+0` of an event behind this one counts from, as long as both are inbound packets.
  var scheduled: Int64 { start }
  /// How far off a time may be.
  var tolerance: Int64

  /// When an event is to happen.
  ///
  /// - Parameters:
  ///   - base: what relative times count from.
  ///   - now: the present.
  ///   - previous: when the event before was to happen: the tolerance grows with the distance.
  init(
    _ time: EventTime, base: Int64, now: Int64, previous: Int64,
    _ configuration: ScriptConfiguration
  ) {
    switch time {
    case .absolute(let time): (start, end) = (time, time)
    case .relative(let time): (start, end) = (base + time, base + time)
    case .absoluteRange(let first, let last): (start, end) = (first, last)
    case .relativeRange(let first, let last): (start, end) = (base + first, base + last)
    case .any:
      (start, end) = (now, now)
      isAny = true
    }
    tolerance = Self.tolerance(for: start - previous, configuration)
  }

  /// How far off the end of something may be that takes so long.
  static func tolerance(for length: Int64, _ configuration: ScriptConfiguration) -> Int64 {
    let relative = Int64(Double(max(length, 0)) * configuration.tolerancePercent / 100)
    return max(configuration.toleranceMicroseconds, relative)
  }

  /// The times that will do.
  var range: ClosedRange<Int64> { (start - tolerance)...(max(start, end) + tolerance) }

  /// Whether a time will do.
  func allows(_ time: Int64) -> Bool { isAny || range.contains(time) }

  /// How long a packet may be waited for, from `now`.
  func giveUpTime(now: Int64, previous: Int64) -> Int64 {
    // For any time there is no bound in the language; the stack's longest timers end below this.
    guard !isAny else { return now + 1_000_000_000 }
    let distance = max(0, max(start, end) - previous)
    return now + (distance + 999_999) / 1_000_000 * 1_000_000 + 2_000_000
  }
}

extension Instant {
  /// Microseconds since the start.
  var microseconds: Int64 { nanoseconds / 1000 }

  /// So many microseconds after the start.
  init(microseconds: Int64) {
    let (product, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
    self.init(nanoseconds: overflow ? .max : product)
  }
}
