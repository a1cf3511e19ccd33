import Octets

// What is said when a packet is not as the script says.
extension ScriptRunner {
  /// A failure for a packet that came.
  func mismatch(
    _ packet: PacketSyntax, _ seen: SegmentSyntax?, _ last: EmittedPacket, _ schedule: Schedule,
    _ event: ScriptEvent
  ) -> ScriptFailure {
    var failure = failure(event, "the packet differs")
    failure.expected = packet.text
    failure.seen = seen.map { prefix(last) + $0.text } ?? describe(last)
    failure.seenTime = last.time.microseconds
    if !schedule.isAny { failure.expectedTime = schedule.range }
    failure.rule = last.rule
    return failure
  }

  /// A failure for a packet that did not come.
  func missing(
    _ packet: PacketSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) -> ScriptFailure {
    var failure = failure(event, "the stack sends no such packet")
    failure.expected = packet.text
    if !schedule.isAny { failure.expectedTime = schedule.range }
    return failure
  }

  /// A packet of the stack in the script's words.
  func describe(_ packet: EmittedPacket) -> String {
    switch packet.body {
    case .tcp(let segment, let ports, _):
      for socket in sockets.reversed() where socket.owns(ports, segment.flags) {
        return prefix(packet) + socket.script(segment).text
      }
      return "\(ports.source) > \(ports.destination) " + prefix(packet) + segment.text
    case .udp(let length, _): return "udp (\(length))"
    case .icmp(let type, let code, _): return "icmp type_\(type) code_\(code)"
    case .malformed(let reason): return "a malformed packet: \(reason)"
    }
  }

  private func prefix(_ packet: EmittedPacket) -> String {
    let names = ["", "[ect1] ", "[ect0] ", "[ce] "]
    return names[Int(packet.serviceType & 3)]
  }

  /// A range of times.
  static func describe(_ range: ClosedRange<Int64>) -> String {
    "\(Ladder.seconds(max(0, range.lowerBound)))...\(Ladder.seconds(range.upperBound))"
  }
}
