import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: which address it speaks from, and to")
struct AddressTests {
  @Test("a datagram to a group or to all goes to the link, not to a gateway")
  func groups() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    bench.stack.addRoute(IPv4Prefix(.any, length: 0), via: theirs, on: bench.link)
    bench.arrive(Packet.arp(.request))
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 5353))
    let targets: [(IPv4Address, MACAddress, UInt8)] = [
      (IPv4Address(224, 0, 0, 251), MACAddress(rawValue: 0x0100_5E00_00FB), 1),
      (.limitedBroadcast, .broadcast, 64), (IPv4Address(192, 0, 2, 255), .broadcast, 64),
      (IPv4Address(198, 51, 100, 255), theirHardware, 64),
    ]
    for (target, hardware, ttl) in targets {
      try bench.stack.send(
        socket, ([1] as [UInt8]).span, to: SocketAddress(target, 9), at: bench.now)
      let sent = bench.flush()
      #expect(sent.count == 1)
      let frame = try #require(FrameValue(sent.first))
      #expect(frame.header.type == .ipv4 && frame.header.destination == hardware)
      let packet = try #require(PacketValue(frame.payload))
      #expect(packet.header.destination == target && packet.header.ttl == ttl)
      #expect(packet.header.source == ours)
    }
  }

  @Test("of several addresses the one in the next hop's network speaks")
  func several() throws {
    var stack = Stack(random: .seeded(1))
    let second = IPv4Address(198, 51, 100, 2)
    let narrow = IPv4Address(192, 0, 2, 130)
    let link = stack.addInterface(
      InterfaceConfiguration(
        name: "several",
        addresses: [
          ourNetwork, IPv4Prefix(second, length: 24), IPv4Prefix(narrow, length: 25),
        ]))
    stack.addRoute(IPv4Prefix(.any, length: 0), via: IPv4Address(198, 51, 100, 1), on: link)
    let far = IPv4Address(203, 0, 113, 5)
    for (target, source) in [
      (far, second), (theirs, ours), (IPv4Address(192, 0, 2, 140), narrow), (ours, ours),
      (narrow, narrow), (IPv4Address(198, 51, 100, 7), second),
    ] {
      #expect(stack.sourceAddress(for: target) == source)
      let socket = try stack.connect(to: SocketAddress(target, 25), at: .start)
      #expect(stack.endpoints(socket)?.local.address == source)
    }
    let socket = try stack.bindUDP(at: SocketAddress(.any, 5000))
    try stack.send(socket, ([1] as [UInt8]).span, to: SocketAddress(far, 9), at: .start)
    var sink = TestSink()
    stack.transmit(on: link, into: &sink, at: .start)
    let datagrams = sink.sent.compactMap { PacketValue($0.octets) }
      .filter { $0.header.transport == .udp }
    #expect(datagrams.map(\.header.source) == [second])
  }

  @Test("a datagram to ourselves comes from where it goes, and a closed port is told")
  func ourselves() throws {
    let bench = Bench()
    let server = try bench.stack.bindUDP(at: SocketAddress(ours, 53))
    let client = try bench.stack.bindUDP(at: SocketAddress(.any, 6000))
    try bench.stack.connectUDP(client, to: SocketAddress(ours, 53))
    try bench.stack.send(client, ([1] as [UInt8]).span, to: SocketAddress(ours, 53), at: bench.now)
    #expect(bench.flush().isEmpty)
    let datagram = try #require(try bench.stack.receiveDatagram(server))
    #expect(datagram.source == SocketAddress(ours, 6000))
    bench.stack.close(server, at: bench.now)
    try bench.stack.send(client, ([1] as [UInt8]).span, to: SocketAddress(ours, 53), at: bench.now)
    bench.flush()
    #expect(throws: SocketError.closed(.refused)) { try bench.stack.receiveDatagram(client) }
  }

  @Test("an interface without an address sends nothing from nowhere")
  func noAddress() throws {
    var stack = Stack(random: .seeded(1))
    let link = stack.addInterface(InterfaceConfiguration(name: "bare", addresses: []))
    stack.addRoute(IPv4Prefix(.any, length: 0), via: nil, on: link)
    let socket = try stack.bindUDP(at: SocketAddress(.any, 5000))
    #expect(throws: SocketError.addressNotAvailable(.any)) {
      try stack.send(socket, ([1] as [UInt8]).span, to: SocketAddress(theirs, 9), at: .start)
    }
    #expect(throws: SocketError.addressNotAvailable(.any)) {
      _ = try stack.connect(to: SocketAddress(theirs, 9), at: .start)
    }
  }

  @Test("a loopback address never speaks outside")
  func loopbackOutside() throws {
    let bench = Bench()
    let loopback = IPv4Address(127, 0, 0, 1)
    let socket = try bench.stack.bindUDP(at: SocketAddress(loopback, 5000))
    #expect(throws: SocketError.addressNotAvailable(loopback)) {
      try bench.stack.send(socket, ([1] as [UInt8]).span, to: SocketAddress(theirs, 9), at: .start)
    }
    #expect(throws: SocketError.addressNotAvailable(loopback)) {
      _ = try bench.stack.connect(
        to: SocketAddress(theirs, 9), from: SocketAddress(loopback, 0), at: .start)
    }
    #expect(bench.flush().isEmpty)
    try bench.stack.send(
      socket, ([1] as [UInt8]).span, to: SocketAddress(loopback, 5000), at: .start)
    #expect(bench.flush().isEmpty)
    #expect(try bench.stack.receiveDatagram(socket)?.octets == [1])
  }

  @Test("a refusal of one peer is not told about the next")
  func staleRefusal() throws {
    let bench = Bench()
    let socket = try bench.stack.bindUDP(at: SocketAddress(ours, 6000))
    let peer = SocketAddress(theirs, 53)
    try bench.stack.connectUDP(socket, to: peer)
    try bench.stack.send(socket, ([1] as [UInt8]).span, to: peer, at: bench.now)
    let question = try #require(bench.flush().first).octets
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), question))
    try bench.stack.connectUDP(socket, to: SocketAddress(theirs, 54))
    #expect(try bench.stack.receiveDatagram(socket) == nil)
  }

  @Test("a datagram goes to a host, a group or all, and to a port")
  func noTarget() throws {
    let bench = Bench()
    bench.stack.addRoute(IPv4Prefix(.any, length: 0), via: theirs, on: bench.link)
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 5000))
    for remote in [
      SocketAddress(.any, 9), SocketAddress(IPv4Address(240, 0, 0, 1), 9), SocketAddress(theirs, 0),
    ] {
      #expect(throws: SocketError.invalidRemote(remote.address), "\(remote)") {
        try bench.stack.send(socket, ([1] as [UInt8]).span, to: remote, at: bench.now)
      }
    }
    #expect(bench.flush().isEmpty)
  }

  @Test("of a datagram whose fragments find no room none is sent", arguments: [false, true])
  func wholeOrNothing(isEthernet: Bool) throws {
    let bench = Bench(
      medium: isEthernet ? .ethernet(ourHardware) : .ip,
      configure: { $0.maximumQueuedPackets = 10 })
    if isEthernet { bench.arrive(Packet.arp(.request)) }
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 5000))
    let octets = [UInt8](repeating: 1, count: 8000)
    for _ in 0..<2 {
      try bench.stack.send(socket, octets.span, to: SocketAddress(theirs, 9), at: bench.now)
    }
    #expect(bench.flush().count == 6)
    #expect(bench.stack.counters.ip.count(.dropFull) == 1)
    #expect(bench.stack.counters.ip.count(.sendFragment) == 6)
  }

  @Test("no connection is opened to all the hosts of a network")
  func broadcastConnect() throws {
    let bench = Bench()
    let all = IPv4Address(192, 0, 2, 255)
    #expect(throws: SocketError.invalidRemote(all)) {
      _ = try bench.stack.connect(to: SocketAddress(all, 25), at: bench.now)
    }
  }
}
