import DequeModule
import Octets
import Wire

/// Which segments are lost, told by time: RACK. Source: RFC 8985 section 6.
///
/// A segment is lost when one that left later has arrived, and a little longer than a round trip has
/// gone by since it left. It marks losses in the ``Scoreboard`` and knows nothing of windows.
struct LossDetection {
  /// DupThresh. RFC 5681, RFC 8985 section 6.2 step 4.
  static let duplicateThreshold = 3
  /// Recoveries that a widened reordering window lasts. RFC 8985 section 6.2.
  private static let persistence: UInt8 = 16

  /// RACK.xmit_ts and RACK.end_seq: of what has arrived, that which left last.
  private(set) var latest: Departure?
  /// RACK.rtt, in nanoseconds.
  private(set) var roundTrip: Int64 = 0
  /// How often the path was seen to change the order of segments.
  private(set) var reorderings: UInt32 = 0
  /// How far apart, in segments, what arrived out of order was at most; 3 or more.
  private(set) var reorderingDegree = UInt16(duplicateThreshold)
  /// RACK.reo_wnd_mult.
  private var windowFactor: UInt8 = 1
  private var windowLasts: UInt8 = 0
  /// SND.NXT when the window was last widened: once a round trip is enough.
  private var widenedAt: SequenceNumber?

  /// Whether segments were overtaken by more others than would make them count as lost.
  var hasLongReordering: Bool { reorderingDegree > UInt16(Self.duplicateThreshold) }

  /// What arrived, by an acknowledgment. RFC 8985 section 6.2 steps 1 to 3.
  mutating func arrived(_ departure: Departure, roundTrip: Int64) {
    self.roundTrip = roundTrip
    if latest.map({ departure.isLater(than: $0) }) ?? true { latest = departure }
  }

  /// Something arrived behind what left after it, so many segments apart.
  mutating func sawReordering(degree: Int) {
    reorderings &+= 1
    reorderingDegree = max(reorderingDegree, UInt16(max(0, min(degree, 300))))
  }

  /// A duplicate was reported: the reordering window was too small. RFC 8985 section 6.2 step 4.
  mutating func duplicateReported(_ unacknowledged: SequenceNumber, _ next: SequenceNumber) {
    if let widenedAt, unacknowledged.precedes(widenedAt) { return }
    widenedAt = next
    if windowFactor < .max { windowFactor &+= 1 }
    windowLasts = Self.persistence
  }

  /// A recovery is over.
  mutating func recoveryEnded() {
    guard windowLasts > 0 else { return }
    windowLasts &-= 1
    if windowLasts == 0 { windowFactor = 1 }
  }

  /// RACK_update_reo_wnd, in nanoseconds. RFC 8985 section 6.2 step 4.
  private func reorderingWindow(
    _ scoreboard: borrowing Scoreboard, isRecovering: Bool, minimumRoundTrip: Int64,
    smoothedRoundTrip: Int64
  ) -> Int64 {
    if reorderings == 0 {
      if isRecovering { return 0 }
      if scoreboard.sackedPackets >= Int(reorderingDegree) { return 0 }
    }
    // At least a millisecond: what is closer together than our clocks tell has no order.
    return max(min(minimumRoundTrip / 4 &* Int64(windowFactor), smoothedRoundTrip), 1_000_000)
  }

  /// Marks what is lost by now. RFC 8985 section 6.2 step 5.
  ///
  /// - Returns: nanoseconds until more may count as lost; 0 when there is nothing to wait for.
  func markLosses(
    in scoreboard: inout Scoreboard, at now: Instant, isRecovering: Bool, minimumRoundTrip: Int64,
    smoothedRoundTrip: Int64
  ) -> Int64 {
    guard let latest, !scoreboard.isEmpty else { return 0 }
    let window = reorderingWindow(
      scoreboard, isRecovering: isRecovering, minimumRoundTrip: minimumRoundTrip,
      smoothedRoundTrip: smoothedRoundTrip)
    var wait: Int64 = 0
    scoreboard.markLost(sentBefore: latest) { segment in
      // A copy that leaves at this very moment cannot be missing yet.
      if segment.marks.contains(.again), segment.sentAt == now { return false }
      let left = roundTrip &+ window &- now.nanoseconds(since: segment.sentAt)
      wait = max(wait, left)
      return left <= 0
    }
    return wait
  }

  /// The retransmission timer ran out: what may be lost is, but for what left only just now.
  func markAllLost(in scoreboard: inout Scoreboard, at now: Instant) {
    if scoreboard.segments.first?.marks.contains(.sacked) == true { scoreboard.forgetSACKs() }
    for index in scoreboard.segments.indices {
      let segment = scoreboard.segments[index]
      // RFC 8985 section 6.3.
      if index > 0, latest != nil, now.nanoseconds(since: segment.sentAt) < roundTrip { continue }
      scoreboard.markLost(index)
    }
  }
}

extension LossDetection {
  /// Adds what is known of the path's order to a digest.
  func digest(into digest: inout StateDigest) {
    digest.add(latest?.at ?? .distantFuture)
    digest.add(latest?.end)
    digest.add(Int(roundTrip))
    digest.add(Int(min(reorderings, 1)))
    digest.add(Int(reorderingDegree))
    digest.add(Int(windowFactor))
    digest.add(Int(windowLasts))
    digest.add(widenedAt)
  }
}
