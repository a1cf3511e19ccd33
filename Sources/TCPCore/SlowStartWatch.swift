import Octets
import Wire

/// HyStart++: leaves slow start when round trips grow longer, before the path's queue overflows.
///
/// Longer round trips first make growth slower; if they stay so for some rounds, slow start is over,
/// and if they don't, it was jitter. Source: RFC 9406 section 4.
struct SlowStartWatch {
  /// What is to become of the window's growth.
  enum Verdict: Hashable {
    /// It doubles with each round.
    case slowStart
    /// It grows a quarter as fast. RFC 9406 section 4.2, CSS_GROWTH_DIVISOR.
    case conservative
    /// Slow start is over.
    case leave
  }

  /// MIN_RTT_THRESH and MAX_RTT_THRESH, in microseconds, as all times here.
  private static let thresholds: ClosedRange<UInt32> = 4_000...16_000
  /// MIN_RTT_DIVISOR.
  private static let divisor: UInt32 = 8
  /// N_RTT_SAMPLE.
  private static let samplesNeeded: UInt8 = 8
  /// CSS_GROWTH_DIVISOR.
  static let growthDivisor = 4
  /// Below so many segments the round trips of a burst tell nothing of a queue.
  static let leastWindow = 16

  /// The round is over when this is acknowledged; nil before the first.
  private var windowEnd: SequenceNumber?
  /// lastRoundMinRTT, at first the handshake's.
  private var lastMinimum = UInt32.max
  /// currentRoundMinRTT.
  private var minimum = UInt32.max
  private var samples: UInt8 = 0
  /// cssBaselineMinRtt; nil outside conservative slow start.
  private var baseline: UInt32?
  private var conservativeRounds: UInt8 = 0
  /// The round trip that the acknowledgment at hand has measured, in nanoseconds; 0 for none.
  private var latest: Int64 = 0

  /// An acknowledgment has measured a round trip, in nanoseconds.
  mutating func measured(_ roundTrip: Int64) { latest = roundTrip }

  /// An acknowledgment has come in slow start: how the window may grow by it.
  ///
  /// - Parameters:
  ///   - least: the least round trip of the connection, in nanoseconds.
  ///   - rounds: how many rounds of conservative slow start come before the end, CSS_ROUNDS; with
  ///     0 it ends at once, as Linux has it.
  mutating func judge(
    unacknowledged: SequenceNumber, next: SequenceNumber, least: Int64, rounds: Int
  ) -> Verdict {
    if windowEnd.map({ unacknowledged.follows($0) }) ?? true {
      beginRound(until: next, least: least)
      if baseline != nil {
        conservativeRounds &+= 1
        if Int(conservativeRounds) >= rounds { return .leave }
      }
    }
    let hasEnough = samples >= Self.samplesNeeded
    if let known = baseline {
      // Shorter again: it was no queue.
      if hasEnough, minimum < known { baseline = nil }
    } else if hasEnough, minimum >= threshold {
      if rounds == 0 { return .leave }
      baseline = minimum
      conservativeRounds = 0
    }
    if latest > 0 {
      minimum = min(minimum, UInt32(clamping: latest / 1000))
      if samples < .max { samples &+= 1 }
    }
    latest = 0
    return baseline == nil ? .slowStart : .conservative
  }

  /// The last round's minimum and RttThresh.
  private var threshold: UInt32 {
    let longer = lastMinimum / Self.divisor
    let (sum, isTooLong) = lastMinimum.addingReportingOverflow(
      min(max(longer, Self.thresholds.lowerBound), Self.thresholds.upperBound))
    return isTooLong ? .max : sum
  }

  private mutating func beginRound(until next: SequenceNumber, least: Int64) {
    lastMinimum = minimum == .max ? UInt32(clamping: least / 1000) : minimum
    windowEnd = next
    minimum = .max
    samples = 0
  }
}

extension SlowStartWatch {
  /// Adds what was measured to a digest.
  func digest(into digest: inout StateDigest) {
    digest.add(windowEnd)
    digest.add(Int(lastMinimum))
    digest.add(Int(minimum))
    digest.add(Int(samples))
    digest.add(Int(baseline ?? 0))
    digest.add(Int(conservativeRounds))
    digest.add(Int(latest))
  }
}
