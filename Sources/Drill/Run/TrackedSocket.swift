/// A socket as a script sees it: its state, its ports, and where its numbers begin on both sides.
///
/// Segments with SYN have the script's numbers as they are; all others count from the first SYN of
/// their direction, as tcpdump shows them.
struct TrackedSocket: Sendable {
  enum State: Sendable {
    case new
    case listening
    /// A listener got a packet for a new connection.
    case passiveGotPacket
    case passiveSYNACKSent
    case passiveAcknowledged
    /// `connect` was called and the SYN not yet seen.
    case connecting
    case synSent
    case synAcknowledged
  }

  var state = State.new
  var isDatagram = false
  /// A listener that was closed.
  var isClosed = false
  /// The descriptor.
  var descriptor: Int?
  /// 0 while unknown.
  var localPort: UInt16 = 0
  var remotePort: UInt16 = 0

  /// Where our numbers begin in the script.
  var scriptInitial: UInt32 = 0
  /// Where they begin on the wire.
  var liveInitial: UInt32 = 0
  /// Where the peer's numbers begin, in both.
  var remoteInitial: UInt32 = 0
  var timestamps = TimestampMap()

  // MARK: Numbers

  /// A segment of the script with the numbers of the wire; nil when it echoes a timestamp that was
  /// never sent.
  func live(_ segment: SegmentSyntax, scalesEchoes: Bool) -> SegmentSyntax? {
    guard !segment.isAbsolute else { return segment }
    var live = segment
    let hasSYN = segment.flags.contains(.syn)
    let hasACK = segment.flags.contains(.ack)
    if !hasSYN { live.start &+= remoteInitial }
    let offset = hasSYN ? liveInitial &- scriptInitial : liveInitial
    // A segment that says nothing of its acknowledgment number acknowledges 0 of the script.
    if hasACK { live.acknowledgment = (segment.acknowledgment ?? 0) &+ offset }
    for (index, option) in (segment.options ?? []).enumerated() {
      switch option {
      case .sack(let blocks):
        live.options?[index] = .sack(
          blocks.map { SACKSyntax(left: $0.left &+ offset, right: $0.right &+ offset) })
      case .timestamps(let value, let echo) where hasACK:
        guard let mapped = timestamps.live(echo, scales: scalesEchoes) else { return nil }
        live.options?[index] = .timestamps(value: value, echo: mapped)
      default: break
      }
    }
    return live
  }

  /// A segment that was sent, with the numbers of the script.
  func script(_ segment: SegmentSyntax, isAbsolute: Bool = false) -> SegmentSyntax {
    guard !isAbsolute else { return segment }
    var script = segment
    let hasSYN = segment.flags.contains(.syn)
    script.start &-= hasSYN ? liveInitial &- scriptInitial : liveInitial
    let offset = hasSYN ? 0 : remoteInitial
    if segment.flags.contains(.ack) {
      script.acknowledgment = segment.acknowledgment.map { $0 &- offset }
    }
    for (index, option) in (segment.options ?? []).enumerated() {
      switch option {
      case .sack(let blocks):
        script.options?[index] = .sack(
          blocks.map { SACKSyntax(left: $0.left &- offset, right: $0.right &- offset) })
      case .timestamps(let value, let echo):
        script.options?[index] = .timestamps(value: timestamps.script(value), echo: echo)
      default: break
      }
    }
    return script
  }

  // MARK: States

  /// A segment of the script is about to be handed to the stack.
  mutating func inbound(_ segment: SegmentSyntax) {
    switch state {
    case .passiveSYNACKSent where segment.flags.contains(.ack):
      state = .passiveAcknowledged
    case .synSent where segment.flags.contains(.syn):
      remoteInitial = segment.start
      if segment.flags.contains(.ack) { state = .synAcknowledged }
    default: break
    }
  }

  /// The script says that the stack sends this next.
  mutating func expecting(_ segment: SegmentSyntax) {
    let hasACK = segment.flags.contains(.ack)
    guard segment.flags.contains(.syn) else { return }
    if state == .connecting, !hasACK {
      state = .synSent
      scriptInitial = segment.start
    } else if state == .passiveGotPacket, hasACK {
      scriptInitial = segment.start
    }
  }

  /// The stack has sent this for what the script expects.
  mutating func matched(_ expected: SegmentSyntax, _ live: SegmentSyntax, _ ports: PortsSyntax) {
    guard expected.flags.contains(.syn), live.flags.contains(.syn) else { return }
    if state == .synSent, localPort == 0 || !live.flags.contains(.ack) {
      liveInitial = live.start
      localPort = ports.source
    } else if state == .passiveGotPacket {
      liveInitial = live.start
      state = .passiveSYNACKSent
    }
  }

  /// Whether what the stack has sent belongs to this socket.
  func owns(_ ports: PortsSyntax, _ flags: SegmentFlags) -> Bool {
    guard ports.destination == remotePort else { return false }
    if localPort == 0 {
      // The port of an active connection is learned from its SYN.
      return isDatagram || flags.contains(.syn) && !flags.contains(.ack)
    }
    return ports.source == localPort
  }
}

/// Which live timestamp each of the script's outbound ones stands for.
struct TimestampMap: Sendable {
  private var live: [UInt32: UInt32] = [:]
  private var first: (script: UInt32, live: UInt32)?

  /// An expected segment and the one sent both have timestamps.
  mutating func match(script: UInt32, live value: UInt32) {
    live[script] = value
    if first == nil { first = (script, value) }
  }

  /// The live timestamp for one of the script.
  func live(_ script: UInt32, scales: Bool) -> UInt32? {
    if let value = live[script] { return value }
    guard scales, let first else { return nil }
    return first.live &+ (script &- first.script)
  }

  /// A live timestamp on the script's scale; itself before the first match.
  func script(_ value: UInt32) -> UInt32 {
    guard let first else { return value }
    return first.script &+ (value &- first.live)
  }
}
