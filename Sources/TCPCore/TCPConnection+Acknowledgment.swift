import Octets
import Wire

// The fifth step of SEGMENT ARRIVES: the ACK field. RFC 9293 section 3.10.7.4.
extension TCPConnection {
  /// Takes the acknowledgment, window and SACK blocks; false when the segment must be dropped.
  mutating func acknowledgmentArrived(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    let acknowledgment = segment.acknowledgment
    var hasCount = ecn.contains(.counting)
    if state == .synReceived {
      guard
        acknowledgment.follows(send.unacknowledged), acknowledgment.precedesOrEquals(send.next)
      else {
        ledger.note(.dropFutureACK)
        badHandshakeACK = acknowledgment
        return false
      }
      synAcknowledged(segment, at: now, ledger: &ledger)
      send.window = Int(segment.window) << Int(send.peerScale)
      send.maximumWindow = max(send.maximumWindow, send.window)
      if hasCount { hasCount = !handshakeCounted(segment, options, ledger: &ledger) }
      establish(&ledger)
    }
    // RFC 5961 section 5.2, RFC 9293 MAY-12: what is neither recent nor sent is not believed.
    if acknowledgment.follows(send.next), !takesProbe(acknowledgment) {
      ledger.note(.dropFutureACK, Int64(send.next.distance(to: acknowledgment)))
      challenge(at: now, ledger: &ledger)
      return false
    }
    if acknowledgment.precedes(send.unacknowledged - max(send.maximumWindow, 65_535)) {
      ledger.note(.dropOldACK)
      challenge(at: now, ledger: &ledger)
      return false
    }
    noteIfLimited()
    let hadACKed = send.unacknowledged
    var news = AcknowledgmentNews(
      delivery: Delivery(
        recoveryPoint: recovery.recoveryPoint,
        minimumRoundTrip: roundTrip.minimum == .max ? 0 : roundTrip.minimum, now: now),
      echo: receive.usesTimestamps ? options.timestamps?.echo : nil)
    news.highestBefore = scoreboard.highestSACKed
    news.isEcho =
      segment.flags.contains(.ece) && ecn.contains(.agreed) && !ecn.contains(.counting)
    takeSACK(options, acknowledgment, &news)
    let window = Int(segment.window) << Int(send.peerScale)
    if acknowledgment.follows(hadACKed) {
      news.advance = hadACKed.distance(to: acknowledgment)
      advance(to: acknowledgment, &news, at: now, ledger: &ledger)
      if isOrphan, now > orphanDeadline, !sendBuffer.isEmpty { orphanIsSlow(ledger: &ledger) }
      if state == .closed { return false }
    } else if acknowledgment == hadACKed, outstanding > 0, segment.length == 0 {
      // RFC 5681 section 2: a duplicate changes nothing but, with SACK (RFC 6675), what we know.
      news.isDuplicate = receive.usesSACK ? news.delivery.hasSACKed : window == send.window
    }
    if hasCount { marksTold(segment, options, &news, ledger: &ledger) }
    updateWindow(segment, window, at: now)
    considerLosses(&news, at: now, ledger: &ledger)
    return true
  }

  /// The answer to a window probe may acknowledge the octet that SND.NXT doesn't count.
  private mutating func takesProbe(_ acknowledgment: SequenceNumber) -> Bool {
    guard send.hasProbe, acknowledgment == send.next + 1 else { return false }
    send.next = acknowledgment
    return true
  }

  /// Marks what the peer has; notices a report of what came twice. RFC 2018, RFC 2883.
  private mutating func takeSACK(
    _ options: TCPOptions, _ acknowledgment: SequenceNumber, _ news: inout AcknowledgmentNews
  ) {
    let blocks = options.sackBlocks
    guard receive.usesSACK, blocks.count > 0 else { return }
    let highest = news.highestBefore
    let first = blocks[0]
    // RFC 2883 section 4: below the acknowledgment, or inside the second block.
    if first.left.precedes(first.right), first.right.precedesOrEquals(send.next) {
      let isInSecond =
        blocks.count > 1 && blocks[1].left.precedesOrEquals(first.left)
        && first.right.precedesOrEquals(blocks[1].right)
      if first.left.precedes(acknowledgment) || isInSecond { news.duplicate = first }
    }
    for index in 0..<blocks.count {
      let block = blocks[index]
      // One beyond SND.NXT is a lie.
      guard block.left.precedes(block.right), block.right.precedesOrEquals(send.next),
        block.left.followsOrEquals(acknowledgment)
      else { continue }
      scoreboard.sack(
        block.left, block.right, size: max(send.maximumSegmentSize, 1), highestBefore: highest,
        &news.delivery)
    }
  }

  /// SND.UNA moves: octets leave the buffer, the round trip is measured, the window opens.
  private mutating func advance(
    to acknowledgment: SequenceNumber, _ news: inout AcknowledgmentNews, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    let end = endOfData
    let dataEnd = SequenceNumber.earlier(acknowledgment, end)
    if dataEnd.follows(send.dataStart) {
      sendBuffer.consume(send.dataStart.distance(to: dataEnd))
      send.dataStart = dataEnd
    }
    send.unacknowledged = acknowledgment
    send.hasProbe = false
    expectsMore = false
    if let urgent = send.urgentEnd, !urgent.follows(acknowledgment) { send.urgentEnd = nil }
    if pathProbe.isOn { pathProbeAcknowledged(at: now, ledger: &ledger) }
    if !stamps.isEmpty { stamps.acknowledged(before: acknowledgment, at: now) }
    statistics.octetsAcknowledged &+= news.advance
    retransmissions = 0
    timers.unacknowledgedSince = now
    scoreboard.acknowledge(
      to: acknowledgment, highestBefore: news.highestBefore, &news.delivery)
    let acknowledged = news.delivery.hasRetransmitted ? nil : news.delivery.acknowledged?.oldest
    measureRoundTrip(
      acknowledged ?? news.delivery.sacked?.oldest, echo: news.echo, at: now, ledger: &ledger)
    // RFC 6298 (5.2), (5.3).
    timers.retransmit =
      outstanding > 0 ? retransmissionDeadline(at: now) : .distantFuture
    if isWriteBlocked { tuneSendBuffer() }
    if isWriteBlocked, sendBuffer.free >= sendBuffer.limit / 4,
      recordEnds.count <= Self.recordLimit / 2
    {
      isWriteBlocked = false
      events.insert(.writable)
    }
    if sendBuffer.isEmpty { considerTrim(at: now) }
    if isClosing, acknowledgment.follows(end) { closeAcknowledged(at: now, ledger: &ledger) }
  }

  /// RFC 5681 section 3.1; RFC 7661: a window that was not used is not proven.
  mutating func growWindow(
    _ octets: Int, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    var octets = octets
    if watchesSlowStart {
      switch slowStart.judge(
        unacknowledged: send.unacknowledged, next: send.next, least: roundTrip.minimum,
        rounds: configuration.conservativeSlowStartRounds)
      {
      case .slowStart: break
      case .conservative: octets = max(1, octets / SlowStartWatch.growthDivisor)
      case .leave:
        ledger.note(.leaveSlowStart, Int64(congestion.congestionWindow))
        congestion.leaveSlowStart()
      }
    }
    let isUsed =
      windowUse.isFull
      || congestion.isInSlowStart && congestion.congestionWindow < 2 &* windowUse.peak
    guard isUsed else { return }
    let least = roundTrip.minimum == .max ? 0 : roundTrip.minimum
    congestion.acknowledged(octets, roundTrip: least, at: now)
  }

  /// RFC 9406 section 4.3: in the first slow start only, which no loss has bounded yet.
  private var watchesSlowStart: Bool {
    congestion.congestionWindow >= SlowStartWatch.leastWindow &* send.maximumSegmentSize
      && congestion.slowStartThreshold == .max && congestion.algorithm == .cubic
      && configuration.leavesSlowStartEarly
  }

  /// RFC 6298 section 3 (Karn); RFC 7323 section 4.1 for what was sent twice.
  private mutating func measureRoundTrip(
    _ sentAt: Instant?, echo: UInt32?, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    if let sentAt {
      let sample = now.nanoseconds(since: sentAt)
      roundTrip.measured(sample)
      slowStart.measured(sample)
      return ledger.note(.measureRoundTrip, sample)
    }
    guard let echo, echo != 0 else { return }
    let elapsed = Int32(bitPattern: timestamps(at: now).value &- echo)
    guard elapsed >= 0, elapsed < 600_000 else { return }
    roundTrip.measured(Int64(max(elapsed, 1)) &* 1_000_000)
  }

  /// The peer has our FIN.
  private mutating func closeAcknowledged(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.closeAcknowledged)
    switch state {
    case .finWait1:
      enter(.finWait2)
      if isOrphan { startOrphanTimer(at: now) }
    case .closing: startTimeWait(at: now, ledger: &ledger)
    case .lastAck: finish(.finished)
    case .listen, .synSent, .synReceived, .established, .finWait2, .closeWait, .timeWait, .closed:
      break
    }
  }

  /// SND.WND follows the newest segment. RFC 9293 section 3.10.7.4.
  private mutating func updateWindow(
    _ segment: borrowing TCPSegmentView, _ window: Int, at now: Instant
  ) {
    let last = send.windowUpdate
    guard segment.acknowledgment.followsOrEquals(send.unacknowledged),
      last.sequence.precedes(segment.sequence)
        || last.sequence == segment.sequence
          && last.acknowledgment.precedesOrEquals(segment.acknowledgment)
    else { return }
    let wasClosed = send.window == 0
    send.window = window
    send.maximumWindow = max(send.maximumWindow, window)
    send.windowUpdate = (segment.sequence, segment.acknowledgment)
    guard wasClosed, window > 0 else { return }
    roundTrip.progressed()
    // R2 is for silence, and a closed window was none; a bound on progress stays as it is.
    if outstanding > 0, configuration.userTimeout == nil, !isOrphan {
      timers.unacknowledgedSince = now
    }
    // RFC 9293 3.8.6 MUST-34: what a shrunk window had stranded is timed again from here.
    timers.retransmit =
      outstanding > 0 ? retransmissionDeadline(at: now) : .distantFuture
  }

  /// The number behind the last octet that the user gave; our FIN's, if there is one.
  var endOfData: SequenceNumber { send.dataStart + sendBuffer.count }
}
