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
  /// The options as they lie in the header, a multiple of 4 octets.
  let options: [UInt8]
  /// The header's other facts.
  let dscp: UInt8
  let ttl: UInt8
  let dontFragment: Bool
  /// The whole segment was captured, and its checksum is wrong, not merely unfinished.
  let hasWrongChecksum: Bool

  var end: Int { segment.end }

  /// Nobody takes the text of a segment that does not acknowledge, but for a SYN (RFC 9293 3.10.7.4).
  var canBeAcknowledged: Bool { !segment.flags.isDisjoint(with: [.ack, .syn]) }
}

/// The header of a captured segment, before its numbers are counted from the initial ones.
struct CapturedHeader {
  let source: SocketAddress
  let destination: SocketAddress
  let sequence: UInt32
  let acknowledgment: UInt32
  let flags: TCPFlags
  let window: UInt16
  let urgentPointer: UInt16
  let options: [UInt8]
  /// Octets of payload on the wire.
  let payload: Int
  let codepoint: ECNCodepoint
  let dscp: UInt8
  let ttl: UInt8
  let dontFragment: Bool
  let hasWrongChecksum: Bool

  /// Reads the IPv4 packet in a frame; nil where no whole TCP header of a whole datagram is in it.
  init?(_ frame: Span<UInt8>, wireLength: Int, link: LinkType) {
    guard let place = NetworkPacketPlace(in: frame, link: link), place.type == .ipv4,
      let packet = try? IPv4PacketView(quoted: frame.extracting(droppingFirst: place.offset)),
      packet.transport == .tcp, !packet.isFragment
    else { return nil }
    // What a host hands to its device in one piece may have no length yet.
    let total =
      packet.totalLength == 0 ? max(wireLength &- place.offset, 0) : packet.totalLength
    let start = packet.headerLength
    let kept = min(packet.octets.count, total)
    guard kept >= start &+ 20 else { return nil }
    let segment = packet.octets.extracting(start..<kept)
    let headerLength = Int(segment[12] >> 4) &* 4
    guard headerLength >= 20, headerLength <= segment.count else { return nil }
    source = SocketAddress(packet.source, Port(segment.uint16(at: 0)))
    destination = SocketAddress(packet.destination, Port(segment.uint16(at: 2)))
    sequence = segment.uint32(at: 4)
    acknowledgment = segment.uint32(at: 8)
    flags = TCPFlags(rawValue: segment.uint16(at: 12) & 0x1FF)
    window = segment.uint16(at: 14)
    urgentPointer = segment.uint16(at: 18)
    options = [UInt8](copying: segment.extracting(20..<headerLength))
    payload = max(total &- start &- headerLength, 0)
    codepoint = packet.ecn
    dscp = packet.dscp
    ttl = packet.ttl
    dontFragment = packet.dontFragment
    let isWhole = segment.count == total &- start
    hasWrongChecksum =
      isWhole && !Self.isRightOrUnfinished(segment, packet.source, packet.destination)
  }

  /// A sending host whose device sums has only the pseudo-header in the field, with or without length.
  private static func isRightOrUnfinished(
    _ segment: Span<UInt8>, _ source: IPv4Address, _ destination: IPv4Address
  ) -> Bool {
    let field = segment.uint16(at: 16)
    for length in [segment.count, 0] {
      let sum = PseudoHeader.sum(
        source: source, destination: destination, transport: .tcp, length: length)
      if field == sum.folded { return true }
    }
    var sum = PseudoHeader.sum(
      source: source, destination: destination, transport: .tcp, length: segment.count)
    sum.add(segment)
    return sum.value == 0
  }
}
