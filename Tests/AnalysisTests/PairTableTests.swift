import Octets
import Testing

@testable import Analysis

@Suite("Pairs of ends")
struct PairTableTests {
  private func end(_ random: inout RandomSource) -> CapturedEnd {
    // Few addresses and ports, of both families, so that many pairs nearly are another.
    let isIPv4 = Bool.random(using: &random)
    return CapturedEnd(
      isIPv4 ? 0 : UInt64.random(in: 0...3, using: &random) << 62,
      isIPv4
        ? 0xFFFF_0000_0000 | UInt64.random(in: 0...9, using: &random)
        : UInt64.random(in: 0...3, using: &random),
      UInt16.random(in: 0...30, using: &random))
  }

  @Test("a pair has one number, in the order of appearance, whoever sends", arguments: 0..<10)
  func numbers(seed: UInt64) {
    var random = RandomSource.seeded(seed)
    var table = PairTable()
    var known: [PairTable.Ends: Int] = [:]
    for _ in 0..<5000 {
      let (one, other) = (end(&random), end(&random))
      let expected = known[PairTable.Ends(other, one)] ?? known.count
      known[PairTable.Ends(one, other)] = expected
      #expect(table.number(of: PairTable.Ends(one, other)) == expected)
      #expect(table.number(of: PairTable.Ends(other, one)) == expected)
    }
    #expect(table.count == known.count)
    #expect(known.count > 2000)
  }
}
