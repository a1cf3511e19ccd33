package import Octets
package import Wire

// What the user may change while the connection lives, and the calls that few programs make.
extension TCPConnection {
  /// Changes what the user has set; what is agreed in the handshake stays as agreed.
  package mutating func configure(at now: Instant, _ change: (inout TCPConfiguration) -> Void) {
    let before = configuration
    change(&configuration)
    if configuration.sendBufferLimit != before.sendBufferLimit {
      sendBuffer.limit = max(2048, min(configuration.sendBufferLimit, 1 << 30))
      if isWriteBlocked, sendBuffer.free > 0 {
        isWriteBlocked = false
        events.insert(.writable)
      }
    }
    if configuration.receiveBufferLimit != before.receiveBufferLimit {
      setReceiveLimit(max(2048, min(configuration.receiveBufferLimit, 1 << 30)))
    }
    if configuration.noDelay, !before.noDelay { sendHeld() }
    if configuration.congestion != before.congestion {
      congestion.algorithm = configuration.congestion
      endModel()
      if state.isSynchronized { beginModel(at: now) }
    }
    if configuration.keepalive != before.keepalive, state.isSynchronized {
      timers.keepalive = .distantFuture
      let quietSince = before.keepalive == nil ? now : timers.lastHeard
      startKeepalive(at: quietSince)
    }
    if configuration.advertisedUserTimeout != before.advertisedUserTimeout {
      userTimeoutChanged()
    }
    if configuration.userTimeout != before.userTimeout, timers.retransmit != .distantFuture {
      timers.retransmit = min(timers.retransmit, retransmissionDeadline(at: now))
    }
  }

  /// The window's right edge stays, whatever the limit is lowered to. RFC 9293 3.8.6 SHLD-14.
  mutating func setReceiveLimit(_ limit: Int) {
    receive.limit = limit
    if state == .synSent, send.next == send.initial, configuration.usesWindowScaling {
      // Our SYN has not told the shift yet.
      receive.ourScale = ReceiveSequence.scale(
        for: max(limit, min(configuration.receiveBufferMaximum, 1 << 30)))
    }
    let room = limit &+ 1 << Int(receive.ourScale)
    receiveBuffer.limit = max(room, receiveBuffer.count &+ receive.window)
  }

  /// What waits for company goes, a cork or not.
  package mutating func sendHeld() {
    expectsMore = false
    send.overridesSillyWindow = send.next.precedes(endOfData)
  }

  /// The next write follows at once: the tail of the last may wait for it, as with a cork.
  package mutating func announceMore() {
    expectsMore = true
    pushesTail = false
  }

  /// Record ends that wait to be sent; with so many the send buffer counts as full.
  static var recordLimit: Int { 4096 }

  /// A record of the user's ends here: no segment carries octets of two.
  package mutating func endRecord() {
    guard state.maySend, recordEnds.last != endOfData, recordEnds.count < Self.recordLimit else {
      return
    }
    recordEnds.append(endOfData)
  }

  /// Octets that are left of the record which is being sent; nil when none ends ahead.
  mutating func octetsOfRecord() -> Int? {
    while let first = recordEnds.first, first.precedesOrEquals(send.next) {
      recordEnds.removeFirst()
    }
    return recordEnds.first.map { send.next.distance(to: $0) }
  }

  /// Marks all that the user has given as urgent. RFC 9293 section 3.8.5 MUST-31.
  package mutating func markUrgent() { send.urgentEnd = endOfData }

  /// URG and its pointer on a header below SND.UP. RFC 6093 section 4; RFC 9293 3.8.5 MUST-30, MUST-62.
  func markUrgent(_ header: inout TCPHeader) {
    guard let end = send.urgentEnd else { return }
    let distance = header.sequence.distance(to: end)
    guard distance > 0 else { return }
    header.flags.insert(.urg)
    header.urgentPointer = UInt16(clamping: distance)
  }

  /// Acknowledgments go out at once from here on, or are delayed again. RFC 9293 3.8.6.3 SHLD-18.
  package mutating func acknowledgeQuickly(_ isQuick: Bool) {
    acknowledgments.isInteractive = !isQuick
    acknowledgments.quick = isQuick ? max(configuration.quickAcknowledgments, 16) : 0
    if isQuick, timers.acknowledgment != .distantFuture {
      timers.acknowledgment = .distantFuture
      acknowledgeNow(.acknowledgeAtOnce)
    }
  }

  /// The user reads no more; once our side is closed too, what comes is answered by a reset.
  package mutating func closeReceiving() { refusesText = true }

  /// Lends `body` what can be read from an offset on: the first contiguous part.
  package func peek<Result>(from offset: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    body(receiveBuffer.contiguous(at: offset, count: receiveBuffer.count &- offset))
  }

  /// A bare ACK that would end the handshake is let go, for a listener that wants to see data first;
  /// our SYN,ACK goes again when the wait is over, and the answer to it counts.
  ///
  /// - Returns: whether it is let go; false when it is something else, or the wait is over.
  package mutating func defersHandshake(
    _ segment: borrowing TCPSegmentView, for duration: Duration, at now: Instant
  ) -> Bool {
    guard state == .synReceived, segment.flags == [.ack], segment.payload.isEmpty,
      segment.sequence == receive.next, segment.acknowledgment == send.next
    else { return false }
    let deadline = timers.unacknowledgedSince + duration
    guard now < deadline else { return false }
    timers.retransmit = deadline
    return true
  }

  /// What of `count` octets, the tail, may go in spite of a cork; nil for none.
  mutating func corked(
    _ count: Int, _ full: Int, at now: Instant, _ ledger: inout RuleLedger<TCPRule>
  ) -> Int? {
    if full > 0 { return full }
    if send.overridesSillyWindow {
      send.overridesSillyWindow = false
      expectsMore = false
      return count
    }
    holdBack(.corked, &ledger)
    armPersist(at: now)
    return nil
  }
}
