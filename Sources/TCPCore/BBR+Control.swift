import Octets

// From the model to the rate and the window.
// Source: draft-ietf-ccwg-bbr section "Updating Control Parameters".
extension BBR {
  /// BBR.PacingMarginPercent: a hundredth below the rate, so that queues run dry.
  private static let margin = 0.99

  /// InitPacingRate.
  mutating func beginPacing(_ facts: Facts) {
    let roundTrip = Double(facts.smoothedRoundTrip ?? 1_000_000)
    pacingRate = Self.startupGain * Double(initialWindow) * 1e9 / max(roundTrip, 1)
  }

  /// SetPacingRateWithGain: until the pipe was full once, it only rises.
  mutating func setPacingRate(gain: Double) {
    let next = gain * rate * Self.margin
    if wasFull || next > pacingRate { pacingRate = max(next, 1) }
  }

  /// SetSendQuantum: what leaves in a millisecond, from 2 segments to 64 KB.
  func sendQuantum(_ segmentSize: Int) -> Int {
    max(Int(min(pacingRate / 1000, 65_536)), 2 &* segmentSize)
  }

  /// BDPMultiple, in octets.
  func bandwidthDelay(_ gain: Double) -> Int { bandwidthDelay(gain, rate) }

  private func bandwidthDelay(_ gain: Double, _ rate: Double) -> Int {
    guard minimumRoundTrip != .max else { return initialWindow }
    return Int(min(gain * rate * Double(minimumRoundTrip) / 1e9, 1e15))
  }

  /// BBR.MinPipeCwnd.
  func leastWindow(_ facts: Facts) -> Int { 4 &* facts.segmentSize }

  /// QuantizationBudget.
  private func budget(_ octets: Int, _ facts: Facts) -> Int {
    let least = max(3 &* sendQuantum(facts.segmentSize), leastWindow(facts))
    return max(octets, least) &+ (state == .up ? 2 &* facts.segmentSize : 0)
  }

  /// Inflight.
  func inFlight(gain: Double, _ facts: Facts) -> Int { budget(bandwidthDelay(gain), facts) }

  /// Inflight at another rate than that of the moment.
  func inFlight(gain: Double, rate: Double, _ facts: Facts) -> Int {
    budget(bandwidthDelay(gain, rate), facts)
  }

  /// InflightWithHeadroom.
  func inFlightWithHeadroom(_ facts: Facts) -> Int {
    guard longTermInFlight != .max else { return .max }
    let room = max(facts.segmentSize, Int(Self.headroom * Double(longTermInFlight)))
    return max(longTermInFlight &- room, leastWindow(facts))
  }

  /// ProbeRTTCwnd.
  func probeWindow(_ facts: Facts) -> Int { max(bandwidthDelay(0.5), leastWindow(facts)) }

  // MARK: The window

  /// SetCwnd.
  mutating func setWindow(_ sample: RateSample, _ facts: Facts) {
    let most = budget(bandwidthDelay(windowGain) &+ extraAcknowledged, facts)
    let more = sample.newlyAcknowledged
    if wasFull {
      window = min(window &+ more, most)
    } else if window < most || delivery.delivered < initialWindow {
      window &+= more
    }
    window = max(window, leastWindow(facts))
    if state == .probeRoundTrip { window = min(window, probeWindow(facts)) }
    boundWindow(facts)
  }

  /// BoundCwndForModel.
  private mutating func boundWindow(_ facts: Facts) {
    var bound = Int.max
    if state == .cruise || state == .probeRoundTrip {
      bound = inFlightWithHeadroom(facts)
    } else if isProbingBandwidth {
      bound = longTermInFlight
    }
    bound = max(min(bound, shortTermInFlight), leastWindow(facts))
    window = min(window, bound)
  }

  /// SaveCwnd: the last window that neither a repair nor a look at the round trip has cut.
  mutating func saveWindow(_ facts: Facts) {
    priorWindow =
      facts.isRepairing || state == .probeRoundTrip ? max(priorWindow, window) : window
  }

  /// OnEnterRTO.
  mutating func timedOut(_ facts: Facts) {
    saveWindow(facts)
    window = facts.inFlight &+ facts.segmentSize
  }

  /// A repair is over: RestoreCwnd, within the model's bounds.
  mutating func repaired(_ facts: Facts) {
    window = max(window, priorWindow)
    boundWindow(facts)
  }
}
