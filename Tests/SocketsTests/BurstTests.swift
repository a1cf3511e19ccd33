import Logging
import Octets
import Stack
import Synchronization
import Testing
import Wire

@testable import Sockets

@Suite("What is dropped because nobody accepts", .timeLimit(.minutes(1)))
struct BurstTests {
  @Test("a burst is told once, and the next one again")
  func bursts() {
    var watch = BurstWatch()
    /// The count, how many nanoseconds after the last look, and whether a burst begins.
    var looks: [(count: UInt64, after: Int64, begins: Bool)] = [(0, 0, false), (3, 1, true)]
    for count in UInt64(4)..<40 { looks.append((count, BurstWatch.pause - 1, false)) }
    looks += [(39, BurstWatch.pause, false), (40, 1, true), (41, 1, false)]
    var now = Instant.start
    for look in looks {
      now = now.advanced(byNanoseconds: look.after)
      let begins = watch.begins(look.count, at: now)
      #expect(begins == look.begins, "\(look.count)")
    }
  }

  @Test("the host warns of a full queue of connections")
  func fullQueue() async throws {
    let said = Said()
    let (near, far) = SocketPairDevice.pair()
    let address = PairedHosts.serverAddress
    let client = NetworkHost(
      device: near,
      interface: InterfaceConfiguration(
        name: "near", addresses: [IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)]))
    let server = NetworkHost(
      device: far,
      interface: InterfaceConfiguration(name: "far", addresses: [IPv4Prefix(address, length: 24)]),
      logger: Logger(label: "test", factory: { _ in KeepingLogHandler(said: said) }))
    defer {
      client.stop()
      server.stop()
    }
    var options = ListenOptions()
    options.backlog = 1
    let listener = try await server.listen(at: SocketAddress(address, 7), options: options)
    let first = try await client.connect(to: SocketAddress(address, 7))
    let more = (0..<3).map { _ in
      Task { try await client.connect(to: SocketAddress(address, 7)) }
    }
    let warning = "warning a listener's queue is full: connections are dropped until it accepts"
    #expect(try await eventually { said.lines.withLock { $0.contains(warning) } })
    let dropped = { await server.counters.stack.count(.dropAcceptQueueFull) }
    #expect(try await eventually { await dropped() >= 3 })
    #expect(said.lines.withLock { lines in lines.count { $0 == warning } } == 1)
    for task in more { task.cancel() }
    withExtendedLifetime((listener, first)) {}
  }
}
