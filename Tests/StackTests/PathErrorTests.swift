import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: ICMP errors about its own segments")
struct PathErrorTests {
  private let remote = SocketAddress(theirs, 25)

  struct Report: Sendable, CustomTestStringConvertible {
    var kind: ICMPv4Kind
    var isHard: Bool
    var testDescription: String { "\(kind)" }
  }

  static let reports = [
    Report(kind: .unreachable(code: 2, nextHopMTU: 0), isHard: true),
    Report(kind: .unreachable(code: 3, nextHopMTU: 0), isHard: true),
    Report(kind: .timeExceeded(code: 0), isHard: false),
    Report(kind: .parameterProblem(code: 0, pointer: 1), isHard: false),
  ]

  @Test("a hard error ends a handshake, a soft one is only told", arguments: reports)
  func handshake(_ report: Report) throws {
    let bench = Bench()
    let socket = try bench.stack.connect(to: remote, at: bench.now)
    let syn = try #require(bench.flush().first).octets
    bench.arrive(
      Packet.icmp(report.kind, from: IPv4Address(198, 51, 100, 1), Array(syn.prefix(28))))
    let readiness = bench.events().first?.readiness ?? []
    if report.isHard {
      #expect(readiness.contains(.closed))
      #expect(bench.stack.closeReason(socket) == .unreachable)
      #expect(bench.connectionCount == 1)
      bench.stack.close(socket, at: bench.now)
      #expect(bench.connectionCount == 0 || !bench.flush().isEmpty || bench.connectionCount == 0)
    } else {
      #expect(readiness.contains(.softError) && !readiness.contains(.closed))
      #expect(bench.stack.state(socket) == .synSent)
    }
  }

  @Test("an established connection survives every error", arguments: reports)
  func established(_ report: Report) throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    _ = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [1, 2, 3])
    let segment = try #require(bench.flush().first).octets
    bench.arrive(Packet.icmp(report.kind, Array(segment.prefix(28))))
    #expect(bench.stack.state(socket) == .established)
    #expect(bench.stack.counters.tcp.count(.softICMP) == 1)
  }

  @Test("a path that takes less than the floor gets packets of the floor, which routers may cut")
  func belowFloor() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    _ = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [UInt8](repeating: 1, count: 1000))
    let sent = bench.flush()
    #expect(PacketValue(sent.first?.octets)?.header.dontFragment == true)
    let again = bench.arrive(
      Packet.icmp(
        .unreachable(code: 4, nextHopMTU: 300), from: IPv4Address(198, 51, 100, 1),
        Array(try #require(sent.first).octets.prefix(28))))
    #expect(again.count == 2)
    for frame in again {
      let packet = try #require(PacketValue(frame.octets))
      #expect(packet.length <= 552 && !packet.header.dontFragment)
      #expect(packet.header.identification != 0)
    }
  }

  @Test("super-packets that may be cut take an identification for each of their segments")
  func identifications() throws {
    let bench = Bench(
      offload: OffloadCapabilities(checksum: true, segmentation: true),
      configure: { $0.tcp.forbidsFragments = false })
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [UInt8](repeating: 1, count: 30_000))
    var next: UInt16?
    var packets = 0
    for _ in 0..<4 {
      var acknowledged = peer.expected
      for frame in bench.flush() {
        let packet = try #require(PacketValue(frame.octets))
        let segment = try #require(Segment(frame))
        let size = Int(frame.facts.segmentSize)
        let parts = size == 0 ? 1 : (segment.payload.count + size - 1) / size
        // RFC 6864 4.3; the device numbers the segments from the super-packet's on.
        if let next { #expect(packet.header.identification == next) }
        next = packet.header.identification &+ UInt16(parts)
        if parts > 1 { packets += 1 }
        acknowledged = segment.sequence + segment.payload.count
      }
      peer.expected = acknowledged
      bench.stack.frameArrived(peer.packet([.ack]).span, on: bench.link, at: bench.now)
    }
    #expect(packets > 2)
  }

  @Test(
    "an error that quotes a number that is not under way is not believed",
    .requirement("RFC 9293 MUST-54"))
  func forged() throws {
    let bench = Bench()
    let socket = try bench.stack.connect(to: remote, at: bench.now)
    var syn = try #require(bench.flush().first).octets
    syn[24] ^= 0x55
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), Array(syn.prefix(28))))
    #expect(bench.stack.state(socket) == .synSent)
    #expect(bench.stack.counters.tcp.count(.badICMP) == 1)
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), Array(syn.prefix(20))))
    syn[20] ^= 0xFF
    bench.arrive(Packet.icmp(.unreachable(code: 3, nextHopMTU: 0), Array(syn.prefix(28))))
    #expect(bench.stack.counters.icmp.count(.dropUnmatched) == 2)
  }

  @Test("fragmentation needed: the segments become smaller, and later connections know")
  func pathMTU() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    let answer = try #require(
      Segment(bench.arrive(Packet.tcp([.syn], options: options)).first))
    var peer = Peer()
    peer.next += 1
    peer.expected = answer.sequence + 1
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    let octets = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    try bench.send(socket, octets)
    let sent = bench.flush()
    #expect(PacketValue(sent.first?.octets)?.header.dontFragment == true)
    #expect(PacketValue(sent.first?.octets)?.length == 1500)
    let told = bench.arrive(
      Packet.icmp(
        .unreachable(code: 4, nextHopMTU: 900), from: IPv4Address(198, 51, 100, 1),
        Array(try #require(sent.first).octets.prefix(28))))
    #expect(!told.isEmpty)
    for frame in told { #expect((PacketValue(frame.octets)?.length ?? 0) <= 900) }
    #expect(Segment(told.first)?.payload == Array(octets.prefix(860)))
    #expect(bench.stack.counters.tcp.count(.pathMTUReduced) == 1)
    let next = try bench.stack.connect(to: SocketAddress(theirs, 80), at: bench.now)
    let syn = try #require(bench.flush().compactMap { Segment($0) }.last)
    #expect(syn.flags == [.syn] && syn.header.options.maximumSegmentSize == 860)
    #expect(bench.stack.state(next) == .synSent)
  }

  @Test("no answer at all: the handshake is given up after three minutes or more")
  func silence() throws {
    let bench = Bench()
    let socket = try bench.stack.connect(to: remote, at: bench.now)
    let sent = bench.wait(.seconds(170)).compactMap { Segment($0) }
    #expect(sent.count >= 5 && sent.allSatisfy { $0.flags == [.syn] })
    #expect(bench.stack.state(socket) == .synSent)
    _ = bench.wait(.seconds(200))
    #expect(bench.stack.closeReason(socket) == .timedOut)
  }

  @Test("a reset in answer to our SYN refuses the connection")
  func refused() throws {
    let bench = Bench()
    let socket = try bench.stack.connect(to: remote, at: bench.now)
    let syn = try #require(Segment(bench.flush().first))
    let local = try #require(bench.endpoints(socket)).local
    bench.arrive(
      Packet.tcp(
        from: remote, to: local, [.rst, .ack], acknowledgment: syn.sequence + 1))
    #expect(bench.stack.closeReason(socket) == .refused)
    #expect(throws: SocketError.closed(.refused)) { try bench.send(socket, [1]) }
  }
}
