import Octets
import Stack
import TCPCore
import Wire

// SOL_IP and SOL_UDP: `ip(7)`, `udp(7)`.
extension POSIXProcess {
  mutating func ipOption(
    _ socket: OpenSocket, _ name: Int
  ) throws(UnsupportedCall) -> OptionAnswer {
    switch name {
    case 1: return .int(socket.options.typeOfService)
    case 2: return .int(Int(socket.tcp.ttl))
    case 10: return .int(socket.options.pathDiscovery)
    case 14: return pathMTU(socket)
    case 8, 11, 12, 13, 15, 19, 21, 24: return .int(0)
    case 3...50: throw UnsupportedCall(what: "getsockopt(SOL_IP, \(Self.ipName(name)))")
    default: return .failed(.noSuchOption)
    }
  }

  /// `IP_MTU`: of a connected socket only.
  private func pathMTU(_ socket: OpenSocket) -> OptionAnswer {
    if case .connection(let id) = socket.role, stack.state(id) != .closed,
      let details = stack.details(id)
    {
      return .int(details.pathMTU)
    }
    guard !socket.isStream, let peer = socket.peer,
      let mtu = stack.pathMTU(to: peer.address, at: now)
    else { return .failed(.notConnected) }
    return .int(mtu)
  }

  mutating func setIPOption(
    _ socket: OpenSocket, _ name: Int, _ value: OptionValue?
  ) throws(UnsupportedCall) -> Errno? {
    guard let value else { return .badAddress }
    // One octet will do for a number. `ip(7)`
    guard let number = value.int ?? value.octets.first.map({ Int($0) }) else {
      return .invalidArgument
    }
    switch name {
    case 1: return try setTypeOfService(socket, number)
    case 2:
      guard number == -1 || (1...255).contains(number) else { return .invalidArgument }
      let ttl = number == -1 ? parameters.tcp.ttl : UInt8(number)
      guard socket.isStream || ttl == parameters.tcp.ttl else {
        throw UnsupportedCall(what: "IP_TTL on UDP")
      }
      configure(socket) { $0.ttl = ttl }
    case 10: return try setPathDiscovery(socket, number)
    case 14: return .noSuchOption
    case 8, 11, 12, 13, 15, 19, 21, 24:
      // What is off may be switched off.
      if number != 0 { throw UnsupportedCall(what: "setsockopt(SOL_IP, \(Self.ipName(name)))") }
    case 3...50: throw UnsupportedCall(what: "setsockopt(SOL_IP, \(Self.ipName(name)))")
    default: return .noSuchOption
    }
    return nil
  }

  private mutating func setTypeOfService(
    _ socket: OpenSocket, _ number: Int
  ) throws(UnsupportedCall) -> Errno? {
    // A stream's ECN bits are its own business. RFC 3168
    let octet = socket.isStream ? number & 0xFC : number & 0xFF
    guard socket.isStream || octet == 0 else { throw UnsupportedCall(what: "IP_TOS on UDP") }
    socket.options.typeOfService = octet
    configure(socket) { $0.dscp = UInt8(octet >> 2) }
    return nil
  }

  /// `IP_MTU_DISCOVER`: DONT, WANT, DO, PROBE, INTERFACE, OMIT.
  private mutating func setPathDiscovery(
    _ socket: OpenSocket, _ number: Int
  ) throws(UnsupportedCall) -> Errno? {
    guard (0...5).contains(number) else { return .invalidArgument }
    guard socket.isStream || number <= 1 else {
      throw UnsupportedCall(what: "IP_MTU_DISCOVER on UDP")
    }
    socket.options.pathDiscovery = number
    configure(socket) { tcp in
      tcp.forbidsFragments = (1...3).contains(number)
      tcp.believesPathMTU = (0...2).contains(number)
    }
    return nil
  }

  func udpOption(_ socket: OpenSocket, _ name: Int) throws(UnsupportedCall) -> OptionAnswer {
    guard !socket.isStream else { return .failed(.notSupported) }
    switch name {
    case 1, 101, 102: return .int(0)
    case 100, 103, 104: throw UnsupportedCall(what: "getsockopt(SOL_UDP, \(name))")
    default: return .failed(.noSuchOption)
    }
  }

  func setUDPOption(
    _ socket: OpenSocket, _ name: Int, _ value: OptionValue?
  ) throws(UnsupportedCall) -> Errno? {
    guard !socket.isStream else { return .noSuchOption }
    let (number, error) = number(value)
    if let error { return error }
    switch name {
    case 1, 100...104:
      if number != 0 { throw UnsupportedCall(what: "setsockopt(SOL_UDP, \(name))") }
      return nil
    default: return .noSuchOption
    }
  }

  private static let ipNames: [Int: String] = [
    4: "IP_OPTIONS", 6: "IP_RECVOPTS", 8: "IP_PKTINFO", 11: "IP_RECVERR", 12: "IP_RECVTTL",
    13: "IP_RECVTOS", 15: "IP_FREEBIND", 19: "IP_TRANSPARENT", 21: "IP_MINTTL",
    24: "IP_BIND_ADDRESS_NO_PORT", 32: "IP_MULTICAST_IF",
    33: "IP_MULTICAST_TTL", 34: "IP_MULTICAST_LOOP", 35: "IP_ADD_MEMBERSHIP",
  ]

  private static func ipName(_ name: Int) -> String { ipNames[name] ?? String(name) }
}
