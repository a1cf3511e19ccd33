import Wire

/// Which numbers were sent: ranges in order that do not touch.
struct Coverage {
  private var ranges: [Range<Int>] = []

  /// The number behind the last.
  var end: Int { ranges.last?.upperBound ?? 0 }

  /// The first range that ends at or behind a number.
  private func index(endingFrom number: Int) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether all of a range was sent.
  func contains(_ range: Range<Int>) -> Bool {
    let index = index(endingFrom: range.lowerBound + 1)
    guard index < ranges.count else { return range.isEmpty }
    return ranges[index].lowerBound <= range.lowerBound
      && range.upperBound <= ranges[index].upperBound
  }

  mutating func insert(_ range: Range<Int>) {
    let first = index(endingFrom: range.lowerBound)
    var last = first
    var whole = range
    while last < ranges.count, ranges[last].lowerBound <= range.upperBound {
      whole =
        min(
          whole.lowerBound, ranges[last].lowerBound)..<max(
          whole.upperBound, ranges[last].upperBound)
      last += 1
    }
    ranges.replaceSubrange(first..<last, with: [whole])
  }

  /// A segment in parts, each of which was sent before as a whole or not at all.
  func pieces(of segment: Segment) -> [(segment: Segment, isCopy: Bool)] {
    var pieces: [(segment: Segment, isCopy: Bool)] = []
    var start = segment.sequence
    var place = index(endingFrom: start + 1)
    while start < segment.end {
      let known = place < ranges.count ? ranges[place] : segment.end..<segment.end
      let isCopy = known.lowerBound <= start
      let end = min(isCopy ? known.upperBound : known.lowerBound, segment.end)
      var piece = segment
      piece.sequence = start
      piece.payload = end - start
      if end < segment.end {
        piece.flags.subtract([.psh, .fin])
      } else if segment.flags.contains(.fin) {
        piece.payload -= 1
      }
      pieces.append((piece, isCopy))
      start = end
      if isCopy { place += 1 }
    }
    return pieces
  }
}
