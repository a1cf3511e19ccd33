import NetworkCore
import Octets
@testable import Stack
import TCPCore
import Testing
import Wire

/// Peers that want a host to hold as much as it can for as long as it can.
@Suite("A host: clients that only take")
struct HostileClientTests {
  /// Time passes, and each segment is answered a little later; how many segments there were.
  private static func live(
    _ bench: Bench, _ duration: Duration, pace: Duration = .milliseconds(1),
    answer: (Segment) -> [UInt8]?
  ) -> Int {
    let end = bench.now + duration
    var count = 0
    var sent = bench.flush()
    while bench.now < end {
      let answers = sent.compactMap { Segment($0) }.compactMap { segment in
        count += 1
        return answer(segment)
      }
      sent = []
      bench.now = bench.now + pace
      for packet in answers { sent += bench.arrive(packet) }
      guard sent.isEmpty else { continue }
      guard let deadline = bench.stack.nextDeadline, deadline < end else { break }
      bench.now = max(bench.now, deadline)
      bench.stack.deadlinePassed(at: bench.now)
      sent = bench.flush()
    }
    bench.now = end
    return count
  }

  /// The acknowledgment of all that a segment has, but for what a window of `taken` octets leaves out.
  private static func acknowledgment(
    of segment: Segment, next: SequenceNumber, taking taken: Int, window: UInt16
  ) -> [UInt8] {
    Packet.tcp(
      from: SocketAddress(theirs, segment.header.destinationPort), [.ack], sequence: next,
      acknowledgment: segment.sequence + min(taken, segment.payload.count), window: window)
  }

  private static func server(
    _ peers: Int, writing octets: Int, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Bench, [SocketID], [Peer]) {
    let bench = Bench(configure: configure)
    var options = ListenOptions()
    options.backlog = peers
    options.handshakes = peers
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    var sockets: [SocketID] = []
    var clients: [Peer] = []
    for port in 0..<peers {
      var peer = Peer(remote: SocketAddress(theirs, Port(UInt16(2000 + port))))
      let answer = try #require(Segment(bench.arrive(peer.packet([.syn])).first))
      peer.next += 1
      peer.expected = answer.sequence + 1
      clients.append(peer)
      bench.arrive(peer.packet([.ack], window: 0))
      let socket = try #require(try bench.accept(listener))
      if octets > 0 { try bench.send(socket, [UInt8](repeating: 7, count: octets)) }
      sockets.append(socket)
    }
    return (bench, sockets, clients)
  }

  @Test(
    "a flood of SYNs from everywhere: a bounded queue, no buffer, an answer each, and all of it goes"
  )
  func synFlood() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    options.windowScale = 7
    options.sackPermitted = true
    options.timestamps = TCPTimestamps(value: 1, echo: 0)
    var random = RandomSource.seeded(11)
    var (received, sent) = (0, 0)
    for turn in 0..<20_000 {
      let source = IPv4Address(
        rawValue: 0xC612_0000 | UInt32.random(in: 1..<0x1_FFFF, using: &random))
      let packet = Packet.tcp(
        from: SocketAddress(source, Port(UInt16.random(in: 1...65_535, using: &random))), [.syn],
        sequence: SequenceNumber(UInt32.random(in: 0...(.max), using: &random)), options: options)
      received += packet.count
      sent += bench.arrive(packet).reduce(0) { $0 + $1.octets.count }
      bench.now = bench.now + .microseconds(100)
      if turn % 4000 == 0 {
        let socket = bench.connect(from: SocketAddress(theirs, Port(UInt16(3000 + turn / 4000))))
        #expect(socket != nil, "a peer gets in, after \(turn)")
      }
    }
    #expect(sent <= received, "a flood is not made larger for somebody else")
    #expect(bench.connectionCount <= 256 + 5)
    #expect(bench.stack.deadlines.count <= 256 + 5)
    #expect(bench.stack.bufferMemory == 0)
    while let socket = try bench.accept(listener) { bench.stack.abort(socket, at: bench.now) }
    let later = bench.wait(.seconds(300))
    // Four times or so each, then the half-open ones are forgotten.
    #expect(later.count <= 256 * 9)
    #expect(bench.connectionCount == 0 && bench.stack.nextDeadline == nil)
  }

  @Test(
    "windows that never open: the buffers are bounded, probes are few, and an abort gives all back")
  func closedWindows() throws {
    let peers = 200
    let bound = 2 << 20
    let (bench, sockets, clients) = try Self.server(peers, writing: 64 << 10) {
      $0.maximumBufferMemory = bound
    }
    #expect(bench.stack.bufferMemory <= bound + peers * 2048)
    let segments = Self.live(bench, .seconds(3600)) {
      Self.acknowledgment(of: $0, next: clients[0].next, taking: 0, window: 0)
    }
    // Answered probes keep the connections (MUST-37), ever more rarely: about once a minute.
    #expect(bench.connectionCount == peers)
    #expect(segments <= peers * 80, "\(segments)")
    #expect(bench.stack.bufferMemory <= bound + peers * 2048)
    for socket in sockets { bench.stack.abort(socket, at: bench.now) }
    bench.flush()
    #expect(bench.stack.bufferMemory == 0 && bench.connectionCount == 0)
  }

  @Test("whoever left need not wait for a window that never opens", arguments: [true, false])
  func orphanedWindow(answers: Bool) throws {
    let (bench, sockets, clients) = try Self.server(20, writing: 8000)
    for socket in sockets { bench.stack.close(socket, at: bench.now) }
    _ = Self.live(bench, .seconds(1000)) {
      answers ? Self.acknowledgment(of: $0, next: clients[0].next, taking: 0, window: 0) : nil
    }
    #expect(bench.connectionCount == 0 && bench.stack.bufferMemory == 0)
    #expect(bench.stack.counters.tcp.count(.giveUp) == 20)
  }

  @Test("nor for a peer that takes an octet now and then")
  func orphanedTrickle() throws {
    let (bench, sockets, clients) = try Self.server(5, writing: 8000)
    for socket in sockets { bench.stack.close(socket, at: bench.now) }
    // The window is one octet for ever, and every octet is acknowledged: progress without end.
    let segments = Self.live(bench, .seconds(900)) {
      Self.acknowledgment(of: $0, next: clients[0].next, taking: 1, window: 1)
    }
    #expect(bench.connectionCount == 5, "R2 is everybody's")
    #expect(segments <= 5 * 900 * 5, "an octet each time-out, no more: \(segments)")
    _ = Self.live(bench, .seconds(60)) {
      Self.acknowledgment(of: $0, next: clients[0].next, taking: 1, window: 1)
    }
    #expect(bench.connectionCount == 0 && bench.stack.bufferMemory == 0)
    #expect(bench.stack.counters.tcp.count(.orphanSlow) == 5)
  }

  @Test("a peer that is slow all the time, but not too slow, gets everything")
  func orphanedSlowly() throws {
    let (bench, sockets, clients) = try Self.server(1, writing: 300_000)
    bench.stack.close(try #require(sockets.first), at: bench.now)
    var heard = 0
    var expected = clients[0].expected
    var finishedAt: Instant?
    // Two segments every 3.5 s: 1,037 s, which is longer than R2.
    _ = Self.live(bench, .seconds(1500), pace: .milliseconds(3500)) { segment in
      guard segment.sequence == expected else { return nil }
      let count = min(1460, segment.payload.count)
      heard += count
      expected += count
      if segment.flags.contains(.fin), count == segment.payload.count, finishedAt == nil {
        finishedAt = bench.now
      }
      return Packet.tcp(
        from: clients[0].remote, [.ack], sequence: clients[0].next,
        acknowledgment: finishedAt == nil ? expected : expected + 1, window: 1460)
    }
    #expect(heard == 300_000)
    #expect(try #require(finishedAt) > Instant.start + .seconds(924))
    #expect(bench.stack.counters.tcp.count(.orphanSlow) == 0)
  }

  @Test(
    "no segment is smaller than the least that a path must carry",
    arguments: [0, 1, 8, 47] as [UInt16])
  func tinySegments(size: UInt16) throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = Peer()
    var options = TCPOptions()
    options.maximumSegmentSize = size
    let answer = try #require(
      Segment(
        bench.arrive(Packet.tcp(from: peer.remote, [.syn], sequence: peer.next, options: options))
          .first))
    peer.next += 1
    peer.expected = answer.sequence + 1
    bench.arrive(peer.packet([.ack]))
    let socket = try #require(try bench.accept(listener))
    try bench.send(socket, [UInt8](repeating: 1, count: 480))
    let sent = bench.flush().compactMap { Segment($0) }
    #expect(!sent.isEmpty && sent.allSatisfy { $0.payload.count == 48 })
  }

  @Test("octets that nobody reads close the window, for all peers together within the bound")
  func unread() throws {
    let peers = 100
    let bound = 1 << 20
    let (bench, sockets, clients) = try Self.server(peers, writing: 0) {
      $0.maximumBufferMemory = bound
    }
    let part = [UInt8](repeating: 9, count: 1400)
    var most = 0
    for var client in clients {
      for _ in 0..<200 {
        bench.arrive(client.packet([.ack], part))
        client.next += part.count
      }
      most = max(most, bench.stack.bufferMemory)
    }
    #expect(most > bound / 2 && most <= bound + peers * 2048, "\(most)")
    #expect(bench.stack.counters.tcp.count(.dropMemory) > 0)
    for socket in sockets { bench.stack.abort(socket, at: bench.now) }
    bench.flush()
    #expect(bench.stack.bufferMemory == 0)
  }

  @Test("single octets with holes between them: a bounded number of them is held")
  func holes() throws {
    let (bench, sockets, clients) = try Self.server(1, writing: 0)
    let socket = try #require(sockets.first)
    var client = clients[0]
    var answers = 0
    client.next += 1
    for _ in 0..<20_000 {
      answers += bench.arrive(client.packet([.ack], [1])).count
      client.next += 2
    }
    #expect(bench.stack.bufferMemory <= 256 << 10, "\(bench.stack.bufferMemory)")
    #expect(bench.stack.counters.tcp.count(.dropReassemblyFull) > 0)
    #expect(answers <= 20_000)
    #expect(bench.stack.receivable(socket) == 0)
  }
}
