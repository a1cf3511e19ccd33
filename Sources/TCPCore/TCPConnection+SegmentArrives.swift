package import Octets
package import Wire

// SEGMENT ARRIVES: RFC 9293 section 3.10.7, in its order of steps.
extension TCPConnection {
  /// A segment for this connection arrived; its checksum is right.
  ///
  /// A super-segment, of which a device has put several together, counts as what it carries.
  ///
  /// - Parameters:
  ///   - codepoint: what the IP header says of congestion on the way.
  ///   - segmentSize: octets of each segment of a super-segment, as far as the device tells; else 0.
  package mutating func segmentArrived(
    _ segment: borrowing TCPSegmentView, codepoint: ECNCodepoint = .notECT,
    segmentSize: UInt16 = 0, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    statistics.arrived(segment.payload.count, at: now)
    switch state {
    case .listen, .closed: return ledger.note(.dropUnexpected)
    case .synSent: return segmentArrivedInSYNSENT(segment, codepoint, at: now, ledger: &ledger)
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck,
      .timeWait:
      break
    }
    let flags = segment.flags
    if flags.contains(.syn), handshakeCameAgain(segment, codepoint, ledger: &ledger) { return }
    let options = TCPOptions(parsing: segment.options)
    // RFC 7323 section 5.3: PAWS comes before the sequence check.
    guard timestampIsAcceptable(segment, options, at: now, ledger: &ledger) else { return }
    // First, the sequence number.
    guard sequenceIsAcceptable(segment, at: now, ledger: &ledger) else { return }
    // Second, the RST bit.
    if flags.contains(.rst) { return resetArrived(segment, at: now, ledger: &ledger) }
    // Fourth, the SYN bit. RFC 5961 section 4: never believed, always answered.
    if flags.contains(.syn) {
      ledger.note(.dropUnexpected)
      return challenge(at: now, ledger: &ledger)
    }
    // Fifth, the ACK bit.
    guard flags.contains(.ack) else { return ledger.note(.dropNoACK) }
    timers.heard(at: now)
    guard acknowledgmentArrived(segment, options, at: now, ledger: &ledger) else { return }
    updateTimestamp(segment, options, at: now)
    if let told = options.userTimeout { userTimeoutTold(told, at: now, ledger: &ledger) }
    if ecn.contains(.counting) { count(codepoint, segment, segmentSize, ledger: &ledger) }
    // Sixth, the URG bit.
    if flags.contains(.urg) { urgentArrived(segment, ledger: &ledger) }
    // Seventh, the text. Eighth, the FIN bit.
    if segment.payload.count > 0 {
      codepointArrived(codepoint, flags, ledger: &ledger)
      if let echo = options.timestamps?.echo, receive.usesTimestamps, echo != 0 {
        receiveTuning.echoed(timestamps(at: now).value &- echo)
      }
      receiveText(segment, cutInto: segmentSize, at: now, ledger: &ledger)
    }
    if flags.contains(.fin) { receiveFIN(segment, at: now, ledger: &ledger) }
  }

  // MARK: The sequence number

  /// The four cases of RFC 9293 section 3.10.7.4, first step.
  private mutating func sequenceIsAcceptable(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    let first = segment.sequence
    let length = segment.length
    let window = receive.window
    if segment.flags.contains(.rst) {
      // RFC 9293 3.5.3 SHLD-2: data in a reset does not matter; 3.4 MUST-66: nor a closed window.
      if first == receive.next || isInWindow(first) { return true }
      ledger.note(.dropResetOutOfWindow)
      return false
    }
    let isAcceptable =
      if length == 0 {
        window == 0
          ? first == receive.next
          : isInWindow(first) || first == receive.windowEdge
      } else {
        window > 0 && (isInWindow(first) || isInWindow(first + (length &- 1)))
          || first.precedes(receive.next) && receive.next.precedes(first + length)
      }
    if isAcceptable { return true }
    if window == 0, first == receive.next, !segment.flags.contains(.syn) {
      closedWindowArrived(segment, at: now, ledger: &ledger)
      return false
    }
    ledger.note(.dropUnacceptable, Int64(receive.next.distance(to: first)), Int64(length))
    if state == .synReceived, segment.flags.contains(.syn), first == receive.initial {
      if segment.flags.contains(.ack), segment.acknowledgment == send.next {
        // RFC 9293 3.5 MUST-10, figure 8: the peer's SYN,ACK ends a simultaneous open.
        synAcknowledged(segment, at: now, ledger: &ledger)
        send.window = Int(segment.window)
        send.maximumWindow = max(send.maximumWindow, send.window)
        establish(&ledger)
        acknowledgeNow(.acknowledgeHandshake)
      } else {
        // The peer has not got our SYN,ACK.
        pending.insert(.syn)
      }
      return false
    }
    if state == .timeWait, segment.flags.contains(.fin), first + length == receive.next {
      // RFC 9293 section 3.10.7.4, eighth step: our last ACK was lost. A FIN with another number is
      // not the peer's, and would hold the connection for as long as a stranger likes.
      startTimeWait(at: now, ledger: &ledger)
    }
    answerUnacceptable(segment, at: now, ledger: &ledger)
    return false
  }

  /// What is not acceptable is answered by where we are.
  ///
  /// What the peer may have sent again is answered each time, for the peer waits for it. Whatever
  /// else it is, two ends that answer each other must not go on without bound.
  private mutating func answerUnacceptable(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    // No peer lags further behind than the largest window that it may have filled.
    let lag = segment.sequence.distance(to: receive.next)
    guard segment.length > 0, !segment.flags.contains(.syn), lag > 0,
      lag <= max(receive.limit, 1 << 20)
    else { return challenge(at: now, rule: .acknowledgeDuplicate, ledger: &ledger) }
    if segment.payload.count > 0 {
      reportDuplicate(segment.sequence, segment.sequence + segment.payload.count)
    }
    acknowledgeNow(.acknowledgeDuplicate)
  }

  /// RFC 9293 3.4 MUST-66: with a closed window, ACK and URG still count; the text does not.
  private mutating func closedWindowArrived(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    if segment.flags.contains(.ack) {
      let options = TCPOptions(parsing: segment.options)
      timers.heard(at: now)
      guard acknowledgmentArrived(segment, options, at: now, ledger: &ledger) else { return }
      if segment.flags.contains(.urg) { urgentArrived(segment, ledger: &ledger) }
      // A FIN alone needs no room.
      if segment.payload.isEmpty { return receiveFIN(segment, at: now, ledger: &ledger) }
    }
    ledger.note(.dropBeyondWindow, Int64(segment.length))
    acknowledgeNow(.answerProbe)
  }

  /// RCV.NXT =< number < RCV.NXT+RCV.WND.
  private func isInWindow(_ number: SequenceNumber) -> Bool {
    receive.next.precedesOrEquals(number) && number.precedes(receive.windowEdge)
  }

  /// Remembers what came twice, for the next SACK option. RFC 2883 section 4.
  mutating func reportDuplicate(_ start: SequenceNumber, _ end: SequenceNumber) {
    guard receive.usesSACK, configuration.reportsDuplicates, start.precedes(receive.next) else {
      return
    }
    duplicateReport = SACKBlock(start, .earlier(end, receive.next))
  }

  // MARK: Timestamps

  /// RFC 7323 sections 3.2 and 5.3.
  private mutating func timestampIsAcceptable(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    guard receive.usesTimestamps, !segment.flags.contains(.rst) else { return true }
    guard let times = options.timestamps else {
      // A SYN without them is judged by its own rule.
      if segment.flags.contains(.syn) || configuration.toleratesMissingTimestamps { return true }
      ledger.note(.dropMissingTimestamp)
      return false
    }
    let age = Int32(bitPattern: times.value &- receive.timestampRecent)
    guard age < 0 else { return true }
    // RFC 7323 section 5.5: after 24 days of silence the clock may have wrapped.
    let day: Int64 = 24 * 3600 * 1_000_000_000
    if now.nanoseconds(since: receive.timestampRecentAt) > 24 &* day {
      receive.timestampRecent = times.value
      return true
    }
    ledger.note(.dropPAWS, Int64(age))
    answerUnacceptable(segment, at: now, ledger: &ledger)
    return false
  }

  /// RFC 7323 section 4.3 (2): TS.Recent follows segments at the left edge.
  private mutating func updateTimestamp(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions, at now: Instant
  ) {
    guard let times = options.timestamps, receive.usesTimestamps,
      segment.sequence.precedesOrEquals(receive.lastAcknowledged),
      Int32(bitPattern: times.value &- receive.timestampRecent) >= 0
    else { return }
    receive.timestampRecent = times.value
    receive.timestampRecentAt = now
  }

  // MARK: RST

  /// Second step; RFC 5961 section 3.2.
  private mutating func resetArrived(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    guard segment.sequence == receive.next else {
      ledger.note(.dropResetInexact)
      return challenge(at: now, ledger: &ledger)
    }
    // RFC 1337 section 4: a late reset must not end the wait for other late segments.
    guard state != .timeWait else { return ledger.note(.dropResetInTimeWait) }
    ledger.note(.resetReceived)
    let reason: TCPCloseReason =
      switch state {
      case .synReceived: fastOpen.isChild ? .reset : .refused
      case .closing, .lastAck: .finished
      default: .reset
      }
    finish(reason)
    // What an early user has not read yet was acknowledged to nobody else.
    let keepsText = fastOpen.isChild || configuration.keepsTextAfterReset
    if reason == .reset, !keepsText { receiveBuffer.removeAll() }
  }

  // MARK: URG

  /// Sixth step: RCV.UP moves ahead only. RFC 9293 section 3.8.5, RFC 6093.
  private mutating func urgentArrived(
    _ segment: borrowing TCPSegmentView, ledger: inout RuleLedger<TCPRule>
  ) {
    let pointed = segment.sequence + Int(segment.urgentPointer)
    // What was announced and passed long ago does not count: numbers come round again.
    if let known = receive.urgent, known.follows(receive.next), !known.precedes(pointed) { return }
    guard pointed.follows(receive.next), receive.urgent != pointed else { return }
    receive.urgent = pointed
    events.insert(.urgent)
    ledger.note(.urgentAnnounced, Int64(segment.urgentPointer))
  }

  /// Octets up to the end of the urgent data that are not read yet; 0 when there are none.
  /// RFC 9293 3.8.5 MUST-33.
  package var urgentRemaining: Int {
    guard let urgent = receive.urgent else { return 0 }
    return max(0, (receive.next - receiveBuffer.count).distance(to: urgent))
  }

  // MARK: Answers

  /// An acknowledgment goes out, now, for this reason.
  mutating func acknowledgeNow(_ rule: TCPRule) {
    pending.insert(.acknowledgment)
    acknowledgmentRule = rule
    if rule == .acknowledgeDuplicate { acknowledgments.isInteractive = false }
  }

  /// RFC 5961 section 7: an answer that a stranger may have asked for is rationed.
  mutating func challenge(
    at now: Instant, rule: TCPRule = .challengeACK, ledger: inout RuleLedger<TCPRule>
  ) {
    guard challenges.take(at: now) else { return ledger.note(.challengeLimited) }
    acknowledgeNow(rule)
  }
}
