import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("What has arrived out of order")
struct SequenceRangesTests {
  @Test(
    "ranges agree with a set of numbers, and the latest are reported first",
    arguments: 1...30 as ClosedRange<UInt64>)
  func model(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    let base = SequenceNumber(0xFFFF_FFB0)
    var ranges = SequenceRanges()
    var model: Set<Int> = []
    /// Where something was inserted, the latest last.
    var history: [Int] = []
    var edge = 0
    for _ in 0..<300 {
      let start = Int.random(in: edge...edge + 150, using: &random)
      let end = start + Int.random(in: 0...20, using: &random)
      let isNew = !model.isSuperset(of: start..<end)
      let wasNew = ranges.insert(base + start, base + end, limit: 1000)
      #expect(wasNew == isNew)
      model.formUnion(start..<end)
      if start < end { history.append(start) }
      if Int.random(in: 0..<10, using: &random) == 0 {
        edge += Int.random(in: 0...30, using: &random)
        ranges.removeAll(before: base + edge)
        model = model.filter { $0 >= edge }
      }
      #expect(ranges.octets == model.count)
      let probe = edge + Int.random(in: 0...200, using: &random)
      #expect((ranges.range(around: base + probe) != nil) == model.contains(probe))
      // Ascending, apart, and never empty.
      for (left, right) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
        #expect(left.end.precedes(right.start))
      }
      #expect(ranges.ranges.allSatisfy { $0.count > 0 })
      var blocks = SACKBlocks()
      ranges.appendMostRecent(to: &blocks)
      #expect(blocks.count == min(4, ranges.ranges.count))
      var expected: [Int] = []
      for place in history.reversed() where model.contains(place) {
        var first = place
        while model.contains(first - 1) { first -= 1 }
        if !expected.contains(first) { expected.append(first) }
      }
      let reported = (0..<blocks.count).map { base.distance(to: blocks[$0].left) }
      // Of what was cut off at the front the model knows no order.
      if edge == 0 { #expect(reported == Array(expected.prefix(4))) }
      #expect(Set(reported).count == reported.count)
    }
  }

  @Test("ranges are bounded in number, but those that exist may grow")
  func bound() {
    var ranges = SequenceRanges()
    let base = SequenceNumber(0)
    for index in 0..<10 { ranges.insert(base + index * 10, base + index * 10 + 5, limit: 4) }
    #expect(ranges.ranges.count == 4)
    let hasGrown = ranges.insert(base + 35, base + 40, limit: 4)
    #expect(hasGrown)
    #expect(ranges.ranges.count == 4)
    #expect(ranges.octets == 25)
  }

  @Test("of more ranges than are remembered the highest fill the option up")
  func many() {
    var ranges = SequenceRanges()
    let base = SequenceNumber(0)
    for index in 0..<40 { ranges.insert(base + index * 10, base + index * 10 + 5, limit: 100) }
    // The sixteen latest become one.
    ranges.insert(base + 240, base + 395, limit: 100)
    var blocks = SACKBlocks()
    ranges.appendMostRecent(to: &blocks)
    #expect((0..<blocks.count).map { blocks[$0].left.rawValue } == [240, 230, 220, 210])
  }
}
