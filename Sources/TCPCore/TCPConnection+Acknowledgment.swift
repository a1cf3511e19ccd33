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
    let flight = recovery.pipe(
      send.unacknowledged, send.next, segmentSize: send.maximumSegmentSize)
    let hasNews = takeSACK(options)
    let window = Int(segment.window) << Int(send.peerScale)
    if acknowledgment.follows(send.unacknowledged) {
      advance(to: acknowledgment, options, flight: flight, at: now, ledger: &ledger)
      if state == .closed { return false }
    } else if acknowledgment == send.unacknowledged, outstanding > 0, segment.length == 0 {
      // RFC 5681 section 2: a duplicate changes nothing but, with SACK (RFC 6675), what we know.
      let isDuplicate = receive.usesSACK ? hasNews : window == send.window
      if isDuplicate { recovery.duplicateArrived() }
    }
    updateWindow(segment, window, at: now)
    if hasNews || recovery.phase == .none { considerRecovery(&ledger) }
    return true
  }

  /// The answer to a window probe may acknowledge the octet that SND.NXT doesn't count.
  private mutating func takesProbe(_ acknowledgment: SequenceNumber) -> Bool {
    guard send.hasProbe, acknowledgment == send.next + 1 else { return false }
    send.next = acknowledgment
    return true
  }

  private mutating func takeSACK(_ options: TCPOptions) -> Bool {
    guard receive.usesSACK else { return false }
    var hasNews = false
    for index in 0..<options.sackBlocks.count
    where recovery.sackArrived(options.sackBlocks[index], send.unacknowledged, send.next) {
      hasNews = true
    }
    if hasNews {
      recovery.updateLostEdge(send.unacknowledged, send.maximumSegmentSize)
    }
    return hasNews
  }

  /// SND.UNA moves: octets leave the buffer, the round trip is measured, the window opens.
  private mutating func advance(
    to acknowledgment: SequenceNumber, _ options: TCPOptions, flight: Int, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    let octets = send.unacknowledged.distance(to: acknowledgment)
    measureRoundTrip(acknowledgment, options, at: now, ledger: &ledger)
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
    statistics.octetsAcknowledged &+= octets
    retransmissions = 0
    timers.unacknowledgedSince = now
    let wasIn = recovery.phase
    let hasEnded = recovery.acknowledged(
      to: acknowledgment, octets: octets, segmentSize: send.maximumSegmentSize)
    if hasEnded {
      ledger.note(.leaveRecovery)
      if wasIn == .fastRecovery { congestion.recoveryEnded(flight: outstanding) }
    }
    if wasIn != .fastRecovery {
      growWindow(octets, flight: flight, at: now)
    }
    // RFC 6298 (5.2), (5.3).
    timers.retransmit =
      outstanding > 0 ? retransmissionDeadline(at: now) : .distantFuture
    if isWriteBlocked, sendBuffer.free >= sendBuffer.limit / 4 {
      isWriteBlocked = false
      events.insert(.writable)
    }
    if sendBuffer.isEmpty { considerTrim(at: now) }
    if isClosing, acknowledgment.follows(end) { closeAcknowledged(at: now, ledger: &ledger) }
  }

  /// RFC 5681 section 3.1; RFC 7661: a window that was not used is not proven.
  private mutating func growWindow(_ octets: Int, flight: Int, at now: Instant) {
    let window = congestion.congestionWindow
    let isLimit =
      congestion.isInSlowStart
      ? window < 2 &* max(flight, octets)
      : flight &+ 2 &* send.maximumSegmentSize >= window
    guard isLimit else { return }
    congestion.acknowledged(octets, roundTrip: roundTrip.smoothedRoundTrip ?? 0, at: now)
  }

  /// RFC 6298 section 3 (Karn); RFC 7323 section 4.1 for what was sent twice.
  private mutating func measureRoundTrip(
    _ acknowledgment: SequenceNumber, _ options: TCPOptions, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    if let timed = send.timed {
      guard timed.end.precedesOrEquals(acknowledgment) else { return }
      let sample = now.nanoseconds(since: timed.at)
      roundTrip.measured(sample)
      send.timed = nil
      return ledger.note(.measureRoundTrip, sample)
    }
    guard receive.usesTimestamps, let times = options.timestamps, times.echo != 0 else { return }
    let elapsed = Int32(bitPattern: timestamps(at: now).value &- times.echo)
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
    // RFC 9293 3.8.6 MUST-34: what a shrunk window had stranded is timed again from here.
    timers.retransmit =
      outstanding > 0 ? retransmissionDeadline(at: now) : .distantFuture
  }

  /// Enough evidence of a loss: the window is cut once and repair begins.
  private mutating func considerRecovery(_ ledger: inout RuleLedger<TCPRule>) {
    guard outstanding > 0,
      recovery.shouldRecover(send.unacknowledged, segmentSize: send.maximumSegmentSize)
    else { return }
    ledger.note(.enterRecovery, Int64(congestion.congestionWindow))
    congestion.lossDetected(flight: outstanding)
    recovery.begin(send.unacknowledged, send.next, segmentSize: send.maximumSegmentSize)
    send.timed = nil
  }

  /// The number behind the last octet that the user gave; our FIN's, if there is one.
  var endOfData: SequenceNumber { send.dataStart + sendBuffer.count }
}
