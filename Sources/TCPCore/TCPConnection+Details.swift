public import Octets
import Wire

/// More of a connection than ``TCPInfo`` has: for status pages and the sockets of Linux.
public struct TCPDetails: Hashable, Sendable {
  /// What a connection does about losses.
  public enum LossState: Hashable, Sendable {
    /// Nothing seems to be lost.
    case open
    /// Something came out of order at the peer.
    case disorder
    /// The window is being reduced, though nothing is lost.
    case reduction
    /// Fast recovery.
    case recovery
    /// After a retransmission time-out.
    case timeout
  }

  /// The counters.
  public var statistics: TCPStatistics
  /// What sending has waited for.
  public var sendTimes: TCPSendTimes
  /// What is done about losses.
  public var loss: LossState
  /// Octets that the peer has selectively acknowledged.
  public var selectivelyAcknowledged: Int
  /// Octets that count as lost.
  public var lost: Int
  /// Octets of those that were sent again.
  public var repaired: Int
  /// How far apart, in segments, what arrived out of order was at most; 3 or more.
  public var reorderingDegree: Int
  /// How often the path was seen to change the order of segments.
  public var reorderings: Int
  /// Octets that the user gave and that were never sent.
  public var unsent: Int
  /// Octets that the user gave and the peer has not acknowledged.
  public var queued: Int
  /// Octets that came early and wait.
  public var early: Int
  /// How often the retransmission time-out was doubled.
  public var backoffs: Int
  /// Unanswered probes of a closed window, or of the peer's life.
  public var probes: Int
  /// When data was last sent, as far as known.
  public var lastDataSent: Instant?
  /// When an acceptable segment last came.
  public var lastHeard: Instant
  /// The least round trip; nil before the first measurement.
  public var minimumRoundTrip: Duration?
  /// Octets of the largest packet that the path takes.
  public var pathMTU: Int
  /// The largest window that the peer ever offered.
  public var maximumSendWindow: Int
  /// The MSS that we tell the peer.
  public var offeredSegmentSize: Int
  /// Octets of the peer's full segments, as far as seen.
  public var receiveSegmentSize: Int
  /// Whether both ends have agreed on timestamps.
  public var usesTimestamps: Bool
  /// Whether both ends have agreed on SACK.
  public var usesSACK: Bool
  /// Whether both ends have agreed on window scaling.
  public var usesScaling: Bool
  /// The shift of the peer's windows.
  public var sendScale: Int
  /// The shift of ours.
  public var receiveScale: Int
  /// Acknowledgments that will go out at once.
  public var quickAcknowledgments: Int
  /// Whether the peer's FIN was reached.
  public var peerHasClosed: Bool
  /// Octets a second at which segments leave; nil before a round trip is known.
  public var pacingRate: Double?
  /// Whether both ends understand congestion marks (RFC 3168).
  public var usesECN: Bool
  /// Whether the peer has sent something that routers may mark.
  public var sawECNCapable: Bool
  /// Whether data that went with a SYN, ours or the peer's, was acknowledged.
  public var earlyDataAcknowledged: Bool
}

extension TCPConnection {
  /// Octets that the user gave and that were never sent.
  package var unsentOctets: Int { max(0, send.next.distance(to: endOfData)) }

  /// Whether the peer's FIN was reached.
  package var peerHasClosed: Bool { receive.hasFinished }

  /// All that may be known of the connection now.
  package var details: TCPDetails {
    TCPDetails(
      statistics: statistics, sendTimes: sendTimes, loss: recovery.phase.lossState,
      selectivelyAcknowledged: scoreboard.sackedOctets &+ scoreboard.duplicateOctets,
      lost: scoreboard.lostOctets, repaired: scoreboard.againOctets,
      reorderingDegree: Int(detection.reorderingDegree),
      reorderings: Int(detection.reorderings), unsent: unsentOctets,
      queued: sendBuffer.count,
      early: reassembly.octets, backoffs: roundTrip.backoffs,
      probes: Int(timers.probes) &+ Int(timers.keepaliveProbes),
      lastDataSent: send.lastDataAt, lastHeard: timers.lastHeard,
      minimumRoundTrip: roundTrip.minimum == .max ? nil : .nanoseconds(roundTrip.minimum),
      pathMTU: pathMTU, maximumSendWindow: send.maximumWindow,
      offeredSegmentSize: offeredSegmentSize,
      receiveSegmentSize: receive.segmentSize, usesTimestamps: receive.usesTimestamps,
      usesSACK: receive.usesSACK, usesScaling: receive.usesScaling,
      sendScale: Int(send.peerScale), receiveScale: Int(receive.ourScale),
      quickAcknowledgments: acknowledgments.quick, peerHasClosed: peerHasClosed,
      pacingRate: pacingRate, usesECN: usesECN, sawECNCapable: sawECNCapable,
      earlyDataAcknowledged: fastOpen.isDataAcknowledged)
  }
}

extension Recovery.Phase {
  /// For people and programs outside.
  fileprivate var lossState: TCPDetails.LossState {
    switch self {
    case .open: .open
    case .disorder: .disorder
    case .reduction: .reduction
    case .fast: .recovery
    case .timeout: .timeout
    }
  }
}
