import Octets
import Testing
import Wire

@Suite("Sequence numbers")
struct SequenceNumberTests {
  @Test(
    "order and distance hold across the wrap",
    arguments: [
      (0, 1, 1), (5, 5, 0), (1, 0, -1), (0xFFFF_FFFF, 0, 1), (0, 0xFFFF_FFFF, -1),
      (0xFFFF_FF00, 0x100, 0x200), (0, 0x7FFF_FFFF, 0x7FFF_FFFF),
      (0x8000_0001, 0, 0x7FFF_FFFF), (0x7FFF_FFFF, 0, -0x7FFF_FFFF),
    ] as [(UInt32, UInt32, Int)])
  func order(_ first: UInt32, _ second: UInt32, _ distance: Int) {
    let (left, right) = (SequenceNumber(first), SequenceNumber(second))
    #expect(left.distance(to: right) == distance)
    #expect(left.precedes(right) == (distance > 0))
    #expect(left.follows(right) == (distance < 0))
    #expect(left.precedesOrEquals(right) == (distance >= 0))
    #expect(left.followsOrEquals(right) == (distance <= 0))
    #expect(left + distance == right)
    #expect(right - distance == left)
    #expect(SequenceNumber.earlier(left, right) == (distance >= 0 ? left : right))
    #expect(SequenceNumber.later(left, right) == (distance >= 0 ? right : left))
  }

  @Test("a step forth and back ends where it began, from anywhere")
  func steps() {
    var random = RandomSource.seeded(3)
    for _ in 0..<2000 {
      let start = SequenceNumber(UInt32.random(in: 0 ... .max, using: &random))
      let step = Int.random(in: -0x7FFF_FFFF...0x7FFF_FFFF, using: &random)
      var moved = start
      moved += step
      #expect(start.distance(to: moved) == step)
      #expect(moved - step == start)
    }
  }
}
