import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: which segments count, and what is in those that it sends")
struct SegmentRulesTests {
  private let mail = SocketAddress(ours, 25)

  /// A packet whose TCP options are these octets, as many words as they fill.
  private func raw(
    _ peer: Peer, _ flags: TCPFlags, options: [UInt8], _ payload: [UInt8] = []
  ) -> [UInt8] {
    let padded = options + Array(repeating: 0, count: (4 - options.count % 4) % 4)
    let plain = TCPHeader(
      sourcePort: peer.remote.port, destinationPort: peer.local.port, sequence: peer.next,
      acknowledgment: peer.expected, flags: flags, window: 65_535)
    var segment = [UInt8](capacity: plain.length) { plain.emit(into: &$0) } + padded + payload
    segment[12] = UInt8((20 + padded.count) / 4) << 4
    segment[16...17] = [0, 0]
    var sum = PseudoHeader.sum(
      source: peer.remote.address, destination: peer.local.address, transport: .tcp,
      length: segment.count)
    sum.add(segment.span)
    segment[16] = UInt8(sum.value >> 8)
    segment[17] = UInt8(sum.value & 255)
    return Packet.ip(.tcp, from: peer.remote.address, to: peer.local.address, segment)
  }

  /// The packet with options in its IP header.
  private func with(ipOptions options: [UInt8], _ packet: [UInt8]) -> [UInt8] {
    var packet = Array(packet[..<20]) + options + packet[20...]
    packet[0] = 0x40 | UInt8((20 + options.count) / 4)
    packet[2] = UInt8(packet.count >> 8)
    packet[3] = UInt8(packet.count & 255)
    packet[10...11] = [0, 0]
    var sum = InternetChecksum()
    sum.add(Array(packet[..<(20 + options.count)]).span)
    packet[10] = UInt8(sum.value >> 8)
    packet[11] = UInt8(sum.value & 255)
    return packet
  }

  @Test(
    "every kind of segment leaves with a checksum that is right",
    .requirement("RFC 9293 MUST-2"))
  func checksumsSent() throws {
    let bench = Bench()
    var sent: [Sent] = []
    // For nobody, an active open and its repetition.
    sent += bench.arrive(Packet.tcp(to: SocketAddress(ours, 9), [.ack]))
    sent += bench.arrive(Packet.tcp(to: SocketAddress(ours, 9), [.syn], [1, 2, 3]))
    let attempt = try bench.stack.connect(to: SocketAddress(theirs, 80), at: bench.now)
    sent += bench.wait(.seconds(4))
    bench.stack.abort(attempt, at: bench.now)
    // A passive one: data of odd and even length, twice, an acknowledgment, a FIN, a reset.
    let listener = try bench.stack.listen(at: mail)
    var peer = Peer()
    let answer = bench.arrive(peer.packet([.syn]))
    sent += answer
    peer.next += 1
    peer.expected = try #require(Segment(answer.first)).sequence + 1
    sent += bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    for length in [1, 2, 1459, 1460, 4001] {
      try bench.send(socket, (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      sent += bench.wait(.seconds(1))
    }
    sent += bench.arrive(peer.packet([.ack, .psh], [1, 2, 3]))
    sent += bench.wait(.seconds(1))
    bench.stack.closeSending(socket, at: bench.now)
    sent += bench.wait(.seconds(3))
    bench.stack.abort(socket, at: bench.now)
    sent += bench.flush()
    let segments = sent.compactMap { Segment($0) }
    #expect(segments.count == sent.count && segments.count > 8)
    for segment in segments { #expect(segment.isRight, "\(segment.header)") }
    let kinds = Set(segments.map { $0.flags.subtracting(.psh).rawValue })
    #expect(kinds.isSuperset(of: [2, 4, 0x10, 0x12, 0x14].map { UInt16($0) }), "\(kinds)")
  }

  struct Options: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var octets: [UInt8]

    init(_ name: String, _ octets: [UInt8]) {
      testDescription = name
      self.octets = octets
    }
  }

  static let options = [
    Options("MSS", [2, 4, 2, 0x18]),
    Options("no-operations, then an end", [1, 1, 0]),
    Options("an unknown kind", [77, 6, 1, 2, 3, 4]),
    Options("an unknown kind without a value, MSS behind it", [200, 2, 2, 4, 5, 0xB4]),
    Options("40 octets of an unknown kind", [99, 40] + Array(repeating: 0, count: 38)),
    Options("timestamps that were not agreed on", [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]),
  ]
  static let illegal = [
    Options("length 0", [77, 0, 0, 0]), Options("length 1", [77, 1, 0, 0]),
    Options("length 255", [77, 255, 0, 0]), Options("no length", [1, 1, 1, 77]),
    Options("MSS of length 0", [2, 0, 5, 0xB4]), Options("MSS of length 3", [2, 3, 5, 1]),
    Options("timestamps of length 2", [8, 2, 1, 1]), Options("SACK of length 3", [5, 3, 1, 1]),
    Options("length 0 in 40 octets", [2] + Array(repeating: 0, count: 39)),
  ]

  /// Shakes hands, sends data both ways and closes, each segment with the options.
  private func converse(_ options: [UInt8]) throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: mail)
    var peer = Peer()
    let answer = try #require(Segment(bench.arrive(raw(peer, [.syn], options: options)).first))
    #expect(answer.flags == [.syn, .ack] && answer.header.acknowledgment == peer.next + 1)
    peer.next += 1
    peer.expected = answer.sequence + 1
    bench.arrive(raw(peer, [.ack], options: options))
    let socket = try #require(try bench.accept(listener))
    bench.arrive(raw(peer, [.ack, .psh], options: options, [1, 2, 3]))
    peer.next += 3
    #expect(try bench.read(socket) == [1, 2, 3])
    try bench.send(socket, [4])
    #expect(Segment(bench.flush().last)?.payload == [4])
    peer.expected += 1
    bench.arrive(raw(peer, [.ack, .fin], options: options))
    #expect(bench.stack.state(socket) == .closeWait)
    #expect(bench.stack.sendRoom(socket) > 0)
  }

  @Test(
    "options in any segment are read, and those that nobody knows do not matter",
    .requirement("RFC 9293 MUST-5"), .requirement("RFC 9293 MUST-6"), arguments: options)
  func optionsAnywhere(_ options: Options) throws { try converse(options.octets) }

  @Test(
    "an option whose length cannot be harms no segment", .requirement("RFC 9293 MUST-7"),
    arguments: illegal)
  func illegalLengths(_ options: Options) throws { try converse(options.octets) }

  @Test(
    "an option that was agreed on counts in a segment of data", .requirement("RFC 9293 MUST-5"))
  func agreedOptionInData() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: mail)
    var peer = Peer()
    let clock: [UInt8] = [1, 1, 8, 10, 0, 0, 3, 1, 0, 0, 0, 0]
    let answer = try #require(Segment(bench.arrive(raw(peer, [.syn], options: clock)).first))
    #expect(answer.header.options.timestamps?.echo == 0x301)
    peer.next += 1
    peer.expected = answer.sequence + 1
    bench.arrive(raw(peer, [.ack], options: clock))
    let socket = try #require(try bench.accept(listener))
    let later: [UInt8] = [1, 1, 8, 10, 0, 0, 3, 9, 0, 0, 0, 0]
    bench.arrive(raw(peer, [.ack, .psh], options: later, [1]))
    try bench.send(socket, [2])
    #expect(Segment(bench.flush().last)?.header.options.timestamps?.echo == 0x309)
  }

  @Test(
    "options of the IP header that TCP does not know change nothing",
    .requirement("RFC 9293 MUST-50"),
    arguments: [
      [148, 4, 0, 0], [1, 1, 1, 0], [7, 7, 4, 0, 0, 0, 0, 0], [68, 8, 5, 0, 0, 0, 0, 0],
      [200, 6, 1, 2, 3, 4, 1, 1], Array(repeating: 1, count: 40),
    ] as [[UInt8]])
  func ipOptions(_ options: [UInt8]) throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: mail)
    var peer = Peer()
    let sent = bench.arrive(with(ipOptions: options, peer.packet([.syn])))
    let answer = try #require(Segment(sent.first))
    #expect(answer.flags == [.syn, .ack] && answer.isRight)
    peer.next += 1
    peer.expected = answer.sequence + 1
    bench.arrive(with(ipOptions: options, peer.packet([.ack], [1, 2])))
    let socket = try #require(try bench.accept(listener))
    #expect(try bench.read(socket) == [1, 2])
  }

  @Test("a packet with a source route does not reach TCP", arguments: [131, 137] as [UInt8])
  func sourceRoute(_ kind: UInt8) throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: mail)
    let options: [UInt8] = [kind, 7, 8, 198, 51, 100, 1, 0]
    #expect(bench.arrive(with(ipOptions: options, Packet.tcp([.syn]))).isEmpty)
    #expect(bench.stack.counters.ip.count(.dropSourceRoute) == 1)
    #expect(bench.connectionCount == 0)
  }

  @Test(
    "no segment that many hosts get is answered, and none opens anything",
    .requirement("RFC 9293 MUST-57"),
    arguments: [
      IPv4Address(192, 0, 2, 255), .limitedBroadcast, IPv4Address(224, 0, 0, 1),
      IPv4Address(239, 1, 2, 3),
    ])
  func toMany(_ target: IPv4Address) throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    for port in [25, 26] as [Port] {
      for flags in [[.syn], [.ack], [.rst], [.fin, .ack], [.syn, .ack], []] as [TCPFlags] {
        #expect(bench.arrive(Packet.tcp(to: SocketAddress(target, port), flags)).isEmpty)
      }
    }
    #expect(bench.wait(.seconds(10)).isEmpty && bench.connectionCount == 0)
  }

  @Test(
    "a SYN from what is no single host is ignored", .requirement("RFC 9293 MUST-63"),
    arguments: [
      IPv4Address(192, 0, 2, 255), .limitedBroadcast, IPv4Address(224, 0, 0, 1),
      IPv4Address(239, 1, 2, 3), IPv4Address(240, 0, 0, 1), .any, IPv4Address(127, 0, 0, 1), ours,
    ])
  func fromNobody(_ source: IPv4Address) throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    for port in [25, 26] as [Port] {
      let syn = Packet.tcp(
        from: SocketAddress(source, 5000), to: SocketAddress(ours, port), [.syn])
      #expect(bench.arrive(syn).isEmpty)
    }
    #expect(bench.stack.counters.ip.count(.dropBadSource) == 2)
    #expect(bench.wait(.seconds(10)).isEmpty && bench.connectionCount == 0)
  }
}
