import DequeModule
import Wire

/// A half-open range of sequence numbers.
struct SequenceRange: Hashable {
  /// The first number.
  var start: SequenceNumber
  /// The number behind the last.
  var end: SequenceNumber

  /// Octets in the range.
  var count: Int { start.distance(to: end) }
}

/// What has arrived out of order: disjoint ranges, ascending, merged where they touch, bounded in
/// number. All lie within half the sequence space of each other.
struct SequenceRanges {
  /// Of so many ranges the order in which they grew is remembered.
  private static let remembered = 16

  /// The ranges, ascending.
  private(set) var ranges: Deque<SequenceRange> = []
  /// Octets in all ranges.
  private(set) var octets = 0
  /// A number in each of the ranges that grew last, the latest last.
  private var recent: [SequenceNumber] = []

  /// Whether there are none.
  var isEmpty: Bool { ranges.isEmpty }

  /// Adds a range; false when it was all there already, or there would be more ranges than `limit`.
  @discardableResult
  mutating func insert(_ start: SequenceNumber, _ end: SequenceNumber, limit: Int) -> Bool {
    guard start.precedes(end) else { return false }
    let first = firstEnding(at: start)
    guard first < ranges.count, ranges[first].start.precedesOrEquals(end) else {
      guard ranges.count < limit else { return false }
      let new = SequenceRange(start: start, end: end)
      ranges.insert(new, at: first)
      octets &+= new.count
      hasGrown(new, at: start)
      return true
    }
    if ranges[first].start.precedesOrEquals(start), ranges[first].end.followsOrEquals(end) {
      hasGrown(ranges[first], at: start)
      return false
    }
    var last = first
    while last &+ 1 < ranges.count, ranges[last &+ 1].start.precedesOrEquals(end) { last &+= 1 }
    let merged = SequenceRange(
      start: .earlier(ranges[first].start, start), end: .later(ranges[last].end, end))
    for index in first...last { octets &-= ranges[index].count }
    octets &+= merged.count
    ranges[first] = merged
    if last > first { ranges.removeSubrange((first &+ 1)...last) }
    hasGrown(merged, at: start)
    return true
  }

  /// Forgets everything before a number.
  mutating func removeAll(before edge: SequenceNumber) {
    guard let head = ranges.first, head.start.precedes(edge) else { return }
    var cut: SequenceRange?
    while let first = ranges.first, first.start.precedes(edge) {
      if first.end.follows(edge) {
        cut = first
        octets &-= first.start.distance(to: edge)
        ranges[0].start = edge
      } else {
        octets &-= first.count
        ranges.removeFirst()
      }
    }
    // What is gone needs no remembering; of a range that was cut the rest is as recent as it was.
    for index in recent.indices where recent[index].precedes(edge) {
      if let cut, recent[index].followsOrEquals(cut.start) { recent[index] = edge }
    }
    recent.removeAll { $0.precedes(edge) }
  }

  /// Forgets all ranges but keeps their memory.
  mutating func removeAll() {
    ranges.removeAll(keepingCapacity: true)
    recent.removeAll(keepingCapacity: true)
    octets = 0
  }

  /// The range that begins at or before a number and ends behind it.
  func range(around number: SequenceNumber) -> SequenceRange? {
    let index = firstEnding(at: number + 1)
    guard index < ranges.count, ranges[index].start.precedesOrEquals(number) else { return nil }
    return ranges[index]
  }

  /// Appends up to four ranges to an option, the one that grew last first. RFC 2018 section 4.
  func appendMostRecent(to blocks: inout SACKBlocks) {
    let before = blocks.count
    for number in recent.reversed() where blocks.count < 4 {
      if let range = range(around: number) { blocks.append(SACKBlock(range.start, range.end)) }
    }
    // Of more ranges than are remembered, those follow that lie highest.
    var index = ranges.count
    while blocks.count < 4, index > 0 {
      index &-= 1
      let block = SACKBlock(ranges[index].start, ranges[index].end)
      if !(before..<blocks.count).contains(where: { blocks[$0] == block }) { blocks.append(block) }
    }
  }

  /// The place of the first range that ends at or behind a number: all before are apart from it.
  private func firstEnding(at number: SequenceNumber) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low &+ high) / 2
      if ranges[middle].end.precedes(number) { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// A range has grown, or come, at a number: it is the latest.
  private mutating func hasGrown(_ range: SequenceRange, at number: SequenceNumber) {
    recent.removeAll { $0.followsOrEquals(range.start) && $0.precedes(range.end) }
    if recent.count >= Self.remembered { recent.removeFirst() }
    recent.append(number)
  }
}

extension SequenceRanges {
  /// Adds the ranges to a digest.
  func digest(into digest: inout StateDigest) {
    for range in ranges {
      digest.add(range.start)
      digest.add(range.end)
    }
  }
}
