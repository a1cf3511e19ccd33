public import Wire

// To be moved to files by theme; the signatures stay.
extension POSIXProcess {
  private func unsupported(_ what: String) throws(UnsupportedCall) -> CallResult {
    throw UnsupportedCall(what: what)
  }

  /// `socket(2)`: the lowest free descriptor.
  public mutating func socket(
    domain: Int = 2, type: Int, protocol number: Int = 0
  ) throws(UnsupportedCall) -> CallResult { try unsupported("socket") }
  /// `bind(2)`.
  public mutating func bind(
    _ fd: Int, to address: AddressArgument
  ) throws(UnsupportedCall) -> CallResult { try unsupported("bind") }
  /// `listen(2)`.
  public mutating func listen(_ fd: Int, backlog: Int) throws(UnsupportedCall) -> CallResult {
    try unsupported("listen")
  }
  /// `accept4(2)`; `flags` may have `SOCK_NONBLOCK`.
  public mutating func accept(
    _ fd: Int, peer: inout SocketAddress?, flags: Int = 0
  ) throws(UnsupportedCall) -> CallResult { try unsupported("accept") }
  /// `connect(2)`; `AF_UNSPEC` disconnects.
  public mutating func connect(
    _ fd: Int, to address: AddressArgument
  ) throws(UnsupportedCall) -> CallResult { try unsupported("connect") }
  /// `close(2)`; blocks while it lingers.
  public mutating func close(_ fd: Int) throws(UnsupportedCall) -> CallResult {
    try unsupported("close")
  }
  /// `shutdown(2)`.
  public mutating func shutdown(_ fd: Int, how: Int) throws(UnsupportedCall) -> CallResult {
    try unsupported("shutdown")
  }
  /// `read(2)`: at most `count` octets take the place of what `buffer` holds; nil is a null pointer.
  public mutating func read(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int
  ) throws(UnsupportedCall) -> CallResult { try unsupported("read") }
  /// `recv(2)`.
  public mutating func recv(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult { try unsupported("recv") }
  /// `recvfrom(2)`.
  public mutating func recvfrom(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int, flags: MessageFlags,
    source: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("recvfrom") }
  /// `readv(2)`.
  public mutating func readv(
    _ fd: Int, into vectors: inout [IOVector]
  ) throws(UnsupportedCall) -> CallResult { try unsupported("readv") }
  /// `recvmsg(2)`.
  public mutating func recvmsg(
    _ fd: Int, into message: inout MessageHeader, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult { try unsupported("recvmsg") }
  /// `write(2)`; nil is a null pointer, of which `count` octets are claimed.
  public mutating func write(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil
  ) throws(UnsupportedCall) -> CallResult { try unsupported("write") }
  /// `send(2)`.
  public mutating func send(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult { try unsupported("send") }
  /// `sendto(2)`.
  public mutating func sendto(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil, flags: MessageFlags, to: AddressArgument
  ) throws(UnsupportedCall) -> CallResult { try unsupported("sendto") }
  /// `writev(2)`.
  public mutating func writev(
    _ fd: Int, _ vectors: [IOVector]
  ) throws(UnsupportedCall) -> CallResult { try unsupported("writev") }
  /// `sendmsg(2)`.
  public mutating func sendmsg(
    _ fd: Int, _ message: MessageHeader, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult { try unsupported("sendmsg") }
  /// `fcntl(2)`: `F_GETFL`, `F_SETFL`, `F_GETFD`, `F_SETFD`.
  public mutating func fcntl(
    _ fd: Int, command: Int, argument: Int = 0
  ) throws(UnsupportedCall) -> CallResult { try unsupported("fcntl") }
  /// `ioctl(2)`: `FIONREAD`/`SIOCINQ`, `SIOCOUTQ`, `SIOCOUTQNSD`, `FIONBIO`, `SIOCATMARK`.
  public mutating func ioctl(
    _ fd: Int, request: Int, value: inout Int
  ) throws(UnsupportedCall) -> CallResult { try unsupported("ioctl") }
  /// `getsockopt(2)`: `value` comes in with as many octets as there is room for, and goes out with
  /// those of the option; nil is a null pointer.
  public mutating func getsockopt(
    _ fd: Int, level: Int, name: Int, value: inout OptionValue?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("getsockopt") }
  /// `setsockopt(2)`; nil is a null pointer.
  public mutating func setsockopt(
    _ fd: Int, level: Int, name: Int, value: OptionValue?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("setsockopt") }
  /// `poll(2)`; a negative timeout waits for ever.
  public mutating func poll(
    _ entries: inout [PollEntry], milliseconds: Int
  ) throws(UnsupportedCall) -> CallResult { try unsupported("poll") }
  /// `epoll_create(2)`.
  public mutating func epollCreate(size: Int) throws(UnsupportedCall) -> CallResult {
    try unsupported("epoll_create")
  }
  /// `epoll_ctl(2)`: 1 adds, 2 deletes, 3 changes.
  public mutating func epollControl(
    _ epoll: Int, operation: Int, _ fd: Int, _ event: EpollEvent?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("epoll_ctl") }
  /// `epoll_wait(2)`.
  public mutating func epollWait(
    _ epoll: Int, into events: inout [EpollEvent], maximum: Int, milliseconds: Int
  ) throws(UnsupportedCall) -> CallResult { try unsupported("epoll_wait") }
  /// `getsockname(2)`.
  public mutating func getsockname(
    _ fd: Int, into address: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("getsockname") }
  /// `getpeername(2)`.
  public mutating func getpeername(
    _ fd: Int, into address: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult { try unsupported("getpeername") }

  /// `TCP_INFO` by names: `tcpi_state` and all the others; nil when there is no TCP socket.
  public mutating func tcpInformation(_ fd: Int) -> [String: Int]? { nil }
  /// `SO_MEMINFO` by names: `SK_MEMINFO_RCVBUF` and all the others; nil when there is no socket.
  public mutating func memoryInformation(_ fd: Int) -> [String: Int]? { nil }
}
