import NetworkCore
import Octets
import Sockets
import Stack
import TCPCore
import Testing
import Wire

@Suite("Streams", .timeLimit(.minutes(2)))
struct StreamTests {
  @Test("octets go both ways, and each half closes by itself")
  func halfClose() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    try await client.write(Array("to the server".utf8))
    await client.closeSending()
    #expect(try await readAll(server) == Array("to the server".utf8))
    // Our side is closed, the other still sends.
    try await server.write(Array("and back".utf8))
    await server.closeSending()
    #expect(try await readAll(client) == Array("and back".utf8))
    #expect(client.remoteAddress == server.localAddress)
  }

  @Test("a megabyte of random octets comes back from an echo as it was")
  func echo() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    var random = RandomSource.seeded(7)
    let octets = (0..<1_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    async let echoed: Void = {
      while true {
        let part = try await server.read(atMost: 10_000)
        guard !part.isEmpty else { break }
        try await server.write(part)
      }
      await server.closeSending()
    }()
    async let sent: Void = {
      try await client.write(octets)
      await client.closeSending()
    }()
    let back = try await readAll(client)
    try await sent
    try await echoed
    #expect(back == octets)
  }

  @Test("a stream tells whether something is there to be read")
  func hasInput() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    #expect(await !server.hasInput)
    try await client.write([1])
    #expect(try await eventually { await server.hasInput })
    #expect(try await server.read() == [1])
    #expect(await !server.hasInput)
  }

  @Test("octets are read in place, and only what was consumed is gone")
  func readInPlace() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    try await client.write([1, 2, 3])
    await client.closeSending()
    let first = try await server.withReceived { octets in (1, Int(octets[0])) }
    #expect(first == 1)
    var rest: [UInt8] = []
    while true {
      let part = try await server.withReceived { octets in (octets.count, [UInt8](copying: octets))
      }
      guard !part.isEmpty else { break }
      rest += part
    }
    #expect(rest == [2, 3])
  }

  @Test("a reset reaches the peer's reader as an error")
  func abort() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    await client.abort()
    await #expect(throws: SocketError.closed(.reset)) { try await server.read() }
    await #expect(throws: SocketError.noSuchSocket) { try await client.read() }
  }

  @Test("a connection to a closed port is refused")
  func refused() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 81)
    await #expect(throws: SocketError.closed(.refused)) {
      _ = try await hosts.client.connect(to: end)
    }
  }

  @Test("a writer that outruns its reader stops, and goes on when the reader does")
  func backPressure() async throws {
    var configuration = StackConfiguration()
    configuration.tcp.sendBufferLimit = 20_000
    configuration.tcp.sendBufferMaximum = 20_000
    configuration.tcp.receiveBufferLimit = 20_000
    configuration.tcp.receiveBufferMaximum = 20_000
    let hosts = PairedHosts(configuration)
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    let octets = [UInt8](repeating: 0x78, count: 500_000)
    let writer = Task {
      try await client.write(octets)
      await client.closeSending()
    }
    // Both buffers fill, and nothing beyond them is taken.
    let isFull = try await eventually {
      guard let info = await client.info else { return false }
      return info.sendWindow < 1000 && info.bufferMemory >= 16_384
    }
    #expect(isFull)
    let memory = await client.info?.bufferMemory ?? 0
    #expect(memory <= 65_536)
    let back = try await readAll(server)
    try await writer.value
    #expect(back == octets)
  }

  @Test("cancelling ends every kind of waiting, and the stream can be used again")
  func cancellation() async throws {
    var configuration = StackConfiguration()
    configuration.tcp.sendBufferLimit = 4096
    configuration.tcp.receiveBufferLimit = 4096
    let hosts = PairedHosts(configuration)
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    let reader = Task { try await client.read() }
    let writer = Task { try await client.write([UInt8](repeating: 1, count: 100_000)) }
    let listener = try await hosts.server.listen(at: SocketAddress(.any, 90))
    let acceptor = Task { try await listener.accept() }
    for _ in 0..<100 { await Task.yield() }
    reader.cancel()
    writer.cancel()
    acceptor.cancel()
    await #expect(throws: CancellationError.self) { _ = try await reader.value }
    await #expect(throws: CancellationError.self) { try await writer.value }
    await #expect(throws: CancellationError.self) { _ = try await acceptor.value }
    try await server.write([42])
    #expect(try await client.read() == [42])
  }

  @Test("a cancellation ends the waiting it is for, not one that came after it")
  func lateCancellation() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    for round in 0..<40 {
      let first = Task { try await client.read() }
      if round % 2 == 0 { await Task.yield() }
      first.cancel()
      let second = Task { try await client.read() }
      _ = try? await first.value
      try await server.write([UInt8(round)])
      #expect(try await second.value == [UInt8(round)])
    }
  }

  @Test("two tasks that accept at once both get a connection")
  func twoAcceptors() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 9)
    let listener = try await hosts.server.listen(at: end)
    async let one = listener.accept()
    async let two = listener.accept()
    let near = try await hosts.client.connect(to: end)
    let also = try await hosts.client.connect(to: end)
    let ports = try await Set([one.remoteAddress, two.remoteAddress])
    #expect(ports == [near.localAddress, also.localAddress])
  }

  @Test("a listener's connections can be gone through, and end when it is closed")
  func sequence() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 9)
    let listener = try await hosts.server.listen(at: end)
    let served = Task {
      var count = 0
      for try await stream in listener {
        try await stream.write([UInt8(count)])
        count += 1
        if count == 3 { await listener.close() }
      }
      return count
    }
    for number in 0..<3 {
      let stream = try await hosts.client.connect(to: end)
      #expect(try await stream.read() == [UInt8(number)])
    }
    #expect(try await served.value == 3)
  }

  @Test("a deadline ends a waiting and leaves the stream in order")
  func deadline() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let (client, server) = try await hosts.connection()
    await #expect(throws: DeadlineExceeded(limit: .milliseconds(20))) {
      _ = try await withDeadline(.milliseconds(20)) { try await client.read() }
    }
    try await server.write([7])
    let octets = try await withDeadline(.seconds(30)) { try await client.read() }
    #expect(octets == [7])
  }

  @Test("when the last reference to a stream goes, the connection is closed")
  func deinitialization() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let server: TCPStream
    do {
      let pair = try await hosts.connection()
      server = pair.server
      try await pair.client.write([1])
    }
    #expect(try await readAll(server) == [1])
  }

  @Test("stopping the host ends all waiting")
  func stop() async throws {
    let hosts = PairedHosts()
    let (client, server) = try await hosts.connection()
    let reader = Task { try await client.read() }
    for _ in 0..<100 { await Task.yield() }
    hosts.stop()
    await #expect(throws: SocketError.hostStopped) { _ = try await reader.value }
    withExtendedLifetime(server) {}
  }

  @Test("five hundred connections at once, each with its own octets")
  func many() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 7)
    var options = ListenOptions()
    options.backlog = 600
    options.handshakes = 600
    let listener = try await hosts.server.listen(at: end, options: options)
    let server = Task {
      try await withThrowingDiscardingTaskGroup { group in
        for _ in 0..<500 {
          let stream = try await listener.accept()
          group.addTask {
            while true {
              let part = try await stream.read()
              guard !part.isEmpty else { break }
              try await stream.write(part)
            }
            await stream.closeSending()
          }
        }
      }
    }
    let client = hosts.client
    let good = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<500 {
        group.addTask {
          let stream = try await client.connect(to: end)
          let octets = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* number) }
          try await stream.write(octets)
          await stream.closeSending()
          return try await readAll(stream) == octets
        }
      }
      var good = 0
      for try await isRight in group where isRight { good += 1 }
      return good
    }
    try await server.value
    #expect(good == 500)
  }

  @Test("an address that another listener has is refused with a sentence")
  func inUse() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 25)
    let listener = try await hosts.server.listen(at: end)
    let error = await #expect(throws: SocketError.self) {
      _ = try await hosts.server.listen(at: end)
    }
    #expect(error?.description == "address 192.0.2.2:25 is in use")
    await listener.close()
    _ = try await hosts.server.listen(at: end)
  }

  @Test("datagrams go both ways, large ones in fragments")
  func datagrams() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let end = SocketAddress(PairedHosts.serverAddress, 5000)
    let server = try await hosts.server.bindUDP(at: end)
    let client = try await hosts.client.bindUDP(at: SocketAddress(.any, 0))
    let octets = (0..<30_000).map { UInt8(truncatingIfNeeded: $0) }
    try await client.send(octets, to: end)
    let received = try await server.receive()
    #expect(received.octets == octets)
    try await server.send([9], to: received.source)
    #expect(try await client.receive().octets == [9])
  }

  /// Everything up to the end of the stream.
  private func readAll(_ stream: TCPStream) async throws -> [UInt8] {
    var octets: [UInt8] = []
    while true {
      let part = try await stream.read()
      guard !part.isEmpty else { return octets }
      octets += part
    }
  }
}
