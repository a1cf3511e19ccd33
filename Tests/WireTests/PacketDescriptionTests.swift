import Octets
import Testing
import Wire

@Suite("Descriptions of packets")
struct PacketDescriptionTests {
  struct Line: Sendable, CustomTestStringConvertible {
    var link: LinkType
    var octets: [UInt8]
    var text: String
    var testDescription: String { text }

    init(_ octets: [UInt8], _ text: String) { self.init(.rawIP, octets, text) }

    init(_ link: LinkType, _ octets: [UInt8], _ text: String) {
      self.link = link
      self.octets = octets
      self.text = text
    }
  }

  static let ends = "IP 192.0.2.9:5000 > 192.0.2.1:25: "
  static let hosts = "IP 192.0.2.9 > 192.0.2.1: "

  static let transports: [Line] = [
    Line(
      Known.syn,
      "IP 192.0.2.9:49152 > 192.0.2.1:25: Flags [S], seq 287454020, win 64240,"
        + " options [mss 1460, sackOK, TS val 658188 ecr 0, wscale 7], length 0"),
    Line(
      Known.data,
      "IP 192.0.2.9:49152 > 192.0.2.1:25: Flags [P.], seq 287454021:287454028, ack 1432778632,"
        + " win 502, length 7"),
    Line(Known.udp, "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(Known.echo, hosts + "ICMP echo request, id 258, seq 7, length 15"),
    Line(
      Sample.tcp(TCPFlags(rawValue: 255)) { $0.urgentPointer = 3 },
      ends + "Flags [SFRPUEW.], seq 1000, ack 2000, win 512, urg 3, length 0"),
    Line(Sample.tcp([]), ends + "Flags [none], seq 1000, win 512, length 0"),
    Line(
      Sample.tcp([.ack], rawOptions: hex("01 01 05 0a 00 00 00 01 00 00 00 09")),
      ends + "Flags [.], seq 1000, ack 2000, win 512, options [sack 1:9], length 0"),
    Line(
      Sample.tcp([.ack], rawOptions: [2, 0, 0, 0]),
      ends + "Flags [.], seq 1000, ack 2000, win 512, options [malformed], length 0"),
    Line(
      Sample.icmp(.unreachable(code: 3, nextHopMTU: 0), Known.udp),
      hosts + "ICMP unreachable: port, about 192.0.2.9:5353 > 192.0.2.1:53"),
    Line(
      Sample.icmp(.unreachable(code: 4, nextHopMTU: 576), Array(Known.syn.prefix(28))),
      hosts + "ICMP unreachable: fragmentation needed (mtu 576),"
        + " about 192.0.2.9:49152 > 192.0.2.1:25"),
    Line(
      Sample.icmp(.timeExceeded(code: 1), Known.echo),
      hosts + "ICMP reassembly time exceeded, about 192.0.2.9 > 192.0.2.1"),
    Line(
      Sample.icmp(.timeExceeded(code: 0), [1, 2, 3]), hosts + "ICMP time exceeded in transit"),
    Line(
      Sample.ip(.udp, Array(Known.udp.dropFirst(20))) {
        $0.moreFragments = true
        $0.identification = 77
      }, "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5, fragment 77 0+"),
    Line(
      Sample.ip(.udp, Array(repeating: 0, count: 16)) {
        $0.fragmentOffset = 1480
        $0.identification = 77
      }, hosts + "fragment 77 1480, 16 octets"),
    Line(Sample.ip(IPProtocol(rawValue: 89), [1]), hosts + "protocol 89, length 1"),
  ]

  static let links: [Line] = [
    Line(
      .ethernet, Sample.ethernet(.arp, Sample.arpOctets),
      "ARP, who has 192.0.2.1? tell 192.0.2.9"),
    Line(
      .ethernet, Sample.ethernet(.ipv4, tags: [5], Known.udp),
      "vlan 5, IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(
      .ethernet, Sample.ethernet(EtherType(rawValue: 0x88CC), [1]),
      "02:00:00:00:00:09 > 02:00:00:00:00:01, ethertype 0x88cc, 1 octets"),
    Line(.ethernet, Sample.ethernet(.ipv6, [0x60, 0]), "IP6, 2 octets"),
    Line(.ipv4, Known.udp, "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(.null, [2, 0, 0, 0] + Known.udp, "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(.null, [0, 0, 0, 30, 0x60], "IP6, 1 octets"),
    Line(.loop, [0, 0, 0, 2] + Known.udp, "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(.null, [7, 0, 0, 0] + Known.udp, "address family 0x7000000, 33 octets"),
    Line(
      .linuxCooked, Array(repeating: 0, count: 14) + [8, 0] + Known.udp,
      "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5"),
    Line(
      .linuxCooked2, [8, 6] + Array(repeating: 0, count: 18) + Sample.arpOctets,
      "ARP, who has 192.0.2.1? tell 192.0.2.9"),
    Line(
      .linuxCooked2, [0x88, 0xCC] + Array(repeating: 0, count: 18), "protocol 0x88cc, 0 octets"),
    Line(LinkType(rawValue: 147), [1, 2], "link type 147, 2 octets"),
  ]

  static let damaged: [Line] = [
    Line([], "IP, empty"),
    Line([0x45], "IP needs 20 octets and has 1"),
    Line([0x75] + Known.udp.dropFirst(), "IP has version 7"),
    Line([0x41] + Known.udp.dropFirst(), "IP says its header is 4 octets long"),
    Line(
      Array(Known.data.dropLast(3)),
      "IP 192.0.2.9:49152 > 192.0.2.1:25: Flags [P.], seq 287454021:287454025, ack 1432778632,"
        + " win 502, length 4 (cut off: 44 of 47 octets)"),
    Line(
      Array(Known.data.prefix(22)),
      hosts + "TCP needs 20 octets and has 2 (cut off: 22 of 47 octets)"),
    Line(Array(Known.udp.prefix(24)), hosts + "UDP, cut off (cut off: 24 of 33 octets)"),
    Line(
      Known.udp.enumerated().map { $0.offset == 10 ? 0 : $0.element },
      "IP 192.0.2.9:5353 > 192.0.2.1:53: UDP, length 5, bad header checksum"),
    Line(.ethernet, [1, 2, 3], "Ethernet, cut off after 3 octets"),
    Line(.null, [2, 0], "loopback, cut off"),
    Line(.linuxCooked, [0], "Linux cooked, cut off"),
    Line(.ethernet, Sample.ethernet(.arp, [0, 1]), "ARP, malformed"),
    Line(
      Sample.ip(.udp, [0, 1, 0, 2, 0, 3, 0, 0]),
      "IP 192.0.2.9:1 > 192.0.2.1:2: UDP, impossible length"),
    Line(Sample.ip(.icmp, [3, 0]), hosts + "ICMP, cut off"),
  ]

  @Test("a packet is told in one line", arguments: transports + links + damaged)
  func line(_ known: Line) {
    #expect(PacketDescription.line(for: known.octets.span, link: known.link) == known.text)
  }
}
