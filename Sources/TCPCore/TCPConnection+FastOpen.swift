package import Octets
package import Wire

/// How an active open uses Fast Open. RFC 7413 section 4.2.
package struct FastOpenAttempt: Hashable, Sendable {
  /// What the SYN carries besides; nil for data without a cookie, where both ends allow that.
  package var option: FastOpenOption?
  /// Data goes with the SYN: there is a cookie, or none is needed.
  package var carriesData: Bool
  /// The MSS that the server told last time.
  package var maximumSegmentSize: Int?
  /// The SYN waits until the user has written.
  package var waitsForData: Bool

  /// An attempt from its parts.
  package init(
    option: FastOpenOption?, carriesData: Bool, maximumSegmentSize: Int? = nil,
    waitsForData: Bool = false
  ) {
    self.option = option
    self.carriesData = carriesData
    self.maximumSegmentSize = maximumSegmentSize
    self.waitsForData = waitsForData
  }
}

/// What an open with Fast Open has taught about the server. RFC 7413 section 4.1.3.
package struct FastOpenLesson: Hashable, Sendable {
  /// The cookie that the server sent.
  package var cookie: FastOpenOption?
  /// The MSS that it told.
  package var maximumSegmentSize: Int
  /// Our SYN had to be sent again, and neither cookie nor data was acknowledged.
  package var lostSYN: Bool
  /// We had asked for a cookie, in this form, and got none.
  package var unanswered: FastOpenOption?

  /// A lesson that all went well.
  package init(cookie: FastOpenOption?, maximumSegmentSize: Int) {
    self.cookie = cookie
    self.maximumSegmentSize = maximumSegmentSize
    lostSYN = false
  }
}

/// A connection's part in Fast Open.
struct FastOpenState {
  /// What few connections need, and none for long.
  private struct Opening {
    var attempt: FastOpenAttempt?
    var lesson: FastOpenLesson?
    var answer: FastOpenOption?
  }

  // At most one, in memory of its own: connections without Fast Open stay small.
  private var opening: [Opening] = []
  /// Octets that our SYN carried.
  var octetsInSYN = 0
  /// Data in a SYN, ours or the peer's, was acknowledged.
  var isDataAcknowledged = false
  /// A passive open whose data was taken before the handshake ended.
  var isChild = false

  /// What an active open tries.
  var attempt: FastOpenAttempt? {
    get { opening.first?.attempt }
    set { change(newValue != nil) { $0.attempt = newValue } }
  }

  /// What it learnt, until it is taken.
  var lesson: FastOpenLesson? {
    get { opening.first?.lesson }
    set { change(newValue != nil) { $0.lesson = newValue } }
  }

  /// What our SYN,ACK tells: a cookie.
  var answer: FastOpenOption? {
    get { opening.first?.answer }
    set { change(newValue != nil) { $0.answer = newValue } }
  }

  private mutating func change(_ isSet: Bool, _ body: (inout Opening) -> Void) {
    if opening.isEmpty {
      guard isSet else { return }
      opening.append(Opening())
    }
    body(&opening[0])
  }
}

// Fast Open: data in the SYN. RFC 7413.
extension TCPConnection {
  /// What an open has taught, once.
  package mutating func takeFastOpenLesson() -> FastOpenLesson? {
    defer { fastOpen.lesson = nil }
    return fastOpen.lesson
  }

  /// Octets that a SYN may carry, in full: what a segment has room for beside 40 octets of options.
  package var roomInSYN: Int {
    guard let attempt = fastOpen.attempt, attempt.carriesData else { return 0 }
    var size = min(attempt.maximumSegmentSize ?? 536, pathMTU &- 40)
    if let ours = configuration.maximumSegmentSize { size = min(size, ours) }
    return max(0, size &- 40 &- networkOptions)
  }

  /// A listener's SYN brought a valid cookie: its data is taken, and the user may read and write
  /// before the handshake ends. RFC 7413 section 4.2.2.
  package mutating func acceptEarly(
    _ syn: borrowing TCPSegmentView, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    fastOpen.isChild = true
    fastOpen.isDataAcknowledged = syn.payload.count > 0
    ledger.note(.acceptEarlyData, Int64(syn.payload.count))
    let taken = receiveBuffer.write(syn.payload, at: 0)
    receiveBuffer.extend(by: taken)
    receive.next += taken
    receive.windowEdge = .later(receive.windowEdge, receive.next)
    receive.lastAcknowledged = receive.next
    statistics.octetsReceived &+= taken
    events.formUnion([.connected, .writable])
    if taken > 0 { events.insert(.readable) }
  }

  /// The SYN goes, though nothing was written.
  package mutating func openNow() { fastOpen.attempt?.waitsForData = false }

  /// Our SYN,ACK brings the client a cookie. RFC 7413 section 4.2.2.
  package mutating func answerFastOpen(_ option: FastOpenOption) { fastOpen.answer = option }

  /// Whether data may be sent although the handshake has not ended.
  var sendsEarly: Bool {
    state == .synReceived && fastOpen.isChild && !pending.contains(.syn)
      && send.next != send.initial
  }

  /// How much of the send buffer our first SYN carries.
  mutating func octetsForSYN() -> Int {
    let record = recordEnds.first.map { send.dataStart.distance(to: $0) } ?? .max
    let count = min(sendBuffer.count, roomInSYN, record)
    fastOpen.octetsInSYN = count
    return count
  }

  /// The peer's SYN,ACK: what it says of the data in our SYN, and of the next time.
  mutating func learn(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions,
    ledger: inout RuleLedger<TCPRule>
  ) {
    guard let attempt = fastOpen.attempt else { return }
    let acknowledged = (send.initial + 1).distance(to: segment.acknowledgment)
    let wasAgain = retransmissions > 0
    let cookie = options.fastOpen.flatMap { $0.cookie.count > 0 ? $0 : nil }
    fastOpen.isDataAcknowledged =
      fastOpen.octetsInSYN > 0 && acknowledged >= fastOpen.octetsInSYN
    var lesson = FastOpenLesson(
      cookie: attempt.option == nil ? nil : cookie,
      maximumSegmentSize: Int(options.maximumSegmentSize ?? 536))
    if wasAgain {
      lesson.lostSYN = cookie == nil && fastOpen.octetsInSYN > 0
    } else if cookie == nil, fastOpen.octetsInSYN == 0 {
      lesson.unanswered = attempt.option
    }
    fastOpen.lesson = lesson
    if fastOpen.isDataAcknowledged { ledger.note(.earlyDataAcknowledged, Int64(acknowledged)) }
  }
}
