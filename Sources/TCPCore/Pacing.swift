import Octets

/// Segments leave one after the other at a rate, instead of all that the window lets go at once.
///
/// Source: draft-ietf-ccwg-bbr section "Pacing Rate", RFC 9002 section 7.7. Rates are octets a second.
struct Pacing {
  /// What may leave ahead of its time, in nanoseconds: no timer is finer.
  private static let burst: Int64 = 1_000_000
  /// When the next segment would leave if time were continuous.
  private var next = Instant.start
  /// Nothing leaves until then.
  private(set) var blockedUntil: Instant?

  /// Whether something may leave now.
  mutating func mayLeave(at now: Instant) -> Bool {
    guard let until = blockedUntil else { return true }
    guard now >= until else { return false }
    blockedUntil = nil
    return true
  }

  /// So many octets have left at this rate.
  mutating func left(_ octets: Int, rate: Double, at now: Instant) {
    guard rate > 0 else { return }
    let time = Int64(min(Double(octets) * 1e9 / rate, 1e12))
    // A timer that came late is made good, by half of what now leaves.
    next = max(next, now.advanced(byNanoseconds: -(time / 2))).advanced(byNanoseconds: time)
    if next.nanoseconds(since: now) >= Self.burst { blockedUntil = next }
  }
}

// When a connection's segments may leave.
extension TCPConnection {
  /// Whether segments are spread over time.
  var isPaced: Bool {
    congestion.isModelBased || configuration.isPaced || configuration.maximumPacingRate != nil
  }

  /// Octets a second at which segments leave; nil before a round trip is known.
  package var pacingRate: Double? {
    let most = configuration.maximumPacingRate.map { Double(max($0, 1)) }
    guard let rate = congestion.modelRate ?? windowRate else { return most }
    return min(rate, most ?? rate)
  }

  /// Twice the window in a round trip while it doubles, a little more than it later.
  private var windowRate: Double? {
    guard let smoothed = roundTrip.smoothedRoundTrip else { return nil }
    let window = congestion.congestionWindow
    let gain = window < congestion.slowStartThreshold / 2 ? 2 : 1.2
    return gain * Double(window) * 1e9 / Double(max(smoothed, 1))
  }

  /// Whether data may leave now; if not, a timer says when.
  mutating func mayDepart(at now: Instant) -> Bool {
    guard isPaced, !pacing.mayLeave(at: now), let until = pacing.blockedUntil else { return true }
    timers.pacing = until
    return false
  }

  /// Data has left.
  mutating func departed(_ octets: Int, at now: Instant) {
    guard isPaced, octets > 0, let rate = pacingRate else { return }
    // The first ten segments go at once where a window bounds them: so little fills no queue.
    guard congestion.isModelBased || statistics.dataSegmentsSent >= 10 else { return }
    pacing.left(octets, rate: rate, at: now)
  }
}
