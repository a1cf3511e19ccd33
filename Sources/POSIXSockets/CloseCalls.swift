import Octets
import Stack
import TCPCore

// close and shutdown.
extension POSIXProcess {
  /// `close(2)`: the number is free at once. With `SO_LINGER` and a time it blocks, also on a
  /// socket that otherwise does not, until the peer has all or the time is over.
  public mutating func close(_ fd: Int) throws(UnsupportedCall) -> CallResult {
    if let lingering = lingering[fd] {
      guard isUnfinished(lingering.socket), now < lingering.deadline else {
        self.lingering[fd] = nil
        return .done(0)
      }
      return .pending
    }
    guard let file = descriptors.remove(fd) else { return .failed(.badDescriptor) }
    guard case .socket(let socket) = file else { return .done(0) }
    for epoll in descriptors.epolls { epoll.forget(socket) }
    guard let id = socket.id else { return .done(0) }
    guard case .connection = socket.role, socket.options.lingers else {
      stack.close(id, at: now)
      return .done(0)
    }
    guard socket.options.lingerSeconds > 0 else {
      // RFC 9293 section 3.10.5: an abort. `socket(7)`, SO_LINGER.
      stack.abort(id, at: now)
      return .done(0)
    }
    stack.close(id, at: now)
    guard isUnfinished(id) else { return .done(0) }
    let patience = Duration.seconds(socket.options.lingerSeconds)
    lingering[fd] = LingeringClose(socket: id, deadline: now + patience)
    return .pending
  }

  /// Whether a closed connection still has octets, or its FIN, to deliver.
  private func isUnfinished(_ id: SocketID) -> Bool {
    switch stack.state(id) {
    case .finWait1, .closing, .lastAck: true
    case .listen, .synSent, .synReceived, .established, .finWait2, .closeWait, .timeWait, .closed:
      false
    }
  }

  /// `shutdown(2)`.
  public mutating func shutdown(_ fd: Int, how: Int) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard (0...2).contains(how) else { return .failed(.invalidArgument) }
    let forReading = how != 1
    let forWriting = how != 0
    notice(socket)
    switch socket.role {
    case .idle:
      socket.isShutForReading = socket.isShutForReading || forReading
      socket.isShutForWriting = socket.isShutForWriting || forWriting
      return .failed(.notConnected)
    case .datagram:
      guard socket.peer != nil else { return .failed(.notConnected) }
      socket.isShutForReading = socket.isShutForReading || forReading
      socket.isShutForWriting = socket.isShutForWriting || forWriting
      return .done(0)
    case .listener(let id):
      // Of reading: it listens no more.
      guard forReading else { return .done(0) }
      stack.close(id, at: now)
      socket.role = .idle
      return .done(0)
    case .connection(let id):
      return shutdown(socket, id, forReading, forWriting)
    }
  }

  private mutating func shutdown(
    _ socket: OpenSocket, _ id: SocketID, _ forReading: Bool, _ forWriting: Bool
  ) -> CallResult {
    switch stack.state(id) {
    case .synSent:
      // The attempt is over.
      stack.abort(id, at: now)
      becomeIdle(socket)
      socket.error = .connectionReset
      return .done(0)
    case .closed, .timeWait, .listen:
      socket.isShutForReading = socket.isShutForReading || forReading
      socket.isShutForWriting = socket.isShutForWriting || forWriting
      return .failed(.notConnected)
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck: break
    }
    if forReading {
      socket.isShutForReading = true
      stack.closeReceiving(id)
    }
    if forWriting {
      socket.isShutForWriting = true
      stack.closeSending(id, at: now)
    }
    return .done(0)
  }
}

/// A `close(2)` that waits.
struct LingeringClose {
  /// The connection.
  var socket: SocketID
  /// When the wait is over.
  var deadline: Instant
}
