import Octets
import Stack
import TCPCore

/// One message of a socket's error queue. `recvmsg(2)`, MSG_ERRQUEUE.
struct QueuedReport {
  var control: [ControlMessage]
  /// The octets that it is about are not handed back.
  var isCut: Bool
}

/// What a socket reports through its error queue.
struct ErrorReports {
  /// Messages that nobody has read; the oldest are dropped beyond ``limit``.
  var queue: [QueuedReport] = []
  /// Something was added that epoll was not told of.
  var hasNews = false
  /// `SO_ZEROCOPY`.
  var tellsZeroCopy = false
  /// The name of the next write with `MSG_ZEROCOPY`.
  var nextZeroCopy: UInt32 = 0
  /// Writes with `MSG_ZEROCOPY` whose octets are not acknowledged: where they end, and their names.
  var zeroCopies: [(end: Int, name: UInt32)] = []
  /// `SO_TIMESTAMPING`.
  var timestamping = 0
  /// Where the names of stamped octets begin to count.
  var stampBase = 0

  static let limit = 1024

  mutating func add(_ report: QueuedReport) {
    if queue.count >= Self.limit { queue.removeFirst() }
    queue.append(report)
    hasNews = true
  }
}

// `socket(7)`: SO_ZEROCOPY and SO_TIMESTAMPING, which report through the error queue.
extension POSIXProcess {
  /// Bits of `SO_TIMESTAMPING` that can be had: software times of sending, of scheduling and of
  /// acknowledgments, names for them, and reports without the octets.
  private static var timestampingBits: Int { 1 << 1 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 11 }

  mutating func setTimestamping(
    _ socket: OpenSocket, _ bits: Int
  ) throws(UnsupportedCall) -> Errno? {
    guard bits & ~Self.timestampingBits == 0, socket.isStream || bits == 0 else {
      throw UnsupportedCall(what: "SO_TIMESTAMPING with flags \(bits)")
    }
    if bits & 1 << 7 != 0, socket.reports.timestamping & 1 << 7 == 0 {
      // Linux names octets by their distance from the first that is not acknowledged.
      guard case .connection(let id) = socket.role else { return .invalidArgument }
      socket.reports.stampBase = acknowledged(socket, id)
    }
    socket.reports.timestamping = bits
    return nil
  }

  /// Octets of the stream that the peer has.
  private func acknowledged(_ socket: OpenSocket, _ id: SocketID) -> Int {
    socket.given - (stack.details(id)?.queued ?? 0)
  }

  /// A write has given its octets to the stack: reports about them are asked for.
  mutating func askForReports(
    _ socket: OpenSocket, _ id: SocketID, _ request: Sending, _ count: Int
  ) {
    guard count > 0 else { return }
    if socket.reports.tellsZeroCopy, request.flags.contains(.zeroCopy) {
      socket.reports.zeroCopies.append((socket.given, socket.reports.nextZeroCopy))
      socket.reports.nextZeroCopy &+= 1
    }
    guard socket.reports.timestamping & (1 << 1 | 1 << 8 | 1 << 9) != 0 else { return }
    let name = UInt32(truncatingIfNeeded: socket.given - socket.reports.stampBase - 1)
    stack.mark(id, .stamped(name), at: now)
  }

  /// Puts into the queue what has happened since it was last looked at.
  mutating func gatherReports(_ socket: OpenSocket) {
    guard case .connection(let id) = socket.role else { return }
    if !socket.reports.zeroCopies.isEmpty { gatherZeroCopies(socket, acknowledged(socket, id)) }
    guard socket.reports.timestamping != 0 else { return }
    for report in stack.takeSendReports(id) { addStamp(socket, report) }
  }

  /// `MSG_ZEROCOPY`: the caller's memory is free; neighbours in the queue become one report.
  private func gatherZeroCopies(_ socket: OpenSocket, _ acknowledged: Int) {
    while let first = socket.reports.zeroCopies.first, first.end <= acknowledged {
      socket.reports.zeroCopies.removeFirst()
      // Code 1: the octets were copied after all.
      var error = ExtendedError(errno: 0, origin: 5, code: 1, info: first.name, data: first.name)
      if let last = socket.reports.queue.last?.control.first,
        case .extendedError(let before) = last.data, before.origin == 5,
        before.data &+ 1 == first.name
      {
        error.info = before.info
        socket.reports.queue.removeLast()
      }
      let message = ControlMessage(level: 0, type: 11, data: .extendedError(error))
      socket.reports.add(QueuedReport(control: [message], isCut: false))
    }
  }

  /// `SO_TIMESTAMPING`: SCM_TSTAMP_SND is 0, SCM_TSTAMP_SCHED 1, SCM_TSTAMP_ACK 2.
  private func addStamp(_ socket: OpenSocket, _ report: SendReport) {
    let bits = socket.reports.timestamping
    let kinds: [(bit: Int, info: UInt32)] =
      report.event == .sent ? [(1 << 8, 1), (1 << 1, 0)] : [(1 << 9, 2)]
    for (bit, info) in kinds where bits & bit != 0 {
      let nanoseconds = report.at.nanoseconds
      let time = ControlMessage(
        level: 1, type: 37,
        data: .timestamp(
          seconds: nanoseconds / 1_000_000_000, nanoseconds: nanoseconds % 1_000_000_000))
      let name = bits & 1 << 7 != 0 ? report.name : 0
      let error = ExtendedError(errno: 42, origin: 4, info: info, data: name)
      let message = ControlMessage(level: 0, type: 11, data: .extendedError(error))
      socket.reports.add(
        QueuedReport(control: [time, message], isCut: bits & 1 << 11 == 0))
    }
  }

  /// `MSG_ERRQUEUE`: the oldest report.
  mutating func receiveReport(_ socket: OpenSocket, _ request: inout Receiving) -> CallResult {
    gatherReports(socket)
    guard !socket.reports.queue.isEmpty else { return .failed(.wouldBlock) }
    let report = socket.reports.queue.removeFirst()
    request.control = report.control
    request.outFlags = report.isCut ? [.errorQueue, .truncated] : .errorQueue
    return .done(0)
  }
}
