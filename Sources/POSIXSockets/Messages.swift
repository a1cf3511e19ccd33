public import Wire

/// An address argument of a call.
public enum AddressArgument: Hashable, Sendable {
  /// A null pointer.
  case null
  /// `AF_INET`.
  case ipv4(SocketAddress)
  /// `AF_UNSPEC`.
  case unspecified
  /// Another family, by its number.
  case other(family: Int)
}

/// One buffer of `readv(2)`, `writev(2)` and messages: `struct iovec`.
public struct IOVector: Hashable, Sendable {
  /// The memory; nil is a null pointer. A receiving call writes over its beginning.
  public var octets: [UInt8]?
  /// `iov_len`, at most as many as there are octets.
  public var count: Int
  /// A buffer to write from.
  public init(_ octets: [UInt8]) {
    self.octets = octets
    count = octets.count
  }
  /// A buffer of zeros.
  public init(count: Int) { self.init([UInt8](repeating: 0, count: max(0, count))) }
  /// A null pointer that claims a length.
  public static func null(count: Int) -> IOVector {
    var vector = IOVector([])
    vector.octets = nil
    vector.count = count
    return vector
  }
}

/// What a control message carries.
public enum ControlData: Hashable, Sendable {
  /// A number.
  case int(Int32)
  /// `struct scm_timestamping`: the first of its times.
  case timestamp(seconds: Int64, nanoseconds: Int64)
  /// `struct sock_extended_err`.
  case extendedError(ExtendedError)
}

/// Why a datagram or a segment was refused: `struct sock_extended_err`.
public struct ExtendedError: Hashable, Sendable {
  /// `ee_errno`.
  public var errno: Int32
  /// `ee_origin`: 1 local, 2 ICMP, 4 timestamp, 5 zero copy.
  public var origin: UInt8
  /// `ee_type`: the ICMP type.
  public var type: UInt8
  /// `ee_code`: the ICMP code.
  public var code: UInt8
  /// `ee_info`: for instance the next hop's MTU.
  public var info: UInt32
  /// `ee_data`.
  public var data: UInt32

  /// An error from its parts.
  public init(
    errno: Int32, origin: UInt8, type: UInt8 = 0, code: UInt8 = 0, info: UInt32 = 0,
    data: UInt32 = 0
  ) {
    self.errno = errno
    self.origin = origin
    self.type = type
    self.code = code
    self.info = info
    self.data = data
  }
}

/// A control message: `struct cmsghdr` and its data.
public struct ControlMessage: Hashable, Sendable {
  /// `cmsg_level`.
  public var level: Int
  /// `cmsg_type`.
  public var type: Int
  /// What follows.
  public var data: ControlData
  /// A control message from its parts.
  public init(level: Int, type: Int, data: ControlData) {
    self.level = level
    self.type = type
    self.data = data
  }
}

/// The argument of `sendmsg(2)` and `recvmsg(2)`: `struct msghdr`.
public struct MessageHeader: Hashable, Sendable {
  /// `msg_name`: where to, or where from.
  public var name: AddressArgument = .null
  /// `msg_iov`; nil is a null pointer.
  public var vectors: [IOVector]?
  /// `msg_control`: what to send, or what came.
  public var control: [ControlMessage] = []
  /// Whether there is room for control messages that come.
  public var wantsControl = false
  /// `msg_flags`, set by `recvmsg(2)`.
  public var flags: MessageFlags = []
  /// A header with these buffers.
  public init(vectors: [IOVector]?) { self.vectors = vectors }
}

/// One entry of `poll(2)`: `struct pollfd`.
public struct PollEntry: Hashable, Sendable {
  /// The descriptor; a negative one is passed over.
  public var descriptor: Int
  /// What is waited for.
  public var events: PollEvents
  /// What is the case.
  public var returned: PollEvents = []
  /// An entry from its parts.
  public init(descriptor: Int, events: PollEvents) {
    self.descriptor = descriptor
    self.events = events
  }
}

/// What `epoll_ctl(2)` is given and `epoll_wait(2)` gives back: `struct epoll_event`.
public struct EpollEvent: Hashable, Sendable {
  /// What is waited for, or is the case.
  public var events: PollEvents
  /// The user's 64 bits.
  public var data: UInt64
  /// An event from its parts.
  public init(events: PollEvents, data: UInt64) {
    self.events = events
    self.data = data
  }
}
