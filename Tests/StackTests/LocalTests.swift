import Octets
import TCPCore
import Testing
import Wire

@testable import Stack

@Suite("A host: with itself, with many, and inside")
struct LocalTests {
  @Test(
    "two sockets of one host talk over the loopback",
    arguments: [
      IPv4Address(127, 0, 0, 1), IPv4Address(127, 9, 9, 9), ours,
    ])
  func loopback(_ address: IPv4Address) throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    let socket = try bench.stack.connect(to: SocketAddress(address, 25), at: bench.now)
    #expect(bench.flush().isEmpty, "nothing of it may be seen outside")
    let accepted = try #require(try bench.accept(listener))
    let octets = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    var sent = 0
    var got: [UInt8] = []
    for _ in 0..<1000 where got.count < octets.count {
      sent += try bench.send(socket, Array(octets[sent...]))
      _ = bench.wait(.milliseconds(50))
      got += try bench.read(accepted)
    }
    #expect(got == octets)
    bench.stack.close(socket, at: bench.now)
    _ = bench.wait(.milliseconds(100))
    bench.stack.close(accepted, at: bench.now)
    _ = bench.wait(.seconds(120))
    #expect(bench.connectionCount == 0)
    #expect(bench.stack.nextDeadline == nil)
  }

  @Test(
    "a connection needs the address of one other host, and a port that is free",
    .requirement("RFC 9293 MUST-46"))
  func badConnects() throws {
    let bench = Bench()
    let now = bench.now
    for address in [IPv4Address.any, .limitedBroadcast, IPv4Address(224, 0, 0, 1)] {
      #expect(throws: SocketError.invalidRemote(address)) {
        try bench.stack.connect(to: SocketAddress(address, 25), at: now)
      }
    }
    let remote = SocketAddress(theirs, 25)
    let local = SocketAddress(ours, 5555)
    _ = try bench.stack.connect(to: remote, from: local, at: now)
    #expect(throws: SocketError.addressInUse(local)) {
      try bench.stack.connect(to: remote, from: local, at: now)
    }
    #expect(throws: SocketError.addressNotAvailable(theirs)) {
      try bench.stack.connect(to: remote, from: SocketAddress(theirs, 1), at: now)
    }
    _ = try bench.stack.connect(to: SocketAddress(theirs, 26), from: local, at: now)
  }

  @Test("ephemeral ports differ, and are none of the well-known")
  func ephemeralPorts() throws {
    let bench = Bench()
    var ports: Set<UInt16> = []
    for _ in 0..<2000 {
      let socket = try bench.stack.connect(to: SocketAddress(theirs, 25), at: bench.now)
      ports.insert(try #require(bench.endpoints(socket)).local.port.rawValue)
    }
    #expect(ports.count == 2000 && ports.allSatisfy { $0 >= 1024 })
  }

  @Test("ten thousand idle connections hold no buffers, and one entry of the heap each at most")
  func manyConnections() throws {
    var options = ListenOptions()
    options.backlog = 20_000
    options.handshakes = 20_000
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25), options: options)
    let count = 10_000
    for index in 0..<count {
      let remote = SocketAddress(
        IPv4Address(192, 0, 2, UInt8(10 + index / 1000)), Port(UInt16(2000 + index % 1000)))
      _ = try #require(bench.connect(from: remote))
    }
    #expect(bench.connectionCount == count)
    var sockets: [SocketID] = []
    while let socket = try bench.accept(listener) { sockets.append(socket) }
    #expect(sockets.count == count)
    #expect(bench.stack.bufferMemory == 0)
    #expect(bench.stack.deadlines.count <= count)
    #expect(MemoryLayout<ConnectionSlot>.size < 2048)
    for socket in sockets { bench.stack.abort(socket, at: bench.now) }
    #expect(bench.flush().count == count)
    #expect(bench.connectionCount == 0 && bench.stack.table.count == 0)
    #expect(bench.stack.deadlines.count == 0 && bench.stack.nextDeadline == nil)
  }

  @Test("the limit of connections holds, and is counted")
  func connectionLimit() throws {
    let bench = Bench(configure: { $0.maximumConnections = 3 })
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peers = 0
    for port in UInt16(1000)..<1005
    where bench.connect(from: SocketAddress(theirs, Port(port))) != nil {
      peers += 1
    }
    #expect(peers == 3)
    #expect(bench.stack.counters.stack.count(.dropConnectionLimit) == 2)
    #expect(throws: SocketError.limitReached) {
      try bench.stack.connect(to: SocketAddress(theirs, 25), at: .start)
    }
  }

  @Test("a stack that explains itself says why each frame is sent")
  func explanations() throws {
    let bench = Bench(configure: { $0.explains = true })
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    #expect(bench.arrive(Packet.tcp([.syn])).map(\.rule) == ["sendSYNACK"])
    #expect(
      bench.arrive(Packet.tcp(to: SocketAddress(ours, 1), [.syn])).map(\.rule) == [
        "resetNoConnection"
      ])
    #expect(
      bench.arrive(Packet.icmp(.echo(identifier: 1, sequence: 1), [])).map(\.rule) == ["answerEcho"]
    )
    let names = bench.stack.takeExplanations().map(\.name)
    #expect(names.contains("acceptHandshake") && names.contains("dropNoListener"))
    #expect(bench.stack.takeExplanations().isEmpty)
  }

  // MARK: Inside

  @Test("the heap gives what a sorted list would", arguments: 0..<20 as Range<UInt64>)
  func heap(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    var heap = DeadlineHeap()
    var model: [UInt32: Int64] = [:]
    for step in 0..<2000 {
      let index = UInt32.random(in: 0..<50, using: &random)
      let handle = SlabHandle(index: index, generation: 1)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<6:
        let time = Int64.random(in: 0..<1000, using: &random)
        heap.schedule(handle, at: Instant(nanoseconds: time))
        model[index] = min(model[index] ?? .max, time)
      case 6..<8:
        heap.remove(handle)
        model[index] = nil
      default:
        let now = Int64.random(in: 0..<300, using: &random)
        let popped = heap.popIfDue(at: Instant(nanoseconds: now))
        let first = model.values.min() ?? .max
        if first > now {
          #expect(popped == nil, "step \(step)")
        } else {
          let time = popped.flatMap { model.removeValue(forKey: $0.index) }
          #expect(time == first, "step \(step)")
        }
      }
      #expect(heap.count == model.count)
      #expect(heap.first?.nanoseconds == model.values.min(), "step \(step)")
    }
  }

  @Test("the table finds what a dictionary would", arguments: 0..<10 as Range<UInt64>)
  func table(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    var table = ConnectionTable(key: random.next())
    var model: [TCPEndpoints: SlabHandle] = [:]
    for step in 0..<4000 {
      let ends = TCPEndpoints(
        local: SocketAddress(ours, Port(UInt16.random(in: 1...4, using: &random))),
        remote: SocketAddress(theirs, Port(UInt16.random(in: 1...60, using: &random))))
      if Bool.random(using: &random), model[ends] == nil {
        let handle = SlabHandle(index: UInt32(step), generation: 1)
        table.insert(ends, handle)
        model[ends] = handle
      } else if Bool.random(using: &random) {
        table.remove(ends)
        model[ends] = nil
      }
      #expect(table.find(ends) == model[ends], "step \(step)")
    }
    #expect(table.count == model.count)
    for (ends, handle) in model { #expect(table.find(ends) == handle) }
  }
}
