import Octets
import Stack
import TCPCore
import Wire

// write and its kin.
extension POSIXProcess {
  /// `write(2)`; nil is a null pointer, of which `count` octets are claimed.
  public mutating func write(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil
  ) throws(UnsupportedCall) -> CallResult {
    guard openSocket(fd) != nil else {
      return .failed(descriptors[fd] == nil ? .badDescriptor : .invalidArgument)
    }
    return try send(fd, octets, count: count, flags: [])
  }

  /// `send(2)`.
  public mutating func send(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult {
    try sendto(fd, octets, count: count, flags: flags, to: .null)
  }

  /// `sendto(2)`; a stream takes no notice of the address.
  public mutating func sendto(
    _ fd: Int, _ octets: [UInt8]?, count: Int? = nil, flags: MessageFlags, to: AddressArgument
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    let length = octets.map { min($0.count, count ?? $0.count) } ?? count ?? 0
    let request = Sending(octets: octets, count: max(0, length), flags: flags, target: to)
    return try send(socket, request)
  }

  /// `writev(2)`.
  public mutating func writev(
    _ fd: Int, _ vectors: [IOVector]
  ) throws(UnsupportedCall) -> CallResult {
    guard openSocket(fd) != nil else {
      return .failed(descriptors[fd] == nil ? .badDescriptor : .invalidArgument)
    }
    return try sendmsg(fd, MessageHeader(vectors: vectors), flags: [])
  }

  /// `sendmsg(2)`.
  public mutating func sendmsg(
    _ fd: Int, _ message: MessageHeader, flags: MessageFlags
  ) throws(UnsupportedCall) -> CallResult {
    guard let socket = openSocket(fd) else { return refusal(fd) }
    guard let vectors = message.vectors else { return .failed(.badAddress) }
    if let control = message.control.first {
      throw UnsupportedCall(
        what: "sendmsg() with a control message (level \(control.level), type \(control.type))")
    }
    var octets: [UInt8]? = []
    for vector in vectors {
      if vector.octets == nil, vector.count > 0 {
        octets = nil
        break
      }
      octets?.append(contentsOf: (vector.octets ?? []).prefix(max(0, vector.count)))
    }
    let request = Sending(
      octets: octets, count: octets?.count ?? Self.total(vectors), flags: flags,
      target: message.name)
    return try send(socket, request)
  }

  private mutating func send(
    _ socket: OpenSocket, _ request: Sending
  ) throws(UnsupportedCall) -> CallResult {
    return socket.isStream
      ? sendStream(socket, request) : try sendDatagram(socket, request)
  }

  // MARK: A stream

  private mutating func sendStream(_ socket: OpenSocket, _ request: Sending) -> CallResult {
    notice(socket)
    if let result = beginOpening(socket, request) { return result }
    guard case .connection(let id) = socket.role else {
      return .failed(socket.takeError() ?? .brokenPipe)
    }
    let dontWait = request.flags.contains(.dontWait)
    let timeout = socket.options.sendTimeout
    let state = stack.state(id)
    if state == .closed, socket.isConnecting, !wasEstablished(id) {
      // The attempt failed, whatever was written to go with it.
      socket.blocked[.send] = nil
      let error = socket.takeError() ?? .brokenPipe
      stack.close(id, at: now)
      becomeIdle(socket)
      return .failed(error)
    }
    if state == .synSent || state == .synReceived && !socket.isAccepted {
      if let error = socket.takeError() { return .failed(error) }
      if mayWait(socket, .send, timeout: timeout, dontWait: dontWait) { return .pending }
      socket.blocked[.send] = nil
      return .failed(.wouldBlock)
    }
    var written = socket.blocked[.send]?.written ?? 0
    // One that waits goes on when there is room worth the while.
    let mustWait = socket.blocked[.send] != nil && !isWritable(socket, id)
    if socket.error != nil || socket.isShutForWriting || !state.maySend {
      socket.blocked[.send] = nil
      if written > 0 { return .done(written) }
      return .failed(socket.takeError() ?? .brokenPipe)
    }
    let part = mustWait ? 0 : acceptable(socket, id, request.count - written)
    if part > 0 {
      guard let octets = request.octets else { return .failed(.badAddress) }
      let span = octets.span.extracting(written..<written + part)
      let taken = (try? stack.send(id, span, at: now)) ?? 0
      written += taken
      socket.given += taken
    }
    if written >= request.count {
      socket.blocked[.send] = nil
      if request.flags.contains(.endOfRecord), request.count > 0 {
        stack.mark(id, .endOfRecord, at: now)
        // The next octets begin a buffer of their own.
        socket.tailRoom = 0
      }
      if request.flags.contains(.more) { stack.mark(id, .moreFollows, at: now) }
      if request.flags.contains(.outOfBand), request.count > 0 {
        stack.mark(id, .urgent, at: now)
      }
      askForReports(socket, id, request, written)
      return .done(request.count)
    }
    socket.lacksRoom = true
    stack.mark(id, .noRoom, at: now)
    if mayWait(socket, .send, timeout: timeout, dontWait: dontWait) {
      socket.blocked[.send]?.written = written
      return .pending
    }
    socket.blocked[.send] = nil
    askForReports(socket, id, request, written)
    return written > 0 ? .done(written) : .failed(.wouldBlock)
  }
}

extension POSIXProcess {
  /// Whether a connection's handshake was ended once.
  func wasEstablished(_ id: SocketID) -> Bool {
    guard let counted = stack.details(id)?.statistics else { return false }
    return counted.lastDataReceived != .distantFuture
  }
}

/// What a sending call asks for.
struct Sending {
  /// The octets; nil is a null pointer.
  var octets: [UInt8]?
  /// How many of them.
  var count: Int
  /// The call's flags.
  var flags: MessageFlags
  /// Where to.
  var target: AddressArgument
}
