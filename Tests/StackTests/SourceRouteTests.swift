import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("Source routes: RFC 9293 section 3.9.2.1")
struct SourceRouteTests {
  private let near = IPv4Address(192, 0, 2, 50)
  private let far = IPv4Address(198, 51, 100, 1)
  private let other = IPv4Address(192, 0, 2, 60)
  private let remote = SocketAddress(IPv4Address(203, 0, 113, 7), 5000)

  private func bench(takesRoutes: Bool = true) -> Bench {
    let bench = Bench { $0.takesSourceRoutes = takesRoutes }
    bench.stack.addRoute(
      IPv4Prefix(IPv4Address(0, 0, 0, 0), length: 0), via: theirs, on: bench.link)
    return bench
  }

  /// A packet to us that has come by routers, the last one the nearest.
  private func come(
    by routers: [IPv4Address], pointer: UInt8? = nil, _ packet: [UInt8]
  ) -> [UInt8] {
    var option: [UInt8] = [
      131, UInt8(3 + 4 * routers.count), pointer ?? UInt8(4 + 4 * routers.count),
    ]
    for router in routers {
      option += stride(from: 24, through: 0, by: -8).map {
        UInt8(truncatingIfNeeded: router.rawValue >> $0)
      }
    }
    option.append(0)
    var packet = Array(packet[..<20]) + option + packet[20...]
    packet[0] = 0x40 | UInt8((20 + option.count) / 4)
    packet[2] = UInt8(packet.count >> 8)
    packet[3] = UInt8(packet.count & 255)
    packet[10...11] = [0, 0]
    var sum = InternetChecksum()
    sum.add(Array(packet[..<(20 + option.count)]).span)
    packet[10] = UInt8(sum.value >> 8)
    packet[11] = UInt8(sum.value & 255)
    return packet
  }

  /// A packet of ours: where it goes first, where then, and the segment in it.
  private struct Routed {
    var first: IPv4Address
    var ahead: [IPv4Address]
    var header: TCPHeader
    var payload: [UInt8]
    var length: Int

    init?(_ octets: [UInt8]?, to remote: IPv4Address) {
      guard let octets, let packet = try? IPv4PacketView(parsing: octets.span),
        packet.headerChecksumIsRight, let view = try? TCPSegmentView(parsing: packet.payload),
        view.checksumIsRight(source: packet.source, destination: remote)
      else { return nil }
      first = packet.destination
      ahead = SourceRouteOption(in: packet.options)?.ahead ?? []
      header = TCPHeader(view)
      payload = [UInt8](copying: view.payload)
      length = packet.totalLength
    }
  }

  private func routed(_ sent: [Sent]) throws -> [Routed] {
    try sent.map { try #require(Routed($0.octets, to: remote.address)) }
  }

  @Test("by default none is sent, and none is taken")
  func refused() throws {
    let bench = bench(takesRoutes: false)
    let way = try #require(SourceRoute([near]))
    #expect(throws: SocketError.noSourceRoutes) {
      try bench.stack.connect(to: remote, along: way, at: bench.now)
    }
    #expect("\(SocketError.noSourceRoutes)" == "this host takes no source routes")
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    let peer = Peer(remote: remote)
    #expect(bench.arrive(come(by: [far, near], peer.packet([.syn]))).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropSourceRoute) == 1)
  }

  @Test(
    "an active open goes by the routers that it names, whatever way the answers come",
    .requirement("RFC 9293 MUST-51"), .requirement("RFC 9293 MUST-52"))
  func named() throws {
    let bench = bench()
    let way = try #require(SourceRoute([near, far]))
    let socket = try bench.stack.connect(to: remote, along: way, at: bench.now)
    let syn = try #require(try routed(bench.flush()).first)
    #expect(syn.header.flags == [.syn] && syn.first == near)
    #expect(syn.ahead == [far, remote.address])
    var peer = Peer(remote: remote, local: SocketAddress(ours, syn.header.sourcePort))
    peer.expected = syn.header.sequence + 1
    let answer = come(by: [far, other], peer.packet([.syn, .ack]))
    let acknowledgment = try #require(try routed(bench.arrive(answer)).first)
    #expect(acknowledgment.header.flags == [.ack] && acknowledgment.first == near)
    #expect(bench.stack.state(socket) == .established)
    peer.next += 1
    bench.arrive(come(by: [far, other], peer.packet([.ack, .psh], [1])))
    #expect(bench.stack.counters.stack.count(.takeSourceRoute) == 0)
    // Data, and its repetition: with the option no packet is longer than the link takes.
    try bench.stack.configure(socket, at: bench.now) { $0.noDelay = true }
    try bench.send(socket, [UInt8](repeating: 7, count: 3000))
    var sent = try routed(bench.flush())
    sent += try routed(bench.wait(.seconds(3)))
    #expect(sent.count > 6)
    #expect(sent.allSatisfy { $0.first == near && $0.ahead == [far, remote.address] })
    // The peer names no MSS: 536 octets, less twelve of options. RFC 9293 section 3.7.1.
    #expect(sent.map(\.payload.count).max() == 524)
  }

  @Test("with a source route a full packet is as long as the link takes, and no longer")
  func fullPackets() throws {
    let bench = bench()
    let way = try #require(SourceRoute([near, far]))
    let socket = try bench.stack.connect(to: remote, along: way, at: bench.now)
    let syn = try #require(try routed(bench.flush()).first)
    #expect(syn.header.options.maximumSegmentSize == 1460)
    var options = TCPOptions()
    options.maximumSegmentSize = 9000
    bench.arrive(
      Packet.tcp(
        from: remote, to: SocketAddress(ours, syn.header.sourcePort), [.syn, .ack],
        acknowledgment: syn.header.sequence + 1, options: options))
    try bench.send(socket, [UInt8](repeating: 7, count: 5000))
    #expect(try routed(bench.flush()).map(\.length).max() == 1500)
  }

  @Test(
    "what a passive open gets by a source route is answered by the same way back",
    .requirement("RFC 9293 MUST-53"))
  func answered() throws {
    let bench = bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = Peer(remote: remote)
    var sent = bench.arrive(come(by: [far, near], peer.packet([.syn])))
    // It goes again as it went.
    sent += bench.wait(.milliseconds(1100))
    peer.expected = try #require(try routed(sent).first).header.sequence + 1
    peer.next += 1
    // The rest comes straight, and that is no source route.
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [1, 2, 3])
    sent += bench.flush()
    sent += bench.arrive(peer.packet([.ack, .psh], [4, 5]))
    bench.stack.closeSending(socket, at: bench.now)
    sent += bench.flush()
    sent += bench.wait(.milliseconds(50))
    let all = try routed(sent)
    #expect(all.count >= 5)
    #expect(all.allSatisfy { $0.first == near && $0.ahead == [far, remote.address] })
    #expect(all.contains { $0.header.flags.contains(.fin) })
    #expect(bench.stack.counters.stack.count(.takeSourceRoute) == 1)
    #expect(bench.stack.endpoints(socket)?.remote == remote)
  }

  @Test(
    "a source route that comes later counts from there on, if its segment does",
    .requirement("RFC 9293 SHLD-24"))
  func replaced() throws {
    let bench = bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = Peer(remote: remote)
    let answer = bench.arrive(come(by: [near], peer.packet([.syn])))
    peer.expected = try #require(try routed(answer).first).header.sequence + 1
    peer.next += 1
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    bench.now = bench.now + .seconds(1)
    // A stranger's segment, far outside the window, leads nobody astray.
    var stranger = peer
    stranger.next += 1_000_000
    bench.arrive(come(by: [other], stranger.packet([.ack], [1])))
    try bench.send(socket, [1])
    #expect(try routed(bench.flush()).allSatisfy { $0.first == near })
    peer.expected += 1
    bench.now = bench.now + .milliseconds(100)
    bench.arrive(come(by: [far, other], peer.packet([.ack, .psh], [1])))
    try bench.send(socket, [2])
    let sent = try routed(bench.flush())
    #expect(!sent.isEmpty)
    #expect(sent.allSatisfy { $0.first == other && $0.ahead == [far, remote.address] })
    #expect(bench.stack.counters.stack.count(.takeSourceRoute) == 2)
  }

  @Test("a reset, a cookie and an echo go back as what they answer came")
  func withoutConnection() throws {
    let bench = bench()
    let peer = Peer(remote: remote)
    let reset = try routed(bench.arrive(come(by: [far, near], peer.packet([.syn])))).first
    #expect(reset?.header.flags == [.rst, .ack] && reset?.first == near)
    #expect(reset?.ahead == [far, remote.address])
    var options = ListenOptions()
    options.handshakes = 0
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    let cookie = try #require(
      try routed(bench.arrive(come(by: [far, near], peer.packet([.syn])))).first)
    #expect(cookie.header.flags == [.syn, .ack] && cookie.first == near)
    var back = peer
    back.next += 1
    back.expected = cookie.header.sequence + 1
    bench.arrive(come(by: [far, near], back.packet([.ack])))
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [9])
    #expect(try routed(bench.flush()).first?.first == near)
    let echo = Packet.icmp(.echo(identifier: 1, sequence: 2), from: remote.address, [1, 2, 3])
    let reply = try #require(bench.arrive(come(by: [near], echo)).first)
    let packet = try IPv4PacketView(parsing: reply.octets.span)
    #expect(packet.destination == near && packet.headerChecksumIsRight)
    let option = SourceRouteOption(in: packet.options)
    #expect(option?.ahead == [remote.address])
  }

  @Test("a route that leads on is told to have failed: this host is no router")
  func leadsOn() throws {
    let bench = bench()
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    let peer = Peer(remote: remote)
    let sent = bench.arrive(come(by: [far, near], pointer: 8, peer.packet([.syn])))
    let message = try #require(PacketValue(sent.first?.octets))
    #expect(ICMPv4Value(message.payload)?.kind == .unreachable(code: 5, nextHopMTU: 0))
    #expect(bench.stack.counters.ip.count(.dropRouteLeadsOn) == 1)
    #expect(bench.connectionCount == 0)
  }

  @Test("a strict route begins at a neighbour, and no route at ourselves")
  func beginnings() throws {
    let bench = bench()
    for way in [SourceRoute([far], isStrict: true), SourceRoute([ours])] {
      let way = try #require(way)
      #expect(throws: SocketError.noRoute(way.first)) {
        try bench.stack.connect(to: remote, along: way, at: bench.now)
      }
    }
    let strict = try #require(SourceRoute([near], isStrict: true))
    _ = try bench.stack.connect(to: remote, along: strict, at: bench.now)
    #expect(try routed(bench.flush()).first?.first == near)
    // A return route that begins nowhere is not followed: the answer goes straight.
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    let sent = bench.arrive(come(by: [ours], Peer(remote: remote).packet([.syn])))
    #expect(try routed(sent).first?.first == remote.address)
  }

  @Test("an error about a packet with a source route finds its connection")
  func errors() throws {
    let bench = bench()
    let way = try #require(SourceRoute([near, far]))
    let socket = try bench.stack.connect(to: remote, along: way, at: bench.now)
    let syn = try #require(bench.flush().first)
    let quote = Array(syn.octets[..<(32 + 8)])
    bench.arrive(
      Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), from: near, quote))
    #expect(bench.stack.closeReason(socket) == .unreachable)
  }
}
