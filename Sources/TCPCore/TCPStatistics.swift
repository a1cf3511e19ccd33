public import Octets

/// What a connection has counted since it began. RFC 4898 has most of these counters.
public struct TCPStatistics: Hashable, Sendable {
  /// Segments sent, those of a super-segment each.
  public internal(set) var segmentsSent: UInt32 = 0
  /// Segments with data sent.
  public internal(set) var dataSegmentsSent: UInt32 = 0
  /// Octets of data sent, again or for the first time.
  public internal(set) var octetsSent = 0
  /// Segments sent again: data, SYN or FIN.
  public internal(set) var segmentsRetransmitted: UInt32 = 0
  /// Octets of data sent again.
  public internal(set) var octetsRetransmitted = 0
  /// Numbers that the peer has acknowledged, that of FIN included, that of SYN not.
  public internal(set) var octetsAcknowledged = 0
  /// Segments received; a super-segment counts as one.
  public internal(set) var segmentsReceived: UInt32 = 0
  /// Segments with data received.
  public internal(set) var dataSegmentsReceived: UInt32 = 0
  /// Octets of the stream received in order.
  public internal(set) var octetsReceived = 0
  /// Segments that came early.
  public internal(set) var outOfOrderSegments: UInt32 = 0
  /// Duplicates that the peer reported (RFC 2883).
  public internal(set) var duplicatesReported: UInt32 = 0
  /// Octets that are known to have arrived, acknowledged or selectively acknowledged.
  public internal(set) var octetsDelivered = 0
  /// Octets of those whose acknowledgment echoed a congestion mark (RFC 3168).
  public internal(set) var octetsDeliveredMarked = 0
  /// How often the retransmission timer ran out.
  public internal(set) var timeouts: UInt32 = 0
  /// When data last came; before, when the connection was established.
  public internal(set) var lastDataReceived = Instant.distantFuture
  /// The code of the last ICMP unreachable that was believed; 255 for time exceeded.
  public internal(set) var lastUnreachable: UInt8?

  /// So many octets are sent, as one segment (0) or cut into segments of that size.
  mutating func sent(_ count: Int, cutInto segmentSize: UInt16, isCopy: Bool) {
    var segments: UInt32 = 1
    if segmentSize > 0 {
      let size = Int(segmentSize)
      segments = UInt32(truncatingIfNeeded: (count &+ size &- 1) / size)
    }
    segmentsSent &+= segments
    if count > 0 {
      dataSegmentsSent &+= segments
      octetsSent &+= count
    }
    guard isCopy else { return }
    segmentsRetransmitted &+= segments
    octetsRetransmitted &+= count
  }

  /// A segment came.
  mutating func arrived(_ count: Int, at now: Instant) {
    segmentsReceived &+= 1
    guard count > 0 else { return }
    dataSegmentsReceived &+= 1
    lastDataReceived = now
  }
}
