import Octets
import POSIXSockets
import Wire

// Each system call of the language, given to the façade.
extension ScriptRunner {
  /// Makes a call once, and looks at what it wrote into its arguments.
  mutating func attempt(_ call: CallSyntax, _ event: ScriptEvent) throws(Halt) -> CallAttempt {
    let arguments = CallArguments(
      call: call, position: script.position(of: event), dialect: script.dialect)
    switch call.name {
    case "socket", "bind", "listen", "accept", "connect", "close", "shutdown":
      return try attemptConnection(arguments, event)
    case "read", "recv", "recvfrom", "readv", "recvmsg": return try attemptReceive(arguments, event)
    case "write", "send", "sendto", "writev", "sendmsg": return try attemptSend(arguments, event)
    case "fcntl", "ioctl", "getsockopt", "setsockopt": return try attemptOption(arguments, event)
    case "poll", "epoll_create", "epoll_ctl", "epoll_wait": return try attemptPoll(arguments, event)
    default: throw unsupported(event, "the system call \(call.name)")
    }
  }

  /// The descriptor for a script's name; -1, which is none, for an unknown one.
  func descriptor(named name: Int) -> Int { descriptors[name] ?? -1 }

  /// The descriptor that an argument names.
  func descriptor(_ arguments: CallArguments, _ index: Int = 0) throws(Halt) -> Int {
    descriptor(named: try arguments.number(index, "a descriptor"))
  }

  /// The place of the socket behind a descriptor.
  func place(of descriptor: Int) -> Int? {
    guard descriptor >= 0 else { return nil }
    return sockets.lastIndex { $0.descriptor == descriptor }
  }

  /// Makes a call of the façade; what it cannot do is unsupported.
  mutating func make(
    _ event: ScriptEvent,
    _ call: (inout POSIXProcess) throws(UnsupportedCall) -> CallResult
  ) throws(Halt) -> CallResult {
    let time = machine.now
    if let result = machine.recording?.takeResult(at: time) { return result }
    do throws(UnsupportedCall) {
      return try call(&machine.process)
    } catch {
      throw unsupported(event, error.what)
    }
  }

  /// Gives a new descriptor the script's name.
  private mutating func name(
    _ descriptor: Int, _ call: CallSyntax, _ event: ScriptEvent
  ) throws(Halt) {
    guard let wanted = call.result, wanted >= 0 else { return }
    let name = Int(truncatingIfNeeded: wanted)
    // Public scripts accept into a number that they have not closed: the new one has it then.
    guard descriptors[name] == nil || call.name == "accept" else {
      throw faulty(event, "a new number for a descriptor", found: "\(name), which is open")
    }
    descriptors[name] = descriptor
  }

  /// Where `...` connects to.
  var peer: SocketAddress { SocketAddress(builder.remote, Port(script.configuration.connectPort)) }

  // MARK: Opening and closing

  private mutating func attemptConnection(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    switch arguments.call.name {
    case "socket": return try attemptSocket(arguments, event)
    case "accept": return try attemptAccept(arguments, event)
    case "connect": return try attemptConnect(arguments, event)
    case "bind":
      let descriptor = try descriptor(arguments)
      let port = script.configuration.bindPort
      let address = try arguments.address(
        1, standard: SocketAddress(builder.local, Port(port)))
      let result = try make(event) { process throws(UnsupportedCall) in
        try process.bind(descriptor, to: address)
      }
      if case .done = result, let place = place(of: descriptor), case .ipv4(let bound) = address {
        sockets[place].localPort = bound.port.rawValue
      }
      return CallAttempt(result)
    case "listen":
      let descriptor = try descriptor(arguments)
      let backlog = try arguments.number(1)
      let result = try make(event) { process throws(UnsupportedCall) in
        try process.listen(descriptor, backlog: backlog)
      }
      if case .done = result, let place = place(of: descriptor) {
        sockets[place].state = .listening
      }
      return CallAttempt(result)
    case "shutdown":
      let descriptor = try descriptor(arguments)
      let how = try arguments.number(1)
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.shutdown(descriptor, how: how)
        })
    default:
      let name = try arguments.number(0, "a descriptor")
      let descriptor = descriptor(named: name)
      let result = try make(event) { process throws(UnsupportedCall) in
        try process.close(descriptor)
      }
      if result != .pending {
        descriptors[name] = nil
        if let place = place(of: descriptor) {
          sockets[place].descriptor = nil
          if sockets[place].state == .listening { sockets[place].isClosed = true }
        }
      }
      return CallAttempt(result)
    }
  }

  private mutating func attemptSocket(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let domain = arguments[0].isEllipsis ? 2 : try arguments.number(0)
    if domain == 10 { throw unsupported(event, "AF_INET6") }
    let type = try arguments.number(1)
    let number = try arguments.number(2)
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.socket(domain: domain, type: type, protocol: number)
    }
    if case .done(let descriptor) = result {
      try name(descriptor, arguments.call, event)
      var socket = TrackedSocket()
      socket.descriptor = descriptor
      socket.isDatagram = type & 0xF == 2
      sockets.append(socket)
      tracked = sockets.count - 1
    }
    return CallAttempt(result)
  }

  private mutating func attemptAccept(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    var source: SocketAddress?
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.accept(descriptor, peer: &source)
    }
    guard case .done(let accepted) = result else { return CallAttempt(result) }
    try name(accepted, arguments.call, event)
    let place = sockets.firstIndex { socket in
      (socket.state == .passiveSYNACKSent || socket.state == .passiveAcknowledged)
        && socket.descriptor == nil
        && (source == nil || socket.remotePort == source?.port.rawValue)
    }
    guard let place else {
      throw faulty(event, "a connection of the script that is accepted here", found: "none")
    }
    sockets[place].descriptor = accepted
    return CallAttempt(result)
  }

  private mutating func attemptConnect(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    let address = try arguments.address(1, standard: peer)
    beginConnecting(descriptor, to: address)
    return CallAttempt(
      try make(event) { process throws(UnsupportedCall) in
        try process.connect(descriptor, to: address)
      })
  }

  /// The socket's next SYN is that of a new connection.
  mutating func beginConnecting(_ descriptor: Int, to address: AddressArgument) {
    guard let place = place(of: descriptor), case .ipv4(let remote) = address else { return }
    if sockets[place].isDatagram {
      sockets[place].remotePort = remote.port.rawValue
    } else if sockets[place].state == .new {
      sockets[place].state = .connecting
      sockets[place].remotePort = remote.port.rawValue
    }
  }
}
