import DequeModule
package import Octets
package import Wire

/// One TCP connection, from its SYN to its end. Source: RFC 9293.
///
/// Octets, time and segments come in as arguments; segments, events and the next deadline come out.
///
///     passive                                active
///     LISTEN ──SYN──► SYN-RECEIVED ◄──SYN── SYN-SENT
///                          │ ACK               │ SYN,ACK
///                          ▼                   ▼
///                          └──► ESTABLISHED ◄──┘
///               CLOSE │                  │ FIN
///                     ▼                  ▼
///     FIN-WAIT-1 ──FIN──► CLOSING    CLOSE-WAIT ──CLOSE──► LAST-ACK ──ACK──► CLOSED
///         │ ACK              │ ACK
///         ▼                  ▼
///     FIN-WAIT-2 ──FIN──► TIME-WAIT ──2 MSL──► CLOSED
///
/// How to drive it: hand in ``segmentArrived(_:codepoint:at:ledger:)``, ``deadlinePassed(at:ledger:)`` and
/// commands; after any of them call ``nextSegment(into:limits:at:ledger:)`` until it returns false,
/// take the events, and ask for ``nextDeadline``.
///
/// Invariants:
/// 1. SND.UNA <= SND.NXT; the send buffer's first octet has the number `send.dataStart`, which is
///    SND.UNA whenever neither our SYN nor our FIN is what is unacknowledged.
/// 2. The right edge of the receive window never moves left, and every octet below it has room.
/// 3. While anything that takes a sequence number is unacknowledged, or data waits for a closed
///    window, `timers.retransmit` is set.
/// 4. Without octets in flight or waiting, a connection holds no buffer memory for long.
package struct TCPConnection: ~Copyable {
  /// Both ends.
  package let endpoints: TCPEndpoints
  /// What the user set; see ``configure(at:_:)``.
  package internal(set) var configuration: TCPConfiguration
  /// The state; changed in ``enter(_:)`` only.
  package private(set) var state: TCPState
  /// Why the connection ended; nil while it lives.
  package internal(set) var closeReason: TCPCloseReason?
  /// Whether it came from LISTEN. RFC 9293 3.5 MUST-11.
  package let isPassive: Bool

  var send: SendSequence
  var receive: ReceiveSequence
  var sendBuffer: RingBuffer
  var receiveBuffer: RingBuffer
  /// What has arrived beyond RCV.NXT.
  var reassembly = SequenceRanges()
  /// What is under way; which of it is lost; what is done about that.
  var scoreboard = Scoreboard()
  var detection = LossDetection()
  var recovery = Recovery()
  var congestion: CongestionController
  var windowUse = WindowUse()
  var slowStart = SlowStartWatch()
  var pacing = Pacing()
  var receiveTuning = ReceiveTuning()
  var roundTrip: RoundTripEstimator
  var timers = Timers()
  var pending: PendingOutput = []
  /// Why the pending acknowledgment is sent.
  var acknowledgmentRule = TCPRule.acknowledgeAtOnce
  var events: TCPEvents = []
  var acknowledgments: AcknowledgmentPolicy
  var challenges = ChallengeBudget()
  /// The user has closed: a FIN follows the last octet.
  var isClosing = false
  /// Nobody reads any more.
  var isOrphan = false
  /// When all that an orphan still has to send must be acknowledged.
  var orphanDeadline = Instant.distantFuture
  /// The user wanted to write more than fitted.
  var isWriteBlocked = false
  /// Octets of the largest packet that the path takes.
  package internal(set) var pathMTU: Int
  /// Octets of options in the IP headers of our segments.
  var networkOptions = 0
  /// A duplicate that arrived, to be reported in the first SACK block. RFC 2883.
  var duplicateReport: SACKBlock?
  /// An acknowledgment in the handshake for what was never sent: answered by a reset.
  var badHandshakeACK: SequenceNumber?
  /// Retransmissions in a row without progress.
  var retransmissions = 0
  /// The last write announced more: its tail waits for it, as with a cork.
  var expectsMore = false
  /// The last write was to be handed on at once: its end gets PSH.
  var pushesTail = true
  /// The user reads no more: what comes after our FIN is refused.
  var refusesText = false
  /// What was counted.
  var statistics = TCPStatistics()
  /// Where records end that segments must not cross, the first ones first.
  var recordEnds: Deque<SequenceNumber> = []
  /// Octets that the user asked about.
  var stamps = SendStamps()
  /// What sending has waited for.
  package var sendTimes = TCPSendTimes()
  /// What is known of congestion marks. RFC 3168.
  var ecn: ECNState = []
  // At most one, in memory of its own: connections that count no marks stay small.
  /// The counts of congestion marks, where both ends keep them. RFC 9768.
  var markCounts: [MarkCounts] = []
  /// The search for the path's limit. RFC 4821.
  var pathProbe = PathProbe()
  /// What the ends tell each other of their time-outs. RFC 5482.
  var userTimeouts = UserTimeouts()
  /// Data in the SYN. RFC 7413.
  var fastOpen = FastOpenState()
  private let inPlace = InPlace()

  /// An active open: SYN-SENT. RFC 9293 section 3.10.1.
  package init(
    opening endpoints: TCPEndpoints, initialSequence: SequenceNumber, pathMTU: Int,
    configuration: TCPConfiguration, fastOpen attempt: FastOpenAttempt? = nil, at now: Instant
  ) {
    self.init(
      endpoints, initialSequence, pathMTU, configuration, state: .synSent, isPassive: false)
    fastOpen.attempt = attempt
    pending.insert(.syn)
    timers.unacknowledgedSince = now
  }

  /// A passive open: a listener got a SYN; SYN-RECEIVED. RFC 9293 section 3.10.7.2.
  package init(
    accepting syn: borrowing TCPSegmentView, codepoint: ECNCodepoint = .notECT,
    endpoints: TCPEndpoints, initialSequence: SequenceNumber, pathMTU: Int,
    configuration: TCPConfiguration, at now: Instant
  ) {
    self.init(
      endpoints, initialSequence, pathMTU, configuration, state: .synReceived, isPassive: true)
    takeSYN(syn, codepoint, at: now)
    pending.insert(.syn)
    timers.unacknowledgedSince = now
  }

  init(
    _ endpoints: TCPEndpoints, _ initialSequence: SequenceNumber, _ pathMTU: Int,
    _ configuration: TCPConfiguration, state: TCPState, isPassive: Bool
  ) {
    self.endpoints = endpoints
    self.configuration = configuration
    self.pathMTU = max(pathMTU, 68)
    self.state = state
    self.isPassive = isPassive
    send = SendSequence(initial: initialSequence)
    receive = ReceiveSequence(limit: max(2048, min(configuration.receiveBufferLimit, 1 << 30)))
    let scale = ReceiveSequence.scale(
      for: max(receive.limit, min(configuration.receiveBufferMaximum, 1 << 30)))
    receive.ourScale = configuration.usesWindowScaling ? scale : 0
    sendBuffer = RingBuffer(limit: max(2048, min(configuration.sendBufferLimit, 1 << 30)))
    acknowledgments = AcknowledgmentPolicy(configuration)
    // The window is rounded up to its unit, so that its edge never moves left.
    receiveBuffer = RingBuffer(limit: receive.limit &+ 1 << Int(scale))
    congestion = CongestionController(configuration, segmentSize: 536)
    roundTrip = RoundTripEstimator(configuration)
    windowUse.end = initialSequence
  }

  // MARK: Commands. RFC 9293 section 3.9.1.

  /// SEND: takes as many octets as there is room for, and says how many; 0 when full.
  package mutating func send(_ octets: Span<UInt8>, at now: Instant) throws(TCPError) -> Int {
    try beginSending(at: now)
    expectsMore = false
    pushesTail = true
    guard recordEnds.count < Self.recordLimit else {
      isWriteBlocked = true
      return 0
    }
    let taken = sendBuffer.append(octets)
    if taken < octets.count { isWriteBlocked = true }
    sendTimes.userLacksRoom = taken < octets.count
    return taken
  }

  /// SEND of what was received, without a detour: how many octets were taken. RFC 862.
  package mutating func echo(at now: Instant) throws(TCPError) -> Int {
    try beginSending(at: now)
    let taken = sendBuffer.append(firstOf: receiveBuffer)
    if sendBuffer.free == 0 { isWriteBlocked = true }
    if taken > 0 { consume(taken, at: now) }
    return taken
  }

  private mutating func beginSending(at now: Instant) throws(TCPError) {
    if let closeReason { throw .closed(closeReason) }
    guard state.maySend, !isClosing else { throw .sendingClosed }
    restartAfterIdle(at: now)
    noteIfLimited()
  }

  /// Octets that ``send(_:at:)`` would take now.
  package var sendRoom: Int {
    state.maySend && !isClosing && recordEnds.count < Self.recordLimit ? sendBuffer.free : 0
  }

  /// CLOSE: what was sent goes out, then FIN. The peer may still send. RFC 9293 section 3.10.4.
  package mutating func closeSending(at now: Instant) {
    guard !isClosing else { return }
    switch state {
    case .synSent:
      finish(.aborted)
    case .synReceived: isClosing = true
    case .established:
      isClosing = true
      enter(.finWait1)
    case .closeWait:
      isClosing = true
      enter(.lastAck)
    case .listen, .finWait1, .finWait2, .closing, .lastAck, .timeWait, .closed: break
    }
  }

  /// The user goes away: FIN after what was sent, and a reset if data is unread or comes later.
  package mutating func detach(at now: Instant) {
    guard state != .closed else { return }
    isOrphan = true
    if state == .timeWait, configuration.linger != .zero {
      // The peer has long finished, and old segments must still die out.
      return receiveBuffer.removeAll()
    }
    // RFC 9293 3.6.1 SHLD-3: the peer must learn that its data was lost.
    if !receiveBuffer.isEmpty || configuration.linger == .zero {
      return abort(at: now)
    }
    closeSending(at: now)
    orphanDeadline = now + configuration.orphanPatience(sendBuffer.count)
    if state == .finWait2 { startOrphanTimer(at: now) }
  }

  /// ABORT: RST, and the connection is gone. RFC 9293 section 3.10.5.
  package mutating func abort(at now: Instant) {
    guard state != .closed else { return }
    let mustTell =
      switch state {
      case .synReceived, .established, .finWait1, .finWait2, .closeWait: true
      case .closing, .lastAck: true
      case .listen, .synSent, .timeWait, .closed: false
      }
    finish(.aborted)
    if mustTell { pending.insert(.reset) }
  }

  // MARK: Getters.

  /// Octets that can be read.
  package var receivedCount: Int { receiveBuffer.count }

  /// The first contiguous part of what can be read.
  package var received: Span<UInt8> {
    @_lifetime(borrow self)
    get { receiveBuffer.contiguous(at: 0, count: receiveBuffer.count) }
  }

  /// Lends `body` the first contiguous part of what can be read; what it took is consumed.
  package mutating func read<Result>(
    at now: Instant, _ body: (Span<UInt8>) -> (consumed: Int, result: Result)
  ) -> (consumed: Int, result: Result) {
    let (consumed, result) = body(received)
    if consumed > 0 { consume(consumed, at: now) }
    return (consumed, result)
  }

  /// Gives `other` what can be read as far as it takes it: the first contiguous part.
  package mutating func forward(
    to other: inout TCPConnection, at now: Instant
  ) throws(TCPError) -> Int {
    let taken = try other.send(received, at: now)
    if taken > 0 { consume(taken, at: now) }
    return taken
  }

  /// Whether the peer has closed and everything was read.
  package var isAtEnd: Bool { receiveBuffer.isEmpty && (receive.hasFinished || state == .closed) }

  /// Whether nothing is left to do: the connection may be removed.
  package var isFinished: Bool { state == .closed && !pending.contains(.reset) }

  /// Octets that are sent and not acknowledged, SYN and FIN included.
  package var outstanding: Int { send.unacknowledged.distance(to: send.next) }

  /// SND.NXT.
  package var nextNumber: SequenceNumber { send.next }

  /// When ``deadlinePassed(at:ledger:)`` must be called next; nil when nothing is waited for.
  package var nextDeadline: Instant? { timers.next }

  /// Whether an acceptable segment came at this very moment.
  package func wasHeard(at now: Instant) -> Bool { timers.lastHeard == now }

  /// The octets of a segment from an offset in its payload: the first contiguous part.
  @_lifetime(borrow self)
  package func payload(of segment: borrowing OutgoingSegment, from offset: Int) -> Span<UInt8> {
    sendBuffer.contiguous(
      at: segment.payloadOffset &+ offset, count: segment.payloadCount &- offset)
  }

  /// What happened since the last call.
  package mutating func takeEvents() -> TCPEvents {
    let taken = events
    events = []
    return taken
  }

  // MARK: State changes.

  /// The one place where the state changes.
  mutating func enter(_ next: TCPState) { state = next }

  /// The connection is over.
  mutating func finish(_ reason: TCPCloseReason) {
    enter(.closed)
    closeReason = reason
    timers.clear()
    pending = []
    sendBuffer.removeAll()
    // No timer will look after it any more.
    if receiveBuffer.isEmpty { receiveBuffer.shrink() }
    scoreboard.removeAll()
    recordEnds = []
    reassembly.removeAll()
    events.formUnion([.closed, .readable, .writable])
  }

  /// Back in use after silence: the window may be out of date. RFC 5681 section 4.1.
  private mutating func restartAfterIdle(at now: Instant) {
    guard configuration.restartsAfterIdle, outstanding == 0, sendBuffer.isEmpty,
      let last = send.lastDataAt, now.nanoseconds(since: last) > roundTrip.retransmissionTimeout
    else { return }
    congestion.restartAfterIdle()
    send.lastDataAt = nil
  }
}
