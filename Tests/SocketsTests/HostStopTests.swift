import Frames
import Logging
import Octets
import Sockets
import Stack
import Synchronization
import Testing
import Wire

/// Keeps what a host says of itself.
final class Said: Sendable {
  let lines = Mutex<[String]>([])
}

struct KeepingLogHandler: LogHandler {
  let said: Said
  var metadata = Logger.Metadata()
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    said.lines.withLock { $0.append("\(event.level) \(event.message)") }
  }
}

@Suite("A host that is stopped", .timeLimit(.minutes(1)))
struct HostStopTests {
  @Test("the connections of a listener come to their end")
  func listener() async throws {
    let hosts = PairedHosts()
    let listener = try await hosts.server.listen(at: SocketAddress(PairedHosts.serverAddress, 7))
    let serving = Task {
      var count = 0
      for try await _ in listener { count += 1 }
      return count
    }
    _ = try await hosts.client.connect(to: SocketAddress(PairedHosts.serverAddress, 7))
    hosts.stop()
    #expect(try await serving.value == 1)
  }

  @Test("whoever reads is told, and so is whoever comes too late")
  func readers() async throws {
    let hosts = PairedHosts()
    let (client, server) = try await hosts.connection()
    let reading = Task { try await client.read() }
    hosts.client.stop()
    await #expect(throws: SocketError.hostStopped) { try await reading.value }
    await #expect(throws: SocketError.hostStopped) { try await client.read() }
    hosts.server.stop()
    await #expect(throws: SocketError.hostStopped) { try await server.read() }
    #expect("\(SocketError.hostStopped)" == "the host was stopped")
  }

  /// What can be asked of a host, each with a connection that stood before it was stopped.
  static let requests:
    [(what: String, ask: @Sendable (NetworkHost, TCPStream) async throws -> Void)] =
      [
        ("write", { _, stream in try await stream.write([1]) }),
        ("listen", { host, _ in _ = try await host.listen(at: SocketAddress(.any, 70)) }),
        (
          "serve",
          { host, _ in try await host.serve(at: SocketAddress(.any, 71), handler: NoHandler()) }
        ),
        ("bindUDP", { host, _ in _ = try await host.bindUDP(at: SocketAddress(.any, 72)) }),
        (
          "connect",
          { host, _ in _ = try await host.connect(to: SocketAddress(PairedHosts.serverAddress, 7)) }
        ),
      ]

  private final class NoHandler: ConnectionHandler {
    func connectionReady(
      _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant
    ) {}
  }

  @Test("nothing more is opened or sent, and whoever asks is told")
  func latecomers() async throws {
    for (what, ask) in Self.requests {
      let hosts = PairedHosts()
      defer { hosts.stop() }
      let (client, server) = try await hosts.connection()
      hosts.client.stop()
      // At once, and when the thread has ended its last turn.
      await #expect(throws: SocketError.hostStopped, "\(what)") {
        try await ask(hosts.client, client)
      }
      for await _ in hosts.client.deviceFailures {}
      await #expect(throws: SocketError.hostStopped, "\(what)") {
        try await ask(hosts.client, client)
      }
      _ = server
    }
  }

  @Test("a datagram is not taken by a host that will not send it")
  func datagram() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    let socket = try await hosts.client.bindUDP(at: SocketAddress(.any, 5353))
    hosts.client.stop()
    await #expect(throws: SocketError.hostStopped) {
      try await socket.send([1], to: SocketAddress(PairedHosts.serverAddress, 7))
    }
  }

  @Test("a host that is stopped from its own thread says so in the same turn")
  func ownThread() async throws {
    let hosts = PairedHosts()
    defer { hosts.stop() }
    await hosts.client.run { host in
      host.stop()
      #expect(throws: SocketError.hostStopped) { try host.bindUDP(at: SocketAddress(.any, 72)) }
    }
  }

  @Test("the host tells its logger of its beginning and its end, not of packets")
  func logs() async throws {
    let said = Said()
    let (near, far) = SocketPairDevice.pair()
    let host = NetworkHost(
      device: near,
      interface: InterfaceConfiguration(
        name: "near", addresses: [IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)]),
      logger: Logger(label: "test", factory: { _ in KeepingLogHandler(said: said) }))
    _ = try await host.listen(at: SocketAddress(.any, 7))
    host.stop()
    for await _ in host.deviceFailures {}
    _ = far
    let isOver = try await eventually { said.lines.withLock { $0.count == 3 } }
    #expect(isOver)
    let expected = ["info host started", "debug listening", "info host stopped"]
    #expect(said.lines.withLock { $0 } == expected)
  }
}
