package import Octets
package import Wire

/// Which end of a connection: who sent the first SYN, or who was asked.
package enum EndpointRole: String, CaseIterable, Hashable, Sendable {
  /// The sender of the first SYN.
  case client
  /// The other one.
  case server

  /// The peer.
  package var other: EndpointRole { self == .client ? .server : .client }
}

/// A TCP segment that was captured, or that our stack would have sent, in the same terms: numbers count
/// from each side's initial one, so that the SYN is 0 and the first octet is 1.
package struct Segment: Sendable {
  /// Its frame in the capture, from 1; nil for ours.
  package var frame: Int?
  /// Nanoseconds since the connection's first frame, on the capture's clock.
  package var time: Int64
  /// The control bits.
  package var flags: TCPFlags
  /// SEG.SEQ.
  package var sequence: Int
  /// Octets of payload on the wire.
  package var payload: Int
  /// SEG.ACK; nil without the bit.
  package var acknowledgment: Int?
  /// SEG.WND in octets, scaled.
  package var window: Int
  /// The options that we understand.
  package var options: TCPOptions
  /// The SACK blocks in numbers that count from the initial one.
  package var blocks: [Range<Int>] = []
  /// What the IP header says of congestion marks.
  package var codepoint = ECNCodepoint.notECT
  /// Why our stack sends it.
  package var rule: RuleExplanation?

  /// The number behind its last: SEG.LEN counts octets, SYN and FIN.
  package var end: Int {
    sequence &+ payload &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0)
  }

  /// Whether it takes numbers.
  package var hasText: Bool { end > sequence }
}
