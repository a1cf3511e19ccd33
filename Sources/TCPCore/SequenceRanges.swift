import Wire

/// A half-open range of sequence numbers.
struct SequenceRange: Hashable {
  /// The first number.
  var start: SequenceNumber
  /// The number behind the last.
  var end: SequenceNumber
  /// When the range last grew: larger is later.
  var stamp: UInt32 = 0

  /// Octets in the range.
  var count: Int { start.distance(to: end) }
}

/// Disjoint ranges in ascending order, merged where they touch; bounded in number.
///
/// The receiver keeps in it what has arrived out of order, the sender what the peer has
/// selectively acknowledged. All ranges lie within half the sequence space of each other.
struct SequenceRanges {
  /// The ranges, ascending.
  private(set) var ranges: [SequenceRange] = []
  /// Octets in all ranges.
  private(set) var octets = 0
  private var clock: UInt32 = 0
  private let limit: Int

  /// No ranges, and room for so many.
  init(limit: Int) { self.limit = limit }

  /// Whether there are none.
  var isEmpty: Bool { ranges.isEmpty }

  /// Adds a range; false when it was all there already, or the bound is reached.
  @discardableResult
  mutating func insert(_ start: SequenceNumber, _ end: SequenceNumber) -> Bool {
    guard start.precedes(end) else { return false }
    // The first range that ends at or behind the new one's start: what comes before is apart.
    var first = ranges.count
    while first > 0, ranges[first &- 1].end.followsOrEquals(start) { first &-= 1 }
    clock &+= 1
    guard first < ranges.count, ranges[first].start.precedesOrEquals(end) else {
      guard ranges.count < limit else { return false }
      ranges.insert(SequenceRange(start: start, end: end, stamp: clock), at: first)
      octets &+= start.distance(to: end)
      return true
    }
    if ranges[first].start.precedesOrEquals(start), ranges[first].end.followsOrEquals(end) {
      ranges[first].stamp = clock
      return false
    }
    var last = first
    while last &+ 1 < ranges.count, ranges[last &+ 1].start.precedesOrEquals(end) { last &+= 1 }
    let merged = SequenceRange(
      start: .earlier(ranges[first].start, start), end: .later(ranges[last].end, end),
      stamp: clock)
    for index in first...last { octets &-= ranges[index].count }
    octets &+= merged.count
    ranges[first] = merged
    if last > first { ranges.removeSubrange((first &+ 1)...last) }
    return true
  }

  /// Forgets everything before a number.
  mutating func removeAll(before edge: SequenceNumber) {
    guard let head = ranges.first, head.start.precedes(edge) else { return }
    var gone = 0
    while gone < ranges.count, ranges[gone].end.precedesOrEquals(edge) {
      octets &-= ranges[gone].count
      gone &+= 1
    }
    ranges.removeFirst(gone)
    guard let first = ranges.first, first.start.precedes(edge) else { return }
    octets &-= first.start.distance(to: edge)
    ranges[0].start = edge
  }

  /// Forgets all ranges but keeps their memory.
  mutating func removeAll() {
    ranges.removeAll(keepingCapacity: true)
    octets = 0
  }

  /// Octets of the ranges that lie before a number.
  func octets(before edge: SequenceNumber) -> Int {
    var sum = 0
    for range in ranges {
      guard range.start.precedes(edge) else { break }
      sum &+= range.start.distance(to: .earlier(range.end, edge))
    }
    return sum
  }

  /// The first stretch that no range covers, at or after `start` and before `limit`.
  func firstHole(from start: SequenceNumber, before limit: SequenceNumber) -> SequenceRange? {
    var place = start
    for range in ranges {
      if range.end.precedesOrEquals(place) { continue }
      if place.precedes(range.start) {
        guard place.precedes(limit) else { return nil }
        return SequenceRange(start: place, end: .earlier(range.start, limit))
      }
      place = range.end
    }
    guard place.precedes(limit) else { return nil }
    return SequenceRange(start: place, end: limit)
  }

  /// The range that begins at or before a number and ends behind it.
  func range(around number: SequenceNumber) -> SequenceRange? {
    ranges.first { $0.start.precedesOrEquals(number) && $0.end.follows(number) }
  }

  /// Appends up to four ranges to an option, the one that grew last first. RFC 2018 section 4.
  func appendMostRecent(to blocks: inout SACKBlocks) {
    var bound = UInt32.max
    while blocks.count < 4 {
      var best: SequenceRange?
      for range in ranges where range.stamp < bound && range.stamp > best?.stamp ?? 0 {
        best = range
      }
      guard let best else { return }
      blocks.append(SACKBlock(best.start, best.end))
      bound = best.stamp
    }
  }
}
