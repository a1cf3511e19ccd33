/// Finds the number of a pair of ends, in the order in which they were first asked for.
///
/// Every frame asks. The standard hash is made to resist whoever chooses the keys, and so is this one:
/// it is seeded anew in each process. Nothing depends on its order.
struct PairTable {
  /// The two ends of a connection, whoever sends.
  struct Ends: Hashable {
    let low: CapturedEnd
    let high: CapturedEnd

    init(_ first: CapturedEnd, _ second: CapturedEnd) {
      (low, high) = first < second ? (first, second) : (second, first)
    }
  }

  private var ends: [Ends] = []
  /// A number of a pair and one, or 0; as many as a power of two, at least half of them 0.
  private var slots = [UInt32](repeating: 0, count: 64)
  private let seed: UInt64
  /// The pair that was asked for last: often it is the next, too.
  private var latest = 0

  init() {
    // The standard library's seed of this process.
    seed = UInt64(truncatingIfNeeded: Hasher().finalize()) | 1
  }

  /// Pairs so far.
  var count: Int { ends.count }

  /// The number of a pair; a pair that is not known gets the next one.
  mutating func number(of wanted: Ends) -> Int {
    if latest < ends.count, ends[latest] == wanted { return latest }
    let mask = slots.count &- 1
    var place = Int(truncatingIfNeeded: hash(wanted)) & mask
    while slots[place] != 0 {
      let number = Int(slots[place]) &- 1
      if ends[number] == wanted {
        latest = number
        return number
      }
      place = (place &+ 1) & mask
    }
    ends.append(wanted)
    latest = ends.count &- 1
    slots[place] = UInt32(ends.count)
    if ends.count &* 2 > slots.count { grow() }
    return latest
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count &* 4)
    let mask = slots.count &- 1
    for number in ends.indices {
      var place = Int(truncatingIfNeeded: hash(ends[number])) & mask
      while slots[place] != 0 { place = (place &+ 1) & mask }
      slots[place] = UInt32(number &+ 1)
    }
  }

  /// Folded products, after wyhash (Wang Yi, 2019).
  private func hash(_ ends: Ends) -> UInt64 {
    let ports = UInt64(ends.low.port) << 16 | UInt64(ends.high.port)
    let addresses = Self.fold(ends.low.low ^ seed, ends.high.low ^ 0xA076_1D64_78BD_642F)
    let halves = Self.fold(
      ends.low.high ^ 0xE703_7ED1_A0B4_28DB ^ seed, ends.high.high ^ 0x8EBC_6AF0_9C88_C6E3)
    return Self.fold(addresses ^ ports ^ 0x5899_65CC_7537_4CC3, halves ^ seed)
  }

  @inline(__always)
  private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }
}
