import Octets
import Wire

/// A captured connection beside what our stack would have made of it.
package struct OracleReport: Sendable {
  /// The connection.
  package let connection: CapturedConnection
  /// Whose place our stack has taken.
  package let role: EndpointRole
  /// What our stack was set to, in words.
  package let settings: [String]
  /// Nanoseconds from the capture's place to that end and back.
  package let distance: Int64
  /// Everything that either has sent, in order of time.
  package let comparisons: [Comparison]
  /// Frames of the peer that were taken for lost behind the capture's place.
  package let lost: Set<Int>
  /// Octets that our stack was given although no frame brought them.
  package let supplied: Int
  /// Acknowledgments of more than our stack had sent.
  package let clipped: Int
  /// Our stack has sent so much more than the captured end that the rest was not compared.
  package let isCutShort: Bool

  /// Compares.
  ///
  /// - Parameters:
  ///   - tolerance: nanoseconds that the same segment may be apart.
  ///   - everythingArrives: the capture was made at that end, so that nothing in it was lost.
  package init(
    _ connection: CapturedConnection, as role: EndpointRole, tolerance: Int64 = 10_000_000,
    everythingArrives: Bool = false
  ) {
    let arrivals = Arrivals(
      connection, at: role, everythingArrives: everythingArrives, slack: tolerance)
    var settings = Settings(connection, role: role, distance: arrivals.distance)
    let user = CapturedUser(
      connection, role: role, segmentSize: settings.segmentSize, distance: arrivals.distance)
    if user.wantsNoDelay { settings.setNoDelay() }
    let run = StandIn(
      connection, role: role, settings: settings, user: user, arrivals: arrivals
    ).run()
    self.connection = connection
    self.role = role
    self.settings = settings.words
    distance = arrivals.distance
    lost = Set(arrivals.lost.compactMap { connection.segments[$0].segment.frame })
    supplied = run.supplied
    clipped = run.clipped
    isCutShort = run.isCutShort
    comparisons = Comparer(
      connection, role, run, segmentSize: settings.segmentSize, tolerance: tolerance
    ).comparisons()
  }

  /// How many comparisons have a mark.
  package func count(_ mark: Mark) -> Int { comparisons.count { $0.mark == mark } }

  /// How many segments differ in an aspect.
  package func count(_ aspect: Aspect) -> Int { comparisons.count { $0.aspects.contains(aspect) } }
}

/// Lays both sides beside each other.
struct Comparer {
  private let connection: CapturedConnection
  private let role: EndpointRole
  private let run: Run
  private let segmentSize: Int
  private let tolerance: Int64
  /// The times of the capture's frames, in order.
  private let times: [Int64]
  /// When each timestamp of the peer's was first captured.
  private var stamps: [UInt32: Int64] = [:]

  init(
    _ connection: CapturedConnection, _ role: EndpointRole, _ run: Run, segmentSize: Int,
    tolerance: Int64
  ) {
    self.connection = connection
    self.role = role
    self.run = run
    self.segmentSize = segmentSize
    self.tolerance = tolerance
    times = connection.segments.map(\.segment.time)
    for segment in connection.peers(of: role) {
      guard let stamp = segment.options.timestamps?.value, stamps[stamp] == nil else { continue }
      stamps[stamp] = segment.time
    }
  }

  func comparisons() -> [Comparison] {
    let peer = PeerState(connection.peers(of: role))
    let (theirs, meanings) = Pairing.Meaning.meanings(
      of: connection.segments.lazy.filter { $0.sender == role }.flatMap { cut($0.segment) }
    ) { peer.state(at: $0.time) }
    let (ours, ourMeanings) = Pairing.Meaning.meanings(of: run.sent) { peer.state(at: $0.time) }
    let missed = Missed(theirs, acknowledged: peer.last)
    let pairing = Pairing(
      theirs: theirs, meanings, ours: ours, ourMeanings, tolerance: tolerance)
    let explainer = Explainer(run)
    let end = times.last ?? 0
    var found: [Comparison] = []
    // The order of the places, where times are the same; pairs come in no order.
    for pair in pairing.pairs.sorted(by: { $0.order < $1.order }) {
      let (left, right) = (pair.theirs.map { theirs[$0] }, pair.ours.map { ours[$0] })
      if let only = left.first, right.isEmpty {
        found.append(
          Comparison(
            mark: .onlyTheirs, theirs: left, ours: [], aspects: [],
            reasons: explainer.reasons(for: only, meanings[pair.theirs[0]])))
      } else if let only = right.first, left.isEmpty {
        // What would be sent when the capture has ended cannot be compared.
        if only.time >= end { continue }
        found.append(
          Comparison(
            mark: .onlyOurs, theirs: [], ours: right, aspects: [],
            reasons: reasons(only) + missed.reasons(only)))
      } else if let one = left.first, let other = right.first {
        let aspects = aspects(left, right)
        found.append(
          Comparison(
            mark: aspects.isEmpty ? .same : .changed, theirs: left, ours: right, aspects: aspects,
            reasons: aspects.isEmpty
              ? [] : reasons(other, one, aspects, isLate: other.time > one.time)))
      }
    }
    let ordered = found.enumerated().sorted {
      ($0.element.time, $0.element.theirs.first?.frame ?? .max, $0.offset)
        < ($1.element.time, $1.element.theirs.first?.frame ?? .max, $1.offset)
    }
    return Self.tellingOptionsOnce(ordered.map(\.element))
  }

  /// What follows from the handshake's options would else be told of every segment.
  private static func tellingOptionsOnce(_ comparisons: [Comparison]) -> [Comparison] {
    var isTold = false
    return comparisons.map { comparison in
      guard comparison.aspects.contains(.options),
        comparison.theirs.first?.flags.contains(.syn) == false
      else { return comparison }
      if !isTold {
        isTold = true
        return comparison
      }
      let aspects = comparison.aspects.filter { $0 != .options }
      return Comparison(
        mark: aspects.isEmpty ? .same : .changed, theirs: comparison.theirs, ours: comparison.ours,
        aspects: aspects,
        reasons: aspects.isEmpty
          ? [] : comparison.reasons.filter { $0.name != Aspect.options.rawValue })
    }
  }

  // MARK: Cutting

  /// What a device cuts into segments, as it would be on the wire.
  private func cut(_ segment: Segment) -> [Segment] {
    guard segment.payload > segmentSize, !segment.flags.contains(.syn) else { return [segment] }
    var pieces: [Segment] = []
    var offset = 0
    while offset < segment.payload {
      var piece = segment
      piece.sequence = segment.sequence &+ offset
      piece.payload = min(segmentSize, segment.payload - offset)
      offset += piece.payload
      if offset < segment.payload { piece.flags.subtract([.psh, .fin]) }
      pieces.append(piece)
    }
    return pieces
  }

  // MARK: Aspects

  /// The longer it was quiet before, the less a moment matters.
  private func isLate(_ one: Segment, _ other: Segment) -> Bool {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] < one.time { low = middle + 1 } else { high = middle }
    }
    let quiet = low > 0 ? one.time &- times[low - 1] : 0
    return abs(one.time &- other.time) > max(tolerance, quiet / 16)
  }

  private func aspects(_ theirs: [Segment], _ ours: [Segment]) -> [Aspect] {
    guard let one = theirs.first, let other = ours.first, let last = theirs.last,
      let otherLast = ours.last
    else { return [] }
    var aspects: [Aspect] = []
    if isLate(one, other) { aspects.append(.time) }
    let isSplit =
      theirs.count > 1 || ours.count > 1
      || one.hasText && (one.sequence != other.sequence || one.end != other.end)
    let isReset = one.flags.contains(.rst)
    if isSplit, !isReset { aspects.append(.split) }
    let (flags, otherFlags) = (last.flags, otherLast.flags)
    if flags != otherFlags { aspects.append(.flags) }
    if isReset {
      if one.sequence != other.sequence { aspects.append(.number) }
      if let number = one.acknowledgment, let otherNumber = other.acknowledgment,
        number != otherNumber
      {
        aspects.append(.acknowledgment)
      }
      return aspects
    }
    if windowDiffers(last, otherLast) { aspects.append(.window) }
    if !isSplit, one.acknowledgment != other.acknowledgment { aspects.append(.acknowledgment) }
    if !isSplit, one.blocks != other.blocks { aspects.append(.sack) }
    if one.flags.contains(.ack), echoDiffers(one.options.timestamps, other.options.timestamps) {
      aspects.append(.echo)
    }
    if optionsDiffer(one, other) { aspects.append(.options) }
    if one.codepoint != other.codepoint { aspects.append(.ecn) }
    return aspects
  }

  /// Less than two segments are no difference, but whether the window is closed is.
  private func windowDiffers(_ one: Segment, _ other: Segment) -> Bool {
    guard one.flags.contains(.ack) == other.flags.contains(.ack) else { return false }
    if (one.window == 0) != (other.window == 0) { return true }
    let edge = (one.acknowledgment ?? 0) &+ one.window
    let otherEdge = (other.acknowledgment ?? 0) &+ other.window
    return abs(edge &- otherEdge) >= 2 * max(segmentSize, 536)
  }

  /// Echoes of what the peer sent at nearly the same time are the same.
  private func echoDiffers(_ one: TCPTimestamps?, _ other: TCPTimestamps?) -> Bool {
    guard let one, let other, one.echo != other.echo else { return false }
    guard let time = stamps[one.echo], let otherTime = stamps[other.echo] else { return true }
    return abs(time &- otherTime) > tolerance
  }

  private func optionsDiffer(_ one: Segment, _ other: Segment) -> Bool {
    let (mine, yours) = (one.options, other.options)
    if (mine.timestamps == nil) != (yours.timestamps == nil) { return true }
    guard one.flags.contains(.syn) else { return false }
    return mine.maximumSegmentSize != yours.maximumSegmentSize
      || mine.windowScale != yours.windowScale || mine.sackPermitted != yours.sackPermitted
      || (mine.fastOpen == nil) != (yours.fastOpen == nil)
  }

  // MARK: Reasons

  private func reasons(_ segment: Segment) -> [Explanation] {
    guard let rule = segment.rule else { return [] }
    return [Explanation(rule)] + rule.heldBackBy.map { Explanation($0) }
  }

  private func reasons(
    _ segment: Segment, _ theirs: Segment, _ aspects: [Aspect], isLate: Bool
  ) -> [Explanation] {
    var reasons = reasons(segment)
    if !isLate { reasons = Array(reasons.prefix(1)) }
    for aspect in aspects where aspect != .time {
      reasons.append(aspect.explanation(of: theirs, segment))
    }
    return reasons
  }
}

/// Text that the captured end has sent and the capture has not.
private struct Missed {
  private var captured = Coverage()
  private let acknowledged: Int

  init(_ theirs: [Segment], acknowledged: Int) {
    self.acknowledged = acknowledged
    for segment in theirs where segment.hasText && !segment.flags.contains(.rst) {
      captured.insert(segment.sequence..<segment.end)
    }
  }

  func reasons(_ ours: Segment) -> [Explanation] {
    guard ours.hasText, ours.end <= acknowledged, ours.end <= captured.end,
      !captured.contains(ours.sequence..<ours.end)
    else { return [] }
    return [
      Explanation(
        name: "notCaptured",
        sentence: "the peer acknowledges it: that end has sent it, too, and it was not captured",
        source: "RFC 9293 3.4")
    ]
  }
}

/// What the peer had acknowledged and offered at each time.
private struct PeerState {
  private var states: [(time: Int64, acknowledged: Int, window: Int)] = []

  init(_ segments: [Segment]) {
    var acknowledged = 0
    for segment in segments where !segment.flags.contains(.rst) {
      acknowledged = max(acknowledged, segment.acknowledgment ?? 0)
      states.append((segment.time, acknowledged, segment.window))
    }
  }

  /// The highest number that it has acknowledged.
  var last: Int { states.last?.acknowledged ?? 0 }

  func state(at time: Int64) -> (acknowledged: Int, window: Int) {
    var low = 0
    var high = states.count
    while low < high {
      let middle = (low + high) / 2
      if states[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return (0, .max) }
    return (states[low - 1].acknowledged, states[low - 1].window)
  }
}
