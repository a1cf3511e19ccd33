import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

/// Stations on the link that lie, and queues that they could fill.
@Suite("A host: bad neighbours")
struct BadNeighborTests {
  @Test("who claims our address is told that it is ours, once in ten seconds (RFC 5227 2.4)")
  func defends() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    for operation in [ARPPacket.Operation.request, .reply] {
      bench.now = bench.now + .seconds(20)
      let sent = bench.arrive(Packet.arp(operation, from: ours))
      #expect(sent.count == 1)
      let frame = try #require(FrameValue(sent.first))
      #expect(frame.header.destination == .broadcast && frame.header.source == ourHardware)
      let announcement = try #require(frame.arp)
      #expect(announcement.operation == .request)
      #expect(announcement.senderAddress == ours && announcement.targetAddress == ours)
      #expect(announcement.senderHardware == ourHardware)
    }
    // A thousand claims in ten seconds: nothing more is said, and the address is kept.
    for _ in 0..<1000 {
      #expect(bench.arrive(Packet.arp(.request, from: ours)).isEmpty)
      bench.now = bench.now + .microseconds(9999)
    }
    #expect(bench.stack.counters.arp.count(.defend) == 2)
    bench.now = bench.now + .milliseconds(2)
    #expect(bench.arrive(Packet.arp(.request, from: ours)).count == 1)
    #expect(bench.stack.counters.arp.count(.dropConflict) == 1003)
    #expect(bench.stack.counters.arp.count(.learn) == 0)
    let echo = Packet.icmp(.echo(identifier: 1, sequence: 1), [])
    bench.arrive(Packet.arp(.request))
    #expect(bench.arrive(Packet.ethernet(.ipv4, echo)).count == 1)
  }

  @Test("what we said ourselves and hear again is no conflict")
  func reflected() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let said = ARPPacket(
      operation: .request, senderHardware: ourHardware, senderAddress: ours,
      targetHardware: MACAddress(rawValue: 0), targetAddress: theirs)
    let octets = [UInt8](capacity: ARPPacket.length) { said.emit(into: &$0) }
    #expect(bench.arrive(Packet.ethernet(.arp, to: .broadcast, octets)).isEmpty)
    #expect(bench.stack.counters.arp.count(.defend) == 0)
  }

  @Test("a redirect is counted and changes no route", arguments: 0..<4 as Range<UInt8>)
  func redirect(code: UInt8) throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let (gateway, liar) = (theirs, IPv4Address(192, 0, 2, 66))
    let far = IPv4Address(198, 51, 100, 7)
    bench.stack.addRoute(IPv4Prefix(.any, length: 0), via: gateway, on: bench.link)
    bench.arrive(Packet.arp(.request, from: gateway))
    let socket = try bench.stack.bindUDP(at: SocketAddress(ours, 53))
    func send() throws -> FrameValue {
      try bench.stack.send(socket, [1].span, to: SocketAddress(far, 9), at: bench.now)
      return try #require(FrameValue(bench.flush().first))
    }
    let before = try send()
    #expect(before.header.type == .ipv4 && before.header.destination == theirHardware)
    for sender in [gateway, liar, far] {
      let redirect = Packet.icmp(
        .redirect(code: code, gateway: liar), from: sender, before.payload)
      #expect(bench.arrive(Packet.ethernet(.ipv4, redirect)).isEmpty)
    }
    #expect(bench.stack.counters.icmp.count(.dropRedirect) == 3)
    let after = try send()
    #expect(after.header.type == .ipv4 && after.header.destination == theirHardware)
  }

  @Test("what waits for a device is bounded in octets, too, and a datagram is queued whole or not")
  func octets() throws {
    let bench = Bench(configure: { $0.maximumQueuedOctets = 100_000 })
    let socket = try bench.stack.bindUDP(at: SocketAddress(ours, 53))
    let datagram = [UInt8](repeating: 5, count: 40_000)
    for _ in 0..<10 {
      try bench.stack.send(socket, datagram.span, to: SocketAddress(theirs, 9), at: bench.now)
    }
    #expect(bench.stack.counters.ip.count(.dropFull) == 8)
    // A datagram that still fits does so.
    try bench.stack.send(
      socket, datagram.span.extracting(first: 1000), to: SocketAddress(theirs, 9), at: bench.now)
    let sent = bench.flush()
    #expect(sent.reduce(0) { $0 + $1.octets.count } <= 100_000)
    #expect(sent.count == 2 * 28 + 1)
    // What has gone leaves room.
    try bench.stack.send(socket, datagram.span, to: SocketAddress(theirs, 9), at: bench.now)
    #expect(bench.flush().count == 28)
  }

  @Test("what one UDP socket holds is bounded in octets, and empty datagrams cost something")
  func unreadDatagrams() throws {
    for size in [0, 1, 1400] {
      let bench = Bench()
      let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
      for _ in 0..<10_000 {
        bench.arrive(Packet.udp(to: SocketAddress(ours, 53), [UInt8](repeating: 1, count: size)))
      }
      let taken = Int(bench.stack.counters.udp.count(.deliver))
      #expect(taken == 256 * 1024 / (size + 64), "\(size)")
      #expect(bench.stack.counters.udp.count(.dropQueueFull) == UInt64(10_000 - taken))
      for _ in 0..<taken { #expect(try bench.stack.receiveDatagram(socket) != nil) }
      #expect(try bench.stack.receiveDatagram(socket) == nil)
    }
  }
}
