import NetworkCore
import Octets
import Stack
import TCPCore

// fcntl and ioctl.
extension POSIXProcess {
  /// `fcntl(2)`: `F_GETFL`, `F_SETFL`, `F_GETFD`, `F_SETFD`.
  public mutating func fcntl(
    _ fd: Int, command: Int, argument: Int = 0
  ) throws(UnsupportedCall) -> CallResult {
    guard descriptors[fd] != nil else { return .failed(.badDescriptor) }
    guard let socket = openSocket(fd) else {
      throw UnsupportedCall(what: "fcntl(\(command)) of a descriptor that is no socket")
    }
    switch command {
    case 1: return .done(socket.closesOnExec ? 1 : 0)
    case 2:
      socket.closesOnExec = argument & 1 != 0
      return .done(0)
    // O_RDWR, and O_NONBLOCK.
    case 3: return .done(0o2 | (socket.isNonBlocking ? 0o4000 : 0))
    case 4:
      // O_APPEND, O_ASYNC, O_DIRECT and O_NOATIME may be asked for as well.
      if argument & (0o2000 | 0o20000 | 0o40000) != 0 {
        throw UnsupportedCall(what: "fcntl(F_SETFL) with flags \(argument)")
      }
      socket.isNonBlocking = argument & 0o4000 != 0
      return .done(0)
    case 0, 1030, 8, 9, 10, 11: throw UnsupportedCall(what: "fcntl command \(command)")
    default: return .failed(.invalidArgument)
    }
  }

  /// `ioctl(2)`: `FIONREAD`/`SIOCINQ`, `SIOCOUTQ`, `SIOCOUTQNSD`, `FIONBIO`, `SIOCATMARK`.
  public mutating func ioctl(
    _ fd: Int, request: Int, value: inout Int
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else {
      return .failed(descriptors[fd] == nil ? .badDescriptor : .notTerminal)
    }
    notice(socket)
    switch request {
    case 0x5421:
      socket.isNonBlocking = value != 0
      return .done(0)
    case 0x541B: return socket.isStream ? inputCount(socket, &value) : datagramCount(socket, &value)
    case 0x5411, 0x894B: return outputCount(socket, isUnsentOnly: request == 0x894B, &value)
    case 0x8905:
      guard socket.isStream else { return .failed(.notTerminal) }
      value = 0
      if case .connection(let id) = socket.role, urgentDistance(socket, id) == 0 { value = 1 }
      return .done(0)
    default: throw UnsupportedCall(what: "ioctl request \(request)")
    }
  }

  private func inputCount(_ socket: OpenSocket, _ value: inout Int) -> CallResult {
    switch socket.role {
    case .listener: return .failed(.invalidArgument)
    case .idle, .datagram: value = 0
    case .connection(let id):
      let state = stack.state(id)
      let available = stack.receivable(id)
      if state == .synSent || state == .synReceived {
        value = 0
      } else if !socket.options.isUrgentInline, let urgent = urgentDistance(socket, id),
        urgent > 0
      {
        // Linux tells of what comes before the urgent octet.
        value = min(available, urgent)
      } else {
        value = available
      }
    }
    return .done(0)
  }

  private mutating func datagramCount(_ socket: OpenSocket, _ value: inout Int) -> CallResult {
    fetch(socket)
    value = socket.waiting?.octets.count ?? 0
    return .done(0)
  }

  private func outputCount(
    _ socket: OpenSocket, isUnsentOnly: Bool, _ value: inout Int
  ) -> CallResult {
    value = 0
    switch socket.role {
    case .listener: return .failed(.invalidArgument)
    case .idle, .datagram: return .done(0)
    case .connection(let id):
      let state = stack.state(id)
      guard state != .synSent, state != .synReceived, let details = stack.details(id),
        let info = stack.info(id)
      else { return .done(0) }
      // Linux counts numbers, an unacknowledged FIN too.
      let fin = info.outstanding + details.unsent - details.queued
      value = isUnsentOnly ? details.unsent : details.queued + max(0, fin)
      return .done(0)
    }
  }
}
