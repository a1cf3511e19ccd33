import Octets
import TCPCore
import Testing
import Wire

extension TCPFlags {
  static var synAck: TCPFlags { [.syn, .ack] }
  static var finAck: TCPFlags { [.fin, .ack] }
  static var rstAck: TCPFlags { [.rst, .ack] }
  /// The names of the flags, as tcpdump writes them.
  var names: String {
    var text = ""
    for (flag, name) in [
      (TCPFlags.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ece, "E"),
      (.cwr, "W"), (.ae, "A"), (.ack, "."),
    ] where contains(flag) { text += name }
    return text
  }
}

/// A segment that the connection sent, its numbers counted from the two initial ones.
struct Sent: CustomStringConvertible, Sendable {
  var at: Instant
  var flags: TCPFlags
  var seq: Int
  var ack: Int
  var payload: [UInt8]
  var window: Int
  var options: TCPOptions
  var codepoint: ECNCodepoint
  var segmentSize: Int
  var rule: TCPRule
  var length: Int { payload.count }
  var description: String {
    "\(flags.names) seq \(seq) ack \(ack) length \(length) window \(window) (\(rule))"
  }
}

/// One connection in virtual time, and a test in the place of the peer and of the network.
///
/// Sequence numbers in a script count from each side's SYN, which is 0: the first octet is 1.
struct Script: ~Copyable {
  /// Both near the wrap, so that every script crosses it.
  static let ourStart = SequenceNumber(0xFFFF_FF80)
  static let theirStart = SequenceNumber(0xFFFF_FFC0)
  static let ends = TCPEndpoints(
    local: SocketAddress(IPv4Address(192, 0, 2, 1), 25),
    remote: SocketAddress(IPv4Address(192, 0, 2, 2), 50_000))

  var connection: TCPConnection
  var now = Instant.start
  var ledger = RuleLedger<TCPRule>()
  var limits = SegmentLimits()
  /// The peer's TSval, put into every segment when set; the echo follows what was received.
  var peerClock: UInt32?
  var lastTimestamp: UInt32 = 0
  private var waiting: [Sent] = []

  /// An active open; the SYN is not sent yet.
  init(opening configuration: TCPConfiguration = TCPConfiguration(), mtu: Int = 1500) {
    connection = TCPConnection(
      opening: Self.ends, initialSequence: Self.ourStart, pathMTU: mtu,
      configuration: configuration, at: .start)
  }

  /// A passive open by this SYN; the SYN,ACK is not sent yet.
  init(
    accepting options: TCPOptions, configuration: TCPConfiguration = TCPConfiguration(),
    mtu: Int = 1500, window: UInt16 = 65_535, flags: TCPFlags = [],
    codepoint: ECNCodepoint = .notECT
  ) {
    self.init(opening: configuration, mtu: mtu)
    let octets = Self.octets(flags.union(.syn), seq: 0, ack: 0, [], window, options, 0)
    guard let view = try? TCPSegmentView(parsing: octets.span) else { return }
    connection = TCPConnection(
      accepting: view, codepoint: codepoint, endpoints: Self.ends, initialSequence: Self.ourStart,
      pathMTU: mtu,
      configuration: configuration, at: .start)
  }

  /// The octet at a place in either stream.
  static func octet(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 131 ^ place >> 8) }
  /// Octets of either stream, from a place.
  static func stream(_ place: Int, _ count: Int) -> [UInt8] {
    (place..<place + count).map(octet)
  }

  private static func octets(
    _ flags: TCPFlags, seq: Int, ack: Int, _ payload: [UInt8], _ window: UInt16,
    _ options: TCPOptions, _ urgent: UInt16
  ) -> [UInt8] {
    var header = TCPHeader(
      sourcePort: ends.remote.port, destinationPort: ends.local.port, sequence: theirStart + seq,
      acknowledgment: flags.contains(.ack) ? ourStart + ack : SequenceNumber(0), flags: flags,
      window: window, options: options)
    header.urgentPointer = urgent
    return [UInt8](capacity: 60 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  // MARK: The peer

  /// A segment of the peer arrives; its text is that of the stream at its place.
  mutating func inject(
    _ flags: TCPFlags, seq: Int, ack: Int = 0, length: Int = 0, window: UInt16 = 65_535,
    options: TCPOptions = TCPOptions(), urgent: UInt16 = 0, codepoint: ECNCodepoint = .notECT,
    segmentSize: UInt16 = 0
  ) {
    var options = options
    if let peerClock, options.timestamps == nil {
      options.timestamps = TCPTimestamps(value: peerClock, echo: lastTimestamp)
    }
    let payload = Self.stream(flags.contains(.syn) ? 0 : seq - 1, length)
    arrive(
      Self.octets(flags, seq: seq, ack: ack, payload, window, options, urgent),
      codepoint: codepoint, segmentSize: segmentSize)
  }

  /// Octets of a segment arrive as they are.
  mutating func arrive(
    _ octets: [UInt8], codepoint: ECNCodepoint = .notECT, segmentSize: UInt16 = 0
  ) {
    guard let view = try? TCPSegmentView(parsing: octets.span) else { return }
    connection.segmentArrived(
      view, codepoint: codepoint, segmentSize: segmentSize, at: now, ledger: &ledger)
  }

  /// An ICMP error about the segment at this number of ours arrives.
  mutating func injectError(_ error: TCPPathError, quoting seq: Int) {
    connection.pathError(error, quoting: Self.ourStart + seq, at: now, ledger: &ledger)
  }

  // MARK: Time

  /// Time passes; deadlines are kept, and what they cause to be sent waits to be expected.
  mutating func wait(_ duration: Duration) { wait(until: now + duration) }

  mutating func wait(until target: Instant) {
    collect()
    while let deadline = connection.nextDeadline, deadline <= target {
      now = max(now, deadline)
      connection.deadlinePassed(at: now, ledger: &ledger)
      collect()
    }
    now = target
  }

  // MARK: The user

  /// The user sends so many octets of the stream, from a place in it.
  @discardableResult
  mutating func send(_ count: Int, from place: Int = 0) -> Int {
    let octets = Self.stream(place, count)
    return (try? connection.send(octets.span, at: now)) ?? -1
  }

  /// The user reads all there is; whether it is the stream from that place on.
  mutating func read() -> [UInt8] { readAll(&connection, at: now) }

  // MARK: What was sent

  private mutating func collect() {
    while let segment = connection.nextSegment(limits: limits, at: now, ledger: &ledger) {
      var payload: [UInt8] = []
      while payload.count < segment.payloadCount {
        payload += [UInt8](copying: connection.payload(of: segment, from: payload.count))
      }
      let header = segment.header
      if let times = header.options.timestamps { lastTimestamp = times.value }
      waiting.append(
        Sent(
          at: now, flags: header.flags, seq: Self.ourStart.distance(to: header.sequence),
          ack: header.flags.contains(.ack)
            ? Self.theirStart.distance(to: header.acknowledgment) : 0,
          payload: payload, window: Int(header.window), options: header.options,
          codepoint: segment.codepoint, segmentSize: Int(segment.segmentSize), rule: segment.rule))
    }
  }

  /// The next segment that was sent, if any.
  mutating func next() -> Sent? {
    collect()
    return waiting.isEmpty ? nil : waiting.removeFirst()
  }

  /// All segments that were sent.
  mutating func all() -> [Sent] {
    collect()
    defer { waiting = [] }
    return waiting
  }

  /// The next segment must be this one; PSH counts only where it is asked for.
  @discardableResult
  mutating func expect(
    _ flags: TCPFlags, seq: Int? = nil, ack: Int? = nil, length: Int = 0, rule: TCPRule? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Sent? {
    guard let sent = next() else {
      Issue.record(
        "nothing was sent, \(flags.names) seq \(seq ?? -1) expected",
        sourceLocation: sourceLocation)
      return nil
    }
    let seen = flags.contains(.psh) ? sent.flags : sent.flags.subtracting(.psh)
    let isRight =
      seen == flags && seq ?? sent.seq == sent.seq && ack ?? sent.ack == sent.ack
      && length == sent.length && rule ?? sent.rule == sent.rule
    if !isRight {
      Issue.record(
        """
        \(flags.names) seq \(seq ?? sent.seq) ack \(ack ?? sent.ack) length \(length) \
        (\(rule ?? sent.rule)) expected, but sent was \(sent)
        """, sourceLocation: sourceLocation)
    }
    if sent.length > 0 {
      #expect(
        sent.payload == Self.stream(sent.seq - 1, sent.length), "octets of the stream",
        sourceLocation: sourceLocation)
    }
    return sent
  }

  /// Nothing may have been sent.
  mutating func expectNothing(sourceLocation: SourceLocation = #_sourceLocation) {
    while let sent = next() {
      Issue.record("sent was \(sent), nothing expected", sourceLocation: sourceLocation)
    }
  }

  /// The connection must be in this state.
  func expect(state: TCPState, sourceLocation: SourceLocation = #_sourceLocation) {
    let seen = connection.state
    #expect(seen == state, sourceLocation: sourceLocation)
  }

  /// The connection must be over, for this reason, and owe nobody anything.
  func expect(closed reason: TCPCloseReason, sourceLocation: SourceLocation = #_sourceLocation) {
    let seen = connection.closeReason
    let state = connection.state
    let deadline = connection.nextDeadline
    #expect(seen == reason, sourceLocation: sourceLocation)
    #expect(state == .closed, sourceLocation: sourceLocation)
    #expect(deadline == nil, sourceLocation: sourceLocation)
  }
}
