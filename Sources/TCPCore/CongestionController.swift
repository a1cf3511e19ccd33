import Octets

/// How much may be on its way: the congestion window and the slow start threshold.
///
/// It knows nothing of sequence numbers, timers or which segments were lost; it is told of
/// acknowledged octets and of reductions. Windows are octets. Source: RFC 5681; RFC 9438 (CUBIC).
struct CongestionController {
  /// cwnd.
  private(set) var congestionWindow: Int
  /// ssthresh.
  private(set) var slowStartThreshold = Int.max
  /// How the window grows; may change at any time.
  var algorithm: CongestionAlgorithm
  private(set) var segmentSize: Int
  private let initialSegments: Int
  /// Acknowledged octets that have not yet moved the window by a segment.
  private var credit = 0
  private var cubic = Cubic()
  /// BBR's model, if that is the controller. On the heap: few connections have one.
  private var model: [BBR] = []
  /// CUBIC's memory before the last reduction, should that turn out a mistake.
  private var beforeReduction: Cubic?

  /// CUBIC's memory of the last reduction. RFC 9438 section 4.1.
  private struct Cubic {
    /// W_max, in segments.
    var windowAtLoss = 0.0
    /// Nothing was ever lost: W_max is a guess.
    var isGuess = true
    /// K, in seconds.
    var timeToRegain = 0.0
    /// When this epoch of growth began.
    var epoch: Instant?
    /// W_est, in segments.
    var friendlyWindow = 0.0
    static let beta = 0.7
    static let scale = 0.4
  }

  /// A controller at its initial window. RFC 6928.
  init(_ configuration: TCPConfiguration, segmentSize: Int) {
    algorithm = configuration.congestion
    self.segmentSize = segmentSize
    initialSegments = max(1, min(configuration.initialWindowSegments, 100))
    congestionWindow = Self.initialWindow(initialSegments, segmentSize)
  }

  /// RFC 6928 section 2: min(10 segments, max(2 segments, 14,600)).
  private static func initialWindow(_ segments: Int, _ size: Int) -> Int {
    min(segments &* size, max(2 &* size, 14_600))
  }

  /// Whether the window grows by what is acknowledged. RFC 5681 section 3.1.
  var isInSlowStart: Bool { congestionWindow < slowStartThreshold }

  /// The segment size became known or smaller; before any data the window follows it.
  mutating func setSegmentSize(_ size: Int, isBeforeData: Bool) {
    segmentSize = size
    if isBeforeData {
      congestionWindow = Self.initialWindow(initialSegments, size)
    } else {
      congestionWindow = max(congestionWindow, size)
    }
  }

  /// The SYN or its answer was lost: begin with one segment. RFC 5681 section 3.1.
  mutating func synWasLost() { congestionWindow = segmentSize }

  /// New data was acknowledged outside recovery while the window was the limit.
  // Deviates from RFC 3465 2.2 (at most 2 segments an acknowledgment): one acknowledgment answers
  // a whole super-packet here, so every acknowledged octet counts.
  mutating func acknowledged(_ octets: Int, roundTrip: Int64, at now: Instant) {
    var rest = octets
    if isInSlowStart {
      let step = min(
        rest, slowStartThreshold == .max ? rest : slowStartThreshold &- congestionWindow)
      congestionWindow &+= step
      rest &-= step
      guard rest > 0 else { return }
    }
    switch algorithm {
    case .reno: growByOneSegment(per: congestionWindow, acknowledged: rest)
    case .cubic: growCubic(rest, roundTrip: roundTrip, at: now)
    case .bbr: break
    }
  }

  /// One segment for each `share` octets acknowledged. RFC 5681 (3), RFC 3465 section 2.1.
  private mutating func growByOneSegment(per share: Int, acknowledged octets: Int) {
    // The share may have fallen below what is saved: that counts for one segment, not for several.
    if credit >= share {
      credit = 0
      congestionWindow &+= segmentSize
    }
    credit &+= octets
    let segments = credit / share
    guard segments > 0 else { return }
    credit &-= segments &* share
    congestionWindow &+= segments &* segmentSize
  }

  /// RFC 9438 sections 4.2 to 4.5.
  private mutating func growCubic(_ octets: Int, roundTrip: Int64, at now: Instant) {
    let size = Double(segmentSize)
    let window = Double(congestionWindow) / size
    let epoch = cubic.epoch ?? beginEpoch(window, at: now)
    let elapsed = Double(now.nanoseconds(since: epoch) &+ roundTrip) / 1e9
    let distance = elapsed - cubic.timeToRegain
    let cubicWindow =
      Cubic.scale * distance * distance * distance + cubic.windowAtLoss
    let alpha =
      cubic.friendlyWindow >= cubic.windowAtLoss
      ? 1.0 : 3 * (1 - Cubic.beta) / (1 + Cubic.beta)
    cubic.friendlyWindow += alpha * Double(octets) / Double(congestionWindow)
    // One more for so many segments acknowledged, 2 at least (target <= 1.5 cwnd): whole numbers all,
    // as Linux has them.
    let goal = min(max(cubicWindow, cubic.friendlyWindow), window * 2)
    let gain = Int(goal) &- Int(window)
    var share = gain > 0 ? max(Int(window) / gain, 2) : 100 &* Int(window)
    // Deviates from RFC 9438 4.10: before the first loss a twentieth a round trip at least, so that
    // a slow start which ended too early costs little.
    if cubic.isGuess { share = min(share, 20) }
    growByOneSegment(per: share &* segmentSize, acknowledged: octets)
  }

  private mutating func beginEpoch(_ window: Double, at now: Instant) -> Instant {
    cubic.epoch = now
    cubic.friendlyWindow = window
    if cubic.windowAtLoss <= window {
      cubic.windowAtLoss = window
      cubic.timeToRegain = 0
    } else {
      cubic.timeToRegain = cbrt((cubic.windowAtLoss - window) / Cubic.scale)
    }
    return now
  }

  /// A loss or a mark: what may be in flight once it is repaired. RFC 5681 (4), RFC 9438 4.6, 4.7.
  ///
  /// The window itself follows as the recovery lets it, by ``setWindow(_:)``.
  mutating func reduceThreshold(flight: Int) {
    if isModelBased { return }
    beforeReduction = cubic
    credit = 0
    switch algorithm {
    case .reno, .bbr: slowStartThreshold = max(flight / 2, 2 &* segmentSize)
    case .cubic:
      let window = Double(congestionWindow) / Double(segmentSize)
      // RFC 9438 section 4.7, fast convergence.
      cubic.windowAtLoss =
        window < cubic.windowAtLoss ? window * (1 + Cubic.beta) / 2 : window
      cubic.isGuess = false
      cubic.epoch = nil
      // Seven tenths, as close as 1,024ths come from above: ten segments become seven.
      slowStartThreshold = max(congestionWindow &* 717 / 1024, 2 &* segmentSize)
    }
  }

  /// Nothing was sent for so many nanoseconds: that time is no part of CUBIC's epoch.
  /// RFC 9438 section 4.2.
  mutating func idled(_ nanoseconds: Int64) {
    guard let epoch = cubic.epoch else { return }
    cubic.epoch = epoch.advanced(byNanoseconds: nanoseconds)
  }

  /// The path's queue begins to fill: what is in flight is enough. RFC 9406 section 4.2.
  mutating func leaveSlowStart() { slowStartThreshold = congestionWindow }

  /// The recovery's word on how much may be in flight.
  mutating func setWindow(_ octets: Int) {
    if !isModelBased { congestionWindow = max(octets, segmentSize) }
  }

  /// The reduction was a mistake. RFC 4015 section 3, RFC 9438 section 4.9.
  mutating func undo(threshold: Int, window: Int) {
    if isModelBased { return }
    congestionWindow = max(congestionWindow, window)
    slowStartThreshold = max(slowStartThreshold, threshold)
    if let before = beforeReduction { cubic = before }
    beforeReduction = nil
    credit = 0
  }

  /// Nothing was sent for longer than the retransmission time-out. RFC 5681 section 4.1.
  mutating func restartAfterIdle() {
    if isModelBased { return }
    let restart = Self.initialWindow(initialSegments, segmentSize)
    slowStartThreshold = max(slowStartThreshold, congestionWindow / 4 &* 3)
    congestionWindow = min(congestionWindow, restart)
    cubic.epoch = nil
  }
}

// BBR.
extension CongestionController {
  /// Whether a model of the path sets the window, and not losses.
  var isModelBased: Bool { !model.isEmpty }

  /// The rate at which segments leave, octets a second; nil when no model sets one.
  var modelRate: Double? { model.first.flatMap { $0.pacingRate > 0 ? $0.pacingRate : nil } }

  /// Octets that leave together; nil without a model.
  var modelQuantum: Int? { model.first.map { $0.sendQuantum(segmentSize) } }

  /// Begins a model, from the window as it is; `seed` is where its chance begins.
  mutating func beginModel(seed: UInt32, at now: Instant) {
    model = [BBR(window: congestionWindow, seed: seed, at: now)]
    slowStartThreshold = .max
  }

  /// Forgets the model; the window stays.
  mutating func endModel() { model = [] }

  /// Lets the model take a step, and takes over its window.
  mutating func withModel(_ step: (inout BBR) -> Void) {
    guard !model.isEmpty else { return }
    step(&model[0])
    congestionWindow = max(model[0].window, segmentSize)
  }
}

/// The cube root, by Newton's method: no library of mathematics below the edge.
private func cbrt(_ value: Double) -> Double {
  guard value > 0 else { return 0 }
  var root = max(1, value / 3)
  for _ in 0..<60 {
    let next = (2 * root + value / (root * root)) / 3
    if abs(next - root) < 1e-9 * root { return next }
    root = next
  }
  return root
}

extension CongestionController {
  /// Adds the windows to a digest, and Reno's and CUBIC's memory.
  func digest(into digest: inout StateDigest) {
    digest.add(congestionWindow)
    digest.add(slowStartThreshold)
    digest.add(segmentSize)
    digest.add(credit)
    for memory in [cubic, beforeReduction ?? Cubic()] {
      digest.add(memory.windowAtLoss)
      digest.add(memory.timeToRegain)
      digest.add(memory.epoch ?? .distantFuture)
      digest.add(memory.friendlyWindow)
    }
  }
}
