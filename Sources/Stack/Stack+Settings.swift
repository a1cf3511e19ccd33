import NetworkCore
public import Octets
public import TCPCore
public import Wire

// What the owner of a stack may ask of a socket while it lives.
extension Stack {
  /// Changes what was set for a connection, or for the connections that a listener will have.
  public mutating func configure(
    _ socket: SocketID, at now: Instant, _ change: (inout TCPConfiguration) -> Void
  ) throws(SocketError) {
    switch socket.kind {
    case .udp: throw .noSuchSocket
    case .listener:
      guard listeners.withElement(socket.handle, { change(&$0.tcp) }) != nil else {
        throw .noSuchSocket
      }
    case .connection:
      guard let slot = unsafe connections.pointer(to: socket.handle) else { throw .noSuchSocket }
      unsafe slot.pointee.connection.configure(at: now, change)
      touch(socket.handle, at: now)
    }
  }

  /// Changes how a listener treats those who knock; its connections keep theirs.
  public mutating func configureListener(
    _ socket: SocketID, _ change: (inout ListenOptions) -> Void
  ) throws(SocketError) {
    guard socket.kind == .listener,
      listeners.withElement(socket.handle, { change(&$0.options) }) != nil
    else { throw .noSuchSocket }
  }

  /// All that may be known of a connection.
  public func details(_ socket: SocketID) -> TCPDetails? {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return nil }
    return unsafe slot.pointee.connection.details
  }

  /// Lends `body` what can be read from an offset on, without taking it: the first contiguous part.
  public func peek<Result>(
    _ socket: SocketID, from offset: Int, _ body: (Span<UInt8>) -> Result
  ) -> Result? {
    guard socket.kind == .connection, offset >= 0,
      let slot = unsafe connections.pointer(to: socket.handle),
      unsafe offset <= slot.pointee.connection.receivedCount
    else { return nil }
    return unsafe slot.pointee.connection.peek(from: offset, body)
  }

  /// What was sent last is urgent, or only a part of what follows; see ``SendMark``.
  public mutating func mark(_ socket: SocketID, _ mark: SendMark, at now: Instant) {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return }
    switch mark {
    case .urgent: unsafe slot.pointee.connection.markUrgent()
    case .moreFollows: unsafe slot.pointee.connection.announceMore()
    case .nothingFollows: unsafe slot.pointee.connection.sendHeld()
    case .noRoom: unsafe slot.pointee.connection.sendTimes.userLacksRoom = true
    case .endOfRecord: unsafe slot.pointee.connection.endRecord()
    case .nothing: unsafe slot.pointee.connection.openNow()
    case .stamped(let name): unsafe slot.pointee.connection.stampLastOctet(name)
    }
    touch(socket.handle, at: now)
  }

  /// Acknowledgments go out at once from here on, or are delayed again.
  public mutating func acknowledgeQuickly(_ socket: SocketID, _ isQuick: Bool, at now: Instant) {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return }
    unsafe slot.pointee.connection.acknowledgeQuickly(isQuick)
    touch(socket.handle, at: now)
  }

  /// The owner reads no more; once our side is closed too, what comes is answered by a reset.
  public mutating func closeReceiving(_ socket: SocketID) {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return }
    unsafe slot.pointee.connection.closeReceiving()
  }

  /// Connections that wait to be accepted, and handshakes under way.
  public func queueLengths(_ socket: SocketID) -> (accepted: Int, handshakes: Int)? {
    guard socket.kind == .listener, let held = unsafe listeners.pointer(to: socket.handle) else {
      return nil
    }
    return unsafe (held.pointee.accepted.count, held.pointee.handshakes)
  }

  /// A port that no socket of this host has at an address, chosen by chance; nil when all are taken.
  public mutating func freePort(at address: IPv4Address) -> Port? {
    let remote = SocketAddress(.any, 0)
    let taken = Set(listenersByPort.keys).union(udpByPort.keys)
    return ports.next(local: address, remote: remote, isFree: { !taken.contains($0) })
  }

  /// Our address on the way to a host; nil without a route.
  public func sourceAddress(for target: IPv4Address) -> IPv4Address? {
    guard let route = route(to: target) else { return nil }
    return source(for: target, by: route)
  }

  /// Octets of the largest packet on the way to a host, as far as known; nil without a route.
  public func pathMTU(to target: IPv4Address, at now: Instant) -> Int? {
    guard let route = route(to: target) else { return nil }
    return mtu(to: target, on: route.interface, at: now)
  }

  /// Whether an address is one of this host's, for ``listen(at:options:)`` and its kin.
  public func isLocal(_ address: IPv4Address) -> Bool { isOurs(address) }
}

/// What the owner of a connection says about what was sent last.
public enum SendMark: Hashable, Sendable {
  /// All sent so far is urgent. RFC 9293 section 3.8.5 MUST-31.
  case urgent
  /// More follows at once: a tail that fills no segment may wait for it.
  case moreFollows
  /// Nothing follows for now: what waits for company goes.
  case nothingFollows
  /// The owner had more to write than it found room for.
  case noRoom
  /// A record ends: no segment carries octets of two.
  case endOfRecord
  /// Nothing was written: a SYN that waits for data goes alone.
  case nothing
  /// ``Stack/takeSendReports(_:)`` shall tell when the last octet is sent and acknowledged.
  case stamped(UInt32)
}

extension Stack {
  /// Octets up to the end of the urgent data that are not read yet; 0 when there are none.
  public func urgentRemaining(_ socket: SocketID) -> Int {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return 0 }
    return unsafe slot.pointee.connection.urgentRemaining
  }

  /// When octets with ``SendMark/stamped(_:)`` were sent and acknowledged, since the last call.
  public mutating func takeSendReports(_ socket: SocketID) -> [SendReport] {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return [] }
    return unsafe slot.pointee.connection.takeSendReports()
  }

  /// Whether the peer has closed its side and all that it sent has come.
  public func isPeerClosed(_ socket: SocketID) -> Bool {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return true }
    return unsafe slot.pointee.connection.peerHasClosed
  }
}
