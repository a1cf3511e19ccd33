import Octets
import Wire

// What a connection tells BBR, and what it does then.
extension TCPConnection {
  /// BBR is the controller, and both ends know each other: from here on it has a model.
  mutating func beginModel(at now: Instant) {
    guard congestion.algorithm == .bbr, !congestion.isModelBased else { return }
    congestion.beginModel(seed: send.initial.rawValue, at: now)
    scoreboard.keepsLosses = true
  }

  /// Another controller takes over.
  mutating func endModel() {
    congestion.endModel()
    scoreboard.keepsLosses = false
  }

  private func facts(at now: Instant) -> BBR.Facts {
    BBR.Facts(
      inFlight: scoreboard.inFlight, segmentSize: max(send.maximumSegmentSize, 1),
      isWindowLimited: windowUse.isFull, usesSACK: receive.usesSACK,
      isRepairing: recovery.isRepairing, smoothedRoundTrip: roundTrip.smoothedRoundTrip, now: now)
  }

  // MARK: Sending

  /// CheckIfApplicationLimited: before the user gives more, and before an acknowledgment counts.
  mutating func noteIfLimited() {
    guard congestion.isModelBased, unsentOctets == 0,
      scoreboard.inFlight < congestion.congestionWindow,
      scoreboard.lostOctets <= scoreboard.againOctets
    else { return }
    let inFlight = scoreboard.inFlight
    congestion.withModel { $0.delivery.limitedByApplication(inFlight: inFlight) }
  }

  /// Something is about to leave.
  mutating func modelWillSend(at now: Instant) {
    guard congestion.isModelBased else { return }
    let facts = facts(at: now)
    congestion.withModel { $0.willSend(facts) }
  }

  /// So many octets have left.
  mutating func modelSent(_ octets: Int, at now: Instant) {
    guard congestion.isModelBased else { return }
    let inFlight = scoreboard.inFlight
    congestion.withModel { $0.delivery.sent(octets, inFlight: inFlight, at: now) }
  }

  // MARK: Acknowledgments and losses

  /// An acknowledgment has told of so many octets, of which that left last which left at `latest`.
  mutating func modelAcknowledged(_ octets: Int, latest: Instant?, at now: Instant) {
    guard octets > 0 else { return }
    let facts = facts(at: now)
    let least = roundTrip.minimum == .max ? 0 : roundTrip.minimum
    let isEmpty = scoreboard.isEmpty
    congestion.withModel { model in
      let sample = model.delivery.acknowledged(
        octets, latest: latest, minimumRoundTrip: least, at: now)
      model.acknowledged(sample, facts)
      if isEmpty { model.delivery.forgetDepartures() }
    }
  }

  /// What was marked as lost since the last call.
  mutating func modelLost(at now: Instant) {
    guard scoreboard.keepsLosses else { return }
    let losses = scoreboard.takeLosses()
    guard !losses.isEmpty else { return }
    let facts = facts(at: now)
    congestion.withModel { model in
      for loss in losses { model.foundLost(loss.octets, sentAt: loss.sentAt, facts) }
    }
  }

  /// A loss that is known only by its repair, or a router's mark.
  mutating func modelNotesLoss(at now: Instant) {
    let facts = facts(at: now)
    congestion.withModel { $0.noteLoss(facts) }
  }

  /// A repair is over.
  mutating func modelRepaired(at now: Instant) {
    guard congestion.isModelBased else { return }
    let facts = facts(at: now)
    congestion.withModel { $0.repaired(facts) }
  }

  /// A repair was a mistake.
  mutating func modelUndone(at now: Instant) {
    guard congestion.isModelBased else { return }
    let facts = facts(at: now)
    congestion.withModel { $0.lossWasNone(facts) }
  }

  /// The retransmission timer ran out: one segment goes.
  mutating func modelTimedOut(at now: Instant) {
    let facts = facts(at: now)
    congestion.withModel { $0.timedOut(facts) }
  }
}
