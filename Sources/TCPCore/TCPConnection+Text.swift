package import Octets
import Wire

// The seventh and eighth steps of SEGMENT ARRIVES: text and FIN. RFC 9293 section 3.10.7.4.
extension TCPConnection {
  /// Puts a segment's text in its place in the receive buffer.
  mutating func receiveText(
    _ segment: borrowing TCPSegmentView, cutInto segmentSize: UInt16 = 0, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    guard state.mayReceive else { return ledger.note(.dropUnexpected) }
    // With SYN the text begins one number later.
    let first = segment.flags.contains(.syn) ? segment.sequence + 1 : segment.sequence
    let end = first + segment.payload.count
    let start = SequenceNumber.later(first, receive.next)
    // Never more than there is room for, whatever was offered.
    let room = max(0, receiveBuffer.free)
    var edge = SequenceNumber.earlier(.earlier(end, receive.windowEdge), receive.next + room)
    if let finish = receive.finish, edge.follows(finish) {
      ledger.note(.dropDataAfterFIN)
      edge = finish
    }
    if first.precedes(receive.next) { reportDuplicate(first, end) }
    guard start.precedes(edge) else {
      // Nothing new, or no memory for it: the peer must hear where we are.
      ledger.note(room == 0 && !receiveBuffer.mayGrow ? .dropMemory : .dropUnacceptable)
      return acknowledgeNow(.acknowledgeDuplicate)
    }
    if edge.precedes(end) {
      let rule: TCPRule = receiveBuffer.mayGrow ? .dropBeyondWindow : .dropMemory
      ledger.note(rule, Int64(edge.distance(to: end)))
      acknowledgeNow(.acknowledgeDuplicate)
    }
    if isOrphan || refusesText, isOrphan || state != .established {
      return refuseUnreadData()
    }
    let text = segment.payload.extracting(
      first.distance(to: start)..<first.distance(to: edge))
    let largest = segmentSize > 0 ? Int(segmentSize) : receive.largestSegment
    receive.segmentSize = max(
      receive.segmentSize, min(segment.payload.count, largest, receive.largestSegment))
    if start == receive.next {
      accept(text, at: now, ledger: &ledger)
    } else {
      queue(text, start, edge, ledger: &ledger)
    }
  }

  /// Text that is next in order.
  private mutating func accept(
    _ text: Span<UInt8>, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    let taken = receiveBuffer.write(text, at: receiveBuffer.count)
    receiveBuffer.extend(by: taken)
    receive.next += taken
    statistics.octetsReceived &+= taken
    ledger.note(.acceptData, Int64(taken))
    if !reassembly.isEmpty {
      if let waiting = reassembly.range(around: receive.next) {
        let more = receive.next.distance(to: waiting.end)
        receiveBuffer.extend(by: more)
        receive.next = waiting.end
        statistics.octetsReceived &+= more
        ledger.note(.fillGap, Int64(more))
      }
      reassembly.removeAll(before: receive.next)
      // RFC 5681 section 4.2: a filled gap is acknowledged at once.
      acknowledgeNow(.acknowledgeOutOfOrder)
    }
    events.insert(.readable)
    considerTrim(at: now)
    decideAcknowledgment(taken, at: now, ledger: &ledger)
    finishIfReached(at: now, ledger: &ledger)
  }

  /// Text that came early waits where it will be read. RFC 9293 3.10.7.4 SHLD-31.
  private mutating func queue(
    _ text: Span<UInt8>, _ start: SequenceNumber, _ end: SequenceNumber,
    ledger: inout RuleLedger<TCPRule>
  ) {
    let isNew = reassembly.insert(start, end, limit: gapLimit)
    if isNew {
      statistics.outOfOrderSegments &+= 1
      let offset = receiveBuffer.count &+ receive.next.distance(to: start)
      _ = receiveBuffer.write(text, at: offset)
      ledger.note(.queueOutOfOrder, Int64(receive.next.distance(to: start)), Int64(text.count))
    } else if reassembly.range(around: start) == nil {
      ledger.note(.dropReassemblyFull)
    } else {
      if receive.usesSACK, configuration.reportsDuplicates {
        duplicateReport = SACKBlock(start, end)
      }
      ledger.note(.dropUnacceptable)
    }
    // RFC 9293 3.10.7.4 MAY-13, RFC 5681 section 4.2.
    acknowledgeNow(.acknowledgeOutOfOrder)
  }

  /// Stretches of early text that are kept apart: what they cost in memory is little beside the text
  /// that a buffer may hold.
  private var gapLimit: Int { max(128, receive.limit / 512) }

  /// RFC 9293 3.8.6.3 SHLD-18, SHLD-19: every second full segment, and none later than the delay.
  private mutating func decideAcknowledgment(
    _ octets: Int, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    acknowledgments.unacknowledged &+= octets
    acknowledgments.lastDataAt = now
    // RFC 9293 3.10.7.4 MUST-58, MUST-59: one is owed; it leaves when what has come is processed.
    guard !pending.contains(.acknowledgment) else { return }
    if acknowledgments.quick > 0, !acknowledgments.isInteractive {
      acknowledgments.quick &-= 1
      return acknowledgeNow(.acknowledgeAtOnce)
    }
    if acknowledgments.unacknowledged >= 2 &* receive.segmentSize {
      return acknowledgeNow(.acknowledgeSecondSegment)
    }
    guard timers.acknowledgment == .distantFuture else { return }
    ledger.note(.delayACK)
    timers.acknowledgment = now.advanced(byNanoseconds: acknowledgments.delay)
  }

  /// Nobody reads any more. RFC 9293 section 3.6.1, RFC 1122 section 4.2.2.13.
  private mutating func refuseUnreadData() {
    finish(isOrphan ? .aborted : .reset)
    pending.formUnion([.reset, .refusal])
  }

  /// A segment had FIN: remembers its number, and takes it when all before it has come.
  mutating func receiveFIN(
    _ segment: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    guard state.mayReceive,
      receive.finish == nil || receive.finish == segment.sequence + (segment.length &- 1)
    else { return ledger.note(.dropUnexpected) }
    let number = segment.sequence + (segment.length &- 1)
    // A FIN beyond what the window let in comes again; one amid what has come is no end.
    guard number.precedesOrEquals(receive.windowEdge), number.followsOrEquals(receive.next),
      reassembly.ranges.last?.end.precedesOrEquals(number) ?? true
    else { return ledger.note(.dropBeyondWindow) }
    receive.finish = number
    finishIfReached(at: now, ledger: &ledger)
    // RFC 5681 section 4.2: a FIN that comes early is answered as early data is.
    if !receive.hasFinished { acknowledgeNow(.acknowledgeOutOfOrder) }
  }

  /// Eighth step, once the FIN is next in order.
  private mutating func finishIfReached(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    guard let number = receive.finish, number == receive.next, !receive.hasFinished else { return }
    receive.hasFinished = true
    receive.next = number + 1
    receive.windowEdge = .later(receive.windowEdge, receive.next)
    acknowledgeNow(.acknowledgeFIN)
    ledger.note(.peerClosed)
    events.formUnion([.peerClosed, .readable])
    switch state {
    case .established, .synReceived: enter(.closeWait)
    case .finWait1: enter(.closing)
    case .finWait2: startTimeWait(at: now, ledger: &ledger)
    case .listen, .synSent, .closeWait, .closing, .lastAck, .timeWait, .closed: break
    }
  }

  // MARK: RECEIVE

  /// RECEIVE: the user has read so many octets, and the window may open.
  package mutating func consume(_ count: Int, at now: Instant) {
    receiveBuffer.consume(count)
    guard state.mayReceive else {
      if receiveBuffer.isEmpty { receiveBuffer.shrink() }
      return
    }
    tuneReceiveBuffer(count, at: now)
    // RFC 9293 3.8.6.2.2 MUST-39: only a window that has opened enough is worth telling.
    let open = receive.window
    // No more can be told than the field holds, with the shift.
    let most = min(receive.limit, 65_535 << (receive.usesScaling ? Int(receive.ourScale) : 0))
    guard open < most / 2 else { return }
    let possible = min(receive.limit &- receiveBuffer.count, receiveBuffer.free, most)
    if possible &- open >= min(most / 2, 2 &* receive.segmentSize) {
      acknowledgeNow(.windowUpdate)
    }
  }

  /// The window for a header, and the edge that it tells. RFC 9293 section 3.8.6.2.2.
  mutating func offerWindow() -> UInt16 {
    let scale = receive.usesScaling ? Int(receive.ourScale) : 0
    // Without memory for more the edge stays where it is.
    let room = receiveBuffer.free
    let free = max(0, min(receive.limit &- receiveBuffer.count, room))
    let edge = receive.next + free
    let gain = receive.windowEdge.distance(to: edge)
    var window = receive.window
    // RFC 9293 3.8.6.2.2 MUST-39: the edge moves by a worthwhile step or not at all.
    if gain >= min(receive.limit / 2, receive.segmentSize) { window = free }
    let most = 65_535 << scale
    let units = min(window, most) >> scale
    // RFC 9293 3.8.6 SHLD-14: rounded up, so that the edge does not move left, for as long as
    // there is room for the rounding; segments of single octets would let it run away.
    let above = min((receive.window &+ (1 << scale) &- 1) >> scale, 65_535)
    let hasRoom = above << scale <= room
    let told = hasRoom ? max(units, above) : units
    receive.windowEdge = .later(receive.windowEdge, receive.next + (told << scale))
    return UInt16(truncatingIfNeeded: told)
  }
}
