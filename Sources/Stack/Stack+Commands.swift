import DequeModule
import NetworkCore
public import Octets
public import TCPCore
public import Wire

// What the owner of a stack may ask of TCP. Source: RFC 9293 section 3.9.1.
extension Stack {
  /// Passive OPEN: connections to this end wait for ``accept(_:)``. 0.0.0.0 means any address.
  ///
  /// It asks about other listeners alone: connections at the port, and handshakes under way, go on.
  /// Source: RFC 9293 section 3.9.1.1 MUST-41, MUST-42.
  public mutating func listen(
    at local: SocketAddress, options: ListenOptions = ListenOptions()
  ) throws(SocketError) -> SocketID {
    guard local.address.isUnspecified || isOurs(local.address) else {
      throw .addressNotAvailable(local.address)
    }
    for handle in listenersByPort[local.port] ?? [] {
      let other = listeners.withElement(handle) { $0.local.address }
      if other == local.address { throw .addressInUse(local) }
    }
    let handle = listeners.insert(
      Listener(local: local, options: options, tcp: options.tcp ?? configuration.tcp))
    listenersByPort[local.port, default: []].append(handle)
    return SocketID(.listener, handle)
  }

  /// The next established connection of a listener, or nil.
  public mutating func accept(_ socket: SocketID) throws(SocketError) -> SocketID? {
    guard socket.kind == .listener, listeners.contains(socket.handle) else {
      throw .noSuchSocket
    }
    guard let handle = listeners.withElement(socket.handle, { $0.accepted.popFirst() }) ?? nil
    else { return nil }
    guard let slot = unsafe connections.pointer(to: handle) else { return nil }
    unsafe slot.pointee.listener = nil
    unsafe slot.pointee.isHeld = true
    let accepted = SocketID(.connection, handle)
    if unsafe !slot.pointee.readiness.isEmpty, unsafe !slot.pointee.isInEventQueue {
      unsafe slot.pointee.isInEventQueue = true
      eventQueue.append(accepted)
    }
    return accepted
  }

  /// Active OPEN. Without `local`, the route chooses the address and chance the port.
  ///
  /// - Parameter use: Fast Open, if the server is known or to become known (RFC 7413); what is
  ///   written before the next ``transmit(on:into:at:)`` can go with the SYN.
  /// - Parameter way: the routers that our segments are to take, where
  ///   ``StackConfiguration/takesSourceRoutes`` allows it. RFC 9293 3.9.2.1 MUST-51.
  public mutating func connect(
    to remote: SocketAddress, from local: SocketAddress? = nil,
    configuration tcp: TCPConfiguration? = nil, fastOpen use: FastOpenUse? = nil,
    along way: SourceRoute? = nil, at now: Instant
  ) throws(SocketError) -> SocketID {
    let target = remote.address
    // RFC 9293 3.9.1.1 MUST-46.
    guard !target.isMulticast, !target.isReserved, !target.isUnspecified, !isBroadcast(target),
      remote.port.rawValue != 0
    else { throw .invalidRemote(target) }
    guard hasRoomForConnection() else { throw .limitReached }
    guard way == nil || configuration.takesSourceRoutes else { throw .noSourceRoutes }
    guard let route = route(to: way?.first ?? target) else { throw .noRoute(target) }
    if let way, start(of: way) == nil { throw .noRoute(way.first) }
    // RFC 9293 3.9.1.1 MUST-43, MUST-44; MUST-45: the connection has the address from here on.
    var address = local?.address ?? .any
    if address.isUnspecified {
      guard let chosen = source(for: target, by: route) else { throw .addressNotAvailable(.any) }
      address = chosen
    }
    guard isOurs(address), maySpeak(from: address, by: route) else {
      throw .addressNotAvailable(address)
    }
    var port = local?.port ?? 0
    if port.rawValue == 0 {
      // The table is borrowed for the search, so that it needs no copy.
      let known = table
      guard
        let chosen = ports.next(
          local: address, remote: remote,
          isFree: { candidate in
            known.find(
              TCPEndpoints(local: SocketAddress(address, candidate), remote: remote)) == nil
          })
      else { throw .portsExhausted }
      port = chosen
    }
    let ends = TCPEndpoints(local: SocketAddress(address, port), remote: remote)
    guard table.find(ends) == nil else { throw .addressInUse(ends.local) }
    let tcp = tcp ?? configuration.tcp
    var attempt: FastOpenAttempt?
    if let use, fastOpen.isClient {
      let withoutCookie = fastOpen.sendsWithoutCookie || !tcp.fastOpenNeedsCookie
      attempt = fastOpenCache.attempt(target, withoutCookie: withoutCookie, use, at: now)
    }
    let connection = TCPConnection(
      opening: ends, initialSequence: sequences.next(for: ends, at: now),
      pathMTU: mtu(
        to: target, on: route.interface, believesPath: tcp.believesPathMTU, at: now),
      configuration: tcp, fastOpen: attempt, at: now)
    let handle = connections.insert(
      ConnectionSlot(
        connection, listener: nil, interface: route.interface, nextHop: route.gateway ?? target,
        isHeld: true))
    table.insert(ends, handle)
    if let way { name(way, for: handle) }
    touch(handle, at: now)
    return SocketID(.connection, handle)
  }

  /// SEND: how many of the octets were taken; 0 when the buffer is full.
  public mutating func send(
    _ socket: SocketID, _ octets: Span<UInt8>, at now: Instant
  ) throws(SocketError) -> Int {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { throw .noSuchSocket }
    let taken: Int
    unsafe allowGrowth(slot)
    do throws(TCPError) {
      taken = try unsafe slot.pointee.connection.send(octets, at: now)
    } catch {
      throw SocketError(error)
    }
    if taken > 0 { touch(socket.handle, at: now) }
    return taken
  }

  /// Octets that ``send(_:_:at:)`` would take now.
  public func sendRoom(_ socket: SocketID) -> Int {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return 0 }
    return unsafe slot.pointee.connection.sendRoom
  }

  /// Octets that can be read now.
  public func receivable(_ socket: SocketID) -> Int {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return 0 }
    return unsafe slot.pointee.connection.receivedCount
  }

  /// Whether the peer has closed, or the connection is over, and everything was read.
  public func isAtEnd(_ socket: SocketID) -> Bool {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return true }
    return unsafe slot.pointee.connection.isAtEnd
  }

  /// RECEIVE without a copy: `body` sees the first contiguous octets, and says how many it took.
  ///
  /// The span is empty when there is nothing to read; ``isAtEnd(_:)`` tells whether more may come.
  public mutating func receive<Result>(
    _ socket: SocketID, at now: Instant, _ body: (Span<UInt8>) -> (consumed: Int, result: Result)
  ) throws(SocketError) -> Result {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { throw .noSuchSocket }
    if unsafe slot.pointee.connection.receivedCount == 0,
      let reason = unsafe slot.pointee.connection.closeReason, reason != .finished
    {
      throw .closed(reason)
    }
    unsafe allowGrowth(slot)
    let (consumed, result) = unsafe slot.pointee.connection.read(at: now, body)
    if consumed > 0 { touch(socket.handle, at: now) }
    return result
  }

  /// Moves octets from one connection's receive buffer to another's send buffer, or its own.
  ///
  /// - Returns: how many were moved: what the one had, as far as the other had room.
  public mutating func forward(
    from source: SocketID, to target: SocketID, at now: Instant
  ) throws(SocketError) -> Int {
    guard source.kind == .connection, target.kind == .connection,
      let from = unsafe connections.pointer(to: source.handle),
      let to = unsafe connections.pointer(to: target.handle)
    else { throw .noSuchSocket }
    var moved = 0
    unsafe allowGrowth(to)
    while unsafe from.pointee.connection.receivedCount > 0 {
      let taken: Int
      do throws(TCPError) {
        if unsafe from == to {
          taken = try unsafe from.pointee.connection.echo(at: now)
        } else {
          taken = try unsafe from.pointee.connection.forward(to: &to.pointee.connection, at: now)
        }
      } catch {
        throw SocketError(error)
      }
      guard taken > 0 else { break }
      moved += taken
    }
    guard moved > 0 else { return 0 }
    touch(source.handle, at: now)
    if source != target { touch(target.handle, at: now) }
    return moved
  }

  /// CLOSE of our side: FIN after what was sent; the peer may still send.
  public mutating func closeSending(_ socket: SocketID, at now: Instant) {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return }
    unsafe slot.pointee.connection.closeSending(at: now)
    touch(socket.handle, at: now)
  }

  /// ABORT: RST, and the socket is gone.
  public mutating func abort(_ socket: SocketID, at now: Instant) {
    guard socket.kind == .connection else { return close(socket, at: now) }
    guard let slot = unsafe connections.pointer(to: socket.handle) else { return }
    unsafe slot.pointee.isHeld = false
    unsafe slot.pointee.connection.abort(at: now)
    touch(socket.handle, at: now)
  }

  /// The owner is done with a socket: what was sent still goes out, unread data means a reset,
  /// a listener's queued connections are reset.
  public mutating func close(_ socket: SocketID, at now: Instant) {
    switch socket.kind {
    case .udp: closeUDP(socket.handle)
    case .listener: closeListener(socket.handle, at: now)
    case .connection:
      guard let slot = unsafe connections.pointer(to: socket.handle) else { return }
      unsafe slot.pointee.isHeld = false
      unsafe slot.pointee.connection.detach(at: now)
      touch(socket.handle, at: now)
    }
  }

  private mutating func closeListener(_ handle: SlabHandle, at now: Instant) {
    guard let listener = listeners.remove(handle) else { return }
    listenersByPort[listener.local.port]?.removeAll { $0 == handle }
    if listenersByPort[listener.local.port]?.isEmpty == true {
      listenersByPort[listener.local.port] = nil
    }
    for index in 0..<connections.capacity {
      guard let waiting = connections.handle(at: index),
        let slot = unsafe connections.pointer(to: waiting),
        unsafe slot.pointee.listener == handle
      else { continue }
      if unsafe slot.pointee.connection.state == .synReceived, !listener.accepted.contains(waiting)
      {
        // Nobody has it yet: the peer's ACK will meet no connection. RFC 9293 3.10.4, LISTEN.
        removeConnection(waiting)
        continue
      }
      unsafe slot.pointee.listener = nil
      unsafe slot.pointee.connection.abort(at: now)
      touch(waiting, at: now)
    }
  }

  // MARK: Getters

  /// What a connection knows of itself.
  public func info(_ socket: SocketID) -> TCPInfo? {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return nil }
    return unsafe slot.pointee.connection.info
  }

  /// The state of a connection; CLOSED when it is gone.
  public func state(_ socket: SocketID) -> TCPState {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return .closed }
    return unsafe slot.pointee.connection.state
  }

  /// Both ends of a connection.
  public func endpoints(_ socket: SocketID) -> TCPEndpoints? {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return nil }
    return unsafe slot.pointee.connection.endpoints
  }

  /// Whether a connection has an owner who is told of it: no longer after it was closed or aborted.
  public func isHeld(_ socket: SocketID) -> Bool {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return false }
    return unsafe slot.pointee.isHeld
  }

  /// Why a connection ended; nil while it lives.
  public func closeReason(_ socket: SocketID) -> TCPCloseReason? {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return nil }
    return unsafe slot.pointee.connection.closeReason
  }
}
