import Octets
import Testing
import Wire

@Suite("Ethernet and ARP")
struct EthernetTests {
  @Test("a header that is emitted is read as the same value")
  func roundTrip() throws {
    let header = EthernetHeader(
      destination: .broadcast, source: MACAddress(rawValue: 0x0200_0000_0009), type: .arp)
    let octets = emitted { header.emit(into: &$0) }
    #expect(octets == hex("ff ff ff ff ff ff 02 00 00 00 00 09 08 06"))
    let view = try EthernetFrameView(parsing: octets.span)
    #expect(EthernetHeader(view) == header)
    #expect(view.payload.isEmpty == true)
    #expect(view.vlan == nil)
  }

  @Test("up to two tags are stepped over", arguments: 0...2)
  func tags(_ count: Int) throws {
    let tags = Array([UInt16(0xE005), 0x0007].prefix(count))
    let octets = Sample.ethernet(.ipv4, tags: tags, [1, 2, 3])
    let view = try EthernetFrameView(parsing: octets.span)
    #expect(view.headerLength == 14 + 4 * count)
    #expect(view.type == .ipv4)
    #expect(view.vlan == (count > 0 ? 5 : nil))
    #expect([UInt8](copying: view.payload) == [1, 2, 3])
  }

  @Test(
    "a tag with an identifier is of a VLAN, wherever it stands",
    arguments: [
      ([], false), ([0], false), ([0xE000], false), ([0xE005], true), ([0, 0], false),
      ([0, 5], true), ([5, 0], true),
    ] as [([UInt16], Bool)])
  func vlans(_ tags: [UInt16], _ isInVLAN: Bool) throws {
    var octets = [UInt8](repeating: 2, count: 12)
    for tag in tags { octets += [0x81, 0, UInt8(tag >> 8), UInt8(tag & 255)] }
    octets += [8, 0]
    #expect(try EthernetFrameView(parsing: octets.span).isInVLAN == isInVLAN)
  }

  @Test("a group's frames go to the group's address", arguments: [0xE000_00FB, 0xE180_00FB])
  func group(_ address: UInt32) {
    let group = MACAddress(groupOf: IPv4Address(rawValue: address))
    #expect(group.description == "01:00:5e:00:00:fb" && group.isGroup)
  }

  @Test("a third tag is left as the payload's business")
  func threeTags() throws {
    let octets = Sample.ethernet(.ipv4, tags: [1, 2, 3], [9])
    let view = try EthernetFrameView(parsing: octets.span)
    #expect(view.type == .vlan)
    #expect(view.payload.count == 5)
  }

  @Test("a frame cut off within its header or a tag is refused", arguments: 0...2)
  func cutOff(_ count: Int) {
    let whole = Sample.ethernet(.ipv4, tags: Array([UInt16(5), 7].prefix(count)), [])
    #expect(whole.count == 14 + 4 * count)
    for length in 0..<whole.count {
      #expect(throws: ParseError.self, "\(length)") {
        _ = try EthernetFrameView(parsing: whole.span.extracting(first: length))
      }
    }
  }

  @Test("an ARP packet that is emitted is read as the same value, padding or not")
  func arp() throws {
    for operation in [ARPPacket.Operation.request, .reply] {
      var packet = Sample.arp
      packet.operation = operation
      packet.targetHardware = MACAddress(rawValue: 0x0200_0000_0001)
      let octets = emitted { packet.emit(into: &$0) }
      #expect(octets.count == ARPPacket.length)
      #expect(try ARPPacket(parsing: octets.span) == packet)
      let padded = octets + Array(repeating: 0xAA, count: 18)
      #expect(try ARPPacket(parsing: padded.span) == packet)
    }
  }

  @Test("an ARP packet of another hardware, protocol, size or operation is unsupported")
  func otherARP() {
    for (place, octet) in [(0, 1), (1, 6), (2, 0x86), (3, 1), (4, 8), (5, 16), (7, 3), (7, 0)] {
      var octets = Sample.arpOctets
      octets[place] = UInt8(octet)
      #expect(throws: ParseError.unsupported, "octet \(place)") {
        _ = try ARPPacket(parsing: octets.span)
      }
    }
  }

  @Test("an ARP packet cut off anywhere is refused")
  func cutOffARP() {
    let whole = Sample.arpOctets
    for length in 0..<whole.count {
      #expect(throws: ParseError.truncated(needed: 28, available: length)) {
        _ = try ARPPacket(parsing: whole.span.extracting(first: length))
      }
    }
  }
}
