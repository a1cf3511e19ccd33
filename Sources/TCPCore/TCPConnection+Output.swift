package import Octets
import Wire

// What a connection sends: RFC 9293 sections 3.7 and 3.8.
extension TCPConnection {
  /// Puts the next segment to send now into `segment`; false if there is none. Call it until then.
  ///
  /// Once told, a segment counts as sent: what becomes of it is the network's business. It is filled
  /// in place, for it is large and the way out is the busiest of all.
  package mutating func nextSegment(
    into segment: inout OutgoingSegment, limits: SegmentLimits, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    guard !isSilent, chooseSegment(&segment, limits, at: now, &ledger) else {
      noteSendLimit(at: now)
      return false
    }
    ledger.note(segment.rule, Int64(segment.payloadCount), Int64(segment.header.sequence.rawValue))
    if ledger.isReporting { tellDelay(&segment) }
    statistics.sent(
      segment.payloadCount, cutInto: segment.segmentSize, isCopy: segment.isCopy)
    departed(segment.payloadCount, at: now)
    if !stamps.isEmpty, segment.payloadCount > 0 {
      stamps.sent(before: segment.header.sequence + segment.payloadCount, at: now)
    }
    return true
  }

  /// New data says what it has waited for; only told to those who ask.
  private mutating func tellDelay(_ segment: inout OutgoingSegment) {
    let isNew = !segment.isCopy && segment.header.flags.isDisjoint(with: [.syn, .rst])
    segment.heldBackBy = nil
    guard isNew, segment.payloadCount > 0 || segment.header.flags.contains(.fin) else { return }
    segment.heldBackBy = send.heldBackBy
    send.heldBackBy = nil
  }

  /// Something waits, for this reason.
  mutating func holdBack(_ rule: TCPRule, _ ledger: inout RuleLedger<TCPRule>) {
    ledger.note(rule)
    send.heldBackBy = rule
  }

  /// Nothing is owed, lost or waiting: mostly so once a segment was sent, and told at a glance.
  private var isSilent: Bool {
    pending.isEmpty && scoreboard.lostOctets == 0 && badHandshakeACK == nil
      && send.next == (isClosing ? endOfData + 1 : endOfData)
  }

  private mutating func chooseSegment(
    _ segment: inout OutgoingSegment, _ limits: SegmentLimits, at now: Instant,
    _ ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    if let number = badHandshakeACK {
      badHandshakeACK = nil
      begin(&segment, number, [.rst], .resetBadHandshakeACK, at: now)
      segment.header.options = TCPOptions()
      return true
    }
    switch state {
    case .closed:
      guard pending.contains(.reset) else { return false }
      pending.remove(.reset)
      if pending.remove(.refusal) != nil {
        // RFC 9293 3.5.2: at the number that the peer expects. A FIN that was lost has moved SND.NXT
        // beyond it, and RFC 5961 3.2 lets a peer believe a reset at that very number only.
        begin(&segment, send.unacknowledged, [.rst], .resetUnreadData, at: now)
        segment.header.options = TCPOptions()
        return true
      }
      begin(&segment, send.next, [.rst, .ack], .resetAbort, at: now)
      return true
    case .listen: return false
    case .synSent, .synReceived:
      if sendsEarly { break }
      guard !pending.isDisjoint(with: [.syn, .acknowledgment]) else { return false }
      if fastOpen.attempt?.waitsForData == true, sendBuffer.isEmpty, send.next == send.initial {
        return false
      }
      synSegment(&segment, at: now)
      return true
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait: break
    }
    // SACK blocks travel in segments of their own, so that they take no space from data.
    // So do counts of congestion marks, and what the third step of the handshake says of them.
    if pending.contains(.acknowledgment),
      !reassembly.isEmpty || duplicateReport != nil || owesCounts || userTimeouts.isOwed
    {
      acknowledgmentSegment(&segment, at: now)
      return true
    }
    let mayDepart = mayDepart(at: now)
    if mayDepart, retransmission(&segment, limits, at: now, &ledger) { return true }
    if pending.contains(.lossProbe), lossProbe(&segment, at: now) { return true }
    if mayDepart, newData(&segment, limits, at: now, &ledger) { return true }
    if !mayDepart, scoreboard.lostOctets > 0 || send.next.precedes(endOfData) {
      holdBack(.paced, &ledger)
    }
    guard !pending.isEmpty else { return false }
    if pending.contains(.probe) {
      pending.remove(.probe)
      return probeSegment(&segment, at: now)
    }
    if pending.contains(.acknowledgment) {
      acknowledgmentSegment(&segment, at: now)
      return true
    }
    guard pending.contains(.keepalive) else { return false }
    pending.remove(.keepalive)
    // RFC 9293 3.8.4 SHLD-12: an old number and no data.
    begin(&segment, send.next - 1, [.ack], .keepaliveProbe, at: now)
    return true
  }

  private mutating func acknowledgmentSegment(_ segment: inout OutgoingSegment, at now: Instant) {
    begin(&segment, send.next, [.ack], acknowledgmentRule, at: now)
    if receive.usesSACK { appendSACK(&segment.header.options) }
    if userTimeouts.isOwed { tellUserTimeout(&segment.header.options) }
    if ecn.contains(.counting) { tellCounts(&segment.header) }
  }

  // MARK: SYN

  private mutating func synSegment(_ segment: inout OutgoingSegment, at now: Instant) {
    pending.subtract([.syn, .acknowledgment])
    let isAnswer = state == .synReceived
    let isFirst = send.next == send.initial
    var flags: TCPFlags = isAnswer ? [.syn, .ack] : [.syn]
    flags.formUnion(isAnswer ? ecnAnswer() : ecnQuestion(isFirst: isFirst))
    begin(&segment, send.initial, flags, .sendSYN, at: now)
    segment.header.options = synOptions(at: now)
    // RFC 7323 section 2.2: never scaled.
    let window = min(65_535, receive.limit)
    segment.header.window = UInt16(window)
    if isAnswer { receive.windowEdge = .later(receive.windowEdge, receive.next + window) }
    var count = 0
    if isFirst {
      if !isAnswer { count = octetsForSYN() }
      send.next = send.initial + 1 + count
      send.synSentAt = now
      timers.unacknowledgedSince = now
    }
    if timers.retransmit == .distantFuture {
      timers.retransmit = retransmissionDeadline(at: now)
    }
    let isFirstAnswer = isFirst || !isPassive && retransmissions == 0
    let rule: TCPRule =
      isAnswer
      ? (isFirstAnswer ? .sendSYNACK : .retransmitSYNACK) : (isFirst ? .sendSYN : .retransmitSYN)
    segment.rule = count > 0 ? .sendSYNWithData : rule
    segment.payloadCount = count
    segment.isCopy = !isFirst
  }

  // MARK: Data

  /// Octets that may still be put on their way. RFC 5681, RFC 6675.
  private var congestionRoom: Int { congestion.congestionWindow &- scoreboard.inFlight }

  /// What is lost goes again, as far as the congestion window lets it. RFC 8985 section 6.
  private mutating func retransmission(
    _ segment: inout OutgoingSegment, _ limits: SegmentLimits, at now: Instant,
    _ ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    guard scoreboard.lostOctets > 0, !recovery.holdsRetransmissions,
      let lost = scoreboard.firstLost(joining: send.maximumSegmentSize)
    else { return false }
    let size = send.maximumSegmentSize
    let room = congestionRoom
    guard room > 0 else {
      ledger.note(.congestionLimited)
      return false
    }
    let most = countBearsCWR ? size : max(limits.maximumPayload / size &* size, size)
    var count = min(lost.count, min(max(room / size &* size, size), most))
    // RFC 9293 3.8.6 SHLD-15, SHLD-16: not beyond a window that has shrunk.
    count = min(count, lost.start.distance(to: send.unacknowledged + max(send.window, 1)))
    guard count > 0 else {
      ledger.note(.windowFull)
      return false
    }
    let rule: TCPRule =
      recovery.phase == .timeout
      ? .retransmitAfterTimeout
      : recovery.firstRetransmissionStamp == nil ? .fastRetransmit : .retransmitHole
    sendAgain(&segment, lost.start, lost.start + count, rule, at: now)
    return true
  }

  /// Numbers that were sent before go out once more.
  mutating func sendAgain(
    _ segment: inout OutgoingSegment, _ start: SequenceNumber, _ end: SequenceNumber,
    _ rule: TCPRule, at now: Instant
  ) {
    let count = start.distance(to: end)
    modelWillSend(at: now)
    let isPushed = scoreboard.sentAgain(start, end, at: now)
    modelSent(count, at: now)
    recovery.sentAgain(
      count, segments: max(1, count / send.maximumSegmentSize), stamp: timestamps(at: now).value)
    if timers.retransmit == .distantFuture { timers.retransmit = retransmissionDeadline(at: now) }
    dataSegment(&segment, start, end, rule, isPushed: isPushed, at: now)
    segment.isCopy = true
  }

  /// What the peer's window still takes; negative after it was shrunk (RFC 9293 3.8.6 MUST-34).
  ///
  /// Our SYN takes a number, but nothing of the window: it matters while early data is sent.
  var usableWindow: Int {
    send.next.distance(to: .later(send.unacknowledged, send.dataStart) + send.window)
  }

  private mutating func newData(
    _ segment: inout OutgoingSegment, _ limits: SegmentLimits, at now: Instant,
    _ ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    let end = endOfData
    let available = max(0, send.next.distance(to: end))
    let hasFIN = isClosing && send.next.precedesOrEquals(end)
    guard available > 0 || hasFIN else { return false }
    let window = usableWindow
    sendTimes.isWindowBound = window <= 0
    guard window > 0 else {
      armPersist(at: now)
      holdBack(.windowFull, &ledger)
      return false
    }
    let size = send.maximumSegmentSize
    let room = congestionRoom
    if pathProbe.isOn, pathProbeSegment(&segment, available, room, at: now) { return true }
    // CWR belongs to one segment, so that a device must not copy it into several.
    let most =
      available <= size || ecn.contains(.reduced) || countBearsCWR
      ? size : superSegment(limits)
    var count = min(min(available, window), most)
    if count > room {
      // Whole segments only, as many as the congestion window has room for; one if all is quiet.
      count = outstanding == 0 ? min(count, size) : room / size &* size
      guard count > 0 || available == 0 && room > 0 else {
        holdBack(.congestionLimited, &ledger)
        return false
      }
    }
    let record = recordEnds.isEmpty ? nil : octetsOfRecord()
    if let record, record <= count, record < available {
      // The next record is no company: the end of this one does not wait.
      count = record
    } else if count < available || count % size != 0 {
      guard let allowed = avoidSillyWindow(count, available, window, at: now, &ledger) else {
        return false
      }
      count = allowed
    }
    sendNew(&segment, count, end, hasFIN && count < window, at: now)
    return true
  }

  /// RFC 9293 sections 3.7.4 (Nagle) and 3.8.6.2.1: what of `count` octets may go; nil for none.
  private mutating func avoidSillyWindow(
    _ count: Int, _ available: Int, _ window: Int, at now: Instant,
    _ ledger: inout RuleLedger<TCPRule>
  ) -> Int? {
    let size = send.maximumSegmentSize
    let full = count / size &* size
    if count == available {
      // The tail: goes along unless another small segment is outstanding, when asked to, or before
      // a FIN. RFC 9293 3.7.4 SHLD-7, in Minshall's form: full segments in flight don't hold it.
      if configuration.isCorked || expectsMore, !isClosing {
        return corked(count, full, at: now, &ledger)
      }
      let hasSmall = send.smallSegmentEnd?.follows(send.unacknowledged) ?? false
      if configuration.noDelay || isClosing || outstanding == 0 || !hasSmall { return count }
      // RFC 9293 3.9.1.2 MUST-60, MAY-16: what waits goes with what comes, or after the next ACK.
      if full > 0 { return full }
      holdBack(.nagle, &ledger)
      return nil
    }
    // RFC 9293 3.9.1.2 SHLD-28: full segments where there is enough for them.
    if full > 0 { return full }
    // RFC 9293 3.8.6.2.1 MUST-38: a small part of the data goes into half the largest window only.
    if count >= send.maximumWindow / 2 || send.overridesSillyWindow {
      send.overridesSillyWindow = false
      return count
    }
    holdBack(.sillyWindow, &ledger)
    sendTimes.isWindowBound = true
    armPersist(at: now)
    return nil
  }

  /// New octets leave, as many as the caller has found room for, and our FIN where it may follow.
  mutating func sendNew(
    _ segment: inout OutgoingSegment, _ count: Int, _ end: SequenceNumber, _ withFIN: Bool,
    isProbe: Bool = false, at now: Instant
  ) {
    let start = send.next
    let last = start + count
    let takesFIN = withFIN && last == end
    send.next = takesFIN ? last + 1 : last
    send.hasProbe = false
    if last == end { send.overridesSillyWindow = false }
    if start == send.unacknowledged {
      // Nothing was outstanding: a timer that runs was for the window.
      timers.unacknowledgedSince = now
      timers.retransmit = .distantFuture
      if let last = send.lastDataAt { congestion.idled(now.nanoseconds(since: last)) }
    }
    // RFC 6298 (5.1).
    if timers.retransmit == .distantFuture {
      timers.retransmit = retransmissionDeadline(at: now)
    }
    let isPushed = isPushed(start, last)
    modelWillSend(at: now)
    scoreboard.sent(
      start, send.next, isPushed: isPushed, endsRecord: recordEnds.first == last, at: now)
    if isProbe { recovery.probe(to: send.next, isCopy: false) }
    modelSent(start.distance(to: send.next), at: now)
    recovery.sentNew(count)
    noteWindowUse()
    acknowledgments.dataSent(at: now)
    scheduleLossProbe(at: now)
    send.lastDataAt = now
    if count % send.maximumSegmentSize != 0 { send.smallSegmentEnd = last }
    let isLimited = recovery.phase == .disorder
    let rule: TCPRule =
      isProbe
      ? .lossProbe
      : takesFIN
        ? (count == 0 ? .sendFIN : .sendFINWithData)
        : isLimited ? .limitedTransmit : last == end ? .sendLastData : .sendData
    dataSegment(&segment, start, send.next, rule, isPushed: isPushed, at: now)
    markCapable(&segment)
  }

  /// Whether the last of new octets gets PSH: all that the user has given ends there, and no more
  /// is said to follow; or a record ends.
  /// RFC 9293 3.9.1.2 MUST-61, SHLD-27.
  func isPushed(_ start: SequenceNumber, _ end: SequenceNumber) -> Bool {
    start != end && (end == endOfData && pushesTail || recordEnds.first == end)
  }

  /// How much of the congestion window was used in this round trip. RFC 7661 section 4.
  private mutating func noteWindowUse() {
    let isFull = scoreboard.inFlight &+ send.maximumSegmentSize > congestion.congestionWindow
    let flight = scoreboard.outstanding
    guard
      isFull || send.unacknowledged.followsOrEquals(windowUse.end)
        || !windowUse.isFull
          && flight > windowUse.peak
    else { return }
    windowUse = WindowUse(peak: flight, end: send.next, isFull: isFull)
  }

  /// Octets of one super-segment: what goes in about a millisecond at the present rate, or in more
  /// where round trips are short, and at most half the window, so that acknowledgments keep coming.
  private func superSegment(_ limits: SegmentLimits) -> Int {
    let size = send.maximumSegmentSize
    guard limits.maximumPayload > size else { return size }
    let window = congestion.congestionWindow
    if let quantum = congestion.modelQuantum {
      return max(min(limits.maximumPayload, quantum) / size &* size, size)
    }
    var octets = min(limits.maximumPayload, window / 2)
    if let smoothed = roundTrip.smoothedRoundTrip {
      let isFast = window < congestion.slowStartThreshold / 2
      let rate = Double(window) * (isFast ? 2 : 1.2) * 976_562 / Double(max(smoothed, 1))
      let halvings = min((roundTrip.minimum / 1000) >> 9, 62)
      let bonus: Int64 = halvings < 17 ? 65_536 >> halvings : 0
      let burst = Int(min(rate, 1_048_576.0)) &+ Int(bonus)
      octets = min(octets, max(burst, configuration.leastSuperSegment &* size))
    }
    return max(octets / size &* size, size)
  }

  /// A segment of numbers from `start` to `end`, our FIN included where it lies among them.
  mutating func dataSegment(
    _ segment: inout OutgoingSegment, _ start: SequenceNumber, _ end: SequenceNumber,
    _ rule: TCPRule, isPushed: Bool, at now: Instant
  ) {
    let dataEnd = SequenceNumber.earlier(end, endOfData)
    let count = max(0, start.distance(to: dataEnd))
    var flags: TCPFlags = [.ack]
    // A super-segment ends with PSH, so that whoever joins segments on the way hands it on.
    if count > 0, isPushed || count > send.maximumSegmentSize { flags.insert(.psh) }
    if end.follows(endOfData) { flags.insert(.fin) }
    begin(
      &segment, start, flags,
      count == 0 && rule == .retransmitAfterTimeout ? .retransmitFIN : rule, at: now)
    guard count > 0 else { return }
    segment.payloadOffset = send.dataStart.distance(to: start)
    segment.payloadCount = count
    let size = send.maximumSegmentSize
    if count > size { segment.segmentSize = UInt16(clamping: size) }
  }

  /// RFC 9293 3.8.6.1 MUST-36: at least one octet of new data, or again the oldest.
  /// RFC 9293 3.8.6 MUST-35: however the window came to be closed.
  private mutating func probeSegment(_ segment: inout OutgoingSegment, at now: Instant) -> Bool {
    guard outstanding > 0 || send.next.precedes(endOfData) || isClosing else { return false }
    send.hasProbe = outstanding == 0
    let start = send.unacknowledged
    dataSegment(
      &segment, start, start + 1, .zeroWindowProbe, isPushed: isPushed(start, start + 1), at: now)
    return true
  }

  // MARK: Headers

  /// A segment without payload that acknowledges all that was received and offers the window.
  private mutating func begin(
    _ segment: inout OutgoingSegment, _ sequence: SequenceNumber, _ flags: TCPFlags,
    _ rule: TCPRule, at now: Instant
  ) {
    segment.begin(endpoints, sequence, flags, rule)
    if receive.usesTimestamps { segment.header.options.timestamps = timestamps(at: now) }
    guard flags.contains(.ack) else { return }
    segment.header.acknowledgment = receive.next
    if !flags.contains(.rst) {
      segment.header.window = offerWindow()
      if ecn.contains(.echoing) { segment.header.flags.insert(.ece) }
      if ecn.contains(.counting), !flags.contains(.syn) { putCount(&segment.header) }
      if send.urgentEnd != nil { markUrgent(&segment.header) }
    }
    receive.lastAcknowledged = receive.next
    acknowledgments.unacknowledged = 0
    timers.acknowledgment = .distantFuture
    pending.remove(.acknowledgment)
  }

  /// RFC 2018 section 4; RFC 2883 section 4 for the duplicate in front.
  private mutating func appendSACK(_ options: inout TCPOptions) {
    if let duplicate = duplicateReport {
      options.sackBlocks.append(duplicate)
      duplicateReport = nil
    }
    if !reassembly.isEmpty { reassembly.appendMostRecent(to: &options.sackBlocks) }
    guard options.timestamps != nil, options.sackBlocks.count > 3 else { return }
    var three = SACKBlocks()
    for index in 0..<3 { three.append(options.sackBlocks[index]) }
    options.sackBlocks = three
  }

  /// Our clock in milliseconds from an origin of the connection's own. RFC 7323 section 5.4.
  func timestamps(at now: Instant) -> TCPTimestamps {
    TCPTimestamps(
      value: Self.timestampClock(send.initial, at: now), echo: receive.timestampRecent)
  }
}
