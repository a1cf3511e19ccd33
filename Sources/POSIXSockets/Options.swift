import Octets
import Stack
import TCPCore

// getsockopt and setsockopt: what their levels share.
extension POSIXProcess {
  /// `getsockopt(2)`: `value` comes in with as many octets as there is room for, and goes out with
  /// those of the option; nil is a null pointer.
  public mutating func getsockopt(
    _ fd: Int, level: Int, name: Int, value: inout OptionValue?
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    let answer: OptionAnswer
    switch level {
    case 1: answer = try socketOption(socket, name)
    case 6: answer = try tcpOption(socket, name)
    case 0: answer = try ipOption(socket, name)
    case 17: answer = try udpOption(socket, name)
    case 41: throw UnsupportedCall(what: "getsockopt(SOL_IPV6, \(name))")
    default: return .failed(.noSuchOption)
    }
    switch answer {
    case .failed(let error): return .failed(error)
    case .value(let full):
      guard let room = value?.octets.count else { return .failed(.badAddress) }
      value = OptionValue(octets: Array(full.octets.prefix(room)))
      return .done(0)
    case .text(let name):
      guard let room = value?.octets.count else { return .failed(.badAddress) }
      // A name fills the room there is, at most 16 octets, with zeros behind it.
      var octets = Array(name.utf8.prefix(min(room, 16)))
      while octets.count < min(room, 16) { octets.append(0) }
      value = OptionValue(octets: octets)
      return .done(0)
    }
  }

  /// `setsockopt(2)`; nil is a null pointer.
  public mutating func setsockopt(
    _ fd: Int, level: Int, name: Int, value: OptionValue?
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    let error: Errno?
    switch level {
    case 1: error = try setSocketOption(socket, name, value)
    case 6: error = try setTCPOption(socket, name, value)
    case 0: error = try setIPOption(socket, name, value)
    case 17: error = try setUDPOption(socket, name, value)
    case 41: throw UnsupportedCall(what: "setsockopt(SOL_IPV6, \(name))")
    default: error = .noSuchOption
    }
    return error.map { .failed($0) } ?? .done(0)
  }

  /// Changes what a connection is made with, and one that is there.
  mutating func configure(_ socket: OpenSocket, _ change: (inout TCPConfiguration) -> Void) {
    change(&socket.tcp)
    guard let id = socket.id, socket.isStream else { return }
    try? stack.configure(id, at: now, change)
  }

  /// The number in a value; an error when the value is too short, or a null pointer.
  func number(_ value: OptionValue?) -> (number: Int, error: Errno?) {
    guard let value else { return (0, .badAddress) }
    guard let number = value.int else { return (0, .invalidArgument) }
    return (number, nil)
  }
}

/// What `getsockopt(2)` found.
enum OptionAnswer {
  /// Octets, to be cut to the room there is.
  case value(OptionValue)
  /// A name.
  case text(String)
  /// An error.
  case failed(Errno)

  /// A number.
  static func int(_ value: Int) -> OptionAnswer { .value(.int(value)) }
  /// A yes or no.
  static func flag(_ value: Bool) -> OptionAnswer { .value(.int(value ? 1 : 0)) }
}
