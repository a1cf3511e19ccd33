import Octets
import Stack
import TCPCore
import Wire

// Fast Open: a call that connects and writes at once. RFC 7413; `tcp(7)`.
extension POSIXProcess {
  /// Opens a connection; with Fast Open the SYN waits for what the call writes, or the next one.
  mutating func open(
    _ socket: OpenSocket, to remote: SocketAddress, _ use: FastOpenUse?
  ) throws(SocketError) -> SocketID {
    let from = socket.isBound ? socket.local : nil
    let id = try stack.connect(
      to: remote, from: from, configuration: socket.tcp, fastOpen: use, at: now)
    socket.role = .connection(id)
    socket.isConnecting = true
    socket.isConnected = false
    socket.isAccepted = false
    socket.hasEnded = false
    socket.error = nil
    socket.consumed = 0
    socket.given = 0
    socket.urgentTaken = nil
    socket.isShutForReading = false
    socket.isShutForWriting = false
    socket.local = stack.endpoints(id)?.local
    socket.peer = remote
    // With a cookie, the next write goes with the SYN; without, the SYN asks for one at once.
    socket.awaitsWrite = use == .whenWritten && stack.roomInSYN(id) > 0
    return id
  }

  /// The part of a write that opens the connection; nil when it is a write like any other.
  mutating func beginOpening(_ socket: OpenSocket, _ request: Sending) -> CallResult? {
    let asks = request.flags.contains(.fastOpen)
    guard asks || socket.awaitsWrite, socket.blocked[.send] == nil else { return nil }
    if asks, !stack.fastOpen.isClient || request.target == .unspecified {
      return .failed(.notSupported)
    }
    if request.octets == nil, request.count > 0 { return .failed(.badAddress) }
    switch socket.role {
    case .connection(let id):
      if socket.awaitsWrite { return firstWrite(socket, id, request) }
      guard socket.isConnecting else { return .failed(.isConnected) }
      let state = stack.state(id)
      if state == .synSent || state == .synReceived { return .failed(.alreadyInProgress) }
      // The attempt has succeeded; this once, the call is a write like any other.
      if state != .closed { (socket.isConnecting, socket.isConnected) = (false, true) }
      return nil
    case .listener, .datagram: return .failed(.isConnected)
    case .idle:
      switch request.target {
      case .null, .unspecified: return .failed(.invalidArgument)
      case .other: return .failed(.familyNotSupported)
      case .ipv4(let remote):
        do throws(SocketError) {
          return firstWrite(socket, try open(socket, to: remote, .withData), request)
        } catch {
          return .failed(Errno(error))
        }
      }
    }
  }

  /// What fits goes with the SYN; a call that blocks waits for the handshake and writes the rest.
  private mutating func firstWrite(
    _ socket: OpenSocket, _ id: SocketID, _ request: Sending
  ) -> CallResult {
    socket.awaitsWrite = false
    let dontWait = request.flags.contains(.dontWait)
    let waits = mayWait(
      socket, .send, timeout: socket.options.sendTimeout, dontWait: dontWait)
    let part = waits ? request.count : min(request.count, stack.roomInSYN(id))
    if request.count == 0 { stack.mark(id, .nothing, at: now) }
    let octets = request.octets ?? []
    let taken = (try? stack.send(id, octets.span.extracting(first: part), at: now)) ?? 0
    socket.given += taken
    if waits {
      socket.blocked[.send]?.written = taken
      return .pending
    }
    askForReports(socket, id, request, taken)
    return taken > 0 ? .done(taken) : .failed(.inProgress)
  }

  // MARK: Options

  /// `TCP_FASTOPEN`: how many connections a listener may have whose data came with the SYN.
  mutating func setFastOpenQueue(_ socket: OpenSocket, _ length: Int) -> Errno? {
    guard length >= 0 else { return .invalidArgument }
    switch socket.role {
    case .idle: socket.options.fastOpenQueue = length
    case .listener(let id):
      socket.options.fastOpenQueue = length
      try? stack.configureListener(id) { $0.fastOpenQueue = length }
    case .connection, .datagram: return .invalidArgument
    }
    return nil
  }

  /// `TCP_FASTOPEN_CONNECT`.
  mutating func setFastOpenConnect(_ socket: OpenSocket, _ number: Int) -> Errno? {
    guard (0...1).contains(number) else { return .invalidArgument }
    guard stack.fastOpen.isClient else { return .notSupported }
    guard case .idle = socket.role else { return .invalidArgument }
    socket.options.opensFast = number == 1
    return nil
  }

  /// `TCP_FASTOPEN_NO_COOKIE`.
  mutating func setFastOpenNoCookie(_ socket: OpenSocket, _ number: Int) -> Errno? {
    guard (0...1).contains(number) else { return .invalidArgument }
    configure(socket) { $0.fastOpenNeedsCookie = number == 0 }
    return nil
  }

  /// `TCP_FASTOPEN_KEY`: one key, or a new one and the one before, for this listener alone.
  mutating func setFastOpenKey(_ socket: OpenSocket, _ value: OptionValue?) -> Errno? {
    guard let octets = value?.octets else { return .badAddress }
    guard octets.count == 16 || octets.count == 32 else { return .invalidArgument }
    func word(_ offset: Int) -> UInt64 {
      octets[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let keys = stride(from: 0, to: octets.count, by: 16).map { start in
      FastOpenKey(word(start), word(start + 8))
    }
    socket.options.fastOpenKeys = keys
    if case .listener(let id) = socket.role {
      try? stack.configureListener(id) { $0.fastOpenKeys = keys }
    }
    return nil
  }

  /// The octets of `TCP_FASTOPEN_KEY`.
  func fastOpenKeyOctets(_ socket: OpenSocket) -> [UInt8] {
    let own = socket.options.fastOpenKeys
    return (own.isEmpty ? stack.fastOpen.keys : own).prefix(2).flatMap { key in
      [key.first, key.second].flatMap { word in
        (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
      }
    }
  }
}
