/// Which congestion controller a connection uses. RFC 9293 3.8.2 MUST-19, MAY-18.
public enum CongestionAlgorithm: String, CaseIterable, Hashable, Sendable {
  /// CUBIC, RFC 9438.
  case cubic
  /// Reno's additive increase and halving, RFC 5681: the one to learn from.
  case reno
  /// BBR, draft-ietf-ccwg-bbr: paces by the rate that the path delivers, for lossy paths.
  case bbr
}

/// When a quiet connection is asked whether it still lives. RFC 9293 section 3.8.4.
public struct Keepalive: Hashable, Sendable {
  /// Quiet time before the first probe (MUST-27); two hours by default (MUST-28).
  public var idle: Duration = .seconds(7200)
  /// Time between probes.
  public var interval: Duration = .seconds(75)
  /// Unanswered probes after which the connection is given up (MUST-29: more than one).
  public var probes = 9

  /// The default times.
  public init() {}
}

/// Everything about a connection that its user may set.
public struct TCPConfiguration: Hashable, Sendable {
  /// Octets of sent and unsent data that may wait at first, 2,048 or more.
  public var sendBufferLimit = 512 * 1024
  /// What ``sendBufferLimit`` grows to when the congestion window does, up to 2^30; 0 for no growth.
  public var sendBufferMaximum = 4 << 20
  /// Octets of received and unread data that may wait at first, 2,048 to 2^30; the largest window.
  public var receiveBufferLimit = 512 * 1024
  /// What ``receiveBufferLimit`` grows to, or may be raised to later, up to 2^30: the windows' shift
  /// suits it. 0 for no growth.
  public var receiveBufferMaximum = 6 << 20
  /// The receive buffer grows with what the user reads in a round trip.
  public var tunesReceiveBuffer = true
  /// An upper bound for segments that we say we can receive; nil leaves it to the path's MTU.
  public var maximumSegmentSize: Int?
  /// An upper bound for segments that we send, 48...65,495; nil leaves it to peer and path.
  public var maximumSentSegmentSize: UInt16?
  /// Segments sent before the first acknowledgment, 1...100 (RFC 6928 recommends 10).
  public var initialWindowSegments = 10
  /// The congestion controller.
  public var congestion = CongestionAlgorithm.cubic
  /// Segments are spread over the round trip, not sent in bursts; BBR does so always.
  public var isPaced = false
  /// Octets a second that segments leave at most, 1 or more; nil for no limit.
  public var maximumPacingRate: Int?
  /// Slow start ends when round trips grow longer, with CUBIC (HyStart++, RFC 9406).
  public var leavesSlowStartEarly = true
  /// Rounds of slower growth before it ends so, 0...16 (CSS_ROUNDS); with 0 it ends at once.
  public var conservativeSlowStartRounds = 5
  /// Small segments are sent at once (RFC 9293 3.7.4 MUST-17).
  public var noDelay = false
  /// A tail that fills no segment waits for more, at most for one retransmission time-out.
  public var isCorked = false
  /// Selective acknowledgments are offered (RFC 2018).
  public var usesSACK = true
  /// What arrives twice is reported in a SACK block (RFC 2883).
  public var reportsDuplicates = true
  /// Timestamps are offered (RFC 7323).
  public var usesTimestamps = true
  /// Segments without the timestamps that were agreed on are taken all the same, as Linux does;
  /// RFC 7323 section 3.2 lets them be dropped.
  public var toleratesMissingTimestamps = false
  /// Window scaling is offered (RFC 7323).
  public var usesWindowScaling = true
  /// How long an acknowledgment may wait for company, below 500 ms (RFC 9293 3.8.6.3 MUST-40).
  public var delayedAcknowledgment: Duration = .milliseconds(40)
  /// Acknowledgments sent at once while the peer is in slow start, before any is delayed.
  public var quickAcknowledgments = 16
  /// The retransmission time-out before any measurement (RFC 6298 section 2.1).
  public var initialRetransmissionTimeout: Duration = .seconds(1)
  // Deviates from RFC 6298 2.4 (1 s): 200 ms, as Linux has it, for delayed ACKs come within 40 ms.
  /// The least retransmission time-out.
  public var minimumRetransmissionTimeout: Duration = .milliseconds(200)
  /// The largest retransmission time-out, 60 s or more (RFC 6298 section 2.5).
  public var maximumRetransmissionTimeout: Duration = .seconds(60)
  /// G, the granularity of the timers that find losses, 1 ms to 100 ms (RFC 6298 section 2).
  public var timerGranularity: Duration = .milliseconds(1)
  /// Segments that a super-segment has at least, if there are so many, 1...64.
  public var leastSuperSegment = 2
  /// Tail loss probes are sent (RFC 8985 section 7).
  public var usesLossProbes = true
  /// Data in a SYN needs a cookie; without, only on closed networks (RFC 7413 section 7).
  public var fastOpenNeedsCookie = true
  /// Time-outs are watched for having been too early (F-RTO, RFC 5682).
  public var detectsSpuriousTimeouts = true
  /// R2: how long data may stay unacknowledged, 100 s or more (RFC 9293 3.8.3 SHLD-11).
  public var retransmissionLimit: Duration = .seconds(924)
  /// R2 once nobody holds the connection any more, 100 s or more.
  public var orphanLimit: Duration = .seconds(100)
  /// R2 for a SYN, 3 minutes or more (MUST-23).
  public var openLimit: Duration = .seconds(190)
  /// How often a SYN, or its answer, goes again before the open fails, 0...127; nil leaves the R2.
  public var openRetransmissions: UInt8?
  /// After silence the congestion window begins anew (RFC 5681 section 4.1).
  public var restartsAfterIdle = true
  /// R1: retransmissions after which the user is told (SHLD-10).
  public var retransmissionsBeforeAdvice = 3
  /// The user's own bound on unacknowledged data (RFC 5482, RFC 9293 3.8.3 MUST-21); nil leaves R2.
  public var userTimeout: Duration?
  /// The time-out that the peer is told (ADV_UTO of RFC 5482), while what it tells of its own counts
  /// here, too; nil tells nothing, and believes nothing.
  public var advertisedUserTimeout: Duration?
  /// Between which bounds a time-out that the peer asks for is followed (L_LIMIT and U_LIMIT).
  public var userTimeoutBounds: ClosedRange<Duration> = .seconds(100)...(.seconds(3600))
  /// Soft errors, ICMP's and R1, are reported as events (RFC 9293 3.9.1.8 MUST-47, SHLD-20).
  public var reportsSoftErrors = true
  /// Keepalive; off unless set (RFC 9293 3.8.4 MAY-5, MUST-24, MUST-25).
  public var keepalive: Keepalive?
  /// 2 MSL: how long TIME-WAIT lasts. One minute, an MSL of 30 s.
  public var timeWait: Duration = .seconds(60)
  /// How long FIN-WAIT-2 lasts when nobody is there to read any more.
  public var orphanTimeout: Duration = .seconds(60)
  /// What a full close does with unsent data: zero resets, all else sends it in the background.
  /// Whoever wants to wait for that, as with SO_LINGER, waits outside.
  public var linger: Duration?
  /// What had come before a reset can still be read (as with Linux); RFC 9293 has it flushed.
  public var keepsTextAfterReset = false
  /// Whether routers may mark segments instead of dropping them (RFC 3168).
  public var ecn = ECNUse.whenAsked
  /// The differentiated services code point of segments, 0...63 (MUST-48).
  public var dscp: UInt8 = 0
  /// The time to live of segments (MUST-49), 1...255; 0 counts as 1 (RFC 1122 section 3.2.1.7).
  public var ttl: UInt8 = 64 {
    didSet { ttl = max(ttl, 1) }
  }
  /// Segments forbid routers to cut them into fragments (RFC 1191).
  public var forbidsFragments = true
  /// The path's limit as routers tell it is believed; without, only the link's counts.
  public var believesPathMTU = true
  /// When packets of other sizes are tried to find the path's limit (RFC 4821); only while segments
  /// forbid fragments.
  public var pathProbing = PathProbing.afterBlackHole

  /// How long what is left to send may take when nobody holds the connection any more: R2, and
  /// longer the more there is. A peer that takes an octet now and then would keep it for years.
  func orphanPatience(_ octets: Int) -> Duration {
    retransmissionLimit + .seconds(octets / Self.slowestOrphan)
  }

  /// Octets a second that an orphan's peer has to take, on the whole.
  static var slowestOrphan: Int { 1000 }

  /// How long a peer is thought to delay an acknowledgment at most: TLP.max_ack_delay of
  /// RFC 8985 section 7.2, in nanoseconds.
  static var peerAcknowledgmentDelay: Int64 { 200_000_000 }

  /// The defaults.
  public init() {}
}
