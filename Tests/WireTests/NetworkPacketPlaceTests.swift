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

  @Test("tags, PPPoE sessions, MPLS labels, and LLC with SNAP are stepped over")
  func between() {
    let addresses = [UInt8](repeating: 2, count: 12)
    let headers: [[UInt8]] = [
      [0x88, 0xA8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0],
      [0x88, 0x64, 0x11, 0, 0, 1, 0, 20, 0, 0x21],
      [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], [0, 40, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0],
    ]
    for header in headers {
      let found = place(addresses + header + Known.udp, .ethernet)
      #expect(found?.type == .ipv4 && found?.offset == 12 + header.count, "\(header)")
      #expect(place(addresses + header.dropLast(), .ethernet)?.type != .ipv4, "\(header)")
    }
    // Spanning tree: LLC, and no SNAP.
    let other = place(addresses + [0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0], .ethernet)
    #expect(other?.type == EtherType(rawValue: 38) && other?.offset == 14)
    #expect(place([0x45], LinkType(rawValue: 12))?.type == .ipv4)
    #expect(place([0x60], LinkType(rawValue: 229))?.type == .ipv6)
  }
}
