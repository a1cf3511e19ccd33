import Wire

/// Whether so much time has passed, and less than the limit; to go back takes longer than any limit.
private func isWithin(_ time: Int64, _ limit: Int64) -> Bool {
  UInt64(bitPattern: time) < UInt64(bitPattern: limit)
}

/// Judges the frames of one connection.
///
/// Source: the observed behaviour of tshark 4.0.17; the numbers of the steps are those in which its
/// conditions take effect, one behind the other.
struct Judge {
  let stream: Int
  /// When the last SYN without ACK was seen.
  private var synTime: Int64?
  private var initialRoundTrip: Int64?
  /// The subtypes of Multipath TCP's option that either side has sent, a bit each.
  private var multipathSeen: UInt8 = 0

  /// Reordering is told from retransmission by this many nanoseconds while no round trip is known.
  private static var reorderingTime: Int64 { 3_000_000 }
  /// A fast retransmission comes so soon after the duplicate acknowledgment.
  private static var fastTime: Int64 { 20_000_000 }

  init(stream: Int) { self.stream = stream }

  /// The whole judgment of one frame; `forward` is its direction, `reverse` the other.
  mutating func judge(
    _ facts: TCPFacts, _ number: Int, _ time: Int64, _ isReused: Bool, _ forward: inout Direction,
    _ reverse: inout Direction
  ) -> FrameVerdict {
    var verdict = FrameVerdict(stream: stream)
    if isReused { verdict.flags.insert(.reusedPorts) }
    begin(facts, time, &forward, &reverse, &verdict)
    if facts.header == .quoted || facts.header == .unusable { return verdict }
    verdict.evidence = evidence(time, forward, reverse)
    let isAnswered = judgeWindow(facts, forward, reverse, &verdict)
    if !isAnswered { judgeDuplicate(facts, &forward, &verdict) }
    // Step 9: another acknowledgment is the one that duplicates will repeat.
    if facts.acknowledgment != forward.lastAcknowledgment {
      forward.duplicates = 0
      forward.acknowledgmentFrame = number
    }
    judgeAcknowledgment(facts, &reverse, &verdict)
    judgeCopy(facts, time, forward, reverse, &verdict)
    if verdict.flags.contains(.lostSegment) { forward.hasHole = true }
    measure(facts, &forward, reverse, &verdict)
    remember(facts, number, time, &forward, &verdict)
    acknowledge(facts, time, &forward, &reverse, &verdict)
    // It is told only where there is something else to tell.
    if !verdict.isEmpty || verdict.hasMore { verdict.initialRoundTrip = initialRoundTrip }
    return verdict
  }

  /// The handshake: where numbers begin, and how windows are scaled.
  private mutating func begin(
    _ facts: TCPFacts, _ time: Int64, _ forward: inout Direction, _ reverse: inout Direction,
    _ verdict: inout FrameVerdict
  ) {
    if facts.answers, let initial = forward.initial, initial != facts.sequence {
      verdict.flags.insert(.reusedPorts)
      forward.initial = facts.sequence
    }
    if facts.opens, facts.header != .tooShort { synTime = time }
    // What is only quoted is no part of the connection.
    if facts.header == .quoted { return }
    if forward.initial == nil {
      forward.initial = facts.flags.contains(.syn) ? facts.sequence : facts.sequence &- 1
    }
    if reverse.initial == nil, facts.flags.contains(.ack) {
      reverse.initial = facts.acknowledgment &- 1
    }
    // A SYN that comes again takes back what had been sent beyond a gap.
    if facts.opens, forward.initial == facts.sequence {
      forward.next = forward.highestToAcknowledge
      verdict.hasMore = true
    }
    if facts.flags.contains(.syn) { forward.hasAcknowledged = false }
    learnScale(facts, &forward, &reverse)
  }

  /// How windows are scaled; one side without the option is enough for both to be without.
  private func learnScale(
    _ facts: TCPFacts, _ forward: inout Direction, _ reverse: inout Direction
  ) {
    if let shift = facts.windowScale {
      forward.scale = Int8(min(shift, 14))
    }
    // What else there was is not known.
    guard facts.header == .whole else { return }
    if facts.windowScale == nil, facts.flags.contains(.syn), forward.scale == -1 {
      forward.scale = -2
      reverse.scale = -2
    }
    if facts.answers, reverse.scale == -2 { forward.scale = -2 }
  }

  private func evidence(
    _ time: Int64, _ forward: Direction, _ reverse: Direction
  ) -> FrameVerdict.Evidence {
    FrameVerdict.Evidence(
      next: forward.next, lastAcknowledgment: forward.lastAcknowledgment,
      lastWindow: forward.window, peerWindow: reverse.window, peerScale: reverse.scale,
      peerAcknowledgment: reverse.lastAcknowledgment, peerHighest: reverse.highestToAcknowledge,
      peerDuplicates: reverse.duplicates, sincePeer: time &- reverse.lastTime,
      sinceHighest: time &- forward.nextTime,
      reorderingTime: initialRoundTrip ?? Self.reorderingTime)
  }

  // MARK: Steps 1 to 7

  /// - Returns: whether the frame is a probe or an answer to one, which ends this part.
  private func judgeWindow(
    _ facts: TCPFacts, _ forward: Direction, _ reverse: Direction, _ verdict: inout FrameVerdict
  ) -> Bool {
    let isNext = facts.sequence == forward.next
    let window = UInt32(facts.window)
    // Step 1.
    if facts.length == 1, isNext, reverse.window == 0 {
      verdict.flags.insert(.zeroWindowProbe)
      return true
    }
    // Step 2.
    if window == 0, !facts.hasControl { verdict.flags.insert(.zeroWindow) }
    // Step 3.
    if forward.next != 0, precedes(forward.next, facts.sequence), !facts.flags.contains(.rst) {
      verdict.flags.insert(.lostSegment)
    }
    guard !facts.hasControl else { return false }
    // Step 4.
    if facts.length <= 1, facts.sequence == forward.next &- 1 { verdict.flags.insert(.keepAlive) }
    let isRepeated = isNext && facts.acknowledgment == forward.lastAcknowledgment
    // Step 5.
    if facts.length == 0, window != 0, window != forward.window, isRepeated {
      verdict.flags.insert(.windowUpdate)
    }
    // Step 6.
    if facts.length > 0, reverse.scale != -1 {
      let shift = reverse.scale > 0 && reverse.hasAcknowledged ? UInt32(reverse.scale) : 0
      let edge = reverse.lastAcknowledgment &+ reverse.window << shift
      if facts.sequence &+ UInt32(truncatingIfNeeded: facts.length) == edge {
        verdict.flags.insert(.windowFull)
      }
    }
    // Step 7.
    guard facts.length == 0, isRepeated, window == forward.window else { return false }
    if window != 0, reverse.lastFlags.contains(.keepAlive) {
      verdict.flags.insert(.keepAliveACK)
      return true
    }
    if window == 0, reverse.lastFlags.contains(.zeroWindowProbe) {
      verdict.flags.insert(.zeroWindowProbeACK)
      return true
    }
    return false
  }

  // MARK: Steps 8 and 10

  private func judgeDuplicate(
    _ facts: TCPFacts, _ forward: inout Direction, _ verdict: inout FrameVerdict
  ) {
    guard facts.length == 0, facts.window != 0, UInt32(facts.window) == forward.window,
      facts.sequence == forward.next, facts.acknowledgment == forward.lastAcknowledgment,
      !facts.hasControl
    else { return }
    // RFC 8684 section 4: with Multipath TCP an option may be why an acknowledgment is repeated.
    guard forward.multipathSeen == multipathSeen else { return }
    forward.duplicates =
      forward.duplicates == Direction.mark ? 1 : forward.duplicates &+ 1
    verdict.flags.insert(.duplicateACK)
    verdict.duplicateNumber = forward.duplicates
    verdict.duplicateOf = forward.acknowledgmentFrame
  }

  private func judgeAcknowledgment(
    _ facts: TCPFacts, _ reverse: inout Direction, _ verdict: inout FrameVerdict
  ) {
    guard facts.flags.contains(.ack), reverse.highestToAcknowledge != 0,
      precedes(reverse.highestToAcknowledge, facts.acknowledgment)
    else { return }
    if precedes(reverse.highestToAcknowledge, reverse.next) {
      reverse.highestToAcknowledge = reverse.next
      verdict.flags.insert(.ackLostSegment)
    } else {
      if reverse.duplicates == 0 { verdict.flags.insert(.ackLostSegment) }
      verdict.hasMore = true
      reverse.duplicates = Direction.mark
    }
  }

  // MARK: Step 11

  private func judgeCopy(
    _ facts: TCPFacts, _ time: Int64, _ forward: Direction, _ reverse: Direction,
    _ verdict: inout FrameVerdict
  ) {
    let takesNumber = facts.flags.contains(.syn) || facts.flags.contains(.fin)
    guard facts.length > 0 || takesNumber, !verdict.flags.contains(.keepAlive) else { return }
    let length = UInt32(truncatingIfNeeded: facts.length)
    var isBehind = forward.next != 0 && precedes(facts.sequence, forward.next)
    if facts.length > 1, facts.sequence == forward.next &- 1 { isBehind = false }
    if facts.length > 0, reverse.lastAcknowledgment != 0,
      isAtOrBefore(facts.sequence &+ length, reverse.lastAcknowledgment)
    {
      verdict.flags.formUnion([.spuriousRetransmission, .retransmission])
      return
    }
    guard isBehind else { return }
    if reverse.duplicates >= 2, reverse.lastAcknowledgment == facts.sequence,
      isWithin(time &- reverse.lastTime, Self.fastTime)
    {
      verdict.flags.formUnion([.fastRetransmission, .retransmission])
      return
    }
    let end = facts.sequence &+ length &+ (takesNumber ? 1 : 0)
    let patience = initialRoundTrip ?? Self.reorderingTime
    if isWithin(time &- forward.nextTime, patience), forward.next != end {
      verdict.flags.insert(.outOfOrder)
      return
    }
    verdict.flags.insert(.retransmission)
    timeOut(time, forward, &verdict)
  }

  private func timeOut(_ time: Int64, _ forward: Direction, _ verdict: inout FrameVerdict) {
    let oldest = forward.unacknowledged.oldest
    let since = oldest?.time ?? forward.nextTime
    // No time is no time known.
    guard since != time else { return }
    verdict.retransmissionTimeout = time &- since
    verdict.originalFrame = oldest?.frame ?? forward.nextFrame
  }

  // MARK: Afterwards

  private mutating func remember(
    _ facts: TCPFacts, _ number: Int, _ time: Int64, _ forward: inout Direction,
    _ verdict: inout FrameVerdict
  ) {
    let takesNumber = facts.flags.contains(.syn) || facts.flags.contains(.fin)
    let end =
      facts.sequence &+ UInt32(truncatingIfNeeded: facts.length) &+ (takesNumber ? 1 : 0)
    if facts.length > 0 || takesNumber {
      forward.unacknowledged.append(
        UnacknowledgedList.Segment(frame: number, time: time, start: facts.sequence, end: end))
    }
    if forward.next == 0 || precedes(forward.next, end),
      !verdict.flags.contains(.zeroWindowProbe)
    {
      forward.next = end
      forward.nextFrame = number
      forward.nextTime = time
    }
    if forward.highestToAcknowledge == 0 || facts.sequence == forward.highestToAcknowledge,
      !verdict.flags.contains(.zeroWindowProbe)
    {
      forward.highestToAcknowledge = forward.next
    }
    forward.window = UInt32(facts.window)
    forward.lastAcknowledgment = facts.acknowledgment
    forward.lastTime = time
    forward.lastFlags = verdict.flags
    forward.sackBlocks = facts.sackBlocks
    forward.multipathSeen = multipathSeen
    multipathSeen |= facts.multipathSubtypes
  }

  private mutating func acknowledge(
    _ facts: TCPFacts, _ time: Int64, _ forward: inout Direction, _ reverse: inout Direction,
    _ verdict: inout FrameVerdict
  ) {
    if facts.flags.contains(.ack), !facts.flags.contains(.syn) {
      forward.hasAcknowledged = true
      // No time is no time known.
      if initialRoundTrip == nil, let synTime, synTime != time {
        initialRoundTrip = time &- synTime
      }
    }
    if !reverse.unacknowledged.isEmpty,
      let exact = reverse.unacknowledged.acknowledge(facts.acknowledgment)
    {
      verdict.acknowledgedFrame = exact.frame
      // No time is no time known.
      verdict.acknowledgmentRoundTrip = exact.time == time ? nil : time &- exact.time
    }
    if facts.flags.contains(.ack) { reverse.hasHole = false }
  }

  private func measure(
    _ facts: TCPFacts, _ forward: inout Direction, _ reverse: Direction,
    _ verdict: inout FrameVerdict
  ) {
    guard facts.length > 0 else { return }
    if !forward.hasHole {
      let takesNumber: UInt32 = facts.flags.contains(.syn) || facts.flags.contains(.fin) ? 1 : 0
      let end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.length) &+ takesNumber
      let span = forward.unacknowledged.span(
        with: facts.sequence, end, from: forward.initial ?? 0)
      var flight = Int(span &- takesNumber)
      // A fourth block is not counted.
      for index in 0..<min(reverse.sackBlocks.count, 3) {
        let block = reverse.sackBlocks[index]
        flight &-= Int(block.right.rawValue &- block.left.rawValue)
      }
      if flight > 0, flight < 2_000_000_000 { verdict.bytesInFlight = flight }
      verdict.hasMore = true
    }
    guard !forward.hasHole else { return }
    forward.pushed &+= UInt32(truncatingIfNeeded: facts.length)
    if verdict.bytesInFlight != nil { verdict.pushBytesSent = Int(forward.pushed) }
    if facts.flags.contains(.psh) { forward.pushed = 0 }
  }
}
