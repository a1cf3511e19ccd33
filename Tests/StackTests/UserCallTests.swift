import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: what its users may ask of TCP")
struct UserCallTests {
  private let remote = SocketAddress(theirs, 80)
  private let here = SocketAddress(ours, 5555)

  /// The peer's answer to our SYN; it has our acknowledgment then.
  private func answer(_ syn: Segment, from remote: SocketAddress, on bench: Bench) -> Peer {
    var peer = Peer(remote: remote, local: SocketAddress(ours, syn.header.sourcePort))
    peer.expected = syn.sequence + 1
    let sent = bench.arrive(peer.packet([.syn, .ack]))
    peer.next += 1
    #expect(Segment(sent.first)?.flags == [.ack])
    return peer
  }

  /// Data goes both ways.
  private func talks(_ socket: SocketID, _ peer: inout Peer, on bench: Bench) throws {
    bench.arrive(peer.packet([.ack, .psh], [1, 2, 3]))
    peer.next += 3
    #expect(try bench.read(socket) == [1, 2, 3])
    try bench.send(socket, [7, 8])
    #expect(Segment(bench.flush().last)?.payload == [7, 8])
    peer.expected += 2
    bench.arrive(peer.packet([.ack]))
  }

  @Test(
    "a reset in SYN-RECEIVED: a listener listens on and hears nothing, an active open is refused",
    .requirement("RFC 9293 MUST-11"))
  func originOfHandshake() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = try #require(bench.connect(finishes: false))
    bench.arrive(peer.packet([.rst]))
    #expect(bench.connectionCount == 0 && bench.events().isEmpty)
    peer = try #require(bench.connect())
    #expect(try bench.accept(listener) != nil)
    _ = bench.events()
    // The same reset after SYNs that crossed.
    let socket = try bench.stack.connect(to: remote, from: here, at: bench.now)
    let syn = try #require(Segment(bench.flush().first))
    var other = Peer(remote: remote, local: here)
    #expect(Segment(bench.arrive(other.packet([.syn])).first)?.flags == [.syn, .ack])
    #expect(bench.stack.state(socket) == .synReceived)
    other.next += 1
    other.expected = syn.sequence + 1
    bench.arrive(other.packet([.rst]))
    #expect(bench.stack.closeReason(socket) == .refused)
    #expect(bench.events().contains { $0.readiness.contains(.closed) })
  }

  @Test(
    "a new listener leaves a connection on its port alone", .requirement("RFC 9293 MUST-41"))
  func listenBesideConnection() throws {
    let bench = Bench()
    let socket = try bench.stack.connect(to: remote, from: here, at: bench.now)
    var peer = answer(try #require(Segment(bench.flush().first)), from: remote, on: bench)
    try talks(socket, &peer, on: bench)
    let before = bench.stack.info(socket)
    let listener = try bench.stack.listen(at: SocketAddress(.any, 5555))
    #expect(bench.flush().isEmpty && bench.stack.state(socket) == .established)
    #expect(bench.stack.info(socket)?.state == before?.state)
    try talks(socket, &peer, on: bench)
    var other = try #require(bench.connect(port: 5555))
    let accepted = try #require(try bench.accept(listener))
    try talks(accepted, &other, on: bench)
    try talks(socket, &peer, on: bench)
    bench.stack.close(listener, at: bench.now)
    try talks(socket, &peer, on: bench)
  }

  @Test(
    "one can listen where a handshake is under way, and both come to be",
    .requirement("RFC 9293 MUST-42"))
  func listenBesideHandshake() throws {
    let bench = Bench()
    // SYN-SENT.
    let socket = try bench.stack.connect(to: remote, from: here, at: bench.now)
    let syn = try #require(Segment(bench.flush().first))
    let listener = try bench.stack.listen(at: SocketAddress(.any, 5555))
    #expect(bench.stack.state(socket) == .synSent)
    var other = try #require(bench.connect(port: 5555))
    let accepted = try #require(try bench.accept(listener))
    var peer = answer(syn, from: remote, on: bench)
    #expect(bench.stack.state(socket) == .established)
    try talks(accepted, &other, on: bench)
    try talks(socket, &peer, on: bench)
    // SYN-RECEIVED.
    let source = SocketAddress(theirs, 6001)
    var late = try #require(bench.connect(from: source, port: 5555, finishes: false))
    let second = try bench.stack.listen(at: here)
    bench.arrive(late.packet([.ack]))
    #expect(try bench.accept(second) == nil)
    let first = try #require(try bench.accept(listener))
    try talks(first, &late, on: bench)
  }

  private static let second = IPv4Prefix(IPv4Address(198, 51, 100, 2), length: 24)

  @Test("an open may name its own address", .requirement("RFC 9293 MUST-43"))
  func localAddress() throws {
    let bench = Bench()
    let narrow = IPv4Address(192, 0, 2, 130)
    _ = bench.stack.addInterface(
      InterfaceConfiguration(name: "other", addresses: [IPv4Prefix(narrow, length: 32)]))
    _ = try bench.stack.connect(to: remote, from: SocketAddress(narrow, 0), at: bench.now)
    let syn = try #require(PacketValue(bench.flush().first?.octets))
    #expect(syn.header.source == narrow)
    let listener = try bench.stack.listen(at: SocketAddress(narrow, 25))
    #expect(Segment(bench.arrive(Packet.tcp([.syn])).first)?.flags == [.rst, .ack])
    let knock = Packet.tcp(to: SocketAddress(narrow, 25), [.syn])
    let answer = try #require(bench.arrive(knock).first)
    #expect(Segment(answer)?.flags == [.syn, .ack])
    #expect(PacketValue(answer.octets)?.header.source == narrow)
    bench.stack.close(listener, at: bench.now)
    #expect(throws: SocketError.addressNotAvailable(theirs)) {
      _ = try bench.stack.listen(at: SocketAddress(theirs, 25))
    }
  }

  @Test(
    "without one the route gives the address, before the SYN leaves",
    .requirement("RFC 9293 MUST-44"))
  func sourceByRoute() throws {
    var stack = Stack(random: .seeded(1))
    let one = stack.addInterface(InterfaceConfiguration(name: "one", addresses: [ourNetwork]))
    let two = stack.addInterface(InterfaceConfiguration(name: "two", addresses: [Self.second]))
    stack.addRoute(
      IPv4Prefix(IPv4Address(203, 0, 113, 0), length: 24), via: IPv4Address(198, 51, 100, 1),
      on: two)
    let targets = [
      (theirs, one, ours), (IPv4Address(198, 51, 100, 9), two, Self.second.address),
      (IPv4Address(203, 0, 113, 5), two, Self.second.address),
    ]
    for (target, link, source) in targets {
      let socket = try stack.connect(to: SocketAddress(target, 25), at: .start)
      #expect(stack.endpoints(socket)?.local.address == source)
      var sink = TestSink()
      stack.transmit(on: link, into: &sink, at: .start)
      let packet = try #require(PacketValue(sink.sent.first?.octets))
      #expect(packet.header.source == source && packet.header.destination == target)
      #expect(Segment(sink.sent.first)?.flags == [.syn])
    }
  }

  @Test(
    "a connection keeps its address, whatever the routes become",
    .requirement("RFC 9293 MUST-45"))
  func stableSource() throws {
    var stack = Stack(random: .seeded(1))
    let link = stack.addInterface(
      InterfaceConfiguration(name: "both", addresses: [ourNetwork, Self.second]))
    let far = SocketAddress(IPv4Address(203, 0, 113, 5), 80)
    stack.addRoute(IPv4Prefix(.any, length: 0), via: theirs, on: link)
    let bench = Bench()
    bench.stack = stack
    let socket = try bench.stack.connect(to: far, at: bench.now)
    var sent = bench.flush()
    let syn = try #require(Segment(sent.first))
    bench.stack.addRoute(
      IPv4Prefix(far.address, length: 32), via: IPv4Address(198, 51, 100, 1), on: link)
    #expect(bench.stack.sourceAddress(for: far.address) == Self.second.address)
    sent += bench.wait(.seconds(4))
    var peer = Peer(remote: far, local: SocketAddress(ours, syn.header.sourcePort))
    peer.expected = syn.sequence + 1
    sent += bench.arrive(peer.packet([.syn, .ack]))
    peer.next += 1
    try bench.send(socket, [1, 2, 3])
    sent += bench.wait(.seconds(2))
    sent += bench.arrive(peer.packet([.ack, .psh], [1]))
    bench.stack.closeSending(socket, at: bench.now)
    sent += bench.wait(.seconds(2))
    bench.stack.abort(socket, at: bench.now)
    sent += bench.flush()
    #expect(sent.count > 6)
    for packet in sent { #expect(PacketValue(packet.octets)?.header.source == ours) }
  }

  @Test(
    "no connection is opened to a group, to everybody or to nobody",
    .requirement("RFC 9293 MUST-46"),
    arguments: [
      IPv4Address(192, 0, 2, 255), .limitedBroadcast, IPv4Address(224, 0, 0, 1),
      IPv4Address(239, 255, 255, 255), IPv4Address(240, 0, 0, 1), .any,
    ])
  func invalidRemote(_ address: IPv4Address) throws {
    let bench = Bench()
    #expect(throws: SocketError.invalidRemote(address)) {
      _ = try bench.stack.connect(to: SocketAddress(address, 25), at: bench.now)
    }
    #expect(bench.wait(.seconds(5)).isEmpty && bench.connectionCount == 0)
  }

  @Test(
    "the code point of each segment is the user's, unchanged, and may change meanwhile",
    .requirement("RFC 9293 MUST-48"), .requirement("RFC 9293 SHLD-21"),
    .requirement("RFC 9293 SHLD-22"))
  func codePoint() throws {
    let bench = Bench(configure: { $0.tcp.dscp = 46 })
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = Peer()
    let answer = try #require(bench.arrive(peer.packet([.syn])).first)
    #expect(PacketValue(answer.octets)?.header.dscp == 46)
    peer.next += 1
    peer.expected = try #require(Segment(answer)).sequence + 1
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    for point in 0...63 as ClosedRange<UInt8> {
      try bench.stack.configure(socket, at: bench.now) { $0.dscp = point }
      try bench.send(socket, [point])
      let packet = try #require(PacketValue(bench.flush().last?.octets))
      #expect(packet.header.dscp == point && packet.isRight)
      peer.expected += 1
      bench.arrive(peer.packet([.ack]))
    }
  }

  @Test(
    "the time to live can be set, for all connections or for one",
    .requirement("RFC 9293 MUST-49"), arguments: [1, 64, 255] as [UInt8])
  func timeToLive(_ ttl: UInt8) throws {
    let bench = Bench(configure: { $0.tcp.ttl = ttl })
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = Peer()
    let answer = try #require(bench.arrive(peer.packet([.syn])).first)
    #expect(PacketValue(answer.octets)?.header.ttl == ttl)
    peer.next += 1
    peer.expected = try #require(Segment(answer)).sequence + 1
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    try bench.stack.configure(socket, at: bench.now) { $0.ttl = 17 }
    try bench.send(socket, [1])
    #expect(PacketValue(bench.flush().last?.octets)?.header.ttl == 17)
  }

  @Test(
    "an ICMP error reaches the one connection that it quotes", .requirement("RFC 9293 MUST-54"))
  func errorFindsConnection() throws {
    let bench = Bench()
    var sockets: [SocketID] = []
    var packets: [[UInt8]] = []
    for port in [80, 81, 82] as [Port] {
      sockets.append(
        try bench.stack.connect(to: SocketAddress(theirs, port), from: here, at: bench.now))
      packets.append(try #require(bench.flush().first).octets)
    }
    let router = IPv4Address(192, 0, 2, 254)
    let quote = Array(packets[1].prefix(28))
    bench.arrive(Packet.icmp(.unreachable(code: 1, nextHopMTU: 0), from: router, quote))
    let soft = bench.events().filter { $0.readiness.contains(.softError) }.map(\.socket)
    #expect(soft == [sockets[1]])
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), from: router, quote))
    #expect(sockets.map { bench.stack.closeReason($0) } == [nil, .unreachable, nil])
    #expect(bench.stack.state(sockets[0]) == .synSent)
    #expect(bench.stack.state(sockets[2]) == .synSent)
  }

  @Test(
    "a user who wants no reports of soft errors gets none", .requirement("RFC 9293 SHLD-20"),
    arguments: [true, false])
  func softErrorReports(_ wanted: Bool) throws {
    let bench = Bench(configure: { $0.tcp.reportsSoftErrors = wanted })
    let socket = try bench.stack.connect(to: remote, at: bench.now)
    let syn = try #require(bench.flush().first).octets
    bench.arrive(Packet.icmp(.timeExceeded(code: 0), Array(syn.prefix(28))))
    #expect(bench.events().contains { $0.readiness.contains(.softError) } == wanted)
    // And R1: three times sent again.
    _ = bench.wait(.seconds(30))
    #expect(bench.events().contains { $0.readiness.contains(.softError) } == wanted)
    #expect(bench.stack.state(socket) == .synSent)
  }
}
