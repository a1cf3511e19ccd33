import Octets

// The least round trip, and the pauses in which it is seen without a queue of our own making.
// Source: draft-ietf-ccwg-bbr section "ProbeRTT Logic".
extension BBR {
  /// UpdateMinRTT.
  ///
  /// Deviates from draft-ietf-ccwg-bbr, where only a shorter round trip than the least puts off the
  /// pause: one as short, but for a 32nd, shows that there is no queue too, and a pause costs 2 % of
  /// the rate, or 7 % where a round trip takes 300 ms. Flows that share a queue still pause.
  mutating func updateRoundTrip(_ sample: RateSample, _ facts: Facts) {
    let now = facts.now
    probeIsDue = now.nanoseconds(since: probedRoundTripAt) > Self.probeInterval
    if let roundTrip = sample.roundTrip,
      probeIsDue || roundTrip &- roundTrip / 32 <= probedRoundTrip
    {
      probedRoundTrip = probeIsDue ? roundTrip : min(roundTrip, probedRoundTrip)
      probedRoundTripAt = now
    }
    let isOld = now.nanoseconds(since: minimumRoundTripAt) > Self.roundTripLasts
    if probedRoundTrip < minimumRoundTrip || isOld {
      minimumRoundTrip = probedRoundTrip
      minimumRoundTripAt = probedRoundTripAt
    }
  }

  /// CheckProbeRTT.
  mutating func checkProbeRoundTrip(_ sample: RateSample, _ facts: Facts) {
    if state != .probeRoundTrip, probeIsDue, !idleRestart {
      saveWindow(facts)
      state = .probeRoundTrip
      probeEndsAt = nil
      phase = .stopping
      startRound()
    }
    guard state == .probeRoundTrip else { return }
    // What is seen of the rate now tells nothing.
    delivery.limitedByApplication(inFlight: facts.inFlight)
    if probeEndsAt != nil {
      if roundStart { probeHasRound = true }
      if probeHasRound { checkProbeRoundTripDone(facts) }
    } else if facts.inFlight <= probeWindow(facts) {
      probeEndsAt = facts.now.advanced(byNanoseconds: Self.probeDuration)
      probeHasRound = false
      startRound()
    }
  }

  /// CheckProbeRTTDone and ExitProbeRTT.
  mutating func checkProbeRoundTripDone(_ facts: Facts) {
    guard let end = probeEndsAt, facts.now > end else { return }
    probedRoundTripAt = facts.now
    window = max(window, priorWindow)
    resetShortTerm()
    guard wasFull else {
      state = .startup
      return
    }
    startDown(facts)
    state = .cruise
  }
}
