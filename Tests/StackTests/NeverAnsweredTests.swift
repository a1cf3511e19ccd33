import NetworkCore
import Octets
import Stack
import Testing
import Wire

/// What many hosts hear is answered by none of them, or each such packet would bring a flood.
/// Source: RFC 1122 sections 3.2.2 and 3.3.6.
@Suite("A host: what must not be answered")
struct NeverAnsweredTests {
  static let everybody = IPv4Address(192, 0, 2, 255)

  /// A datagram to a closed port, in fragments of so many octets.
  static func fragments(
    to target: IPv4Address = ours, count: Int, size: Int, identification: UInt16 = 9
  ) -> [[UInt8]] {
    let whole = Packet.udp(
      to: SocketAddress(target, 54), (0..<count).map { UInt8(truncatingIfNeeded: $0) })
    let payload = Array(whole[20...])
    return stride(from: 0, to: payload.count, by: size).map { offset in
      let end = min(offset + size, payload.count)
      return Packet.ip(.udp, to: target, Array(payload[offset..<end])) {
        $0.identification = identification
        $0.fragmentOffset = offset
        $0.moreFragments = end < payload.count
      }
    }
  }

  /// A packet with an option of length 0.
  static func badOption(to target: IPv4Address) -> [UInt8] {
    var octets = Packet.udp(to: SocketAddress(target, 54), [1])
    octets.insert(contentsOf: [7, 0, 0, 0], at: 20)
    octets[0] = 0x46
    octets[3] += 4
    octets[10] = 0
    octets[11] = 0
    var sum = InternetChecksum()
    sum.add(octets.span.extracting(first: 24))
    octets[10] = UInt8(sum.value >> 8)
    octets[11] = UInt8(sum.value & 255)
    return octets
  }

  static let forOne: [(String, [UInt8])] = [
    ("an echo", Packet.icmp(.echo(identifier: 1, sequence: 1), [])),
    ("a SYN", Packet.tcp([.syn])), ("UDP", Packet.udp(to: SocketAddress(ours, 54), [1])),
    ("a fragment", fragments(count: 100, size: 56)[0]),
  ]

  @Test(
    "what the link brings to many stations must be meant for many",
    arguments: forOne, [MACAddress.broadcast, MACAddress(rawValue: 0x0100_5E00_0001)])
  func linkBroadcast(_ packet: (name: String, octets: [UInt8]), _ target: MACAddress) throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    bench.arrive(Packet.arp(.request))
    #expect(bench.arrive(Packet.ethernet(.ipv4, to: target, packet.octets)).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropLinkBroadcast) == 1)
    #expect(bench.stack.counters.ip.count(.deliver) == 0)
    #expect(bench.stack.nextDeadline == nil)
  }

  @Test("a broadcast in a frame to all is still delivered")
  func broadcast() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 54))
    for target in [Self.everybody, .limitedBroadcast] {
      let packet = Packet.udp(to: SocketAddress(target, 54), [7])
      bench.arrive(Packet.ethernet(.ipv4, to: .broadcast, packet))
      #expect(try bench.stack.receiveDatagram(socket)?.octets == [7])
    }
  }

  @Test("of a wrong option the sender is told, but not one who told everybody")
  func badOptions() throws {
    let bench = Bench()
    #expect(bench.arrive(Self.badOption(to: Self.everybody)).isEmpty)
    #expect(bench.stack.counters.icmp.count(.errorAboutBroadcast) == 1)
    let sent = bench.arrive(Self.badOption(to: ours))
    let message = try #require(ICMPv4Value(PacketValue(sent.first?.octets)?.payload))
    #expect(message.kind == .parameterProblem(code: 0, pointer: 20))

    let station = Bench(medium: .ethernet(ourHardware))
    station.arrive(Packet.arp(.request))
    #expect(
      station.arrive(Packet.ethernet(.ipv4, to: .broadcast, Self.badOption(to: ours))).isEmpty)
  }

  @Test("a datagram that never became whole is told of, but not to one who told everybody")
  func reassemblyTimeout() throws {
    let bench = Bench()
    bench.arrive(Self.fragments(to: Self.everybody, count: 100, size: 56)[0])
    #expect(bench.wait(.seconds(60)).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropReassemblyTimeout) == 1)
    #expect(bench.stack.counters.icmp.count(.errorAboutBroadcast) == 1)
    bench.arrive(Self.fragments(count: 100, size: 56)[0])
    let message = try #require(
      ICMPv4Value(PacketValue(bench.wait(.seconds(60)).first?.octets)?.payload))
    #expect(message.kind == .timeExceeded(code: 1))
  }

  @Test("an error about a datagram in fragments quotes its beginning, whichever came last")
  func wholeIsRefused() throws {
    for order in [[0, 1], [1, 0]] {
      let bench = Bench()
      let fragments = Self.fragments(count: 100, size: 56)
      var sent: [Sent] = []
      for index in order { sent += bench.arrive(fragments[index]) }
      let message = try #require(ICMPv4Value(PacketValue(sent.first?.octets)?.payload))
      #expect(message.kind == .unreachable(code: 3, nextHopMTU: 0))
      let quoted = try #require(PacketValue(message.payload))
      #expect(quoted.isRight && quoted.length == 128 && !quoted.header.moreFragments)
      #expect(DatagramValue(quoted)?.payload.count == 100)
    }
  }

  @Test("datagrams that make room for others are counted")
  func evictions() {
    let bench = Bench()
    for number in 0..<100 as Range<UInt16> {
      bench.arrive(Self.fragments(count: 100, size: 56, identification: number)[0])
    }
    // One sender may have a quarter of the 256 that wait.
    #expect(bench.stack.counters.ip.count(.dropFragmentEvicted) == 36)
  }

  @Test("an error to all, or about what another host sent, is nobody's")
  func foreignErrors() throws {
    let bench = Bench()
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 6000))
    let peer = SocketAddress(theirs, 53)
    try bench.stack.connectUDP(socket, to: peer)
    for source in [IPv4Address(198, 51, 100, 1), Self.everybody] {
      let quoted = Packet.udp(from: SocketAddress(source, 6000), to: peer, [1])
      for target in [ours, Self.everybody] {
        bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), to: target, quoted))
      }
    }
    #expect(try bench.stack.receiveDatagram(socket) == nil)
    #expect(bench.stack.counters.icmp.count(.dropUnmatched) == 4)
  }

  @Test("ARP: no answer to the address of a group, nothing kept that nobody asked for")
  func oddARP() {
    let bench = Bench(medium: .ethernet(ourHardware))
    func arp(
      _ operation: ARPPacket.Operation, _ hardware: MACAddress, _ sender: IPv4Address
    ) -> [Sent] {
      let packet = ARPPacket(
        operation: operation, senderHardware: hardware, senderAddress: sender,
        targetHardware: ourHardware, targetAddress: ours)
      let octets = [UInt8](capacity: ARPPacket.length) { packet.emit(into: &$0) }
      return bench.arrive(Packet.ethernet(.arp, octets))
    }
    for hardware in [MACAddress.broadcast, MACAddress(rawValue: 0)] {
      #expect(arp(.request, hardware, theirs).isEmpty)
    }
    for sender in [Self.everybody, .limitedBroadcast, IPv4Address(224, 0, 0, 1)] {
      #expect(arp(.request, theirHardware, sender).isEmpty)
    }
    #expect(bench.stack.counters.arp.count(.dropBadSender) == 5)
    #expect(bench.stack.counters.arp.count(.learn) == 0)
    bench.arrive(Packet.arp(.reply, for: IPv4Address(192, 0, 2, 50)))
    bench.arrive(Packet.arp(.reply))
    #expect(bench.stack.counters.arp.count(.dropUnasked) == 2)
    bench.arrive(Packet.arp(.request, for: IPv4Address(192, 0, 2, 50)))
    #expect(bench.stack.counters.arp.count(.dropNotForUs) == 1)
    #expect(bench.stack.counters.arp.count(.learn) == 0)
    // A probe: whoever has no address yet is answered and not kept. RFC 5227 2.1.1.
    #expect(arp(.request, theirHardware, .any).count == 1)
    #expect(bench.stack.counters.arp.count(.learn) == 0)
  }

  @Test("a tag behind a tag is a VLAN's, too")
  func doubleTag() {
    let bench = Bench(medium: .ethernet(ourHardware))
    let ping = Packet.icmp(.echo(identifier: 1, sequence: 1), [])
    let tags: [UInt8] = [0, 0, 0x81, 0, 0, 5, 8, 0]
    bench.arrive(Packet.ethernet(.vlan, tags + ping))
    #expect(bench.stack.counters.ip.count(.dropLinkType) == 1)
    #expect(bench.stack.counters.ip.count(.deliver) == 0)
  }
}
