import Octets

/// The part of all octets that a path loses whatever is sent: on a radio link, say.
///
/// Only rounds count in whose round trips no queue shows; what is lost then is not our doing.
///
/// Deviates from draft-ietf-ccwg-bbr, which takes more than 2 % of loss for congestion always, and
/// so falls far below the rate of a path that loses 3 % by chance.
struct AmbientLoss {
  /// More than this is never taken for chance.
  private static let most = 0.05
  /// Round trips up to so much above the least show no queue.
  private static let slack = 1.1
  /// What is kept of the sums from round to round.
  private static let memory = 0.9

  private var lostSum = 0.0
  private var sum = 0.0
  private var roundLost = 0
  private var roundArrived = 0
  private var roundLeast = Int64.max

  /// The part that is lost by chance, 0 to 0.05.
  var part: Double { sum > 0 ? min(lostSum / sum, Self.most) : 0 }

  /// An acknowledgment has come.
  mutating func acknowledged(_ sample: RateSample) {
    roundArrived &+= sample.newlyAcknowledged
    if let roundTrip = sample.roundTrip { roundLeast = min(roundLeast, roundTrip) }
  }

  /// Octets are lost.
  mutating func lost(_ octets: Int) { roundLost &+= octets }

  /// A round is over; `least` is the path's least round trip.
  ///
  /// - Returns: the part of the round's octets that was lost.
  mutating func endRound(least: Int64) -> Double {
    defer {
      roundLost = 0
      roundArrived = 0
      roundLeast = .max
    }
    let all = roundLost &+ roundArrived
    guard all > 0 else { return 0 }
    if least != .max, Double(roundLeast) <= Double(least) * Self.slack {
      lostSum = lostSum * Self.memory + Double(roundLost)
      sum = sum * Self.memory + Double(all)
    }
    return Double(roundLost) / Double(all)
  }
}
