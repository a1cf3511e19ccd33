import Octets
import Stack
import Wire

/// What our stack decided without sending anything.
struct Decision: Sendable {
  /// Nanoseconds on the capture's clock.
  var time: Int64
  /// What, and why.
  var explanation: RuleExplanation
}

/// What our stack did in the captured end's place.
struct Run: Sendable {
  /// What it sent, in order.
  var sent: [Segment] = []
  /// What it decided besides, in order: what it held back, dropped, noted.
  var decisions: [Decision] = []
  /// Octets of the peer's that our stack was given because the captured end had acknowledged them, and
  /// none of the frames that carried them reached it.
  var supplied = 0
  /// Frames whose acknowledgment was of more than our stack had sent, and was given to it as far as it had.
  var clipped = 0
  /// It has sent so much more than the captured end that the rest is not compared.
  var isCutShort = false
}
