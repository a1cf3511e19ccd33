import Octets
package import Wire

/// The answer to a segment that belongs to no connection.
package enum TCPReset {
  /// The reset to send, or nil when none may be sent. Source: RFC 9293 section 3.10.7.1.
  package static func answer(to segment: borrowing TCPSegmentView) -> TCPHeader? {
    guard !segment.flags.contains(.rst) else { return nil }
    if segment.flags.contains(.ack) {
      return TCPHeader(
        sourcePort: segment.destinationPort, destinationPort: segment.sourcePort,
        sequence: segment.acknowledgment, flags: [.rst], window: 0)
    }
    return TCPHeader(
      sourcePort: segment.destinationPort, destinationPort: segment.sourcePort,
      sequence: SequenceNumber(0), acknowledgment: segment.sequence + segment.length,
      flags: [.rst, .ack], window: 0)
  }
}

/// What a connection knows of itself, for people and for tests.
public struct TCPInfo: Hashable, Sendable {
  /// The state.
  public var state: TCPState
  /// SRTT; nil before the first measurement.
  public var smoothedRoundTrip: Duration?
  /// RTTVAR.
  public var roundTripVariation: Duration
  /// RTO with back-off.
  public var retransmissionTimeout: Duration
  /// cwnd in octets.
  public var congestionWindow: Int
  /// ssthresh in octets; `Int.max` before the first loss.
  public var slowStartThreshold: Int
  /// SND.WND in octets.
  public var sendWindow: Int
  /// RCV.WND in octets.
  public var receiveWindow: Int
  /// Octets sent and not acknowledged.
  public var outstanding: Int
  /// Octets of a full segment.
  public var sendMaximumSegmentSize: Int
  /// Retransmission time-outs in a row.
  public var retransmissions: Int
  /// Octets of memory for buffers.
  public var bufferMemory: Int
  /// What it has counted.
  public var statistics: TCPStatistics
}

extension TCPConnection {
  /// What the connection knows of itself now.
  package var info: TCPInfo {
    TCPInfo(
      state: state,
      smoothedRoundTrip: roundTrip.smoothedRoundTrip.map { .nanoseconds($0) },
      roundTripVariation: .nanoseconds(roundTrip.roundTripVariation),
      retransmissionTimeout: .nanoseconds(roundTrip.retransmissionTimeout),
      congestionWindow: congestion.congestionWindow,
      slowStartThreshold: congestion.slowStartThreshold, sendWindow: send.window,
      receiveWindow: receive.window, outstanding: outstanding,
      sendMaximumSegmentSize: send.maximumSegmentSize, retransmissions: retransmissions,
      bufferMemory: bufferMemory, statistics: statistics)
  }
}
