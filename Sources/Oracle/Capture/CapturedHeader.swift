import Analysis
import Octets
import Wire

/// The header of a captured segment, before its numbers are counted from the initial ones.
struct CapturedHeader {
  let source: CapturedEnd
  let destination: CapturedEnd
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

  /// Reads the packet in a frame in which the analysis has found a segment; nil where it lies in a
  /// fragment or a tunnel, or not all of its header was kept.
  init?(_ frame: Span<UInt8>, _ facts: TCPFacts, wireLength: Int, link: LinkType) {
    guard let place = NetworkPacketPlace(in: frame, link: link) else { return nil }
    let octets = frame.extracting(droppingFirst: place.offset)
    let length = max(wireLength &- place.offset, 0)
    let packet = place.type == .ipv6 ? Packet(ipv6: octets, length) : Packet(octets, length)
    guard let packet else { return nil }
    let kept = min(octets.count, packet.end)
    guard kept >= packet.start &+ 20 else { return nil }
    let segment = octets.extracting(packet.start..<kept)
    let headerLength = Int(segment[12] >> 4) &* 4
    guard headerLength >= 20, headerLength <= segment.count else { return nil }
    (source, destination) = (facts.source, facts.destination)
    sequence = segment.uint32(at: 4)
    acknowledgment = segment.uint32(at: 8)
    flags = TCPFlags(rawValue: segment.uint16(at: 12) & 0x1FF)
    window = segment.uint16(at: 14)
    urgentPointer = segment.uint16(at: 18)
    options = [UInt8](copying: segment.extracting(20..<headerLength))
    payload = max(packet.end &- packet.start &- headerLength, 0)
    codepoint = ECNCodepoint(bits: packet.service)
    dscp = packet.service >> 2
    ttl = packet.ttl
    dontFragment = packet.dontFragment
    hasWrongChecksum =
      kept == packet.end
      && !Self.isRightOrUnfinished(segment, octets.extracting(packet.addresses))
  }

  /// The options as an IPv4 stack must get them: without the option it would take a segment size of
  /// 536 octets for granted, where over IPv6 it is 1,220 (RFC 9293 3.7.1).
  var mappedOptions: [UInt8] {
    guard !source.isIPv4, flags.contains(.syn), options.count <= 36,
      TCPOptions(parsing: options.span).maximumSegmentSize == nil
    else { return options }
    return [2, 4, 0x04, 0xC4] + options
  }

  /// A sending host whose device sums has only the pseudo-header in the field, with or without length.
  private static func isRightOrUnfinished(
    _ segment: Span<UInt8>, _ addresses: Span<UInt8>
  ) -> Bool {
    var sum = InternetChecksum()
    sum.add(addresses)
    sum.add(word: 6)
    let field = segment.uint16(at: 16)
    if field == sum.folded { return true }
    sum.add(long: UInt32(segment.count))
    if field == sum.folded { return true }
    sum.add(segment)
    return sum.value == 0
  }
}

/// What the header of an IP packet says, of either version.
private struct Packet {
  /// Where the segment begins, and its end on the wire.
  let start: Int
  let end: Int
  /// Where both addresses are.
  let addresses: Range<Int>
  /// The octet of DSCP and congestion marks.
  let service: UInt8
  let ttl: UInt8
  let dontFragment: Bool

  /// An IPv4 packet; nil where it is not a whole datagram of TCP.
  init?(_ octets: Span<UInt8>, _ length: Int) {
    guard let packet = try? IPv4PacketView(quoted: octets), packet.transport == .tcp,
      !packet.isFragment
    else { return nil }
    // What a host hands to its device in one piece may have no length yet.
    end = packet.totalLength == 0 ? length : packet.totalLength
    start = packet.headerLength
    addresses = 12..<20
    service = octets[1]
    (ttl, dontFragment) = (packet.ttl, packet.dontFragment)
  }

  /// An IPv6 packet; nil where TCP lies behind anything but options. RFC 8200 sections 3 and 4.
  init?(ipv6 octets: Span<UInt8>, _ length: Int) {
    guard octets.count >= 40 else { return nil }
    var next = octets[6]
    var place = 40
    while next == 0 || next == 43 || next == 60 {
      guard place &+ 8 <= octets.count else { return nil }
      next = octets[place]
      place &+= 8 &+ Int(octets[place &+ 1]) &* 8
    }
    guard next == 6 else { return nil }
    let payload = Int(octets.uint16(at: 4))
    end = payload == 0 ? length : 40 &+ payload
    start = place
    addresses = 8..<40
    service = UInt8(truncatingIfNeeded: octets.uint16(at: 0) >> 4)
    // No router may take it apart. RFC 8200 section 5.
    (ttl, dontFragment) = (octets[7], true)
  }
}
