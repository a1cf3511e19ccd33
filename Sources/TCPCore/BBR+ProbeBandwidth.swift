import Octets

// The cycle of probing for more: down, cruise, refill, up.
// Source: draft-ietf-ccwg-bbr section "ProbeBW Algorithm Details".
extension BBR {
  /// StartProbeBW_DOWN.
  mutating func startDown(_ facts: Facts) {
    resetCongestion()
    probeUpStep = .max
    // PickProbeWait: 2 to 3 seconds, so that flows do not probe in step.
    roundsSinceProbe = Int(chance(below: 2))
    probeWait = 2_000_000_000 &+ Int64(chance(below: 1_000_000_000))
    cycleStart = facts.now
    phase = .stopping
    startRound()
    state = .down
  }

  /// StartProbeBW_REFILL.
  mutating func startRefill() {
    resetShortTerm()
    probeUpRounds = 0
    probeUpAcknowledged = 0
    lastProbeWasCautious = false
    phase = .refilling
    startRound()
    state = .refill
  }

  private mutating func startUp(_ sample: RateSample, _ facts: Facts) {
    phase = .starting
    startRound()
    resetFullPipe()
    fullRate = sample.rate
    state = .up
    raiseSlope(facts)
  }

  /// UpdateProbeBWCyclePhase.
  mutating func updateProbeCycle(_ sample: RateSample, _ facts: Facts) {
    guard wasFull, sample.newlyAcknowledged > 0 else { return }
    if adaptLongTerm(sample, facts) { return }
    switch state {
    case .down:
      if isTimeToProbe(facts) { return startRefill() }
      if facts.inFlight <= inFlightWithHeadroom(facts),
        facts.inFlight <= inFlight(gain: 1, rate: highestRate, facts)
      {
        state = .cruise
      }
    case .cruise: if isTimeToProbe(facts) { startRefill() }
    case .refill:
      guard roundStart else { return }
      isProbeSample = true
      startUp(sample, facts)
    case .up:
      guard isTimeToGoDown(sample, facts) else { return }
      lastProbeWasTooHigh = false
      startDown(facts)
    case .startup, .drain, .probeRoundTrip: break
    }
  }

  /// IsTimeToProbeBW: by the clock, or as often as Reno would grow by one segment of this window.
  private func isTimeToProbe(_ facts: Facts) -> Bool {
    if facts.now.nanoseconds(since: cycleStart) > probeWait { return true }
    let segments = min(bandwidthDelay(1), window) / facts.segmentSize
    return roundsSinceProbe >= min(segments, 63)
  }

  /// IsTimeToGoDown.
  private mutating func isTimeToGoDown(_ sample: RateSample, _ facts: Facts) -> Bool {
    if lastProbeWasTooHigh, facts.inFlight >= longTermInFlight {
      lastProbeWasCautious = true
      return true
    }
    if facts.isWindowLimited, window >= longTermInFlight {
      // What was delivered is bounded by us, not by the path.
      resetFullPipe()
      fullRate = sample.rate
      return false
    }
    return isFullNow
  }

  /// AdaptLongTermModel; true when it has changed the state.
  private mutating func adaptLongTerm(_ sample: RateSample, _ facts: Facts) -> Bool {
    if phase == .starting, roundStart { phase = .feedback }
    if phase == .stopping, roundStart {
      isProbeSample = false
      phase = .none
      if isProbingBandwidth, !sample.isApplicationLimited {
        // AdvanceMaxBwFilter: a cycle is over.
        rates = (0, rates.this)
      }
      if isProbingBandwidth, lastProbeWasCautious, !lastProbeWasTooHigh {
        startRefill()
        return true
      }
    }
    guard !isTooHigh(sample, facts), longTermInFlight != .max else { return false }
    longTermInFlight = max(longTermInFlight, sample.inFlightAtSend)
    if state == .up { probeUpward(sample, facts) }
    return false
  }

  /// ProbeInflightLongtermUpward.
  private mutating func probeUpward(_ sample: RateSample, _ facts: Facts) {
    guard facts.isWindowLimited, window >= longTermInFlight else { return }
    probeUpAcknowledged &+= sample.newlyAcknowledged
    if probeUpAcknowledged >= probeUpStep {
      let steps = probeUpAcknowledged / probeUpStep
      probeUpAcknowledged &-= steps &* probeUpStep
      longTermInFlight &+= steps &* facts.segmentSize
    }
    if roundStart { raiseSlope(facts) }
  }

  /// RaiseInflightLongtermSlope: one segment more in the first round, then two, four, and so on.
  private mutating func raiseSlope(_ facts: Facts) {
    let growth = 1 << probeUpRounds
    probeUpRounds = min(probeUpRounds &+ 1, 30)
    probeUpStep = max(window / growth, facts.segmentSize)
  }
}
