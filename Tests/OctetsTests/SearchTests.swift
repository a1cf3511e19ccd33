import Octets
import Testing

@Suite("The first place of an octet")
struct SearchTests {
  @Test("is where it is, from any start, whatever stands beside it", arguments: 0..<40)
  func places(count: Int) {
    for wanted in [0, 1, 10, 127, 128, 255] as [UInt8] {
      for other in [wanted &- 1, wanted &+ 1, wanted ^ 0x80, 0] where other != wanted {
        var octets = [UInt8](repeating: other, count: count)
        for place in 0..<count {
          octets[place] = wanted
          for start in 0...count {
            let expected = octets[start...].firstIndex(of: wanted)
            #expect(octets.span.firstIndex(of: wanted, from: start) == expected)
          }
          if place % 3 != 0 { octets[place] = other }
        }
      }
    }
  }
}
