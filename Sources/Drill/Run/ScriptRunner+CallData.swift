import Octets
import POSIXSockets
import Wire

// System calls that move octets.
extension ScriptRunner {
  mutating func attemptReceive(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    if arguments.call.name == "readv" {
      var vectors = try arguments.vectors(arguments[1], 1)
      guard try arguments.number(2) == vectors.count else {
        throw arguments.mistake(2, "\(vectors.count), for so many buffers there are")
      }
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.readv(descriptor, into: &vectors)
        })
    }
    if arguments.call.name == "recvmsg" { return try attemptMessage(arguments, event) }
    let count = try arguments.number(2)
    var buffer: [UInt8]? = try arguments.isNull(1) ? nil : []
    switch arguments.call.name {
    case "read":
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.read(descriptor, into: &buffer, count: count)
        })
    case "recv":
      let flags = MessageFlags(rawValue: try arguments.number(3))
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.recv(descriptor, into: &buffer, count: count, flags: flags)
        })
    default:
      let flags = MessageFlags(rawValue: try arguments.number(3))
      var source: SocketAddress?
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.recvfrom(
            descriptor, into: &buffer, count: count, flags: flags, source: &source)
        })
    }
  }

  private mutating func attemptMessage(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    let flags = MessageFlags(rawValue: try arguments.number(2))
    var message = try arguments.message(1, standard: peer)
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.recvmsg(descriptor, into: &message, flags: flags)
    }
    var attempt = CallAttempt(result)
    guard case .done = result else { return attempt }
    if let wanted = arguments[1][member: "msg_flags"], !wanted.isEllipsis,
      let bits = try arguments.number(of: wanted), bits != message.flags.rawValue
    {
      attempt.differences.append(
        .init(field: "msg_flags", expected: wanted.text, seen: "\(message.flags.rawValue)"))
    }
    if let control = arguments[1][member: "msg_control"], !control.isEllipsis {
      attempt.differences += try ControlComparison.differences(
        control, message.control, arguments)
    }
    return attempt
  }

  mutating func attemptSend(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    switch arguments.call.name {
    case "writev":
      let vectors = try arguments.vectors(arguments[1], 1)
      guard try arguments.number(2) == vectors.count else {
        throw arguments.mistake(2, "\(vectors.count), for so many buffers there are")
      }
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.writev(descriptor, vectors)
        })
    case "sendmsg":
      let flags = MessageFlags(rawValue: try arguments.number(2))
      var message = try arguments.message(1, standard: peer)
      if arguments[1][member: "msg_control"] != nil {
        throw unsupported(event, "sendmsg with control messages")
      }
      if flags.contains(.fastOpen) || isFreshDatagram(descriptor) {
        message.name = .ipv4(peer)
        beginConnecting(descriptor, to: message.name)
      }
      let sent = message
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.sendmsg(descriptor, sent, flags: flags)
        })
    default: break
    }
    let count = try arguments.number(2)
    let octets = try arguments.octets(1, count: count)
    switch arguments.call.name {
    case "write":
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.write(descriptor, octets, count: count)
        })
    case "send":
      let flags = MessageFlags(rawValue: try arguments.number(3))
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.send(descriptor, octets, count: count, flags: flags)
        })
    default:
      let flags = MessageFlags(rawValue: try arguments.number(3))
      let address = try arguments.address(4, standard: peer)
      beginConnecting(descriptor, to: address)
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.sendto(descriptor, octets, count: count, flags: flags, to: address)
        })
    }
  }

  private func isFreshDatagram(_ descriptor: Int) -> Bool {
    guard let place = place(of: descriptor) else { return false }
    return sockets[place].isDatagram && sockets[place].remotePort == 0
  }
}

/// Compares control messages with what a script says of them.
enum ControlComparison {
  /// What differs, message by message.
  static func differences(
    _ expected: Expression, _ seen: [ControlMessage], _ arguments: CallArguments
  ) throws(Halt) -> [ScriptFailure.Difference] {
    guard case .list(let wanted) = expected else {
      throw arguments.mistake(1, "a list of control messages")
    }
    guard wanted.count == seen.count else {
      return [
        .init(field: "control messages", expected: "\(wanted.count)", seen: "\(seen.count)")
      ]
    }
    var differences: [ScriptFailure.Difference] = []
    for (want, got) in zip(wanted, seen) {
      for (field, value) in [("cmsg_level", got.level), ("cmsg_type", got.type)] {
        guard let expression = want[member: field],
          let number = try arguments.number(of: expression), number != value
        else { continue }
        differences.append(
          .init(field: field, expected: expression.text, seen: "\(value)"))
      }
      guard let data = want[member: "cmsg_data"], !data.isEllipsis else { continue }
      for (name, value) in numbers(of: got.data) {
        let part = name.isEmpty ? data : data[member: name]
        guard let part, !part.isEllipsis, let number = try arguments.number(of: part),
          Int64(number) != value
        else { continue }
        differences.append(
          .init(
            field: name.isEmpty ? "cmsg_data" : name, expected: part.text, seen: "\(value)"))
      }
      if case .list = data {
        throw .unsupported(arguments.position, what: "statistics in control messages")
      }
    }
    return differences
  }

  /// The numbers of a control message, by the names that scripts use.
  private static func numbers(of data: ControlData) -> [(String, Int64)] {
    switch data {
    case .int(let value): [("", Int64(value))]
    case .timestamp(let seconds, let nanoseconds):
      [("scm_sec", seconds), ("scm_nsec", nanoseconds)]
    case .extendedError(let error):
      [
        ("ee_errno", Int64(error.errno)), ("ee_origin", Int64(error.origin)),
        ("ee_type", Int64(error.type)), ("ee_code", Int64(error.code)),
        ("ee_info", Int64(error.info)), ("ee_data", Int64(error.data)),
      ]
    }
  }
}
