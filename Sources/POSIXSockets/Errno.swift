/// An error number of a system call, with Linux's numbers and meanings (`errno(3)`).
///
/// ``name`` is the symbol of C; the members are called by what they mean.
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number as Linux on x86-64 has it.
  public var rawValue: Int32
  /// The error with this number.
  public init(rawValue: Int32) { self.rawValue = rawValue }
  private init(_ rawValue: Int32) { self.rawValue = rawValue }

  /// `EPERM`: the operation is not allowed.
  public static let notPermitted = Errno(1)
  /// `ENOENT`: there is nothing of that name.
  public static let noEntry = Errno(2)
  /// `EINTR`: a signal interrupted the call.
  public static let interrupted = Errno(4)
  /// `EBADF`: no such descriptor is open.
  public static let badDescriptor = Errno(9)
  /// `EAGAIN`: the call would have to wait and the descriptor does not block.
  public static let wouldBlock = Errno(11)
  /// `ENOMEM`: memory is short.
  public static let noMemory = Errno(12)
  /// `EACCES`: permission is denied.
  public static let permissionDenied = Errno(13)
  /// `EFAULT`: an address that points nowhere.
  public static let badAddress = Errno(14)
  /// `EEXIST`: it is there already.
  public static let exists = Errno(17)
  /// `EINVAL`: an argument, or the socket's state, does not suit the call.
  public static let invalidArgument = Errno(22)
  /// `EMFILE`: the process has as many descriptors as it may.
  public static let tooManyDescriptors = Errno(24)
  /// `ENOTTY`: the descriptor knows no such request.
  public static let notTerminal = Errno(25)
  /// `ESPIPE`: the descriptor cannot be sought in.
  public static let illegalSeek = Errno(29)
  /// `EPIPE`: nobody will read what is written.
  public static let brokenPipe = Errno(32)
  /// `EDOM`: an argument is out of its range.
  public static let outOfDomain = Errno(33)
  /// `ENOTSOCK`: the descriptor is no socket.
  public static let notSocket = Errno(88)
  /// `EDESTADDRREQ`: a destination is missing.
  public static let destinationRequired = Errno(89)
  /// `EMSGSIZE`: the message is too long.
  public static let messageTooLong = Errno(90)
  /// `EPROTOTYPE`: the protocol does not suit the socket's type.
  public static let wrongProtocolType = Errno(91)
  /// `ENOPROTOOPT`: the level has no such option.
  public static let noSuchOption = Errno(92)
  /// `EPROTONOSUPPORT`: the protocol is not known.
  public static let protocolNotSupported = Errno(93)
  /// `ESOCKTNOSUPPORT`: the socket type is not known.
  public static let typeNotSupported = Errno(94)
  /// `EOPNOTSUPP`: sockets of this kind cannot do it.
  public static let notSupported = Errno(95)
  /// `EAFNOSUPPORT`: the address family does not suit.
  public static let familyNotSupported = Errno(97)
  /// `EADDRINUSE`: another socket has the address.
  public static let addressInUse = Errno(98)
  /// `EADDRNOTAVAIL`: the address is not this host's, or no port is free.
  public static let addressNotAvailable = Errno(99)
  /// `ENETDOWN`: the network is down.
  public static let networkDown = Errno(100)
  /// `ENETUNREACH`: no route leads there.
  public static let networkUnreachable = Errno(101)
  /// `ECONNABORTED`: the connection was given up here.
  public static let connectionAborted = Errno(103)
  /// `ECONNRESET`: the peer reset the connection.
  public static let connectionReset = Errno(104)
  /// `ENOBUFS`: there is no room for it.
  public static let noBufferSpace = Errno(105)
  /// `EISCONN`: the socket is connected.
  public static let isConnected = Errno(106)
  /// `ENOTCONN`: the socket is not connected.
  public static let notConnected = Errno(107)
  /// `ETIMEDOUT`: the peer did not answer in time.
  public static let timedOut = Errno(110)
  /// `ECONNREFUSED`: nobody listens there.
  public static let connectionRefused = Errno(111)
  /// `EHOSTDOWN`: the host is down.
  public static let hostDown = Errno(112)
  /// `EHOSTUNREACH`: the network says that the host cannot be reached.
  public static let hostUnreachable = Errno(113)
  /// `EALREADY`: an earlier attempt is still under way.
  public static let alreadyInProgress = Errno(114)
  /// `EINPROGRESS`: the attempt has begun.
  public static let inProgress = Errno(115)

  private static let names: [Int32: String] = [
    1: "EPERM", 2: "ENOENT", 4: "EINTR", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 17: "EEXIST", 22: "EINVAL", 24: "EMFILE", 25: "ENOTTY", 29: "ESPIPE",
    32: "EPIPE", 33: "EDOM", 88: "ENOTSOCK", 89: "EDESTADDRREQ", 90: "EMSGSIZE",
    91: "EPROTOTYPE", 92: "ENOPROTOOPT", 93: "EPROTONOSUPPORT", 94: "ESOCKTNOSUPPORT",
    95: "EOPNOTSUPP", 97: "EAFNOSUPPORT", 98: "EADDRINUSE", 99: "EADDRNOTAVAIL", 100: "ENETDOWN",
    101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET", 105: "ENOBUFS", 106: "EISCONN",
    107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 112: "EHOSTDOWN",
    113: "EHOSTUNREACH", 114: "EALREADY", 115: "EINPROGRESS",
  ]

  /// The symbol of C: `EAGAIN`; the number alone where this façade never returns it.
  public var name: String { Self.names[rawValue] ?? "errno \(rawValue)" }
  /// The symbol of C.
  public var description: String { name }
}
