/// The flags of `send(2)` and `recv(2)`, with Linux's numbers.
public struct MessageFlags: OptionSet, Hashable, Sendable {
  /// The bits.
  public var rawValue: Int
  /// Flags from their bits.
  public init(rawValue: Int) { self.rawValue = rawValue }
  /// `MSG_OOB`: urgent data.
  public static let outOfBand = MessageFlags(rawValue: 0x1)
  /// `MSG_PEEK`: what is read stays.
  public static let peek = MessageFlags(rawValue: 0x2)
  /// `MSG_DONTROUTE`: to neighbours only.
  public static let dontRoute = MessageFlags(rawValue: 0x4)
  /// `MSG_CTRUNC`: control messages were lost.
  public static let controlTruncated = MessageFlags(rawValue: 0x8)
  /// `MSG_TRUNC`: the real length of a datagram; on a stream, octets are dropped unseen.
  public static let truncated = MessageFlags(rawValue: 0x20)
  /// `MSG_DONTWAIT`: this once, no waiting.
  public static let dontWait = MessageFlags(rawValue: 0x40)
  /// `MSG_EOR`: the end of a record.
  public static let endOfRecord = MessageFlags(rawValue: 0x80)
  /// `MSG_WAITALL`: wait until all that was asked for is there.
  public static let waitAll = MessageFlags(rawValue: 0x100)
  /// `MSG_ERRQUEUE`: read from the error queue.
  public static let errorQueue = MessageFlags(rawValue: 0x2000)
  /// `MSG_NOSIGNAL`: no `SIGPIPE`. Here there are no signals at all.
  public static let noSignal = MessageFlags(rawValue: 0x4000)
  /// `MSG_MORE`: more will follow at once.
  public static let more = MessageFlags(rawValue: 0x8000)
  /// `MSG_ZEROCOPY`: the caller's memory is used as it is.
  public static let zeroCopy = MessageFlags(rawValue: 0x400_0000)
  /// `MSG_FASTOPEN`: connect and send at once.
  public static let fastOpen = MessageFlags(rawValue: 0x2000_0000)
  /// `MSG_CMSG_CLOEXEC`: no meaning here.
  public static let closeOnExec = MessageFlags(rawValue: 0x4000_0000)
}

/// The events of `poll(2)` and `epoll_ctl(2)`, which share their low bits, with Linux's numbers.
public struct PollEvents: OptionSet, Hashable, Sendable {
  /// The bits.
  public var rawValue: UInt32
  /// Events from their bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// `POLLIN`.
  public static let input = PollEvents(rawValue: 0x1)
  /// `POLLPRI`: urgent data.
  public static let priority = PollEvents(rawValue: 0x2)
  /// `POLLOUT`.
  public static let output = PollEvents(rawValue: 0x4)
  /// `POLLERR`: always told.
  public static let error = PollEvents(rawValue: 0x8)
  /// `POLLHUP`: always told; both sides are closed.
  public static let hangUp = PollEvents(rawValue: 0x10)
  /// `POLLNVAL`: no such descriptor; always told.
  public static let invalid = PollEvents(rawValue: 0x20)
  /// `POLLRDNORM`, the same as ``input``.
  public static let readNormal = PollEvents(rawValue: 0x40)
  /// `POLLRDBAND`.
  public static let readBand = PollEvents(rawValue: 0x80)
  /// `POLLWRNORM`, the same as ``output``.
  public static let writeNormal = PollEvents(rawValue: 0x100)
  /// `POLLWRBAND`.
  public static let writeBand = PollEvents(rawValue: 0x200)
  /// `POLLRDHUP`: the peer has closed its side.
  public static let readHangUp = PollEvents(rawValue: 0x2000)
  /// `EPOLLONESHOT`.
  public static let oneShot = PollEvents(rawValue: 1 << 30)
  /// `EPOLLET`.
  public static let edgeTriggered = PollEvents(rawValue: 1 << 31)
}
