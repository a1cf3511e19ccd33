import Octets
import Wire

/// Lays both sides beside each other.
struct Comparer {
  private let connection: CapturedConnection
  private let role: EndpointRole
  private let run: Run
  let segmentSize: Int
  let tolerance: Int64
  /// The times of the capture's frames, in order.
  let times: [Int64]
  /// When each timestamp of the peer's was first captured.
  private(set) var stamps: [UInt32: Int64] = [:]

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
        if only.time >= end, !connection.isUnseen(role) { continue }
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
