import Octets
import Testing
import Wire

@Suite("Where a frame's packet is")
struct NetworkPacketPlaceTests {
  private func place(_ octets: [UInt8], _ link: LinkType) -> NetworkPacketPlace? {
    NetworkPacketPlace(in: octets.span, link: link)
  }

  @Test("each link has its own header")
  func links() {
    let tagged = place(Sample.ethernet(.ipv4, tags: [5, 6], Known.udp), .ethernet)
    #expect(tagged?.offset == 22 && tagged?.type == .ipv4)
    #expect(place(Sample.ethernet(.arp, Sample.arpOctets), .ethernet)?.type == .arp)
    #expect(place(Known.udp, .rawIP)?.offset == 0)
    #expect(place([0x60], .rawIP)?.type == .ipv6)
    #expect(place([2, 0, 0, 0], .null)?.offset == 4)
    #expect(place([0, 0, 0, 30], .loop)?.type == .ipv6)
    let cooked = place([UInt8](repeating: 0, count: 14) + [8, 0], .linuxCooked)
    #expect(cooked?.offset == 16 && cooked?.type == .ipv4)
    #expect(place([8, 6] + [UInt8](repeating: 0, count: 18), .linuxCooked2)?.type == .arp)
  }

  @Test(
    "a frame that ends too soon, or that nobody knows, has none",
    arguments: [
      LinkType.ethernet, .null, .loop, .linuxCooked, .linuxCooked2, LinkType(rawValue: 147),
    ])
  func none(_ link: LinkType) {
    for count in 0..<4 { #expect(place([UInt8](repeating: 1, count: count), link) == nil) }
    #expect(place([7, 0, 0, 0], .null) == nil)
  }
}
