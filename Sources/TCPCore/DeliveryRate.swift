import DequeModule
import Octets

/// What one acknowledgment tells of the rate at which the path delivers.
///
/// Source: draft-ietf-ccwg-bbr section "Delivery Rate Samples".
struct RateSample: Hashable {
  /// Octets acknowledged by it, selectively or not.
  var newlyAcknowledged = 0
  /// Octets delivered since the segment left that it acknowledges, the one that left last.
  var delivered = 0
  /// What had been delivered when that segment left; nil when nothing is known of it.
  var priorDelivered: Int?
  /// Octets a second; 0 when the interval was too short to tell.
  var rate = 0.0
  /// From the sending of that segment to now, in nanoseconds; nil when ambiguous.
  var roundTrip: Int64?
  /// Octets in flight when that segment had left.
  var inFlightAtSend = 0
  /// Octets found lost since.
  var lost = 0
  /// The user had too little to send for the rate to tell of the path.
  var isApplicationLimited = false
}

/// Measures the rate at which the path delivers.
///
/// What is remembered of a segment is the same for all that leave at one moment: so it is kept once
/// for each moment, not in each segment.
/// Source: draft-ietf-ccwg-bbr section "Detailed Delivery Rate Sampling Algorithm".
struct DeliveryRate {
  /// The state of the connection when a segment left.
  private struct Departed {
    let at: Instant
    let firstSentAt: Instant
    let deliveredAt: Instant
    let delivered: Int
    let lost: Int
    let isApplicationLimited: Bool
    var inFlight: Int
  }

  /// Moments that are remembered; of what left earlier no sample is taken.
  private static let limit = 4096

  /// C.delivered, in octets.
  private(set) var delivered = 0
  /// C.lost, in octets.
  private(set) var lost = 0
  private var deliveredAt = Instant.start
  private var firstSentAt = Instant.start
  /// What must be delivered before samples count again; 0 when they do. C.app_limited.
  private var limitedUntil = 0
  private var departures: Deque<Departed> = []

  /// Whether samples are bounded by what the user gives.
  var isApplicationLimited: Bool { limitedUntil > 0 }

  /// A segment leaves; `inFlight` counts it.
  mutating func sent(_ octets: Int, inFlight: Int, at now: Instant) {
    if inFlight <= octets {
      firstSentAt = now
      deliveredAt = now
    }
    if let last = departures.last, last.at == now {
      departures[departures.count &- 1].inFlight = inFlight
      return
    }
    if departures.count >= Self.limit { departures.removeFirst() }
    departures.append(
      Departed(
        at: now, firstSentAt: firstSentAt, deliveredAt: deliveredAt, delivered: delivered,
        lost: lost, isApplicationLimited: isApplicationLimited, inFlight: inFlight))
  }

  /// An acknowledgment has told of so many octets; `latest` is when that of them left which left last.
  mutating func acknowledged(
    _ octets: Int, latest: Instant?, minimumRoundTrip: Int64, at now: Instant
  ) -> RateSample {
    var sample = RateSample()
    sample.newlyAcknowledged = octets
    if octets > 0 {
      delivered &+= octets
      deliveredAt = now
    }
    if limitedUntil > 0, delivered > limitedUntil { limitedUntil = 0 }
    guard octets > 0, let latest, let departed = departed(at: latest) else { return sample }
    sample.priorDelivered = departed.delivered
    sample.delivered = delivered &- departed.delivered
    sample.isApplicationLimited = departed.isApplicationLimited
    sample.inFlightAtSend = departed.inFlight
    sample.lost = lost &- departed.lost
    sample.roundTrip = now.nanoseconds(since: latest)
    firstSentAt = max(firstSentAt, latest)
    // Neither faster than it was sent nor faster than it was acknowledged.
    let interval = max(
      latest.nanoseconds(since: departed.firstSentAt), now.nanoseconds(since: departed.deliveredAt))
    guard interval >= minimumRoundTrip, interval > 0 else { return sample }
    sample.rate = Double(sample.delivered) * 1e9 / Double(interval)
    return sample
  }

  /// Octets that left at that moment are lost: a sample of what was in flight with them.
  mutating func foundLost(_ octets: Int, sentAt: Instant) -> RateSample? {
    lost &+= octets
    guard let departed = departed(at: sentAt) else { return nil }
    var sample = RateSample()
    sample.inFlightAtSend = departed.inFlight
    sample.lost = lost &- departed.lost
    sample.isApplicationLimited = departed.isApplicationLimited
    return sample
  }

  /// The user had nothing more to send, though more might have been in flight.
  mutating func limitedByApplication(inFlight: Int) { limitedUntil = max(delivered &+ inFlight, 1) }

  /// Nothing is under way.
  mutating func forgetDepartures() { departures.removeAll() }

  private func departed(at time: Instant) -> Departed? {
    var low = 0
    var high = departures.count
    while low < high {
      let middle = (low &+ high) / 2
      if departures[middle].at < time { low = middle &+ 1 } else { high = middle }
    }
    return low < departures.count && departures[low].at == time ? departures[low] : nil
  }
}
