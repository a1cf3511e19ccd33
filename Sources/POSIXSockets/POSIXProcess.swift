public import Octets
public import Stack

/// A process as Linux would have it, over a ``Stack`` in virtual time: descriptors and the calls of
/// `socket(2)` and its kin.
///
/// The process **owns the stack and the time**: the driver hands frames in and takes them out
/// through ``stack``, sets ``now`` before it calls, and lets time pass with ``nextDeadline`` and
/// ``deadlinePassed()``, which see to the stack's deadlines and to those of blocked calls.
///
///     process.now = instant
///     process.stack.frameArrived(frame.span, on: link, at: process.now)
///     let result = try process.read(4, into: &buffer, count: 1000)
///     process.stack.transmit(on: link, into: &sink, at: process.now)
///
/// Calls have C's names, arguments and numbers, and return a ``CallResult``. On a descriptor that
/// blocks, a call that cannot return yet is ``CallResult/pending``: make the very same call again
/// after anything has moved. What it has done so far (octets written, the time it began to wait) is
/// kept with the descriptor until it returns; ``cancelBlockedCall(_:)`` forgets it. What cannot be
/// done is thrown as ``UnsupportedCall``, and nothing has changed then.
///
/// There are no signals: where Linux sends `SIGPIPE`, only `EPIPE` is seen.
public struct POSIXProcess: ~Copyable {
  /// The host.
  public var stack: Stack
  /// The time of the next call.
  public var now: Instant
  /// What the host's administrator has set, for sockets made from now on.
  public var parameters: HostParameters {
    didSet { applyParameters() }
  }

  var descriptors = DescriptorTable()
  /// Closes that wait, by the number that was closed.
  var lingering: [Int: LingeringClose] = [:]
  /// When a `poll(2)` that blocks gives up.
  var pollDeadline: Instant?

  /// A process on a host, with descriptors 0, 1 and 2 taken.
  public init(
    stack: consuming Stack, parameters: HostParameters = HostParameters(), at now: Instant = .start
  ) {
    self.stack = stack
    self.parameters = parameters
    self.now = now
    applyParameters()
  }

  /// What is the whole host's, not a socket's.
  private mutating func applyParameters() {
    var settings = parameters.fastOpen
    if settings.keys.isEmpty { settings.keys = stack.fastOpen.keys }
    stack.fastOpen = settings
  }

  /// When ``deadlinePassed()`` must be called next; nil when nothing is waited for.
  public var nextDeadline: Instant? {
    var first = stack.nextDeadline ?? .distantFuture
    for (_, socket) in descriptors.sockets {
      for blocked in socket.blocked.values { first = min(first, blocked.deadline) }
    }
    for close in lingering.values { first = min(first, close.deadline) }
    for epoll in descriptors.epolls { first = min(first, epoll.deadline ?? .distantFuture) }
    first = min(first, pollDeadline ?? .distantFuture)
    return first == .distantFuture ? nil : first
  }

  /// The time ``nextDeadline`` gave has come: set ``now`` to it first. Then repeat blocked calls:
  /// a deadline of theirs stays until they are.
  public mutating func deadlinePassed() { stack.deadlinePassed(at: now) }

  /// Forgets what a blocked call on a descriptor had begun, as a signal would interrupt it.
  public mutating func cancelBlockedCall(_ fd: Int) {
    lingering[fd] = nil
    switch descriptors[fd] {
    case .socket(let socket): socket.blocked = [:]
    case .epoll(let epoll): epoll.deadline = nil
    case .standard, nil: break
    }
  }

  /// The stack's socket behind a descriptor: a listener, a connection, a UDP socket or none yet.
  public func socketID(_ fd: Int) -> SocketID? { openSocket(fd)?.id }
}
