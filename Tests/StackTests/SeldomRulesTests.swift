import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

/// Rules at the bounds, which a host follows seldom: each is brought about by what a stranger or a user
/// can do.
@Suite("A host: rules that are seldom followed")
struct SeldomRulesTests {
  @Test("the fragments of one datagram are bounded")
  func fragments() {
    let bench = Bench()
    for number in 0..<600 {
      bench.arrive(
        Packet.ip(.udp, Array(repeating: 0, count: 8)) {
          $0.identification = 7
          $0.moreFragments = true
          $0.fragmentOffset = number * 16
        })
    }
    #expect(bench.stack.counters.ip.count(.dropFragmentLimit) == 600 - 512)
  }

  @Test("the longest segment without data fits the smallest link")
  func smallestLink() throws {
    let bench = Bench(mtu: 1)
    var options = ListenOptions()
    options.handshakes = 1
    _ = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    var offer = TCPOptions()
    offer.maximumSegmentSize = 536
    offer.timestamps = TCPTimestamps(value: 1, echo: 0)
    offer.windowScale = 2
    offer.sackPermitted = true
    bench.arrive(Packet.tcp(from: SocketAddress(theirs, 100), [.syn]))
    let sent = bench.arrive(Packet.tcp(from: SocketAddress(theirs, 101), [.syn], options: offer))
    #expect(bench.stack.counters.stack.count(.sendCookie) == 1)
    #expect(sent.count == 1 && sent.allSatisfy { $0.octets.count <= 68 })
    #expect(bench.stack.counters.ip.count(.sendFragment) == 0)
  }

  @Test("what a host sends itself faster than it takes it is bounded")
  func loopback() throws {
    let bench = Bench { $0.maximumQueuedPackets = 8 }
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    for _ in 0..<10 {
      try bench.stack.send(socket, ([1] as [UInt8]).span, to: SocketAddress(ours, 9), at: .start)
    }
    #expect(bench.stack.counters.ip.count(.dropLoopbackFull) == 2)
  }

  @Test("no error goes to an address that names no single host, though it is our own loopback")
  func loopbackError() throws {
    let bench = Bench()
    let here = IPv4Address(127, 0, 0, 1)
    let socket = try bench.stack.bindUDP(at: SocketAddress(here, 53))
    try bench.stack.send(socket, ([1] as [UInt8]).span, to: SocketAddress(here, 9), at: .start)
    bench.flush()
    #expect(bench.stack.counters.udp.count(.dropNoSocket) == 1)
    #expect(bench.stack.counters.icmp.count(.errorAboutSource) == 1)
  }

  @Test("datagrams that nobody reads are bounded")
  func unread() throws {
    let bench = Bench()
    _ = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    for _ in 0..<300 {
      bench.arrive(Packet.udp(to: SocketAddress(ours, 53), Array(repeating: 1, count: 1400)))
    }
    let (taken, dropped) = (
      bench.stack.counters.udp.count(.deliver), bench.stack.counters.udp.count(.dropQueueFull)
    )
    #expect(taken + dropped == 300 && dropped > 50 && taken > 100)
  }

  @Test("packets that wait for a neighbour are bounded, and so are the questions")
  func neighbors() throws {
    let bench = Bench(medium: .ethernet(ourHardware))
    let socket = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    let octets = [UInt8](repeating: 1, count: 1400)
    for _ in 0..<100 {
      try bench.stack.send(socket, octets.span, to: SocketAddress(theirs, 9), at: .start)
    }
    #expect(bench.stack.counters.arp.count(.dropQueueFull) > 10)
    let far = Bench(medium: .ethernet(ourHardware))
    far.stack.addRoute(IPv4Prefix(IPv4Address(198, 18, 0, 0), length: 15), via: nil, on: far.link)
    let other = try far.stack.bindUDP(at: SocketAddress(.any, 53))
    for number in 0..<300 as Range<UInt32> {
      let target = IPv4Address(rawValue: 0xC612_0001 + number)
      try far.stack.send(other, octets.span, to: SocketAddress(target, 9), at: .start)
    }
    #expect(far.stack.counters.arp.count(.dropTableFull) > 10)
  }

  @Test("somebody who claims our address is not believed")
  func conflict() {
    let bench = Bench(medium: .ethernet(ourHardware))
    bench.arrive(Packet.arp(.request, from: ours))
    #expect(bench.stack.counters.arp.count(.dropConflict) == 1)
    #expect(bench.stack.counters.arp.count(.learn) == 0)
  }

  @Test("data behind a FIN that came early is no part of the stream")
  func dataAfterFIN() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    let start = peer.next
    peer.next = start + 3
    bench.arrive(peer.packet([.fin, .ack]))
    bench.arrive(peer.packet([.ack], [7, 8, 9]))
    #expect(bench.stack.counters.tcp.count(.dropDataAfterFIN) == 1)
    peer.next = start
    bench.arrive(peer.packet([.ack], [1, 2, 3]))
    #expect(try bench.read(socket) == [1, 2, 3])
    let isAtEnd = bench.stack.isAtEnd(socket)
    #expect(isAtEnd)
  }
}
