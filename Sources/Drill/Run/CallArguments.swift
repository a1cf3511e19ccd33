import POSIXSockets
import Wire

/// Reads the arguments of a call as the numbers and structures that the façade takes.
struct CallArguments {
  let call: CallSyntax
  let position: SourcePosition
  let dialect: ScriptDialect

  /// How many there are.
  var count: Int { call.arguments.count }

  /// An argument as it is written.
  subscript(index: Int) -> Expression {
    index < call.arguments.count ? call.arguments[index] : .ellipsis
  }

  /// A contradiction in the call.
  func mistake(_ index: Int, _ expected: String) -> Halt {
    .faulty(
      ScriptError(
        at: position, expected: "\(expected) as argument \(index + 1) of \(call.name)",
        found: "'\(self[index].text)'"))
  }

  /// A number, by itself or by name.
  func number(_ index: Int, _ what: String = "a number") throws(Halt) -> Int {
    guard let value = try number(of: self[index]) else { throw mistake(index, what) }
    return value
  }

  /// The number that an expression stands for; nil when it is something else.
  func number(of expression: Expression) throws(Halt) -> Int? {
    do throws(Constants.UnknownName) {
      return try Constants.number(expression).map { Int(truncatingIfNeeded: $0) }
    } catch {
      // The fork's scripts use names of FreeBSD that Linux has no number for.
      if dialect == .freebsd {
        throw .unsupported(position, what: "\(error.name)")
      }
      throw .faulty(
        ScriptError(at: position, expected: "a known name", found: "'\(error.name)'"))
    }
  }

  /// Octets of zero to be sent; nil for a null pointer.
  func octets(_ index: Int, count: Int) throws(Halt) -> [UInt8]? {
    switch self[index] {
    case .ellipsis: return [UInt8](repeating: 0, count: max(0, min(count, 1 << 28)))
    case .string(let text):
      var octets = Array(text.utf8.prefix(max(0, count)))
      while octets.count < min(count, 1 << 28) { octets.append(0) }
      return octets
    default:
      return try isNull(index) ? nil : [UInt8](repeating: 0, count: max(0, min(count, 1 << 28)))
    }
  }

  /// Whether a buffer is a null pointer.
  func isNull(_ index: Int) throws(Halt) -> Bool {
    guard !self[index].isEllipsis else { return false }
    return try number(index, "'...' or NULL") == 0
  }

  /// An address; `...` stands for the one given.
  func address(_ index: Int, standard: SocketAddress) throws(Halt) -> AddressArgument {
    switch self[index] {
    case .ellipsis: return .ipv4(standard)
    case .word("AF_UNSPEC"): return .unspecified
    case .structure: return try address(of: self[index], index, standard: standard)
    default:
      let value = try number(index, "an address")
      return value == 0 ? .null : .other(family: value)
    }
  }

  private func address(
    of expression: Expression, _ index: Int, standard: SocketAddress
  ) throws(Halt) -> AddressArgument {
    guard let family = expression[member: "sa_family"] else {
      throw mistake(index, "an address with sa_family")
    }
    let number = try number(of: family)
    guard number == 2 else {
      return number == 0 ? .unspecified : .other(family: number ?? 0)
    }
    var result = standard
    switch expression[member: "sin_port"] {
    case .function("htons", let arguments)? where arguments.count == 1:
      guard let port = try self.number(of: arguments[0]), let exact = UInt16(exactly: port) else {
        throw mistake(index, "htons(PORT)")
      }
      result.port = Port(exact)
    case .ellipsis?, nil: break
    default: throw mistake(index, "sin_port = htons(PORT)")
    }
    switch expression[member: "sin_addr"] {
    case .function("inet_addr", let arguments)?:
      guard arguments.count == 1, case .string(let text) = arguments[0],
        let address = IPv4Address(text)
      else { throw mistake(index, "inet_addr(\"A.B.C.D\")") }
      result.address = address
    case .ellipsis?, nil: break
    default: throw mistake(index, "sin_addr = inet_addr(\"A.B.C.D\")")
    }
    return .ipv4(result)
  }

  // MARK: Structures

  /// The buffers of `readv` and `writev`, or of a message.
  func vectors(_ expression: Expression, _ index: Int) throws(Halt) -> [IOVector] {
    guard case .list(let parts) = expression else { throw mistake(index, "a list of buffers") }
    var vectors: [IOVector] = []
    for part in parts {
      guard case .structure(let members) = part, members.count == 2,
        let count = try number(of: members[1].value), (0...(1 << 28)).contains(count)
      else { throw mistake(index, "buffers '{..., LENGTH}'") }
      let pointer = members[0].value
      let isNull = pointer.isEllipsis ? false : try number(of: pointer) == 0
      vectors.append(isNull ? .null(count: count) : IOVector(count: count))
    }
    return vectors
  }

  /// The header of a message; its control messages are compared, not sent.
  func message(_ index: Int, standard: SocketAddress) throws(Halt) -> MessageHeader {
    guard case .structure(let members) = self[index] else {
      throw mistake(index, "a message '{msg_name(...)=..., msg_iov(N)=[...], msg_flags=N}'")
    }
    var message = MessageHeader(vectors: nil)
    for member in members {
      switch member.name {
      case "msg_iov":
        let vectors = try vectors(member.value, index)
        if let argument = member.argument, let count = try number(of: argument),
          count != vectors.count
        {
          throw mistake(index, "msg_iov(\(vectors.count)), for so many buffers there are")
        }
        message.vectors = vectors
      case "msg_control": message.wantsControl = true
      case "msg_name", "msg_flags": break
      default: throw mistake(index, "a message without '\(member.name ?? member.value.text)'")
      }
    }
    return message
  }

  /// A string's octets: `\xHH` is one of them.
  static func octets(of text: String) -> [UInt8] {
    text.unicodeScalars.flatMap { UInt8(exactly: $0.value).map { [$0] } ?? Array(String($0).utf8) }
  }

  /// The value for `setsockopt`; nil is a null pointer.
  func optionValue(_ index: Int, length: Int) throws(Halt) -> OptionValue? {
    var value: OptionValue
    switch self[index] {
    case .ellipsis: value = OptionValue(octets: [UInt8](repeating: 0, count: max(0, length)))
    case .list(let parts):
      guard parts.count == 1 else { throw mistake(index, "one number in a list") }
      if case .ellipsis = parts[0] {
        value = .int(0)
      } else {
        guard let number = try number(of: parts[0]) else { throw mistake(index, "a number") }
        value = .int(number)
      }
    case .string(let text): value = OptionValue(octets: Self.octets(of: text))
    case .structure:
      if let on = self[index][member: "onoff"], let seconds = self[index][member: "linger"] {
        guard let on = try number(of: on), let seconds = try number(of: seconds) else {
          throw mistake(index, "numbers for onoff and linger")
        }
        value = .linger(isOn: on != 0, seconds: seconds)
      } else if let seconds = self[index][member: "tv_sec"],
        let microseconds = self[index][member: "tv_usec"]
      {
        guard let seconds = try number(of: seconds), let rest = try number(of: microseconds) else {
          throw mistake(index, "numbers for tv_sec and tv_usec")
        }
        value = .time(seconds: Int64(seconds), microseconds: Int64(rest))
      } else {
        throw .unsupported(position, what: "\(call.name) with \(self[index].text)")
      }
    case .function(let name, _): throw .unsupported(position, what: name)
    default:
      if try number(index) == 0 { return nil }
      throw mistake(index, "a value such as '[1]'")
    }
    // The length is C's: what is behind it the call does not see.
    if length >= 0, length < value.octets.count {
      value.octets = Array(value.octets.prefix(length))
    }
    return value
  }
}
