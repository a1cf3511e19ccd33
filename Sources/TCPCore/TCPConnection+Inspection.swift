import Octets
public import Wire

/// Where both directions of a connection are in their numbers. Source: RFC 9293 section 3.3.1.
public struct TCPNumbers: Hashable, Sendable {
  /// ISS.
  public var initialSend: SequenceNumber
  /// SND.UNA.
  public var unacknowledged: SequenceNumber
  /// SND.NXT.
  public var sendNext: SequenceNumber
  /// IRS; 0 before the peer's SYN.
  public var initialReceive: SequenceNumber
  /// RCV.NXT; 0 before the peer's SYN.
  public var receiveNext: SequenceNumber
}

// What tests and simulations ask of a connection, to notice one that waits for nothing.
extension TCPConnection {
  /// Where both directions are.
  package var numbers: TCPNumbers {
    TCPNumbers(
      initialSend: send.initial, unacknowledged: send.unacknowledged, sendNext: send.next,
      initialReceive: receive.initial, receiveNext: receive.next)
  }

  /// Octets that the user has given and the peer has not acknowledged, sent or not.
  package var unacknowledgedOctets: Int { sendBuffer.count }

  /// Whether the connection waits for something that only a timer of its own can bring about, and
  /// has none: it would wait for ever. Invariant 3. Ask when there is nothing left to be sent.
  package var lacksTimer: Bool {
    switch state {
    case .listen, .closed: false
    case .timeWait: timers.close == .distantFuture
    case .synSent, .synReceived, .finWait1, .closing, .lastAck:
      timers.retransmit == .distantFuture
    case .finWait2: isOrphan && timers.close == .distantFuture
    case .established, .closeWait:
      (outstanding > 0 || !sendBuffer.isEmpty) && timers.retransmit == .distantFuture
        && timers.pacing == .distantFuture
    }
  }
}

extension TCPConnection {
  /// Whether a segment with this number is under way, so that an error about it can be believed.
  /// RFC 5927 section 4.1.
  package func hasOutstanding(_ sequence: SequenceNumber) -> Bool {
    send.unacknowledged.precedesOrEquals(sequence) && sequence.precedes(send.next)
  }
}
