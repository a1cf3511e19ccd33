import Octets
package import Wire

/// The send sequence variables. Source: RFC 9293 section 3.3.1.
struct SendSequence {
  /// ISS.
  let initial: SequenceNumber
  /// SND.UNA.
  var unacknowledged: SequenceNumber
  /// SND.NXT; nothing higher was ever sent, but for a window probe.
  var next: SequenceNumber
  /// SND.WND, scaled.
  var window = 0
  /// The largest SND.WND that the peer ever offered.
  var maximumWindow = 0
  /// SND.WL1 and SND.WL2.
  var windowUpdate = (sequence: SequenceNumber(0), acknowledgment: SequenceNumber(0))
  /// The shift of the peer's windows.
  var peerScale: UInt8 = 0
  /// The number of the send buffer's first octet.
  var dataStart: SequenceNumber
  /// What one segment may carry: the peer's limit, the path's, less the options we always send.
  var maximumSegmentSize = 536
  /// The peer's MSS option. RFC 9293 3.7.1 MUST-15: 536 without one.
  var peerMaximumSegmentSize = 536
  /// The octet at SND.UNA was sent into a closed window.
  var hasProbe = false
  /// What has held new data back since the last of it was sent.
  var heldBackBy: TCPRule?
  /// When our SYN was sent, unless it had to be sent again.
  var synSentAt: Instant?
  /// When data was last sent.
  var lastDataAt: Instant?
  /// The end of the last segment that was not full.
  var smallSegmentEnd: SequenceNumber?
  /// SND.UP: the number behind the last urgent octet, while it is not acknowledged.
  var urgentEnd: SequenceNumber?
  /// The window left too little room; next time it is used all the same.
  var overridesSillyWindow = false

  init(initial: SequenceNumber) {
    self.initial = initial
    unacknowledged = initial
    next = initial
    dataStart = initial + 1
  }
}

/// The receive sequence variables. Source: RFC 9293 section 3.3.1.
struct ReceiveSequence {
  /// IRS.
  var initial = SequenceNumber(0)
  /// RCV.NXT.
  var next = SequenceNumber(0)
  /// RCV.NXT + RCV.WND as the peer was last told.
  var windowEdge = SequenceNumber(0)
  /// Octets that may wait for the user.
  var limit: Int
  /// The shift of our windows once both ends have agreed.
  var ourScale: UInt8 = 0
  /// Both ends have offered window scaling.
  var usesScaling = false
  /// Both ends have offered SACK.
  var usesSACK = false
  /// Both ends have offered timestamps.
  var usesTimestamps = false
  /// TS.Recent and when it was set. RFC 7323 section 4.3.
  var timestampRecent: UInt32 = 0
  var timestampRecentAt = Instant.start
  /// Last.ACK.sent.
  var lastAcknowledged = SequenceNumber(0)
  /// The number of the peer's FIN, once it has shown one.
  var finish: SequenceNumber?
  /// The peer's FIN was reached.
  var hasFinished = false
  /// RCV.UP.
  var urgent: SequenceNumber?
  /// Octets of the peer's full segments, as far as seen.
  var segmentSize = 536
  /// Octets of the largest segment that we can receive in one packet.
  var largestSegment = 536

  init(limit: Int) { self.limit = limit }

  /// RCV.WND.
  var window: Int { max(0, next.distance(to: windowEdge)) }

  /// The least shift with which such a window can be told. RFC 7323 section 2.3.
  static func scale(for limit: Int) -> UInt8 {
    var shift: UInt8 = 0
    while shift < 14, limit >> Int(shift) > 65_535 { shift &+= 1 }
    return shift
  }
}

/// How much of the congestion window a round trip has used. RFC 7661.
struct WindowUse {
  /// The most octets that were outstanding.
  var peak = 0
  /// SND.NXT then: the round trip is over when it is acknowledged.
  var end = SequenceNumber(0)
  /// The window was full.
  var isFull = false
}

/// What ``TCPConnection/nextSegment(into:limits:at:ledger:)`` owes the network besides data.
struct PendingOutput: OptionSet {
  var rawValue: UInt8
  /// Our SYN, or SYN and ACK.
  static var syn: PendingOutput { PendingOutput(rawValue: 1) }
  /// An acknowledgment, now.
  static var acknowledgment: PendingOutput { PendingOutput(rawValue: 2) }
  /// A reset; the connection is closed.
  static var reset: PendingOutput { PendingOutput(rawValue: 4) }
  /// One octet into a closed window.
  static var probe: PendingOutput { PendingOutput(rawValue: 8) }
  /// A question whether the peer lives.
  static var keepalive: PendingOutput { PendingOutput(rawValue: 16) }
  /// A probe for a loss at the tail. RFC 8985 section 7.3.
  static var lossProbe: PendingOutput { PendingOutput(rawValue: 32) }
  /// The reset answers data that nobody will read.
  static var refusal: PendingOutput { PendingOutput(rawValue: 64) }
}

/// The deadlines of a connection; unset ones are in the distant future.
struct Timers {
  /// Retransmission, or the probe of a closed window.
  var retransmit = Instant.distantFuture
  /// A tail loss probe. RFC 8985 section 7.2.
  var lossProbe = Instant.distantFuture
  /// When more segments may count as lost. RFC 8985 section 6.2.
  var reordering = Instant.distantFuture
  /// A delayed acknowledgment.
  var acknowledgment = Instant.distantFuture
  /// Keepalive.
  var keepalive = Instant.distantFuture
  /// The end of TIME-WAIT, or of an orphan's FIN-WAIT-2.
  var close = Instant.distantFuture
  /// When paced data may leave.
  var pacing = Instant.distantFuture
  /// A look whether the buffers' memory can be given back.
  var trim = Instant.distantFuture
  /// Since when something has been unacknowledged without progress.
  var unacknowledgedSince = Instant.start
  /// When anything acceptable was last heard.
  var lastHeard = Instant.start
  /// Unanswered probes of a closed window.
  var probes: UInt16 = 0
  /// Unanswered questions whether the peer lives.
  var keepaliveProbes: UInt16 = 0

  /// The first deadline.
  var next: Instant? {
    let repair = min(min(retransmit, lossProbe), reordering)
    let rest = min(min(keepalive, close), min(trim, pacing))
    let first = min(min(repair, acknowledgment), rest)
    return first == .distantFuture ? nil : first
  }

  /// The peer has shown that it lives.
  mutating func heard(at now: Instant) {
    lastHeard = now
    probes = 0
    keepaliveProbes = 0
  }

  mutating func clear() {
    retransmit = .distantFuture
    lossProbe = .distantFuture
    reordering = .distantFuture
    acknowledgment = .distantFuture
    keepalive = .distantFuture
    close = .distantFuture
    trim = .distantFuture
    pacing = .distantFuture
  }
}

/// When data is acknowledged. RFC 9293 section 3.8.6.3.
struct AcknowledgmentPolicy {
  /// Octets received and not yet acknowledged.
  var unacknowledged = 0
  /// Acknowledgments still sent at once because the peer is in slow start.
  var quick: Int
  /// We answer what comes within moments, so that acknowledgments find company.
  var isInteractive = false
  /// When data last came, or a SYN,ACK that data had waited for; in the distant future before.
  var lastDataAt = Instant.distantFuture
  /// How long an acknowledgment may wait, in nanoseconds.
  let delay: Int64

  // RFC 9293 3.8.6.3 MUST-40: less than half a second, whatever the user asks for.
  init(_ configuration: TCPConfiguration) {
    quick = configuration.quickAcknowledgments
    delay = max(0, min(configuration.delayedAcknowledgment.wholeNanoseconds, 499_000_000))
  }
}

extension AcknowledgmentPolicy {
  /// Data is sent: soon after some came, it is taken for an answer.
  mutating func dataSent(at now: Instant) {
    if lastDataAt <= now, now.nanoseconds(since: lastDataAt) < delay { isInteractive = true }
  }
}

/// How many challenges a connection sends: ten a second. RFC 5961 section 7.
struct ChallengeBudget {
  private var left = 10
  private var since = Instant.start

  mutating func take(at now: Instant) -> Bool {
    if now.nanoseconds(since: since) > 1_000_000_000 {
      since = now
      left = 10
    }
    guard left > 0 else { return false }
    left &-= 1
    return true
  }

  /// Adds what is left to a digest; after a second it does not matter.
  func digest(into digest: inout StateDigest) {
    digest.add(left)
    if left < 10 { digest.add(since) }
  }
}

/// What the interface lets a connection send at once.
package struct SegmentLimits: Hashable, Sendable {
  /// Octets of payload that one super-segment may have; 0 where the device cuts none.
  package var maximumPayload: Int

  /// Limits from their parts.
  package init(maximumPayload: Int = 0) { self.maximumPayload = maximumPayload }
}

/// A segment to be sent: its header, and where its payload lies in the send buffer.
package struct OutgoingSegment: Hashable, Sendable {
  /// The header, checksum not yet computed.
  package var header: TCPHeader
  /// Where the payload begins, from the send buffer's first octet.
  package var payloadOffset = 0
  /// Octets of payload.
  package var payloadCount = 0
  /// MSS when the payload must be cut into segments; 0 when it is one.
  package var segmentSize: UInt16 = 0
  /// Segments that will be made of it.
  package var partCount: Int {
    guard segmentSize > 0 else { return 1 }
    return (payloadCount &+ Int(segmentSize) &- 1) / Int(segmentSize)
  }
  /// Whether it was sent before.
  package var isCopy = false
  /// What the IP header says of congestion marks.
  package var codepoint = ECNCodepoint.notECT
  /// Why it is sent.
  package var rule: TCPRule
  /// What has held it back before; only told to those who ask.
  package var heldBackBy: TCPRule?

  /// Room for a segment, to be filled by ``TCPConnection/nextSegment(into:limits:at:ledger:)``.
  package init() {
    header = TCPHeader(
      sourcePort: Port(0), destinationPort: Port(0), sequence: SequenceNumber(0), flags: [],
      window: 0)
    rule = .sendData
  }

  /// A new segment in the place of the old: a bare header.
  mutating func begin(
    _ endpoints: TCPEndpoints, _ sequence: SequenceNumber, _ flags: TCPFlags, _ rule: TCPRule
  ) {
    header.sourcePort = endpoints.local.port
    header.destinationPort = endpoints.remote.port
    header.sequence = sequence
    header.acknowledgment = SequenceNumber(0)
    header.flags = flags
    header.window = 0
    header.urgentPointer = 0
    header.options = TCPOptions()
    payloadOffset = 0
    payloadCount = 0
    segmentSize = 0
    isCopy = false
    codepoint = .notECT
    self.rule = rule
  }
}

/// What an ICMP error says about a connection. RFC 9293 section 3.9.2.2.
package enum TCPPathError: Hashable, Sendable {
  /// Unreachable code 4: packets above this size do not pass; 0 when the router didn't say.
  case fragmentationNeeded(mtu: Int)
  /// Any other unreachable.
  case unreachable(code: UInt8)
  /// Hops ran out, or time for reassembly.
  case timeExceeded
  /// A header field was wrong.
  case parameterProblem
}
