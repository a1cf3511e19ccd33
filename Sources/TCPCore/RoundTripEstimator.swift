import Octets

/// Estimates the round-trip time and from it the retransmission time-out.
///
/// Source: RFC 6298, as RFC 9293 3.8.1 MUST-18 asks. All times are nanoseconds.
struct RoundTripEstimator {
  /// SRTT; nil before the first measurement.
  private(set) var smoothedRoundTrip: Int64?
  /// RTTVAR.
  private(set) var roundTripVariation: Int64 = 0
  /// The least round trip seen.
  private(set) var minimum: Int64 = .max
  /// RTO without back-off.
  private var base: Int64
  /// How often the time-out was doubled since the last measurement.
  private(set) var backoffs = 0
  private let least: Int64
  private let most: Int64

  /// An estimator that has measured nothing.
  init(_ configuration: TCPConfiguration) {
    // From a millisecond to an hour, whatever was configured.
    func bounded(_ duration: Duration) -> Int64 {
      max(1_000_000, min(duration.wholeNanoseconds, 3_600_000_000_000))
    }
    least = bounded(configuration.minimumRetransmissionTimeout)
    most = max(bounded(configuration.maximumRetransmissionTimeout), least)
    base = min(bounded(configuration.initialRetransmissionTimeout), most)
  }

  /// RTO with back-off. RFC 6298 (5.5).
  var retransmissionTimeout: Int64 {
    var timeout = base
    for _ in 0..<min(backoffs, 16) {
      timeout &*= 2
      if timeout >= most { return most }
    }
    return min(timeout, most)
  }

  /// Takes a measurement. RFC 6298 (2.2), (2.3).
  mutating func measured(_ roundTrip: Int64) {
    let sample = max(roundTrip, 1)
    minimum = min(minimum, sample)
    if let smoothed = smoothedRoundTrip {
      roundTripVariation = (3 &* roundTripVariation &+ abs(smoothed &- sample)) / 4
      smoothedRoundTrip = (7 &* smoothed &+ sample) / 8
    } else {
      smoothedRoundTrip = sample
      roundTripVariation = sample / 2
    }
    // RFC 6298 (2.3): RTO = SRTT + max(G, 4 RTTVAR); the least bound is put on the variation, so
    // that a path with a long steady round trip keeps a margin.
    let margin = max(4 &* roundTripVariation, least)
    base = min((smoothedRoundTrip ?? sample) &+ margin, most)
    backoffs = 0
  }

  /// The timer ran out. RFC 6298 (5.5); RFC 9293 3.8.2 MUST-19.
  mutating func backOff() { backoffs &+= 1 }

  /// New data was acknowledged: the path works again, though nothing was measured.
  mutating func progressed() { backoffs = 0 }

  /// A SYN was lost: the first time-out for data is 3 s. RFC 6298 (5.7).
  mutating func synWasLost() {
    guard smoothedRoundTrip == nil else { return }
    base = max(base, 3_000_000_000)
    backoffs = 0
  }
}

extension RoundTripEstimator {
  /// Adds what was measured to a digest.
  func digest(into digest: inout StateDigest) {
    digest.add(Int(smoothedRoundTrip ?? -1))
    digest.add(Int(roundTripVariation))
    digest.add(Int(minimum))
    digest.add(Int(base))
    digest.add(backoffs)
  }
}
