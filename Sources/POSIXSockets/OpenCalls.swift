import Octets
import Stack
import TCPCore
public import Wire

// socket, bind, listen, accept, connect, and the names of both ends.
extension POSIXProcess {
  /// `SOCK_NONBLOCK` and `SOCK_CLOEXEC`, which a type may have beside it.
  private static var typeFlags: Int { 0o4000 | 0o2_000_000 }

  /// `socket(2)`: the lowest free descriptor.
  public mutating func socket(
    domain: Int = 2, type: Int, protocol number: Int = 0
  ) throws(UnsupportedCall) -> CallResult {
    guard domain == 2 else {
      if domain == 10 { throw UnsupportedCall(what: "socket(AF_INET6)") }
      return .failed(.familyNotSupported)
    }
    let isNonBlocking = type & 0o4000 != 0
    let isStream: Bool
    switch (type & ~Self.typeFlags, number) {
    case (1, 0), (1, 6): isStream = true
    case (2, 0), (2, 17): isStream = false
    case (1, 262): throw UnsupportedCall(what: "socket(IPPROTO_MPTCP)")
    case (1, _), (2, _): return .failed(.protocolNotSupported)
    case (3, _): throw UnsupportedCall(what: "socket(SOCK_RAW)")
    case (4...10, _): return .failed(.typeNotSupported)
    default: return .failed(.invalidArgument)
    }
    let socket = OpenSocket(
      isStream: isStream, isNonBlocking: isNonBlocking,
      options: parameters.socketOptions(isStream: isStream), tcp: parameters.configuration)
    socket.closesOnExec = type & 0o2_000_000 != 0
    return add(.socket(socket))
  }

  mutating func add(_ file: OpenFile) -> CallResult {
    guard let fd = descriptors.add(file) else { return .failed(.tooManyDescriptors) }
    return .done(fd)
  }

  /// `bind(2)`.
  public mutating func bind(
    _ fd: Int, to address: AddressArgument
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    let wanted: SocketAddress
    switch address {
    case .null: return .failed(.badAddress)
    case .unspecified: wanted = SocketAddress(.any, 0)
    case .ipv4(let address): wanted = address
    case .other: return .failed(.familyNotSupported)
    }
    guard wanted.address.isUnspecified || stack.isLocal(wanted.address) else {
      return .failed(.addressNotAvailable)
    }
    guard socket.local == nil, case .idle = socket.role else { return .failed(.invalidArgument) }
    return bind(socket, to: wanted)
  }

  /// Takes an address and a port, a free one for port 0.
  private mutating func bind(_ socket: OpenSocket, to wanted: SocketAddress) -> CallResult {
    var local = wanted
    if !socket.isStream { return openDatagram(socket, at: local) }
    if local.port.rawValue == 0 {
      guard let port = stack.freePort(at: local.address) else { return .failed(.addressInUse) }
      local.port = port
    } else if isTaken(local, by: socket) {
      return .failed(.addressInUse)
    }
    socket.local = local
    socket.isBound = true
    return .done(0)
  }

  /// Gives a UDP socket its port.
  mutating func openDatagram(_ socket: OpenSocket, at local: SocketAddress) -> CallResult {
    do throws(SocketError) {
      let id = try stack.bindUDP(at: local)
      socket.role = .datagram(id)
      socket.local = stack.localAddress(id)
      socket.isBound = true
      return .done(0)
    } catch {
      return .failed(Errno(error))
    }
  }

  /// Whether another socket has the address, and does not share it.
  private func isTaken(_ local: SocketAddress, by socket: OpenSocket) -> Bool {
    for (_, other) in descriptors.sockets where other !== socket && other.isStream {
      guard let theirs = other.local, theirs.port == local.port,
        theirs.address == local.address || theirs.address.isUnspecified
          || local.address.isUnspecified
      else { continue }
      if socket.options.reusesPort, other.options.reusesPort { continue }
      var isListening = false
      if case .listener = other.role { isListening = true }
      if socket.options.reusesAddress, other.options.reusesAddress, !isListening { continue }
      return true
    }
    guard !socket.options.reusesAddress else { return false }
    // What other processes had open, or this one has closed: TIME-WAIT keeps the port.
    return stack.connectionSummaries.contains { summary in
      summary.endpoints.local.port == local.port
        && (local.address.isUnspecified || summary.endpoints.local.address == local.address)
    }
  }

  /// `listen(2)`.
  public mutating func listen(_ fd: Int, backlog: Int) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard socket.isStream else { return .failed(.notSupported) }
    let length = backlog < 0 || backlog > 4096 ? 4096 : backlog
    socket.options.backlog = length
    switch socket.role {
    case .connection, .datagram: return .failed(.invalidArgument)
    case .listener(let id):
      try? stack.configureListener(id) { $0.backlog = length + 1 }
      return .done(0)
    case .idle: break
    }
    if socket.local == nil {
      let result = bind(socket, to: SocketAddress(.any, 0))
      guard case .done = result else { return result }
    }
    var options = ListenOptions()
    // Linux: a queue is full when it holds more than the backlog.
    options.backlog = length + 1
    options.handshakes = parameters.usesCookiesAlways ? 0 : max(256, length + 1)
    options.usesCookies = parameters.usesCookies
    options.tcp = socket.tcp
    if socket.options.openRetransmissions == nil {
      options.tcp?.openRetransmissions = UInt8(clamping: parameters.answerRetransmissions)
    }
    let startsEarly = parameters.listensFast && parameters.fastOpen.isServer
    let queue = socket.options.fastOpenQueue
    options.fastOpenQueue = queue > 0 ? queue : startsEarly ? length : 0
    options.fastOpenKeys = socket.options.fastOpenKeys
    options.deferAccept = parameters.deferral(socket.options.deferredAccept)
    do throws(SocketError) {
      let id = try stack.listen(at: socket.local ?? SocketAddress(.any, 0), options: options)
      socket.role = .listener(id)
      socket.isShutForReading = false
      socket.isShutForWriting = false
      return .done(0)
    } catch {
      if socket.options.reusesPort {
        throw UnsupportedCall(what: "several listeners at one port (SO_REUSEPORT)")
      }
      return .failed(Errno(error))
    }
  }

  /// `accept4(2)`; `flags` may have `SOCK_NONBLOCK`.
  public mutating func accept(
    _ fd: Int, peer: inout SocketAddress?, flags: Int = 0
  ) throws(UnsupportedCall) -> CallResult {
    guard flags & ~Self.typeFlags == 0 else { return .failed(.invalidArgument) }
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard socket.isStream else { return .failed(.notSupported) }
    guard case .listener(let listener) = socket.role else { return .failed(.invalidArgument) }
    guard let id = (try? stack.accept(listener)) ?? nil else {
      if mayWait(socket, .accept, timeout: socket.options.receiveTimeout) { return .pending }
      socket.blocked[.accept] = nil
      return .failed(.wouldBlock)
    }
    socket.blocked[.accept] = nil
    let child = OpenSocket(
      isStream: true, isNonBlocking: flags & 0o4000 != 0, options: socket.options,
      tcp: socket.tcp)
    child.closesOnExec = flags & 0o2_000_000 != 0
    child.role = .connection(id)
    child.isConnected = true
    child.isAccepted = true
    child.local = stack.endpoints(id)?.local
    child.options.backlog = 0
    child.reports.tellsZeroCopy = socket.reports.tellsZeroCopy
    peer = stack.endpoints(id)?.remote
    child.peer = peer
    let result = add(.socket(child))
    if case .failed = result { stack.abort(id, at: now) }
    return result
  }

  /// `connect(2)`; `AF_UNSPEC` disconnects.
  public mutating func connect(
    _ fd: Int, to address: AddressArgument
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    let remote: SocketAddress
    switch address {
    case .null: return .failed(.badAddress)
    case .unspecified: return disconnect(socket)
    case .other: return .failed(.familyNotSupported)
    case .ipv4(let address): remote = address
    }
    guard socket.isStream else { return connectDatagram(socket, to: remote) }
    switch socket.role {
    case .listener, .datagram: return .failed(.isConnected)
    case .connection(let id):
      guard socket.isConnecting, !socket.awaitsWrite else {
        return .failed(socket.isConnected || socket.awaitsWrite ? .isConnected : .invalidArgument)
      }
      return continueConnecting(socket, id, isFirst: false)
    case .idle: break
    }
    do throws(SocketError) {
      let usesFastOpen = socket.options.opensFast && stack.fastOpen.isClient
      let id = try open(socket, to: remote, usesFastOpen ? .whenWritten : nil)
      if socket.awaitsWrite { return .done(0) }
      return continueConnecting(socket, id, isFirst: true)
    } catch {
      return .failed(Errno(error))
    }
  }

  /// The result of a `connect(2)` that has begun.
  private mutating func continueConnecting(
    _ socket: OpenSocket, _ id: SocketID, isFirst: Bool
  ) -> CallResult {
    let state = stack.state(id)
    if state == .synSent || state == .synReceived {
      if mayWait(socket, .connect, timeout: socket.options.sendTimeout) { return .pending }
      // After a wait that was too long, too, the attempt goes on.
      let hasWaited = socket.blocked.removeValue(forKey: .connect) != nil
      return .failed(isFirst || hasWaited ? .inProgress : .alreadyInProgress)
    }
    socket.blocked[.connect] = nil
    notice(socket)
    socket.isConnecting = false
    guard state == .closed else {
      socket.isConnected = true
      return .done(0)
    }
    // The attempt failed; the socket may try again.
    let error = socket.takeError() ?? .connectionAborted
    stack.close(id, at: now)
    becomeIdle(socket)
    return .failed(error)
  }

  /// The socket has no connection any more, and may have another.
  func becomeIdle(_ socket: OpenSocket) {
    socket.role = .idle
    socket.isConnecting = false
    socket.isConnected = false
    socket.awaitsWrite = false
    socket.hasEnded = false
    socket.peer = nil
    if !socket.isBound { socket.local = nil }
  }

  /// `connect(2)` to `AF_UNSPEC`: the socket is as it was before, but for a pending `ECONNRESET`.
  private mutating func disconnect(_ socket: OpenSocket) -> CallResult {
    switch socket.role {
    case .idle: break
    case .listener(let id):
      stack.close(id, at: now)
      becomeIdle(socket)
    case .datagram(let id):
      try? stack.connectUDP(id, to: nil)
      socket.peer = nil
    case .connection(let id):
      let state = stack.state(id)
      let isAlive =
        switch state {
        case .closed, .timeWait, .listen: false
        default: true
        }
      stack.abort(id, at: now)
      becomeIdle(socket)
      socket.isShutForReading = false
      socket.isShutForWriting = false
      if isAlive { socket.error = .connectionReset }
    }
    return .done(0)
  }

  // MARK: Names

  /// `getsockname(2)`.
  public mutating func getsockname(
    _ fd: Int, into address: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    address = socket.local ?? SocketAddress(.any, 0)
    return .done(0)
  }

  /// `getpeername(2)`.
  public mutating func getpeername(
    _ fd: Int, into address: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard let peer = socket.peer else { return .failed(.notConnected) }
    if case .connection(let id) = socket.role {
      switch stack.state(id) {
      case .closed, .synSent, .listen, .timeWait: return .failed(.notConnected)
      default: break
      }
    }
    address = peer
    return .done(0)
  }
}

extension Errno {
  /// What the stack's refusal is to a process.
  init(_ error: SocketError) {
    switch error {
    case .addressInUse: self = .addressInUse
    case .addressNotAvailable, .portsExhausted: self = .addressNotAvailable
    case .noRoute, .invalidRemote: self = .networkUnreachable
    case .noSourceRoutes: self = .invalidArgument
    case .limitReached: self = .noBufferSpace
    case .noSuchSocket, .hostStopped: self = .notConnected
    case .sendingClosed: self = .brokenPipe
    case .messageTooLong: self = .messageTooLong
    case .closed(let reason):
      switch reason {
      case .reset, .aborted: self = .connectionReset
      case .refused: self = .connectionRefused
      case .timedOut: self = .timedOut
      case .unreachable: self = .hostUnreachable
      case .finished: self = .brokenPipe
      }
    }
  }
}
