/// A point on a driver's clock: nanoseconds since that driver's start.
///
/// Cores take time as an argument and never ask a clock, so a test can write any time down.
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since the driver's start; 64 bits last for 292 years.
  public var nanoseconds: Int64

  /// The instant that many nanoseconds after the start.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// The start of the driver's clock.
  @inlinable public static var start: Instant { Instant(nanoseconds: 0) }
  /// Later than any deadline.
  @inlinable public static var distantFuture: Instant { Instant(nanoseconds: .max) }

  /// Whether `left` comes before `right`.
  @inlinable public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The instant a duration later; saturates at ``distantFuture``.
  @inlinable public static func + (left: Instant, right: Duration) -> Instant {
    left.advanced(byNanoseconds: right.wholeNanoseconds)
  }

  /// The instant a duration earlier; saturates.
  @inlinable public static func - (left: Instant, right: Duration) -> Instant {
    let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(
      right.wholeNanoseconds)
    guard overflow else { return Instant(nanoseconds: difference) }
    return right < .zero ? .distantFuture : Instant(nanoseconds: .min)
  }

  /// The duration from `right` to `left`.
  @inlinable public static func - (left: Instant, right: Instant) -> Duration {
    .nanoseconds(left.nanoseconds(since: right))
  }

  /// The instant so many nanoseconds later; saturates instead of overflowing.
  @inlinable public func advanced(byNanoseconds distance: Int64) -> Instant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(distance)
    guard overflow else { return Instant(nanoseconds: sum) }
    return distance > 0 ? .distantFuture : Instant(nanoseconds: .min)
  }

  /// Nanoseconds from `earlier` to this instant; negative when `earlier` is later.
  @inlinable public func nanoseconds(since earlier: Instant) -> Int64 {
    nanoseconds &- earlier.nanoseconds
  }
}

extension Duration {
  /// This duration in whole nanoseconds, saturating at the bounds of `Int64`.
  @inlinable public var wholeNanoseconds: Int64 {
    // One division of the machine's does for the first 292 years.
    let high = attoseconds >> 64
    if high >= 0, high < 500_000_000 {
      let parts = (high: UInt64(high), low: UInt64(truncatingIfNeeded: attoseconds))
      return Int64(truncatingIfNeeded: (1_000_000_000 as UInt64).dividingFullWidth(parts).quotient)
    }
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard !carried else { return seconds < 0 ? .min : .max }
    return sum
  }
}
