import Octets
import Stack
public import Wire

// read and its kin: what they share, and the ways to say where the octets go.
extension POSIXProcess {
  /// `read(2)`: at most `count` octets take the place of what `buffer` holds; nil is a null pointer.
  public mutating func read(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int
  ) throws(UnsupportedCall) -> CallResult {
    guard openSocket(fd) != nil else {
      // An epoll instance, or a file that this façade does not have.
      return .failed(descriptors[fd] == nil ? .badDescriptor : .invalidArgument)
    }
    guard count > 0 else {
      if buffer != nil { buffer = [] }
      return .done(0)
    }
    return try recv(fd, into: &buffer, count: count, flags: [])
  }

  /// `recv(2)`.
  public mutating func recv(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult {
    var source: SocketAddress?
    return try recvfrom(fd, into: &buffer, count: count, flags: flags, source: &source)
  }

  /// `recvfrom(2)`.
  public mutating func recvfrom(
    _ fd: Int, into buffer: inout [UInt8]?, count: Int, flags: MessageFlags,
    source: inout SocketAddress?
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    var request = Receiving(count: max(0, count), flags: flags, isNull: buffer == nil)
    let result = receive(socket, &request)
    if case .done = result {
      if buffer != nil { buffer = request.octets }
      source = request.source
    }
    return result
  }

  /// `readv(2)`.
  public mutating func readv(
    _ fd: Int, into vectors: inout [IOVector]
  ) throws(UnsupportedCall) -> CallResult {
    guard openSocket(fd) != nil else {
      return .failed(descriptors[fd] == nil ? .badDescriptor : .invalidArgument)
    }
    guard Self.total(vectors) > 0 else { return .done(0) }
    var message = MessageHeader(vectors: vectors)
    let result = try recvmsg(fd, into: &message, flags: [])
    vectors = message.vectors ?? []
    return result
  }

  /// `recvmsg(2)`.
  public mutating func recvmsg(
    _ fd: Int, into message: inout MessageHeader, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard let vectors = message.vectors else { return .failed(.badAddress) }
    var request = Receiving(
      count: Self.total(vectors), flags: flags,
      isNull: vectors.contains { $0.octets == nil && $0.count > 0 })
    let result = receive(socket, &request)
    guard case .done = result else { return result }
    scatter(request.octets, into: &message)
    message.flags = request.outFlags
    message.name = request.source.map { .ipv4($0) } ?? .null
    message.control = request.control
    if socket.options.tellsQueue, socket.isStream, case .connection(let id) = socket.role,
      !flags.contains(.errorQueue)
    {
      // `TCP_CM_INQ`: the end that is not yet read counts as one.
      let queued = stack.receivable(id)
      if message.wantsControl {
        message.control.append(
          ControlMessage(
            level: 6, type: 36,
            data: .int(Int32(queued == 0 && stack.isPeerClosed(id) ? 1 : queued))))
      } else {
        message.flags.insert(.controlTruncated)
      }
    }
    return result
  }

  /// Octets that the buffers hold.
  static func total(_ vectors: [IOVector]) -> Int {
    vectors.reduce(0) { $0 + max(0, $1.count) }
  }

  private func scatter(_ octets: [UInt8], into message: inout MessageHeader) {
    var next = 0
    for index in message.vectors?.indices ?? 0..<0 {
      guard var vector = message.vectors?[index], var memory = vector.octets else { continue }
      let part = octets[next...].prefix(min(vector.count, memory.count))
      memory.replaceSubrange(0..<part.count, with: part)
      next += part.count
      vector.octets = memory
      message.vectors?[index] = vector
    }
  }

  private mutating func receive(
    _ socket: OpenSocket, _ request: inout Receiving
  ) -> CallResult {
    if request.flags.contains(.errorQueue) {
      return receiveReport(socket, &request)
    }
    return socket.isStream
      ? receiveStream(socket, &request) : receiveDatagram(socket, &request)
  }
}

/// What a receiving call asks for, and what it got.
struct Receiving {
  /// Octets that there is room for.
  var count: Int
  /// The call's flags.
  var flags: MessageFlags
  /// There is no memory to write to.
  var isNull: Bool
  /// What came.
  var octets: [UInt8] = []
  /// Where from.
  var source: SocketAddress?
  /// Control messages that came.
  var control: [ControlMessage] = []
  /// `msg_flags`.
  var outFlags: MessageFlags = []

  init(count: Int, flags: MessageFlags, isNull: Bool) {
    self.count = count
    self.flags = flags
    self.isNull = isNull
  }

  /// The octets are not wanted. `tcp(7)`, MSG_TRUNC.
  var skips: Bool { flags.contains(.truncated) }
}
