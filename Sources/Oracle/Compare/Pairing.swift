import Wire

/// What belongs together of what the captured end has sent and what our stack would have sent.
///
/// Segments are matched by what they mean, not by their order: SYNs and resets one by one; text by its
/// numbers, what is sent for the first time apart from what is sent again; bare acknowledgments by
/// their number, window updates apart; probes one by one. Of several that mean the same those belong
/// together that were sent at nearly the same time, the others in order.
struct Pairing {
  /// Segments that belong together, as places; one side is empty where the other had none.
  struct Pair {
    var theirs: [Int]
    var ours: [Int]

    /// By their places, then by ours.
    var order: (Int, Int) { (theirs.first ?? .max, ours.first ?? .max) }
  }

  /// What a segment is for.
  enum Meaning: Hashable {
    case open
    case reset
    case probe
    case acknowledgment(Int)
    case update(Int)
    case first
    case again
  }

  private(set) var pairs: [Pair] = []
  private let theirs: [Segment]
  private let ours: [Segment]
  private let tolerance: Int64

  init(
    theirs: [Segment], _ meanings: [Meaning], ours: [Segment], _ ourMeanings: [Meaning],
    tolerance: Int64
  ) {
    self.theirs = theirs
    self.ours = ours
    self.tolerance = tolerance
    let left = Dictionary(grouping: theirs.indices) { meanings[$0] }
    let right = Dictionary(grouping: ours.indices) { ourMeanings[$0] }
    for meaning in Set(left.keys).union(right.keys) {
      let (one, other) = (left[meaning] ?? [], right[meaning] ?? [])
      switch meaning {
      case .first: pairText(one, other)
      case .again: pairCopies(one, other)
      case .open, .reset, .probe, .acknowledgment, .update: pairInOrder(one, other)
      }
    }
  }

  // MARK: Alike by meaning

  private mutating func pairInOrder(_ left: [Int], _ right: [Int]) {
    var free = right
    var late: [Int] = []
    var next = 0
    for place in left {
      // What was sent long before is no partner in time for anything that follows either.
      while next < free.count, ours[free[next]].time < theirs[place].time &- tolerance { next += 1 }
      if next < free.count, ours[free[next]].time <= theirs[place].time &+ tolerance {
        pairs.append(Pair(theirs: [place], ours: [free[next]]))
        free[next] = -1
        next += 1
      } else {
        late.append(place)
      }
    }
    free.removeAll { $0 < 0 }
    for (index, place) in late.enumerated() {
      pairs.append(Pair(theirs: [place], ours: index < free.count ? [free[index]] : []))
    }
    for place in free.dropFirst(late.count) { pairs.append(Pair(theirs: [], ours: [place])) }
  }

  // MARK: Text

  /// Text that was sent for the first time: by the numbers, until both sides end at the same one.
  private mutating func pairText(_ one: [Int], _ other: [Int]) {
    // Parts that overtook each other on the way to the capture are put in order.
    let left = one.sorted { theirs[$0].sequence < theirs[$1].sequence }
    let right = other.sorted { ours[$0].sequence < ours[$1].sequence }
    var i = 0
    var j = 0
    while i < left.count, j < right.count {
      let (one, other) = (theirs[left[i]], ours[right[j]])
      if one.end <= other.sequence {
        pairs.append(Pair(theirs: [left[i]], ours: []))
        i += 1
        continue
      }
      if other.end <= one.sequence {
        pairs.append(Pair(theirs: [], ours: [right[j]]))
        j += 1
        continue
      }
      var pair = Pair(theirs: [left[i]], ours: [right[j]])
      var (end, ourEnd) = (one.end, other.end)
      i += 1
      j += 1
      while end != ourEnd {
        if end < ourEnd, i < left.count, theirs[left[i]].sequence < ourEnd {
          end = theirs[left[i]].end
          pair.theirs.append(left[i])
          i += 1
        } else if ourEnd < end, j < right.count, ours[right[j]].sequence < end {
          ourEnd = ours[right[j]].end
          pair.ours.append(right[j])
          j += 1
        } else {
          break
        }
      }
      pairs.append(pair)
    }
    for place in left[i...] { pairs.append(Pair(theirs: [place], ours: [])) }
    for place in right[j...] { pairs.append(Pair(theirs: [], ours: [place])) }
  }

  /// Text that was sent again: by the number where it begins.
  private mutating func pairCopies(_ left: [Int], _ right: [Int]) {
    let one = Dictionary(grouping: left) { theirs[$0].sequence }
    let other = Dictionary(grouping: right) { ours[$0].sequence }
    for start in Set(one.keys).union(other.keys) {
      pairInOrder(one[start] ?? [], other[start] ?? [])
    }
  }
}

extension Pairing.Meaning {
  /// What each segment of one side is for, after text was cut where what was sent before begins or ends.
  ///
  /// - Parameter peer: what the other side had said by then: the highest number that it had acknowledged,
  ///   and its window.
  static func meanings(
    of segments: [Segment], peer: (Segment) -> (acknowledged: Int, window: Int)
  ) -> (segments: [Segment], meanings: [Pairing.Meaning]) {
    var sent = Coverage()
    var acknowledged = -1
    var edge = 0
    var cut: [Segment] = []
    var meanings: [Pairing.Meaning] = []
    for segment in segments {
      if segment.flags.contains(.rst) {
        cut.append(segment)
        meanings.append(.reset)
        continue
      }
      if segment.flags.contains(.syn) {
        cut.append(segment)
        meanings.append(.open)
        sent.insert(segment.sequence..<segment.end)
      } else if isProbe(segment, sent.end, peer(segment)) {
        cut.append(segment)
        meanings.append(.probe)
      } else if segment.hasText {
        for (piece, isCopy) in sent.pieces(of: segment) {
          cut.append(piece)
          meanings.append(isCopy ? .again : .first)
        }
        sent.insert(segment.sequence..<segment.end)
      } else {
        let number = segment.acknowledgment ?? 0
        let isUpdate =
          number == acknowledged && number &+ segment.window > edge && segment.blocks.isEmpty
        cut.append(segment)
        meanings.append(isUpdate ? .update(number) : .acknowledgment(number))
      }
      guard let number = segment.acknowledgment else { continue }
      edge = max(edge, number &+ segment.window)
      acknowledged = max(acknowledged, number)
    }
    return (cut, meanings)
  }

  private static func isProbe(
    _ segment: Segment, _ highest: Int, _ peer: (acknowledged: Int, window: Int)
  ) -> Bool {
    guard !segment.flags.contains(.fin), segment.payload <= 1 else { return false }
    if segment.sequence == peer.acknowledged &- 1, segment.sequence < highest { return true }
    return segment.payload == 1 && peer.window == 0 && segment.sequence == peer.acknowledged
  }
}
