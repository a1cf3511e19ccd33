import NetworkCore
import Octets
import Stack
import TCPCore
import Wire

// UDP: `udp(7)`.
extension POSIXProcess {
  /// `connect(2)` of a UDP socket: one peer, and its refusals are heard.
  mutating func connectDatagram(_ socket: OpenSocket, to remote: SocketAddress) -> CallResult {
    guard let source = stack.sourceAddress(for: remote.address) else {
      return .failed(.networkUnreachable)
    }
    let opened = openedDatagram(socket)
    guard case .success(let id) = opened else { return opened.failure }
    do throws(SocketError) {
      try stack.connectUDP(id, to: remote)
    } catch {
      return .failed(Errno(error))
    }
    socket.peer = remote
    if socket.local?.address.isUnspecified ?? true { socket.local?.address = source }
    return .done(0)
  }

  /// The stack's socket, with a port chosen for it if it had none.
  private mutating func openedDatagram(_ socket: OpenSocket) -> Opened {
    if case .datagram(let id) = socket.role { return .success(id) }
    let result = openDatagram(socket, at: SocketAddress(.any, 0))
    guard case .datagram(let id) = socket.role else { return .refused(result) }
    return .success(id)
  }

  /// Looks at the next datagram, and hears of refusals first.
  func hasDatagram(_ socket: OpenSocket) -> Bool { socket.waiting != nil }

  /// Fetches the next datagram, or a refusal, from the stack.
  mutating func fetch(_ socket: OpenSocket) {
    guard case .datagram(let id) = socket.role, socket.waiting == nil else { return }
    do throws(SocketError) {
      socket.waiting = try stack.receiveDatagram(id)
    } catch {
      socket.error = Errno(error)
      socket.waiting = (try? stack.receiveDatagram(id)) ?? nil
    }
  }

  mutating func sendDatagram(
    _ socket: OpenSocket, _ request: Sending
  ) throws(UnsupportedCall) -> CallResult {
    if request.flags.contains(.outOfBand) { return .failed(.notSupported) }
    if request.flags.contains(.more) { throw UnsupportedCall(what: "MSG_MORE on UDP") }
    guard request.count <= 65_535 else { return .failed(.messageTooLong) }
    fetch(socket)
    if let error = socket.takeError() { return .failed(error) }
    let target: SocketAddress
    switch request.target {
    case .ipv4(let address): target = address
    case .other: return .failed(.familyNotSupported)
    case .null, .unspecified:
      guard let peer = socket.peer else { return .failed(.destinationRequired) }
      target = peer
    }
    guard target.port.rawValue != 0 else { return .failed(.invalidArgument) }
    if socket.isShutForWriting { return .failed(.brokenPipe) }
    let opened = openedDatagram(socket)
    guard case .success(let id) = opened else { return opened.failure }
    if target.address.isLimitedBroadcast, !socket.options.isBroadcast {
      return .failed(.permissionDenied)
    }
    guard let octets = request.octets ?? (request.count == 0 ? [] : nil) else {
      return .failed(.badAddress)
    }
    do throws(SocketError) {
      try stack.send(id, octets.span.extracting(first: request.count), to: target, at: now)
      return .done(request.count)
    } catch {
      return .failed(Errno(error))
    }
  }

  mutating func receiveDatagram(_ socket: OpenSocket, _ request: inout Receiving) -> CallResult {
    if request.flags.contains(.outOfBand) { return .failed(.notSupported) }
    fetch(socket)
    if let error = socket.takeError() {
      socket.blocked[.receive] = nil
      return .failed(error)
    }
    guard let datagram = socket.waiting else {
      if socket.isShutForReading { return .done(0) }
      let dontWait = request.flags.contains(.dontWait)
      let timeout = socket.options.receiveTimeout
      if mayWait(socket, .receive, timeout: timeout, dontWait: dontWait) { return .pending }
      socket.blocked[.receive] = nil
      return .failed(.wouldBlock)
    }
    socket.blocked[.receive] = nil
    if request.isNull, request.count > 0, !datagram.octets.isEmpty {
      // The datagram is lost, as on Linux.
      if !request.flags.contains(.peek) { socket.waiting = nil }
      return .failed(.badAddress)
    }
    request.octets = Array(datagram.octets.prefix(request.count))
    request.source = datagram.source
    if datagram.octets.count > request.count { request.outFlags.insert(.truncated) }
    if !request.flags.contains(.peek) { socket.waiting = nil }
    let told =
      request.flags.contains(.truncated) ? datagram.octets.count : request.octets.count
    return .done(told)
  }

  /// What came of giving a UDP socket its port.
  private enum Opened {
    case success(SocketID)
    case refused(CallResult)
    var failure: CallResult {
      if case .refused(let result) = self { return result }
      return .failed(.invalidArgument)
    }
  }
}
