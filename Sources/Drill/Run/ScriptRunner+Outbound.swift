import Octets
import Wire

// Packets that the stack must send.
extension ScriptRunner {
  /// Takes the next packet that the stack sends for the tracked socket and compares it.
  mutating func expect(
    _ packet: PacketSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    try refuseEncapsulation(packet, event)
    do throws(Halt) {
      switch packet.body {
      case .tcp(let segment): try expect(segment, packet, schedule, event)
      case .udp(let datagram): try expect(datagram, packet, schedule, event)
      case .icmp(let message): try expect(message, packet, schedule, event)
      }
    } catch {
      guard case .failed(let failure) = error, script.configuration.toleratesPacketMismatch else {
        throw error
      }
      warnings.append("\(failure.position): \(failure.sentence)")
    }
  }

  private mutating func expect(
    _ expected: SegmentSyntax, _ packet: PacketSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    guard let place = tracked else {
      throw faulty(event, "a socket before this packet", found: "none")
    }
    sockets[place].expecting(expected)
    let limit = schedule.giveUpTime(now: now, previous: previousScheduled)
    guard let first = try nextPacket(by: limit, { Self.segment($0) != nil }) else {
      throw .failed(missing(packet, schedule, event))
    }
    guard case .tcp(let live, let ports, var isZero) = first.body else { return }
    mentions[first.number] = event.line
    sockets[place].matched(expected, live, ports)
    try checkTimestamp(expected, live, first, place, schedule, packet, event)
    let isAbsolute = expected.isAbsolute
    var last = first
    var whole = sockets[place].script(live, isAbsolute: isAbsolute)
    if Int(whole.length) < Int(expected.length), whole.length > 0 {
      var aggregate = SegmentAggregate(whole, serviceType: first.serviceType)
      while aggregate.length < Int(expected.length), !script.configuration.isStrictAboutSegments {
        guard let next = try nextPacket(by: limit, { Self.segment($0) != nil }),
          case .tcp(let piece, _, let pieceIsZero) = next.body
        else {
          var failure = mismatch(packet, aggregate.whole, last, schedule, event)
          failure.sentence = "only \(aggregate.length) of \(expected.length) octets were sent"
          throw .failed(failure)
        }
        let mapped = sockets[place].script(piece, isAbsolute: isAbsolute)
        if let reason = aggregate.add(mapped, serviceType: next.serviceType) {
          var failure = mismatch(packet, mapped, next, schedule, event)
          failure.sentence =
            "after \(aggregate.length) of \(expected.length) octets came a segment that cannot be a"
            + " part of the same: \(reason)"
          throw .failed(failure)
        }
        isZero = isZero && pieceIsZero
        last = next
        mentions[next.number] = event.line
      }
      whole = aggregate.whole
    }
    var differences = PacketComparison.differences(
      expected, whole, checksEchoes: settings.isStrict)
    differences += PacketComparison.differences(
      packet.network, serviceType: first.serviceType, ttl: last.ttl)
    if !isZero { differences.append(.init(field: "payload", expected: "zeros", seen: "others")) }
    try judge(differences, packet, whole, last, schedule, event)
  }

  /// Throws when something differs, or the time is wrong; else moves on.
  private mutating func judge(
    _ differences: [ScriptFailure.Difference], _ packet: PacketSyntax, _ seen: SegmentSyntax?,
    _ last: EmittedPacket, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    var failure = mismatch(packet, seen, last, schedule, event)
    failure.differences = differences
    let time = last.time.microseconds
    guard differences.isEmpty else {
      let fields = differences.map(\.field).joined(separator: ", ")
      failure.sentence = "the packet differs in \(fields)"
      throw .failed(failure)
    }
    guard !schedule.allows(time) else { return }
    let isEarly = time < schedule.start
    failure.sentence = "the packet came too \(isEarly ? "early" : "late")"
    failure.differences.append(
      .init(
        field: "time", expected: Self.describe(schedule.range), seen: Ladder.seconds(time)))
    throw .failed(failure)
  }

  /// Waits for the next packet of the tracked socket; others are dropped.
  private mutating func nextPacket(
    by limit: Int64, _ isWanted: (EmittedPacket) -> Bool
  ) throws(Halt) -> EmittedPacket? {
    while true {
      while let packet = machine.nextEmitted() {
        if isWanted(packet), owns(packet) { return packet }
      }
      guard machine.step(until: Instant(microseconds: limit)) else {
        return nil
      }
      try retryBlockedCall()
    }
  }

  /// Whether a packet belongs to the tracked socket.
  private func owns(_ packet: EmittedPacket) -> Bool {
    guard packet.source == builder.local, packet.destination == builder.remote else { return false }
    switch packet.body {
    case .tcp(let segment, let ports, _):
      return tracked.map { sockets[$0].owns(ports, segment.flags) } ?? false
    case .udp(_, let ports): return tracked.map { sockets[$0].owns(ports, []) } ?? false
    case .icmp, .malformed: return true
    }
  }

  private static func segment(_ packet: EmittedPacket) -> SegmentSyntax? {
    guard case .tcp(let segment, _, _) = packet.body else { return nil }
    return segment
  }

  // MARK: Timestamps

  /// Remembers what a timestamp of the script stands for, and compares it with the clock if asked to.
  private mutating func checkTimestamp(
    _ expected: SegmentSyntax, _ live: SegmentSyntax, _ first: EmittedPacket, _ place: Int,
    _ schedule: Schedule, _ packet: PacketSyntax, _ event: ScriptEvent
  ) throws(Halt) {
    guard let wanted = Self.timestamp(expected), let sent = Self.timestamp(live) else { return }
    sockets[place].timestamps.match(script: wanted, live: sent)
    let tick = script.configuration.timestampTick
    guard tick > 0 else { return }
    let seen = sockets[place].timestamps.script(sent)
    let distance = Int64(Int32(bitPattern: seen &- wanted)).magnitude
    let allowed = Schedule.tolerance(for: now, script.configuration)
    guard Int64(distance) * tick > allowed else { return }
    var failure = mismatch(
      packet, sockets[place].script(live), first, schedule, event)
    failure.sentence = "the timestamp is not that of the clock"
    failure.differences = [.init(field: "TS val", expected: "\(wanted)", seen: "\(seen)")]
    throw .failed(failure)
  }

  private static func timestamp(_ segment: SegmentSyntax) -> UInt32? {
    for case .timestamps(let value, _) in segment.options ?? [] { return value }
    return nil
  }

  // MARK: UDP and ICMP

  private mutating func expect(
    _ expected: DatagramSyntax, _ packet: PacketSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    let limit = schedule.giveUpTime(now: now, previous: previousScheduled)
    let found = try nextPacket(by: limit) { packet in
      if case .udp = packet.body { true } else { false }
    }
    guard let found, case .udp(let length, let ports) = found.body else {
      throw .failed(missing(packet, schedule, event))
    }
    mentions[found.number] = event.line
    if let tracked, sockets[tracked].localPort == 0 { sockets[tracked].localPort = ports.source }
    var differences = PacketComparison.differences(
      packet.network, serviceType: found.serviceType, ttl: found.ttl)
    if length != Int(expected.length) {
      differences.append(
        .init(field: "payload length", expected: "\(expected.length)", seen: "\(length)"))
    }
    try judge(differences, packet, nil, found, schedule, event)
  }

  private mutating func expect(
    _ expected: ICMPSyntax, _ packet: PacketSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    let limit = schedule.giveUpTime(now: now, previous: previousScheduled)
    let found = try nextPacket(by: limit) { packet in
      if case .icmp = packet.body { true } else { false }
    }
    guard let found, case .icmp(let type, let code, _) = found.body else {
      throw .failed(missing(packet, schedule, event))
    }
    mentions[found.number] = event.line
    var differences = PacketComparison.differences(
      packet.network, serviceType: found.serviceType, ttl: found.ttl)
    if type != expected.type {
      differences.append(.init(field: "type", expected: "\(expected.type)", seen: "\(type)"))
    }
    if code != expected.code {
      differences.append(.init(field: "code", expected: "\(expected.code)", seen: "\(code)"))
    }
    try judge(differences, packet, nil, found, schedule, event)
  }

  // MARK: Leftovers

  /// At the end of a strict run nothing may be left that the script does not mention.
  mutating func failOnLeftovers() throws(Halt) {
    while let packet = machine.nextEmitted() {
      guard owns(packet), let event = script.events.last else { continue }
      var failure = failure(event, "the stack has sent a packet that the script does not mention")
      failure.seen = describe(packet)
      failure.seenTime = packet.time.microseconds
      failure.rule = packet.rule
      throw .failed(failure)
    }
  }
}
