import NetworkCore
import Octets
import Stack
import TCPCore
import Wire

/// What a descriptor stands for.
enum OpenFile {
  /// One of the three that every process begins with.
  case standard
  /// A socket.
  case socket(OpenSocket)
  /// An epoll instance.
  case epoll(OpenEpoll)
}

/// The descriptors of a process: always the lowest free number. `open(2)`.
struct DescriptorTable {
  /// `RLIMIT_NOFILE`.
  static let limit = 1024
  private var files: [OpenFile?] = [.standard, .standard, .standard]

  /// What a descriptor stands for, or nil.
  subscript(_ fd: Int) -> OpenFile? { files.indices.contains(fd) ? files[fd] : nil }

  /// Gives a file a number; nil when there are too many.
  mutating func add(_ file: OpenFile) -> Int? {
    if let free = files.firstIndex(where: { $0 == nil }) {
      files[free] = file
      return free
    }
    guard files.count < Self.limit else { return nil }
    files.append(file)
    return files.count - 1
  }

  /// Frees a number, and says what it stood for.
  mutating func remove(_ fd: Int) -> OpenFile? {
    guard files.indices.contains(fd), let file = files[fd] else { return nil }
    files[fd] = nil
    return file
  }

  /// Every socket, with its number.
  var sockets: [(fd: Int, socket: OpenSocket)] {
    files.indices.compactMap { fd in
      guard case .socket(let socket) = files[fd] else { return nil }
      return (fd, socket)
    }
  }

  /// Every epoll instance.
  var epolls: [OpenEpoll] {
    files.compactMap { file in
      guard case .epoll(let epoll) = file else { return nil }
      return epoll
    }
  }
}

/// A call that can block, for what is kept of it while it does.
enum BlockingCall: Hashable { case accept, connect, receive, send }

/// What a blocked call has done so far.
struct BlockedCall {
  /// When it gives up.
  var deadline: Instant
  /// Octets written.
  var written = 0
  /// Octets read.
  var read: [UInt8] = []
  /// Octets dropped unseen. `MSG_TRUNC`.
  var skipped = 0
}

/// A socket that is open: what Linux calls the open file description, and the socket behind it.
final class OpenSocket {
  /// What it is to the stack.
  enum Role {
    /// Nothing yet.
    case idle
    /// It listens.
    case listener(SocketID)
    /// It connects, is connected, or was.
    case connection(SocketID)
    /// A UDP socket that has a port.
    case datagram(SocketID)
  }

  /// `SOCK_STREAM`; otherwise `SOCK_DGRAM`.
  let isStream: Bool
  /// `O_NONBLOCK`.
  var isNonBlocking: Bool
  /// `FD_CLOEXEC`.
  var closesOnExec = false
  /// What it is to the stack.
  var role = Role.idle
  /// The address and port, once it has one.
  var local: SocketAddress?
  /// It was bound by its user: what `bind(2)` gave stays after a connection.
  var isBound = false
  /// Between `connect(2)` and the moment when its result was told.
  var isConnecting = false
  /// It came from `accept(2)`.
  var isAccepted = false
  /// The result of `connect(2)` was told.
  var isConnected = false
  /// The peer of a UDP socket.
  var peer: SocketAddress?
  /// `SO_ERROR`: told once.
  var error: Errno?
  /// The connection's end has been noticed.
  var hasEnded = false
  /// `shutdown(2)` of reading, and of writing.
  var isShutForReading = false
  var isShutForWriting = false
  /// `TCP_FASTOPEN_CONNECT`: the SYN waits for the first write.
  var awaitsWrite = false
  /// Octets given to the stream.
  var given = 0
  /// Octets taken from the stream.
  var consumed = 0
  /// The stream's position whose urgent octet was read.
  var urgentTaken: Int?
  /// A write, or a look, found no room.
  var lacksRoom = false
  /// Octets that the last buffer of what waits to be sent still takes.
  var tailRoom = 0
  /// The send buffer was sized for the connection.
  var hasSpace = false
  /// A datagram that was looked at.
  var waiting: ReceivedDatagram?
  /// What it tells through its error queue.
  var reports = ErrorReports()
  /// The options.
  var options: SocketOptions
  /// What the stack is given for a connection.
  var tcp: TCPConfiguration
  /// Calls that block.
  var blocked: [BlockingCall: BlockedCall] = [:]

  init(isStream: Bool, isNonBlocking: Bool, options: SocketOptions, tcp: TCPConfiguration) {
    self.isStream = isStream
    self.isNonBlocking = isNonBlocking
    self.options = options
    self.tcp = tcp
  }

  /// The stack's name for it.
  var id: SocketID? {
    switch role {
    case .idle: nil
    case .listener(let id), .connection(let id), .datagram(let id): id
    }
  }

  /// The pending error, which then is no more.
  func takeError() -> Errno? {
    defer { error = nil }
    return error
  }
}

/// Options that the façade keeps itself.
struct SocketOptions {
  /// `SO_REUSEADDR`, `SO_REUSEPORT`.
  var reusesAddress = false
  var reusesPort = false
  /// `SO_BROADCAST`.
  var isBroadcast = false
  /// `SO_OOBINLINE`.
  var isUrgentInline = false
  /// `SO_LINGER`: seconds, while on.
  var lingers = false
  var lingerSeconds = 0
  /// `SO_RCVLOWAT`.
  var receiveLowWater = 1
  /// `SO_RCVTIMEO`, `SO_SNDTIMEO`.
  var receiveTimeout: Duration?
  var sendTimeout: Duration?
  /// `SO_SNDBUF`, `SO_RCVBUF`, as Linux reports them; and whether the user has set them.
  var sendBuffer: Int
  var receiveBuffer: Int
  var isSendBufferSet = false
  var isReceiveBufferSet = false
  /// `SO_PRIORITY`, `SO_MARK`.
  var priority = 0
  var mark = 0
  /// `SO_MAX_PACING_RATE`; nil for no limit.
  var pacingRate: Int?
  /// `SO_KEEPALIVE` and the times it would use.
  var keepsAlive = false
  var keepalive = Keepalive()
  /// `TCP_MAXSEG` as it was set.
  var segmentSize = 0
  /// `TCP_SYNCNT`, `TCP_LINGER2`, `TCP_NOTSENT_LOWAT`, as they were set.
  var openRetransmissions: Int?
  var linger2: Int?
  var unsentLowWater: Int?
  /// `TCP_QUICKACK` is on: acknowledgments don't wait to go with data.
  var acknowledgesQuickly = true
  /// `TCP_DEFER_ACCEPT` in retransmissions of the SYN,ACK.
  var deferredAccept = 0
  /// `TCP_FASTOPEN`, `TCP_FASTOPEN_KEY` (none: the host's), `TCP_FASTOPEN_CONNECT`.
  var fastOpenQueue = 0
  var fastOpenKeys: [FastOpenKey] = []
  var opensFast = false
  /// `TCP_INQ`.
  var tellsQueue = false
  /// `IP_TOS`, all eight bits.
  var typeOfService = 0
  /// `IP_MTU_DISCOVER`.
  var pathDiscovery = 1
  /// The backlog of `listen(2)`.
  var backlog = 0
}

// Looking descriptors up, and waiting.
extension POSIXProcess {
  /// The socket behind a descriptor, or nil; then ``refusal(_:)`` says why.
  func openSocket(_ fd: Int) -> OpenSocket? {
    guard case .socket(let socket) = descriptors[fd] else { return nil }
    return socket
  }

  /// Why a descriptor is no socket: `EBADF` or `ENOTSOCK`.
  func refusal(_ fd: Int) -> CallResult {
    .failed(descriptors[fd] == nil ? .badDescriptor : .notSocket)
  }

  /// Whether a call shall wait; false when it must not, or has waited long enough.
  func mayWait(
    _ socket: OpenSocket, _ call: BlockingCall, timeout: Duration?, dontWait: Bool = false
  ) -> Bool {
    if socket.isNonBlocking || dontWait { return false }
    if let blocked = socket.blocked[call] { return blocked.deadline > now }
    let deadline = timeout.map { now + $0 } ?? .distantFuture
    guard deadline > now else { return false }
    socket.blocked[call] = BlockedCall(deadline: deadline)
    return true
  }

  /// Notices the end of a connection, and the error that it leaves.
  func notice(_ socket: OpenSocket) {
    guard case .connection(let id) = socket.role, !socket.hasEnded else { return }
    guard stack.state(id) == .closed else { return }
    socket.hasEnded = true
    let details = stack.details(id)
    switch stack.closeReason(id) {
    // Linux: whoever was told of the peer's end gets EPIPE, not ECONNRESET.
    case .reset:
      socket.error = details?.peerHasClosed == true ? .brokenPipe : .connectionReset
    case .refused: socket.error = .connectionRefused
    case .timedOut: socket.error = Self.errno(unreachable: details) ?? .timedOut
    case .unreachable: socket.error = Self.errno(unreachable: details) ?? .hostUnreachable
    case .aborted: socket.error = .connectionReset
    case .finished, nil: break
    }
  }

  /// What Linux makes of ICMP's codes. `icmp_err_convert`
  private static func errno(unreachable details: TCPDetails?) -> Errno? {
    switch details?.statistics.lastUnreachable {
    case nil: nil
    case 0, 6, 9, 11: .networkUnreachable
    case 2: .noSuchOption
    case 3: .connectionRefused
    case 4: .messageTooLong
    case 5: .notSupported
    case 7: .hostDown
    case 8: Errno(rawValue: 64)
    default: .hostUnreachable
    }
  }
}
