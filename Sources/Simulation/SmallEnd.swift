import Octets
import TCPCore
import Wire

/// A connection in a place of its own.
final class LivingConnection {
  var tcp: TCPConnection
  init(_ tcp: consuming TCPConnection) { self.tcp = tcp }
}

extension TCPConnection {
  /// The octets that a segment carries.
  fileprivate func payload(of segment: borrowing OutgoingSegment) -> [UInt8] {
    var octets: [UInt8] = []
    while octets.count < segment.payloadCount {
      octets += [UInt8](copying: payload(of: segment, from: octets.count))
    }
    return octets
  }
}

/// One end of a small world: a place for a connection, its user, and what both have done.
final class SmallEnd {
  let side: SmallSide
  let user: SmallUser
  var connection: LivingConnection?
  /// Connections that there were, this one included.
  private(set) var incarnation = 0
  /// ISS, octets written and whether the user has closed, for each of them.
  private(set) var lives: [Life] = []
  /// Octets read in this life.
  var read = 0
  private var writes = 0
  private var hasLeft = false
  /// Where the connection was when it last existed.
  var numbers: TCPNumbers?
  /// The furthest edge of the window in this life.
  var edge: SequenceNumber?
  var state: TCPState?

  struct Life {
    var initial: SequenceNumber
    var written = 0
    var hasClosed = false
  }

  init(_ side: SmallSide, _ user: SmallUser) {
    self.side = side
    self.user = user
  }

  // MARK: The user

  var nextWrite: Int? { writes < user.writes.count ? user.writes[writes] : nil }
  var hasUnread: Bool { !user.readsAtOnce && (connection?.tcp.receivedCount ?? 0) > 0 }

  /// Whether its user knows of the connection: a listener gives it away once it is established.
  private var isKnown: Bool {
    guard let state = connection?.tcp.state else { return false }
    return user.openings > 0 || state != .synReceived
  }

  var mayCloseNow: Bool { isKnown && lives.last?.hasClosed == false }
  var mayLeaveNow: Bool { isKnown && lives.last?.hasClosed == true && !hasLeft }

  /// What the user may do now by its own choice.
  var choices: [SmallAction.Kind] {
    guard connection != nil else {
      return incarnation < user.openings ? [.open] : []
    }
    guard isKnown else { return [] }
    var list: [SmallAction.Kind] = []
    if let next = nextWrite, lives.last?.hasClosed == false,
      (connection?.tcp.sendRoom ?? 0) >= next
    {
      list.append(.write)
    }
    if hasUnread { list.append(.read) }
    if user.mayClose, mayCloseNow { list.append(.close) }
    if user.mayAbort, connection?.tcp.state != .timeWait { list.append(.abort) }
    return list
  }

  private func endpoints() -> TCPEndpoints {
    let near = SocketAddress(IPv4Address(192, 0, 2, 1 + side.rawValue), 40_000)
    let far = SocketAddress(IPv4Address(192, 0, 2, 2 - side.rawValue), 40_000)
    return TCPEndpoints(local: near, remote: far)
  }

  /// Each life begins further on than any window of the one before reaches.
  private func begin(_ rules: SmallWorldRules) -> SequenceNumber {
    let base: UInt32 = side == .left ? 0 : 0x8000_0000
    let start = base &- rules.distanceToWrap
    let initial = SequenceNumber(start &+ UInt32(incarnation) &* 0x2_0000)
    incarnation += 1
    lives.append(Life(initial: initial))
    read = 0
    hasLeft = false
    edge = nil
    numbers = nil
    state = nil
    return initial
  }

  func open(_ rules: SmallWorldRules, at now: Instant) {
    let initial = begin(rules)
    connection = LivingConnection(
      TCPConnection(
        opening: endpoints(), initialSequence: initial, pathMTU: rules.pathMTU,
        configuration: rules.configuration, at: now))
  }

  func accept(
    _ syn: borrowing TCPSegmentView, _ rules: SmallWorldRules, at now: Instant
  ) {
    let initial = begin(rules)
    connection = LivingConnection(
      TCPConnection(
        accepting: syn, endpoints: endpoints(), initialSequence: initial, pathMTU: rules.pathMTU,
        configuration: rules.configuration, at: now))
  }

  /// The octet at a place of what a life of one side says.
  static func octet(_ side: SmallSide, _ life: Int, _ place: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: place &* 7 &+ life &* 31 &+ Int(side.rawValue) &* 101 &+ 1)
  }

  func write(at now: Instant) {
    guard let count = nextWrite, let start = lives.last?.written else { return }
    writes += 1
    let octets = (start..<start + count).map { Self.octet(side, incarnation, $0) }
    guard let connection, let taken = try? connection.tcp.send(octets.span, at: now) else { return }
    lives[lives.count - 1].written += taken
  }

  func close(at now: Instant) {
    lives[lives.count - 1].hasClosed = true
    connection?.tcp.closeSending(at: now)
  }

  func abort(at now: Instant) {
    lives[lives.count - 1].hasClosed = true
    connection?.tcp.abort(at: now)
  }

  func leave(at now: Instant) {
    hasLeft = true
    connection?.tcp.detach(at: now)
  }

  // MARK: The connection

  /// The connection is over.
  func forget() { connection = nil }

  func payload(of segment: borrowing OutgoingSegment) -> [UInt8] {
    connection?.tcp.payload(of: segment) ?? []
  }

  /// All that can be read.
  func takeText(at now: Instant) -> [UInt8] {
    guard let connection else { return [] }
    var octets: [UInt8] = []
    while connection.tcp.receivedCount > 0 {
      let part = connection.tcp.read(at: now) { ($0.count, [UInt8](copying: $0)) }
      octets += part.result
    }
    return octets
  }

  func digest(into digest: inout StateDigest) {
    digest.add(incarnation)
    digest.add(writes)
    digest.add(hasLeft)
    digest.add(read)
    for life in lives {
      digest.add(life.written)
      digest.add(life.hasClosed)
    }
    digest.add(connection != nil)
    connection?.tcp.digest(into: &digest)
  }
}
