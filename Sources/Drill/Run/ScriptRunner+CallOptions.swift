import Octets
import POSIXSockets

// System calls that set and ask.
extension ScriptRunner {
  mutating func attemptOption(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let descriptor = try descriptor(arguments)
    switch arguments.call.name {
    case "fcntl":
      let command = try arguments.number(1)
      let argument = arguments.count > 2 ? try arguments.number(2) : 0
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.fcntl(descriptor, command: command, argument: argument)
        })
    case "ioctl": return try attemptControl(arguments, descriptor, event)
    case "setsockopt":
      let level = try arguments.number(1)
      let name = try arguments.number(2)
      let length = try arguments.number(4)
      let value = try arguments.optionValue(3, length: length)
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.setsockopt(descriptor, level: level, name: name, value: value)
        })
    default: return try attemptQuestion(arguments, descriptor, event)
    }
  }

  private mutating func attemptControl(
    _ arguments: CallArguments, _ descriptor: Int, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let request = try arguments.number(1)
    var wanted: Int?
    if case .list(let parts) = arguments[2], let first = parts.first, !first.isEllipsis {
      wanted = try arguments.number(of: first)
    }
    var value = wanted ?? 0
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.ioctl(descriptor, request: request, value: &value)
    }
    var attempt = CallAttempt(result)
    if case .done = result, let wanted, wanted != value {
      attempt.differences.append(.init(field: "the value", expected: "\(wanted)", seen: "\(value)"))
    }
    return attempt
  }

  private mutating func attemptQuestion(
    _ arguments: CallArguments, _ descriptor: Int, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let level = try arguments.number(1)
    let name = try arguments.number(2)
    guard case .list(let lengths) = arguments[4], lengths.count == 1,
      let length = try arguments.number(of: lengths[0]), (0...65_536).contains(length)
    else { throw arguments.mistake(4, "a length such as '[4]'") }
    var value: OptionValue? = OptionValue(octets: [UInt8](repeating: 0, count: length))
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.getsockopt(descriptor, level: level, name: name, value: &value)
    }
    var attempt = CallAttempt(result)
    guard case .done = result, let value else { return attempt }
    func note(_ field: String, _ expected: String, _ seen: String) {
      attempt.differences.append(.init(field: field, expected: expected, seen: seen))
    }
    if value.octets.count != length { note("the length", "\(length)", "\(value.octets.count)") }
    switch arguments[3] {
    case .ellipsis: break
    case .string(let text):
      let wanted = CallArguments.octets(of: text).prefix { $0 != 0 }
      if !wanted.elementsEqual(value.octets.prefix { $0 != 0 }) {
        note("the value", "\"\(text)\"", "\"\(value.string)\"")
      }
    case .list(let parts):
      guard parts.count == 1 else { throw arguments.mistake(3, "one number in a list") }
      guard !parts[0].isEllipsis else { break }
      guard let wanted = try arguments.number(of: parts[0]) else {
        throw arguments.mistake(3, "a number")
      }
      // C compares 32 bits: 0xffffffff is -1.
      let seen = value.int ?? 0
      if Int32(truncatingIfNeeded: wanted) != Int32(truncatingIfNeeded: seen) {
        note("the value", parts[0].text, "\(seen)")
      }
    case .structure:
      guard let on = arguments[3][member: "onoff"], let seconds = arguments[3][member: "linger"],
        let linger = value.linger
      else { throw unsupported(event, "getsockopt with \(arguments[3].text)") }
      if try arguments.number(of: on) != (linger.isOn ? 1 : 0) {
        note("onoff", on.text, linger.isOn ? "1" : "0")
      }
      if try arguments.number(of: seconds) != linger.seconds {
        note("linger", seconds.text, "\(linger.seconds)")
      }
    default: throw arguments.mistake(3, "a value such as '[1]'")
    }
    return attempt
  }

  // MARK: Waiting for several

  mutating func attemptPoll(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    switch arguments.call.name {
    case "poll": return try attemptPollEntries(arguments, event)
    case "epoll_create":
      let size = try arguments.number(0)
      let result = try make(event) { process throws(UnsupportedCall) in
        try process.epollCreate(size: size)
      }
      if case .done(let descriptor) = result, let name = arguments.call.result, name >= 0 {
        guard descriptors[Int(truncatingIfNeeded: name)] == nil else {
          throw faulty(event, "a new number for a descriptor", found: "\(name), which is open")
        }
        descriptors[Int(truncatingIfNeeded: name)] = descriptor
      }
      return CallAttempt(result)
    case "epoll_ctl":
      let epoll = try descriptor(arguments)
      let operation = try arguments.number(1)
      let target = try descriptor(arguments, 2)
      let entry = try epollEvent(arguments, 3)
      return CallAttempt(
        try make(event) { process throws(UnsupportedCall) in
          try process.epollControl(epoll, operation: operation, target, entry)
        })
    default: return try attemptEpollWait(arguments, event)
    }
  }

  private mutating func attemptPollEntries(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    guard case .list(let parts) = arguments[0] else {
      throw arguments.mistake(0, "a list of '{fd=N, events=E, revents=E}'")
    }
    guard try arguments.number(1) == parts.count else {
      throw arguments.mistake(1, "\(parts.count), for so many entries there are")
    }
    var entries: [PollEntry] = []
    for part in parts {
      guard let name = part[member: "fd"], let number = try arguments.number(of: name),
        let wanted = part[member: "events"], let events = try arguments.number(of: wanted)
      else { throw arguments.mistake(0, "a list of '{fd=N, events=E, revents=E}'") }
      entries.append(
        PollEntry(
          descriptor: number < 0 ? number : descriptor(named: number),
          events: PollEvents(rawValue: UInt32(truncatingIfNeeded: events))))
    }
    let timeout = try arguments.number(2)
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.poll(&entries, milliseconds: timeout)
    }
    var attempt = CallAttempt(result)
    guard case .done = result else { return attempt }
    for (part, entry) in zip(parts, entries) {
      let wanted = try part[member: "revents"].flatMap { value throws(Halt) in
        try arguments.number(of: value)
      }
      guard UInt32(truncatingIfNeeded: wanted ?? 0) != entry.returned.rawValue else { continue }
      attempt.differences.append(
        .init(
          field: "revents", expected: part[member: "revents"]?.text ?? "0",
          seen: Self.pollNames(entry.returned)))
    }
    return attempt
  }

  private func epollEvent(_ arguments: CallArguments, _ index: Int) throws(Halt) -> EpollEvent? {
    guard case .structure(let members) = arguments[index] else { return nil }
    guard let wanted = arguments[index][member: "events"],
      let events = try arguments.number(of: wanted)
    else { throw arguments.mistake(index, "an event '{events=E, fd=N}'") }
    var data: UInt64 = 0
    for member in members where ["fd", "ptr", "u32", "u64"].contains(member.name) {
      data = UInt64(truncatingIfNeeded: try arguments.number(of: member.value) ?? 0)
    }
    return EpollEvent(
      events: PollEvents(rawValue: UInt32(truncatingIfNeeded: events)), data: data)
  }

  private mutating func attemptEpollWait(
    _ arguments: CallArguments, _ event: ScriptEvent
  ) throws(Halt) -> CallAttempt {
    let epoll = try descriptor(arguments)
    let maximum = try arguments.number(2)
    let timeout = try arguments.number(3)
    var events: [EpollEvent] = []
    let result = try make(event) { process throws(UnsupportedCall) in
      try process.epollWait(epoll, into: &events, maximum: maximum, milliseconds: timeout)
    }
    var attempt = CallAttempt(result)
    guard case .done(let count) = result, count > 0, let first = events.first,
      let wanted = try epollEvent(arguments, 1)
    else { return attempt }
    if wanted.events != first.events {
      attempt.differences.append(
        .init(
          field: "events", expected: Self.pollNames(wanted.events),
          seen: Self.pollNames(first.events)))
    }
    if wanted.data != first.data {
      attempt.differences.append(
        .init(field: "data", expected: "\(wanted.data)", seen: "\(first.data)"))
    }
    return attempt
  }

  /// Events by their names.
  static func pollNames(_ events: PollEvents) -> String {
    let names: [(PollEvents, String)] = [
      (.input, "POLLIN"), (.priority, "POLLPRI"), (.output, "POLLOUT"), (.error, "POLLERR"),
      (.hangUp, "POLLHUP"), (.invalid, "POLLNVAL"), (.readNormal, "POLLRDNORM"),
      (.readBand, "POLLRDBAND"), (.writeNormal, "POLLWRNORM"), (.writeBand, "POLLWRBAND"),
      (.readHangUp, "POLLRDHUP"),
    ]
    let known = names.filter { events.contains($0.0) }.map(\.1)
    return known.isEmpty ? "\(events.rawValue)" : known.joined(separator: "|")
  }
}
