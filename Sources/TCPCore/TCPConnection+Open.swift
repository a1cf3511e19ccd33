import Octets
import Wire

// The handshake: RFC 9293 sections 3.5, 3.10.7.2 and 3.10.7.3.
extension TCPConnection {
  /// Takes the peer's numbers and offers from its SYN.
  mutating func takeSYN(
    _ syn: borrowing TCPSegmentView, _ codepoint: ECNCodepoint, at now: Instant
  ) {
    let options = TCPOptions(parsing: syn.options)
    receive.initial = syn.sequence
    receive.next = syn.sequence + 1
    // Our own SYN, if it went out first, has offered a window.
    receive.windowEdge = receive.next + (state == .synSent ? min(65_535, receive.limit) : 0)
    receive.lastAcknowledged = receive.next
    // RFC 9293 3.7.1 MUST-15: 536 when the peer names none.
    send.peerMaximumSegmentSize = max(Int(options.maximumSegmentSize ?? 536), 48)
    receive.usesSACK = options.sackPermitted && configuration.usesSACK
    agreeOnECN(syn, codepoint, options)
    if configuration.advertisedUserTimeout != nil {
      userTimeouts.isOwed = true
      if let told = options.userTimeout, told.seconds != nil { userTimeouts.peers = told }
    }
    if let times = options.timestamps, configuration.usesTimestamps {
      receive.usesTimestamps = true
      receive.timestampRecent = times.value
      receive.timestampRecentAt = now
    }
    if let shift = options.windowScale, configuration.usesWindowScaling {
      receive.usesScaling = true
      // RFC 7323 section 2.3: a shift above 14 counts as 14.
      send.peerScale = min(shift, 14)
    } else {
      receive.ourScale = 0
    }
    // RFC 7323 section 2.2: the window in a SYN is never scaled.
    send.window = Int(syn.window)
    send.maximumWindow = send.window
    send.windowUpdate = (syn.sequence, send.initial)
    timers.lastHeard = now
    updateSegmentSize()
  }

  /// Our SYN,ACK has gone out with a cookie for a number, and its ACK is here.
  mutating func answeredByCookie() {
    pending.remove(.syn)
    send.next = send.initial + 1
    receive.windowEdge = .later(receive.windowEdge, receive.next + min(65_535, receive.limit))
  }

  /// The shift that connections of a configuration offer. RFC 7323 section 2.3.
  package static func windowScale(_ configuration: TCPConfiguration) -> UInt8 {
    ReceiveSequence.scale(
      for: max(
        max(2048, min(configuration.receiveBufferLimit, 1 << 30)),
        min(configuration.receiveBufferMaximum, 1 << 30)))
  }

  /// RFC 9293 3.7.1 MUST-16: the effective send MSS.
  mutating func updateSegmentSize() {
    let options = receive.usesTimestamps ? 12 : 0
    send.maximumSegmentSize =
      max(
        min(
          send.peerMaximumSegmentSize, min(pathMTU, pathProbe.limit.map { Int($0) } ?? .max) &- 40,
          Int(configuration.maximumSentSegmentSize ?? .max)) &- options &- networkOptions, 16)
    receive.largestSegment = max(pathMTU &- 40 &- options, 16)
    let isBeforeData = !state.isSynchronized || send.next.distance(to: send.dataStart) >= 0
    congestion.setSegmentSize(send.maximumSegmentSize, isBeforeData: isBeforeData)
  }

  /// The IP headers of our segments have so many octets of options. RFC 9293 section 3.7.1.
  package mutating func setNetworkOptions(_ octets: Int) {
    networkOptions = octets
    updateSegmentSize()
  }

  /// RFC 9293 3.7.1 MUST-67: no more than we can receive in one packet.
  var offeredSegmentSize: Int { min(configuration.maximumSegmentSize ?? 65_495, pathMTU &- 40) }

  /// The options of our SYN, and of no other segment. RFC 9293 3.7.1 MUST-14, MUST-65, SHLD-5, MAY-3;
  /// RFC 7323; RFC 2018.
  func synOptions(at now: Instant) -> TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = UInt16(clamping: offeredSegmentSize)
    let isAnswer = state == .synReceived
    if isAnswer ? receive.usesScaling : configuration.usesWindowScaling {
      options.windowScale = receive.ourScale
    }
    options.sackPermitted = isAnswer ? receive.usesSACK : configuration.usesSACK
    if isAnswer ? receive.usesTimestamps : configuration.usesTimestamps {
      options.timestamps = timestamps(at: now)
    }
    // RFC 7413 section 4.1.3.1: a SYN that goes again goes without, for the path may not bear it.
    if isAnswer {
      options.fastOpen = fastOpen.answer
    } else if send.next == send.initial {
      options.fastOpen = fastOpen.attempt?.option
    }
    // A long cookie leaves no room; what stands here goes with a later segment, too.
    if let ours = configuration.advertisedUserTimeout, options.length <= 36 {
      options.userTimeout = UserTimeouts.option(ours)
    }
    if isAnswer, retransmissions == 0, send.next == send.initial { offerCounts(&options) }
    return options
  }

  /// SEGMENT ARRIVES in SYN-SENT. RFC 9293 section 3.10.7.3.
  mutating func segmentArrivedInSYNSENT(
    _ segment: borrowing TCPSegmentView, _ codepoint: ECNCodepoint, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    let flags = segment.flags
    let acknowledgment = segment.acknowledgment
    // First, the ACK bit.
    let hasACK = flags.contains(.ack)
    let isAcceptable =
      hasACK && acknowledgment.follows(send.unacknowledged)
      && acknowledgment.precedesOrEquals(send.next)
    if hasACK, !isAcceptable {
      if flags.contains(.rst) { return ledger.note(.dropBadResetInSYNSENT) }
      badHandshakeACK = acknowledgment
      return ledger.note(.dropFutureACK)
    }
    // Second, the RST bit. RFC 5961 section 3.2: believed only with an acceptable ACK.
    if flags.contains(.rst) {
      guard isAcceptable else { return ledger.note(.dropBadResetInSYNSENT) }
      ledger.note(.resetReceived)
      return finish(.refused)
    }
    // Fourth, the SYN bit.
    guard flags.contains(.syn) else { return ledger.note(.dropUnexpected) }
    if isAcceptable, let echo = TCPOptions(parsing: segment.options).timestamps?.echo,
      !isEchoOfSYN(echo, at: now)
    {
      badHandshakeACK = acknowledgment
      return ledger.note(.dropForeignEcho)
    }
    takeSYN(segment, codepoint, at: now)
    tellCounting(ledger: &ledger)
    if isAcceptable {
      learn(segment, TCPOptions(parsing: segment.options), ledger: &ledger)
      synAcknowledged(segment, at: now, ledger: &ledger)
      settleSYNData(to: acknowledgment, at: now)
      // What waits to be sent is taken for an answer to the SYN,ACK; what our SYN had carried is not.
      if endOfData.follows(send.initial + 1 + fastOpen.octetsInSYN) {
        acknowledgments.lastDataAt = now
      }
      acknowledgeNow(.acknowledgeHandshake)
      establish(&ledger)
      if segment.payload.count > 0 || flags.contains(.fin) {
        receiveText(segment, at: now, ledger: &ledger)
        receiveFIN(segment, at: now, ledger: &ledger)
      }
    } else {
      // RFC 9293 3.5 MUST-10: simultaneous open.
      ledger.note(.simultaneousOpen)
      enter(.synReceived)
      pending.insert(.syn)
    }
  }

  /// Whether a SYN,ACK echoes a time at which our SYN was, or may have been, sent: what echoes another
  /// answers another SYN, or is a guess. RFC 7323 section 3.2; 0 is no echo.
  private func isEchoOfSYN(_ echo: UInt32, at now: Instant) -> Bool {
    guard configuration.usesTimestamps, echo != 0 else { return true }
    let first = timestamps(at: timers.unacknowledgedSince).value
    return echo &- first <= timestamps(at: now).value &- first
  }

  /// Of the data in our SYN the peer has this much; the rest is lost and goes again.
  /// RFC 7413 section 4.2.1.
  private mutating func settleSYNData(to acknowledgment: SequenceNumber, at now: Instant) {
    guard fastOpen.octetsInSYN > 0 else { return }
    let end = send.dataStart + fastOpen.octetsInSYN
    let taken = send.dataStart.distance(to: acknowledgment)
    if taken > 0 {
      sendBuffer.consume(taken)
      send.dataStart = acknowledgment
      statistics.octetsAcknowledged &+= taken
      if isWriteBlocked {
        isWriteBlocked = false
        events.insert(.writable)
      }
    }
    send.unacknowledged = acknowledgment
    guard acknowledgment.precedes(end) else { return }
    scoreboard.sent(acknowledgment, end, isPushed: true, at: now)
    scoreboard.markLost(0)
  }

  /// Our SYN was acknowledged.
  mutating func synAcknowledged(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    if let sentAt = send.synSentAt, retransmissions == 0 {
      roundTrip.measured(now.nanoseconds(since: sentAt))
      ledger.note(.measureRoundTrip, now.nanoseconds(since: sentAt))
    }
    send.synSentAt = nil
    send.unacknowledged = send.initial + 1
    // What an early server has sent is still under way.
    timers.retransmit =
      outstanding > 0 && fastOpen.isChild
      ? retransmissionDeadline(at: now) : .distantFuture
    pending.remove(.syn)
    if retransmissions > 0 {
      // RFC 6298 (5.7), RFC 5681 section 3.1.
      roundTrip.synWasLost()
      if retransmissions > 1 { congestion.synWasLost() }
    }
    retransmissions = 0
    roundTrip.progressed()
    send.windowUpdate = (segment.sequence, segment.acknowledgment)
  }

  /// Both ends know each other's numbers.
  mutating func establish(_ ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.establish)
    enter(isClosing ? .finWait1 : .established)
    // The user of an early connection knows it already.
    if !fastOpen.isChild { events.formUnion([.connected, .writable]) }
    statistics.lastDataReceived = timers.lastHeard
    beginModel(at: timers.lastHeard)
    beginPathProbing()
    startKeepalive(at: timers.lastHeard)
  }
}
