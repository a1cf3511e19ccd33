import Octets

// What losses and acknowledgments say of the path.
// Source: draft-ietf-ccwg-bbr section "Updating Network Path Model Parameters".
extension BBR {
  /// UpdateLatestDeliverySignals.
  mutating func updateLatestDelivery(_ sample: RateSample) {
    lossRoundStart = false
    latestRate = max(latestRate, sample.rate)
    latestInFlight = max(latestInFlight, sample.delivered)
    guard let prior = sample.priorDelivered, prior >= lossRoundDelivered else { return }
    lossRoundDelivered = delivery.delivered
    lossRoundStart = true
  }

  /// UpdateCongestionSignals.
  mutating func updateCongestion(_ sample: RateSample, _ facts: Facts) {
    updateRound(sample)
    ambient.acknowledged(sample)
    if sample.rate > 0, sample.rate >= highestRate || !sample.isApplicationLimited {
      rates.this = max(rates.this, sample.rate)
    }
    if !facts.isRepairing { repairsSinceRound = nil }
    guard lossRoundStart else { return }
    let part = ambient.endRound(least: minimumRoundTrip)
    endedRound = (lossesInRound, part > tolerance)
    if hasLossInRound, part > tolerance, !isAccelerating { lowerShortTerm() }
    hasLossInRound = false
    lossesInRound = 0
  }

  /// InitLowerBounds and LossLowerBounds: toward what was delivered in the last round.
  private mutating func lowerShortTerm() {
    if shortTermRate == .infinity { shortTermRate = highestRate }
    if shortTermInFlight == .max { shortTermInFlight = window }
    shortTermRate = max(latestRate, Self.beta * shortTermRate)
    shortTermInFlight = max(latestInFlight, Int(Self.beta * Double(shortTermInFlight)))
  }

  /// ResetShortTermModel.
  mutating func resetShortTerm() {
    shortTermRate = .infinity
    shortTermInFlight = .max
  }

  /// ResetCongestionSignals.
  mutating func resetCongestion() {
    hasLossInRound = false
    latestRate = 0
    latestInFlight = 0
  }

  // MARK: Losses

  /// NoteLoss: something is lost, or a router says that it soon will be.
  mutating func noteLoss(_ facts: Facts) {
    if !hasLossInRound {
      lossRoundDelivered = delivery.delivered
      saveForUndo(facts)
    }
    hasLossInRound = true
    lossesInRound &+= 1
    if repairsSinceRound == nil { repairsSinceRound = roundCount }
  }

  /// HandleLostPacket: octets that left together are lost.
  mutating func foundLost(_ octets: Int, sentAt: Instant, _ facts: Facts) {
    noteLoss(facts)
    ambient.lost(octets)
    guard var sample = delivery.foundLost(octets, sentAt: sentAt), isProbeSample,
      isTooHigh(sample, facts)
    else { return }
    sample.inFlightAtSend = inFlightAtLoss(sample, octets)
    tooMuchInFlight(sample, facts)
  }

  /// The part of a round's octets whose loss is no sign of too much in flight.
  ///
  /// Chance is uneven: half as much again as usual is still chance.
  var tolerance: Double { Self.lossThreshold + 1.5 * ambient.part }

  /// IsInflightTooHigh.
  func isTooHigh(_ sample: RateSample, _ facts: Facts) -> Bool {
    facts.usesSACK
      ? Double(sample.lost) > Double(sample.inFlightAtSend) * tolerance
      : sample.lost > 0
  }

  /// InflightAtLoss: at what octet in flight losses went beyond the threshold.
  private func inFlightAtLoss(_ sample: RateSample, _ octets: Int) -> Int {
    let before = Double(sample.inFlightAtSend &- octets)
    let lostBefore = Double(sample.lost &- octets)
    let prefix = (tolerance * before - lostBefore) / (1 - tolerance)
    return Int(max(0, before + prefix))
  }

  /// HandleInflightTooHigh.
  private mutating func tooMuchInFlight(_ sample: RateSample, _ facts: Facts) {
    lastProbeWasTooHigh = true
    isProbeSample = false
    if !sample.isApplicationLimited {
      longTermInFlight = max(
        sample.inFlightAtSend, Int(Double(min(bandwidthDelay(1), window)) * Self.beta))
    }
    if state == .up {
      undo.state = .up
      startDown(facts)
    }
  }

  // MARK: Undoing

  /// SaveStateUponLoss.
  private mutating func saveForUndo(_ facts: Facts) {
    saveWindow(facts)
    undo = Undo(
      state: nil, rate: shortTermRate, shortTermInFlight: shortTermInFlight,
      longTermInFlight: longTermInFlight)
  }

  /// HandleSpuriousLossDetection: nothing was lost.
  mutating func lossWasNone(_ facts: Facts) {
    window = max(window, priorWindow)
    hasLossInRound = false
    resetFullPipe()
    shortTermRate = max(shortTermRate, undo.rate)
    shortTermInFlight = max(shortTermInFlight, undo.shortTermInFlight)
    longTermInFlight = max(longTermInFlight, undo.longTermInFlight)
    if undo.state == .startup, state != .startup {
      wasFull = false
      if state != .probeRoundTrip { state = .startup }
    } else if undo.state == .up, state != .up, state != .probeRoundTrip {
      startRefill()
    }
    undo.state = nil
  }

  // MARK: Aggregation

  /// UpdateACKAggregation: how much more is acknowledged at once than the rate explains.
  mutating func updateAggregation(_ sample: RateSample, _ facts: Facts) {
    var expected = rate * Double(facts.now.nanoseconds(since: extraSince)) / 1e9
    if Double(extraDelivered) <= expected {
      extraDelivered = 0
      extraSince = facts.now
      expected = 0
    }
    extraDelivered &+= sample.newlyAcknowledged
    let more = min(max(extraDelivered &- Int(min(expected, 1e12)), 0), window)
    // The last ten rounds, in two halves; one round until the pipe was full once.
    if roundCount &- extra.since >= (wasFull ? 5 : 1) {
      extra = (0, wasFull ? extra.this : 0, roundCount)
    }
    extra.this = max(extra.this, more)
  }

  /// BBR.extra_acked.
  var extraAcknowledged: Int { max(extra.this, extra.last) }
}
