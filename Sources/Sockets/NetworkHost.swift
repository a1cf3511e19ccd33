public import Frames
public import Logging
import NetworkCore
public import Octets
public import Stack
import Synchronization
public import TCPCore
public import Wire

/// A host on a device of its own: a stack, its event loop and its sockets.
///
/// The actor's executor is the loop's thread: what runs isolated to it calls into the stack without
/// locks or hops, so a service that wants to be fast runs its handlers there.
public actor NetworkHost {
  private let loop: EventLoop
  private let core: HostCore
  private let isStopped = Atomic<Bool>(false)

  /// Everything of the actor runs on the loop's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe loop.asUnownedSerialExecutor()
  }

  /// Brings up a host on a device and starts its thread.
  ///
  /// - Parameters:
  ///   - device: where frames come from and go to.
  ///   - interface: addresses, MTU and medium; its offload is taken from the device.
  ///   - gateway: the next hop for everything that is not on the interface's networks.
  ///   - logger: told of what becomes of the host and its device, never of a packet; quiet by default.
  public init<Device: FrameDevice & ~Copyable & Sendable>(
    device: consuming Device, interface: InterfaceConfiguration, gateway: IPv4Address? = nil,
    configuration: StackConfiguration = StackConfiguration(), random: RandomSource = .system(),
    logger: Logger = Logger(label: "postroad.host", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    var interface = interface
    interface.offload = device.offload
    let loop = EventLoop()
    let made = DeviceCore(
      device, interface, Stack(configuration: configuration, random: random), logger)
    if let gateway {
      made.addDefaultRoute(via: gateway)
    }
    self.loop = loop
    core = made
    deviceFailures = made.deviceFailures
    logger.info(
      "host started",
      metadata: [
        "interface": "\(interface.name)", "mtu": "\(interface.mtu)",
        "addresses": "\(interface.addresses.map { "\($0)" })",
      ])
    loop.start(made)
  }

  deinit { loop.stop() }

  /// Ends the host: waiting tasks get an error, and nothing more is sent.
  ///
  /// Whoever wants to open, write or send from now on gets ``SocketError/hostStopped``; what has been
  /// received may still be read.
  public nonisolated func stop() {
    isStopped.store(true, ordering: .releasing)
    loop.stop()
  }

  /// Nothing that is to leave the host would: said at once, instead of a wait for what never comes.
  private func checkRunning() throws(SocketError) {
    guard !isStopped.load(ordering: .acquiring) else { throw .hostStopped }
  }

  /// Runs a body on the host's thread, where stream operations are direct calls.
  public func run<Result: Sendable>(
    _ body: @Sendable (isolated NetworkHost) async throws -> Result
  ) async rethrows -> Result {
    try await body(self)
  }

  /// Why the device is of no more use, such as that somebody deleted it: at most one reason, then the
  /// end, which ``stop()`` brings too. Connections are not told: their time-outs end them. For one
  /// task.
  public nonisolated let deviceFailures: AsyncStream<FrameError>

  /// What the stack has counted.
  public var counters: StackCounters { core.stack.counters }

  /// Whether a connection has more to do than to wait out TIME-WAIT.
  public var hasUnfinishedConnections: Bool {
    core.stack.connectionSummaries.contains { $0.info.state != .timeWait }
  }

  /// Connections in any state.
  public var connectionCount: Int { core.stack.connectionCount }

  /// The decisions since the last call, if the stack explains itself and its device doesn't ask why,
  /// which then is told everything.
  public func takeExplanations() -> [RuleExplanation] { core.stack.takeExplanations() }

  // MARK: Opening

  /// Listens for connections. 0.0.0.0 means any address of the host.
  public func listen(
    at local: SocketAddress, options: ListenOptions = ListenOptions()
  ) throws(SocketError) -> TCPListener {
    try checkRunning()
    let socket = try core.stack.listen(at: local, options: options)
    core.adopt(socket)
    core.logger.debug("listening", metadata: ["address": "\(local)"])
    return TCPListener(self, socket, local)
  }

  /// Listens for connections that a handler serves on the host's own thread.
  public func serve(
    at local: SocketAddress, options: ListenOptions = ListenOptions(),
    handler: any ConnectionHandler
  ) throws(SocketError) {
    try checkRunning()
    let socket = try core.stack.listen(at: local, options: options)
    core.adopt(socket, handler: handler)
    core.logger.debug("listening", metadata: ["address": "\(local)"])
  }

  /// Opens a connection and waits until it stands.
  public func connect(
    to remote: SocketAddress, from local: SocketAddress? = nil,
    configuration: TCPConfiguration? = nil, along way: SourceRoute? = nil
  ) async throws -> TCPStream {
    try checkRunning()
    let socket = try core.stack.connect(
      to: remote, from: local, configuration: configuration, along: way, at: core.time)
    core.adopt(socket)
    do {
      while !core.stack.state(socket).isSynchronized {
        if let reason = core.stack.closeReason(socket) { throw SocketError.closed(reason) }
        try await wait(.opener, socket)
      }
    } catch {
      abort(socket)
      throw error
    }
    return makeStream(socket)
  }

  /// Binds a UDP socket. Port 0 chooses one.
  public func bindUDP(at local: SocketAddress) throws(SocketError) -> UDPSocket {
    try checkRunning()
    let socket = try core.stack.bindUDP(at: local)
    core.adopt(socket)
    return UDPSocket(self, socket)
  }

  private func makeStream(_ socket: SocketID) -> TCPStream {
    let none = SocketAddress(.any, 0)
    let ends = core.stack.endpoints(socket) ?? TCPEndpoints(local: none, remote: none)
    return TCPStream(self, socket, ends)
  }

  // MARK: What sockets ask for

  /// Waits until a socket may be ready; cancellation ends the waiting.
  private func wait(_ kind: WaitKind, _ socket: SocketID) async throws {
    try Task.checkCancellation()
    let core = core
    let loop = loop
    let number = core.newWait()
    try await withTaskCancellationHandler {
      // `self` makes the closures the actor's own: without it they would run on another thread.
      try await unsafe withUnsafeThrowingContinuation {
        (waiter: UnsafeContinuation<Void, any Error>) in
        self.loop.checkIsolated()
        if Task.isCancelled {
          unsafe waiter.resume(throwing: CancellationError())
        } else {
          unsafe self.core.register(
            Waiters.Waiting(number: number, continuation: waiter), kind, socket)
        }
      }
    } onCancel: {
      loop.execute { core.cancel(number, kind, socket) }
    }
  }

  func accept(_ listener: SocketID) async throws -> TCPStream {
    while true {
      if let socket = try core.stack.accept(listener) {
        core.adopt(socket)
        return makeStream(socket)
      }
      try await wait(.reader, listener)
    }
  }

  func read(_ socket: SocketID, atMost limit: Int) async throws -> [UInt8] {
    while true {
      let octets = try core.stack.receive(socket, at: core.time) { received in
        let count = min(received.count, limit)
        return (count, [UInt8](copying: received.extracting(first: count)))
      }
      if !octets.isEmpty || core.stack.isAtEnd(socket) { return octets }
      try await wait(.reader, socket)
    }
  }

  func hasInput(_ socket: SocketID) -> Bool { core.stack.receivable(socket) > 0 }

  func withReceived<Result: Sendable>(
    _ socket: SocketID, _ body: @Sendable (Span<UInt8>) -> (consumed: Int, result: Result)
  ) async throws -> Result {
    while core.stack.receivable(socket) == 0, !core.stack.isAtEnd(socket) {
      try await wait(.reader, socket)
    }
    return try core.stack.receive(socket, at: core.time, body)
  }

  func write(_ socket: SocketID, _ octets: [UInt8]) async throws {
    try checkRunning()
    var sent = 0
    while sent < octets.count {
      let taken = try core.stack.send(
        socket, octets.span.extracting(droppingFirst: sent), at: core.time)
      sent += taken
      if sent < octets.count { try await wait(.writer, socket) }
    }
  }

  func closeSending(_ socket: SocketID) { core.stack.closeSending(socket, at: core.time) }

  func abort(_ socket: SocketID) {
    core.stack.abort(socket, at: core.time)
    core.forget(socket)
  }

  func close(_ socket: SocketID) {
    core.stack.close(socket, at: core.time)
    core.forget(socket)
  }

  /// Closes a socket whose handle is gone, from any thread.
  nonisolated func closeLater(_ socket: SocketID) {
    let core = core
    loop.execute {
      core.stack.close(socket, at: core.time)
      core.forget(socket)
    }
  }

  func info(_ socket: SocketID) -> TCPInfo? { core.stack.info(socket) }

  func receiveDatagram(_ socket: SocketID) async throws -> ReceivedDatagram {
    while true {
      if let datagram = try core.stack.receiveDatagram(socket) { return datagram }
      try await wait(.reader, socket)
    }
  }

  func sendDatagram(
    _ socket: SocketID, _ octets: [UInt8], to remote: SocketAddress
  ) throws(SocketError) {
    try checkRunning()
    try core.stack.send(socket, octets.span, to: remote, at: core.time)
  }
}
