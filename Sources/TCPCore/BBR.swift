import Octets

/// BBR, version 3: sends at the rate that the path was seen to deliver, not until something is lost.
///
/// It builds a model of the path (the highest rate at which it delivered, the least round trip), and
/// paces by it. Losses bound the model only where they are more than the path always has: so chance
/// losses, which stop Reno and CUBIC, cost little. Windows are octets, rates octets a second.
/// Source: draft-ietf-ccwg-bbr, whose names its comments give.
struct BBR {
  /// What is being done. BBR.state.
  enum State: UInt8, Hashable {
    /// The rate doubles in each round.
    case startup
    /// The queue that startup made is let run dry.
    case drain
    /// Less than the path delivers, so that others find room.
    case down
    /// As much as it delivers.
    case cruise
    /// The same, with no bound from losses, until the path is full.
    case refill
    /// More than it delivers: is there more to be had?
    case up
    /// Little is in flight, to see the round trip without a queue.
    case probeRoundTrip
  }

  /// What acknowledgments tell of, with respect to the last probe. BBR.ack_phase.
  enum Phase: UInt8, Hashable {
    case none, refilling, starting, feedback, stopping
  }

  /// BBR.LossThresh.
  static let lossThreshold = 0.02
  /// BBR.Beta.
  static let beta = 0.7
  /// BBR.Headroom.
  static let headroom = 0.15
  /// BBR.StartupPacingGain: 4 ln 2.
  static let startupGain = 2.77
  /// BBR.DrainPacingGain.
  static let drainGain = 0.5
  /// BBRStartupFullLossCnt.
  static let startupLosses = 6
  /// BBR.MinRTTFilterLen, BBR.ProbeRTTInterval and BBR.ProbeRTTDuration, in nanoseconds.
  static let roundTripLasts: Int64 = 10_000_000_000
  static let probeInterval: Int64 = 5_000_000_000
  static let probeDuration: Int64 = 200_000_000

  /// What the connection knows, for one step.
  struct Facts {
    /// Octets in flight.
    var inFlight = 0
    /// SMSS.
    var segmentSize = 1
    /// The window was the limit in this round.
    var isWindowLimited = false
    /// Losses are detected more than once in a round trip.
    var usesSACK = true
    /// Fast recovery, or what follows a time-out.
    var isRepairing = false
    /// SRTT in nanoseconds, if it is known.
    var smoothedRoundTrip: Int64?
    /// Now.
    var now = Instant.start
  }

  // MARK: Output

  /// C.cwnd.
  var window: Int
  /// C.pacing_rate; 0 until the first segment leaves.
  var pacingRate = 0.0

  // MARK: The machine

  var state = State.startup
  var phase = Phase.none
  var roundCount = 0
  var roundStart = false
  var nextRoundDelivered = 0
  var drainStartRound = 0
  var idleRestart = false
  var priorWindow = 0
  let initialWindow: Int
  private var random: UInt64

  // MARK: The model

  var delivery = DeliveryRate()
  /// BBR.max_bw: of this cycle of probing and of the last.
  var rates: (this: Double, last: Double) = (0, 0)
  /// BBR.bw.
  var rate = 0.0
  var shortTermRate = Double.infinity
  var shortTermInFlight = Int.max
  var longTermInFlight = Int.max
  var latestRate = 0.0
  var latestInFlight = 0
  var minimumRoundTrip = Int64.max
  var minimumRoundTripAt = Instant.start
  var probedRoundTrip = Int64.max
  var probedRoundTripAt = Instant.start
  var probeIsDue = false
  var probeEndsAt: Instant?
  var probeHasRound = false

  // MARK: Is the pipe full?

  var fullRate = 0.0
  var fullRounds = 0
  var isFullNow = false
  var wasFull = false

  // MARK: Losses

  var hasLossInRound = false
  var lossRoundStart = false
  var lossRoundDelivered = 0
  var lossesInRound = 0
  var ambient = AmbientLoss()
  var repairsSinceRound: Int?
  var isProbeSample = false
  var undo = Undo()

  /// What is restored when losses turn out to be none.
  struct Undo {
    var state: State?
    var rate = Double.infinity
    var shortTermInFlight = Int.max
    var longTermInFlight = Int.max
  }

  // MARK: Probing for more

  var probeUpAcknowledged = 0
  var probeUpStep = Int.max
  var probeUpRounds = 0
  var roundsSinceProbe = 0
  var probeWait: Int64 = 0
  var cycleStart = Instant.start
  var lastProbeWasTooHigh = false
  var lastProbeWasCautious = false

  // MARK: Aggregation

  var extraSince = Instant.start
  var extraDelivered = 0
  /// BBR.extra_acked: of these five rounds and of the five before.
  var extra: (this: Int, last: Int, since: Int) = (0, 0, 0)

  /// OnInit; `seed` is where chance begins.
  init(window: Int, seed: UInt32, at now: Instant) {
    self.window = window
    initialWindow = window
    random = UInt64(seed) &+ 0x9E37_79B9_7F4A_7C15
    minimumRoundTripAt = now
    probedRoundTripAt = now
    extraSince = now
  }

  /// BBR.max_bw.
  var highestRate: Double { max(rates.this, rates.last) }

  /// BBR.pacing_gain. Section "Summary of Control Behavior in the State Machine".
  var pacingGain: Double {
    switch state {
    case .startup: Self.startupGain
    case .drain: Self.drainGain
    case .down: 0.9
    case .cruise, .refill, .probeRoundTrip: 1
    case .up: 1.25
    }
  }

  /// BBR.cwnd_gain.
  var windowGain: Double {
    switch state {
    case .up: 2.25
    case .probeRoundTrip: 0.5
    default: 2
    }
  }

  /// IsInAProbeBWState.
  var isProbingBandwidth: Bool {
    state == .down || state == .cruise || state == .refill || state == .up
  }

  /// IsProbingBW: faster than the path, or without bounds from losses.
  var isAccelerating: Bool { state == .startup || state == .refill || state == .up }

  // MARK: Steps

  /// UpdateOnACK: an acknowledgment has brought this sample.
  mutating func acknowledged(_ sample: RateSample, _ facts: Facts) {
    if pacingRate == 0 { beginPacing(facts) }
    updateLatestDelivery(sample)
    updateCongestion(sample, facts)
    updateAggregation(sample, facts)
    checkFullPipe(sample)
    if state == .startup { checkStartup(facts) }
    if state == .drain { checkDrain(facts) }
    updateProbeCycle(sample, facts)
    updateRoundTrip(sample, facts)
    checkProbeRoundTrip(sample, facts)
    if lossRoundStart {
      latestRate = sample.rate
      latestInFlight = sample.delivered
    }
    rate = min(highestRate, shortTermRate)
    setPacingRate(gain: pacingGain)
    setWindow(sample, facts)
    if sample.newlyAcknowledged > 0 { idleRestart = false }
  }

  /// OnTransmit, before something leaves.
  mutating func willSend(_ facts: Facts) {
    if pacingRate == 0 { beginPacing(facts) }
    guard facts.inFlight == 0, delivery.isApplicationLimited else { return }
    idleRestart = true
    extraSince = facts.now
    if isProbingBandwidth {
      setPacingRate(gain: 1)
    } else if state == .probeRoundTrip {
      checkProbeRoundTripDone(facts)
    }
  }

  // MARK: Startup and drain

  /// ResetFullBW.
  mutating func resetFullPipe() {
    fullRate = 0
    fullRounds = 0
    isFullNow = false
  }

  /// CheckFullBWReached: three rounds in which more was sent and no more delivered.
  private mutating func checkFullPipe(_ sample: RateSample) {
    if isFullNow || !roundStart || sample.isApplicationLimited { return }
    if sample.rate >= fullRate * 1.25 {
      resetFullPipe()
      fullRate = sample.rate
      return
    }
    fullRounds &+= 1
    isFullNow = fullRounds >= 3
    if isFullNow { wasFull = true }
  }

  private mutating func checkStartup(_ facts: Facts) {
    checkStartupLosses(facts)
    guard wasFull else { return }
    state = .drain
    drainStartRound = roundCount
  }

  /// CheckStartupHighLoss.
  private mutating func checkStartupLosses(_ facts: Facts) {
    guard lossRoundStart, facts.isRepairing, !wasFull else { return }
    let isHigh =
      facts.usesSACK
      ? endedRound.losses >= Self.startupLosses && endedRound.isTooMuch : endedRound.losses > 0
    guard isHigh, let since = repairsSinceRound, roundCount > since else { return }
    undo.state = .startup
    wasFull = true
    longTermInFlight = max(bandwidthDelay(1), latestInFlight)
  }

  /// What the round that has just ended had of losses.
  var endedRound = (losses: 0, isTooMuch: false)

  /// CheckDrainDone.
  private mutating func checkDrain(_ facts: Facts) {
    if facts.inFlight <= inFlight(gain: 1, facts) || roundCount > drainStartRound &+ 3 {
      startDown(facts)
    }
  }

  // MARK: Rounds

  /// UpdateRound.
  mutating func updateRound(_ sample: RateSample) {
    guard let prior = sample.priorDelivered, prior >= nextRoundDelivered else {
      roundStart = false
      return
    }
    startRound()
    roundCount &+= 1
    roundsSinceProbe &+= 1
    roundStart = true
  }

  /// StartRound.
  mutating func startRound() { nextRoundDelivered = delivery.delivered }

  /// A number below `bound`. SplitMix64.
  mutating func chance(below bound: UInt64) -> UInt64 {
    random &+= 0x9E37_79B9_7F4A_7C15
    var value = random
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return (value ^ value >> 31) % bound
  }
}
