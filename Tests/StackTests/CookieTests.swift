import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: handshakes that the peer remembers for it, RFC 4987")
struct CookieTests {
  private static func bench(handshakes: Int = 1) throws -> (Bench, SocketID) {
    let bench = Bench()
    var options = ListenOptions()
    options.handshakes = handshakes
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    for index in 0..<handshakes {
      bench.arrive(Packet.tcp(from: SocketAddress(theirs, Port(UInt16(100 + index))), [.syn]))
    }
    return (bench, listener)
  }

  private static let peer = SocketAddress(theirs, 5000)

  private static var offer: TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    options.windowScale = 5
    options.sackPermitted = true
    options.timestamps = TCPTimestamps(value: 1000, echo: 0)
    return options
  }

  /// A SYN that finds the queue full, and its answer.
  private static func answer(_ bench: Bench, _ options: TCPOptions) throws -> Segment {
    let sent = bench.arrive(
      Packet.tcp(from: peer, [.syn], sequence: SequenceNumber(7000), options: options))
    return try #require(Segment(sent.first))
  }

  private static func ack(
    _ answer: Segment, _ payload: [UInt8] = [], shift: Int = 0, echo: UInt32? = nil
  ) -> [UInt8] {
    var options = TCPOptions()
    if let times = answer.header.options.timestamps {
      options.timestamps = TCPTimestamps(value: 1010, echo: echo ?? times.value)
    }
    return Packet.tcp(
      from: peer, [.ack], sequence: SequenceNumber(7001),
      acknowledgment: answer.sequence + 1 + shift, window: 500, options: options, payload)
  }

  @Test("a full queue remembers nothing, and the ACK opens the connection with all its options")
  func opens() throws {
    let (bench, listener) = try Self.bench()
    let answer = try Self.answer(bench, Self.offer)
    #expect(answer.flags == [.syn, .ack])
    #expect(answer.header.acknowledgment == SequenceNumber(7001))
    #expect(answer.header.options.sackPermitted && answer.header.options.windowScale != nil)
    #expect(bench.connectionCount == 1)
    bench.arrive(Self.ack(answer, [1, 2, 3]))
    let socket = try #require(try bench.accept(listener))
    let state = bench.stack.state(socket)
    #expect(state == .established)
    #expect(try bench.read(socket) == [1, 2, 3])
    let known = bench.stack.info(socket)
    let info = try #require(known)
    #expect(info.sendMaximumSegmentSize == 1460 - 12)
    #expect(info.sendWindow == 500 << 5)
    let more = bench.stack.details(socket)
    let details = try #require(more)
    #expect(details.usesSACK && details.usesTimestamps && details.usesScaling)
    // Our clock goes on from where the SYN,ACK's was.
    let told = try #require(answer.header.options.timestamps?.value)
    try bench.send(socket, [9])
    let data = try #require(Segment(bench.flush().last))
    let later = try #require(data.header.options.timestamps?.value)
    #expect(Int32(bitPattern: later &- told) >= 0 && later &- told < 200)
    #expect(bench.stack.counters.stack.count(.acceptCookie) == 1)
  }

  @Test("without timestamps only the MSS is kept, so only that is answered")
  func plain() throws {
    let (bench, listener) = try Self.bench()
    var options = Self.offer
    options.timestamps = nil
    options.maximumSegmentSize = 1000
    let answer = try Self.answer(bench, options)
    #expect(!answer.header.options.sackPermitted && answer.header.options.windowScale == nil)
    bench.arrive(Self.ack(answer))
    let socket = try #require(try bench.accept(listener))
    // The next lower of the sizes that three bits can name.
    let info = bench.stack.info(socket)
    #expect(info?.sendMaximumSegmentSize == 536)
    #expect(info?.sendWindow == 500)
  }

  @Test("a number that is not ours is answered by a reset", arguments: [1, -1, 1 << 24, 1 << 27])
  func forged(_ shift: Int) throws {
    let (bench, listener) = try Self.bench()
    let answer = try Self.answer(bench, Self.offer)
    let sent = bench.arrive(Self.ack(answer, shift: shift))
    #expect(Segment(sent.first)?.flags.contains(.rst) == true)
    #expect(try bench.accept(listener) == nil)
    #expect(bench.connectionCount == 1)
  }

  @Test("a cookie is good for one to two minutes, and never where none was sent")
  func old() throws {
    let (bench, listener) = try Self.bench()
    let answer = try Self.answer(bench, Self.offer)
    bench.now = bench.now + .seconds(129)
    #expect(Segment(bench.arrive(Self.ack(answer)).first)?.flags.contains(.rst) == true)
    #expect(try bench.accept(listener) == nil)
    let fresh = Bench()
    _ = try fresh.stack.listen(at: SocketAddress(.any, 25))
    #expect(Segment(fresh.arrive(Self.ack(answer)).first)?.flags.contains(.rst) == true)
  }

  @Test("a lost ACK does no harm: the data that follows brings the cookie too")
  func lostACK() throws {
    let (bench, listener) = try Self.bench()
    let answer = try Self.answer(bench, Self.offer)
    bench.arrive(Self.ack(answer, [7, 8]))
    let socket = try #require(try bench.accept(listener))
    #expect(try bench.read(socket) == [7, 8])
  }

  @Test("through a flood of SYNs a peer gets in")
  func flood() throws {
    let (bench, listener) = try Self.bench(handshakes: 256)
    for index in 0..<2000 {
      bench.arrive(
        Packet.tcp(
          from: SocketAddress(IPv4Address(192, 0, 2, 77), Port(UInt16(1000 + index))), [.syn]))
    }
    #expect(bench.stack.counters.stack.count(.sendCookie) == 2000)
    #expect(bench.connectionCount == 256)
    #expect(bench.connect(from: SocketAddress(theirs, 9999)) != nil)
    #expect(try bench.accept(listener) != nil)
  }

  @Test("a queue of accepted connections that is full takes none by cookie either")
  func acceptQueue() throws {
    let bench = Bench()
    var options = ListenOptions()
    options.handshakes = 1
    options.backlog = 1
    _ = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    bench.arrive(Packet.tcp(from: SocketAddress(theirs, 100), [.syn]))
    let answer = try Self.answer(bench, Self.offer)
    let other = SocketAddress(theirs, 101)
    #expect(bench.connect(from: other) != nil)
    bench.arrive(Self.ack(answer))
    #expect(bench.stack.counters.stack.count(.dropAcceptQueueFull) == 1)
  }
}
