import Octets
import Wire

/// A segment as it was captured: what it says, and what is needed to put it before our stack.
package struct CapturedSegment: Sendable {
  /// What it says.
  var segment: Segment
  /// Who sent it.
  let sender: EndpointRole
  /// SEG.SEQ as captured.
  let sequence: UInt32
  /// SEG.ACK as captured.
  let acknowledgment: UInt32
  /// SEG.WND as captured.
  let window: UInt16
  /// SEG.UP.
  let urgentPointer: UInt16
  /// The options for our stack, a multiple of 4 octets.
  let options: [UInt8]
  /// The header's other facts.
  let dscp: UInt8
  let ttl: UInt8
  let dontFragment: Bool
  /// The whole segment was captured, and its checksum is wrong, not merely unfinished.
  let hasWrongChecksum: Bool

  /// It stands behind its own answer in the capture: when it was sent is not known.
  var wasOvertaken = false

  var end: Int { segment.end }

  /// Nobody takes the text of a segment that does not acknowledge, but for a SYN (RFC 9293 3.10.7.4).
  var canBeAcknowledged: Bool { !segment.flags.isDisjoint(with: [.ack, .syn]) }
}
