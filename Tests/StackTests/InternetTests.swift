import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: ARP, IP, ICMP and UDP")
struct InternetTests {
  @Test("an echo is answered with its own octets", arguments: [0, 1, 56, 1472])
  func ping(_ count: Int) throws {
    let bench = Bench()
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let sent = bench.arrive(Packet.icmp(.echo(identifier: 7, sequence: 3), payload))
    #expect(sent.count == 1)
    let packet = try #require(PacketValue(sent.first?.octets))
    #expect(packet.isRight)
    #expect(packet.header.source == ours && packet.header.destination == theirs)
    #expect(packet.header.ttl == 64)
    let answer = try #require(ICMPv4Value(packet.payload))
    #expect(answer.kind == .echoReply(identifier: 7, sequence: 3))
    #expect(answer.isRight)
    #expect(answer.payload == payload)
  }

  @Test("the largest echo comes in fragments in any order, and goes in fragments")
  func largestPing() throws {
    let bench = Bench()
    let payload = (0..<65_507).map { UInt8(truncatingIfNeeded: $0 / 3) }
    let message = Packet.message(.echo(identifier: 1, sequence: 1), payload)
    var fragments: [[UInt8]] = []
    for offset in stride(from: 0, to: message.count, by: 1480) {
      let end = min(offset + 1480, message.count)
      fragments.append(
        Packet.ip(.icmp, Array(message[offset..<end])) {
          $0.identification = 77
          $0.fragmentOffset = offset
          $0.moreFragments = end < message.count
        })
    }
    var sent: [Sent] = []
    for fragment in fragments.reversed() { sent += bench.arrive(fragment) }
    #expect(sent.count == fragments.count)
    #expect(bench.stack.counters.ip.count(.reassembled) == 1)
    var rebuilt: [UInt8] = Array(repeating: 0, count: message.count)
    for frame in sent {
      let packet = try #require(PacketValue(frame.octets))
      #expect(packet.length <= 1500 && !packet.header.dontFragment)
      let start = packet.header.fragmentOffset
      rebuilt.replaceSubrange(start..<(start + packet.payload.count), with: packet.payload)
    }
    let answer = try #require(ICMPv4Value(rebuilt))
    #expect(answer.isRight && answer.kind == .echoReply(identifier: 1, sequence: 1))
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var name: String
    var packet: [UInt8]
    var rule: IPRule
    var testDescription: String { name }
  }

  static let refusals: [Refusal] = {
    let good = Packet.icmp(.echo(identifier: 1, sequence: 1), [1, 2, 3, 4])
    func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
      var packet = good
      change(&packet)
      return packet
    }
    let multicast = IPv4Address(224, 0, 0, 1)
    return [
      Refusal(name: "cut off", packet: Array(good[..<12]), rule: .dropMalformed),
      Refusal(name: "version 6", packet: changed { $0[0] = 0x65 }, rule: .dropVersion),
      Refusal(name: "header of 16", packet: changed { $0[0] = 0x44 }, rule: .dropHeaderLength),
      Refusal(name: "too long", packet: changed { $0[2] = 9 }, rule: .dropTotalLength),
      Refusal(name: "checksum", packet: changed { $0[10] ^= 1 }, rule: .dropHeaderChecksum),
      Refusal(
        name: "from a group",
        packet: Packet.icmp(.echo(identifier: 1, sequence: 1), from: multicast, []),
        rule: .dropBadSource),
      Refusal(
        name: "from our own address",
        packet: Packet.icmp(.echo(identifier: 1, sequence: 1), from: ours, []),
        rule: .dropBadSource),
      Refusal(
        name: "for another host",
        packet: Packet.icmp(.echo(identifier: 1, sequence: 1), to: IPv4Address(192, 0, 2, 77), []),
        rule: .dropNotForUs),
    ]
  }()

  @Test("what is wrong is dropped without an answer, and counted", arguments: refusals)
  func refusal(_ refusal: Refusal) {
    let bench = Bench()
    #expect(bench.arrive(refusal.packet).isEmpty)
    #expect(bench.stack.counters.ip.count(refusal.rule) == 1)
  }

  @Test("a packet is ours however few hops it had left", arguments: [0, 1, 255] as [UInt8])
  func lastHop(_ ttl: UInt8) {
    // RFC 1122 3.2.1.7.
    let echo = Packet.message(.echo(identifier: 1, sequence: 1), [])
    #expect(Bench().arrive(Packet.ip(.icmp, echo) { $0.ttl = ttl }).count == 1)
  }

  @Test("nothing is sent that is dead at once, whatever was configured")
  func noDeadPackets() throws {
    // RFC 1122 3.2.1.7.
    let bench = Bench(configure: { $0.tcp.ttl = 0 })
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    let echo = Packet.icmp(.echo(identifier: 1, sequence: 1), [])
    for packet in [echo, Packet.tcp([.syn]), Packet.tcp([.ack])] {
      #expect(PacketValue(bench.arrive(packet).first?.octets)?.header.ttl == 1)
    }
  }

  @Test("a broadcast echo is not answered")
  func smurf() {
    let bench = Bench()
    let target = IPv4Address(192, 0, 2, 255)
    #expect(bench.arrive(Packet.icmp(.echo(identifier: 1, sequence: 1), to: target, [])).isEmpty)
    #expect(bench.stack.counters.icmp.count(.dropEchoToGroup) == 1)
  }

  @Test("an unknown protocol is answered by protocol unreachable")
  func unknownProtocol() throws {
    let bench = Bench()
    let sent = bench.arrive(Packet.ip(IPProtocol(rawValue: 132), [1, 2, 3, 4, 5, 6, 7, 8]))
    let packet = try #require(PacketValue(sent.first?.octets))
    let message = try #require(ICMPv4Value(packet.payload))
    #expect(message.kind == .unreachable(code: 2, nextHopMTU: 0))
  }

  @Test("UDP: a datagram arrives, its answer goes back, and a closed port is told")
  func udp() throws {
    let bench = Bench()
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    let remote = SocketAddress(theirs, 5000)
    #expect(bench.arrive(Packet.udp(to: SocketAddress(ours, 53), [1, 2, 3])).isEmpty)
    let event = try #require(bench.events().first)
    #expect(event.socket == socket && event.readiness == .readable)
    let datagram = try #require(try bench.stack.receiveDatagram(socket))
    #expect(datagram.octets == [1, 2, 3] && datagram.source == remote)
    try bench.stack.send(socket, ([9, 8, 7] as [UInt8]).span, to: remote, at: bench.now)
    let sent = bench.flush()
    let answer = try #require(DatagramValue(PacketValue(sent.first?.octets)))
    #expect(answer.isRight && answer.payload == [9, 8, 7])

    let offending = Packet.udp(to: SocketAddress(ours, 54), [1, 2, 3])
    let refused = bench.arrive(offending)
    let error = try #require(PacketValue(refused.first?.octets))
    let message = try #require(ICMPv4Value(error.payload))
    #expect(message.kind == .unreachable(code: 3, nextHopMTU: 0))
    #expect(message.payload == offending)
    #expect(throws: SocketError.addressInUse(SocketAddress(.any, 53))) {
      _ = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    }
    bench.stack.close(socket, at: bench.now)
    #expect(bench.arrive(Packet.udp(to: SocketAddress(ours, 53), [1])).count == 1)
  }

  @Test("no error is sent about a broadcast, an error or a fragment, and only so many a second")
  func errorsAboutErrors() {
    let bench = Bench(configure: { $0.icmpErrorsPerSecond = 5 })
    let closed = SocketAddress(IPv4Address(192, 0, 2, 255), 54)
    #expect(bench.arrive(Packet.udp(to: closed, [1])).isEmpty)
    #expect(bench.stack.counters.icmp.count(.errorAboutBroadcast) == 1)
    var answers = 0
    for _ in 0..<50 { answers += bench.arrive(Packet.udp(to: SocketAddress(ours, 54), [1])).count }
    #expect((1...10).contains(answers))
    #expect(bench.stack.counters.icmp.count(.errorLimited) == UInt64(50 - answers))
  }

  @Test("a connected UDP socket hears its peer alone, and that the peer's port is closed")
  func connectedUDP() throws {
    let bench = Bench()
    let socket = try bench.stack.bindUDP(at: SocketAddress(ours, 6000))
    let peer = SocketAddress(theirs, 53)
    try bench.stack.connectUDP(socket, to: peer)
    bench.arrive(Packet.udp(from: SocketAddress(theirs, 54), to: SocketAddress(ours, 6000), [1]))
    #expect(try bench.stack.receiveDatagram(socket) == nil)
    bench.arrive(Packet.udp(from: peer, to: SocketAddress(ours, 6000), [2]))
    #expect(try bench.stack.receiveDatagram(socket)?.octets == [2])
    try bench.stack.send(socket, ([1] as [UInt8]).span, to: peer, at: bench.now)
    let question = try #require(bench.flush().first).octets
    _ = bench.events()
    bench.arrive(Packet.icmp(.unreachable(code: 1, nextHopMTU: 0), question))
    #expect(try bench.stack.receiveDatagram(socket) == nil)
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), question))
    #expect(throws: SocketError.closed(.refused)) { try bench.stack.receiveDatagram(socket) }
    #expect(try bench.stack.receiveDatagram(socket) == nil)
  }

  @Test("ARP: a question is answered; a packet waits for its answer, or its sender is told")
  func arp() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let answers = bench.arrive(Packet.arp(.request))
    let frame = try #require(FrameValue(answers.first))
    #expect(frame.header.destination == theirHardware && frame.header.source == ourHardware)
    let answer = try #require(frame.arp)
    #expect(answer.operation == .reply && answer.senderHardware == ourHardware)
    #expect(bench.arrive(Packet.arp(.request, for: IPv4Address(192, 0, 2, 50))).isEmpty)

    let other = IPv4Address(192, 0, 2, 10)
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    try bench.stack.send(socket, ([5] as [UInt8]).span, to: SocketAddress(other, 1), at: bench.now)
    let asked = try #require(FrameValue(bench.flush().first)?.arp)
    #expect(asked.operation == .request && asked.targetAddress == other)
    let released = bench.arrive(Packet.arp(.reply, from: other))
    let sent = try #require(FrameValue(released.first))
    #expect(sent.header.type == .ipv4 && sent.header.destination == theirHardware)
  }

  @Test("what waited for ARP says so when it goes")
  func releaseIsExplained() throws {
    let bench = Bench(medium: .ethernet(ourHardware), configure: { $0.explains = true })
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    for octet in [1, 2] as [UInt8] {
      try bench.stack.send(socket, [octet].span, to: SocketAddress(theirs, 9), at: bench.now)
    }
    _ = try bench.stack.connect(to: SocketAddress(theirs, 25), at: bench.now)
    #expect(bench.flush().map(\.rule) == ["ask"])
    let sent = bench.arrive(Packet.arp(.reply))
    #expect(sent.map(\.rule) == ["release", "release", "release"])
    #expect(bench.stack.counters.arp.count(.release) == 3)
  }

  @Test("a SYN waits for ARP and goes at once when the neighbour answers; else the user is told")
  func synWaitsForNeighbor() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let socket = try bench.stack.connect(to: SocketAddress(theirs, 25), at: bench.now)
    #expect(FrameValue(bench.flush().first)?.arp?.targetAddress == theirs)
    let released = bench.arrive(Packet.arp(.reply))
    let frame = try #require(FrameValue(released.first))
    let segment = try #require(Segment(frame.payload))
    #expect(segment.flags == [.syn] && segment.isRight)

    let silent = try bench.stack.connect(
      to: SocketAddress(IPv4Address(192, 0, 2, 66), 25), at: bench.now)
    _ = bench.wait(.seconds(10))
    #expect(bench.stack.counters.arp.count(.giveUp) > 0)
    let told = bench.events().first { $0.socket == silent }?.readiness ?? []
    #expect(!told.isDisjoint(with: [.softError, .closed]))
    #expect(bench.stack.state(socket) == .synSent)
  }

  @Test("routes: the most specific, by its gateway; without one an error")
  func routes() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let far = SocketAddress(IPv4Address(198, 51, 100, 7), 80)
    #expect(throws: SocketError.noRoute(far.address)) {
      _ = try bench.stack.connect(to: far, at: .start)
    }
    let gateway = IPv4Address(192, 0, 2, 254)
    bench.stack.addRoute(
      IPv4Prefix(IPv4Address(0, 0, 0, 0), length: 0), via: theirs, on: bench.link)
    bench.stack.addRoute(
      IPv4Prefix(IPv4Address(198, 51, 100, 0), length: 24), via: gateway, on: bench.link)
    let socket = try bench.stack.connect(to: far, at: .start)
    #expect(bench.stack.endpoints(socket)?.local.address == ours)
    #expect(FrameValue(bench.flush().first)?.arp?.targetAddress == gateway)
  }

  @Test("a frame for another host, of another VLAN or of another protocol is dropped")
  func foreignFrames() {
    let bench = Bench(medium: .ethernet(ourHardware))
    let ping = Packet.icmp(.echo(identifier: 1, sequence: 1), [])
    #expect(bench.arrive(Packet.ethernet(.ipv4, to: theirHardware, ping)).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropNotForUs) == 1)
    #expect(bench.arrive(Packet.ethernet(.vlan, [0x00, 0x05, 0x08, 0x00] + ping)).isEmpty)
    #expect(bench.arrive(Packet.ethernet(.ipv6, ping)).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropLinkType) == 2)
    bench.arrive(Packet.arp(.request))
    #expect(bench.arrive(Packet.ethernet(.vlan, [0xE0, 0x00, 0x08, 0x00] + ping)).count == 1)
  }

  @Test("a host that explains itself says how many decisions it could not tell")
  func omitted() {
    let bench = Bench { $0.explains = true }
    for _ in 0..<5000 { bench.arrive([0x60]) }
    let told = bench.stack.takeExplanations()
    #expect(told.count == 4097)
    #expect(told.last?.sentence == "904 further decisions were only counted")
    let more = bench.stack.takeExplanations()
    #expect(more.isEmpty)
  }
}
