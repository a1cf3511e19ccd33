import NetworkCore
import Octets
import Wire

/// Finds the TCP segment in a captured frame.
struct SegmentFinder: ~Copyable {
  private var reassembler = IPv4Reassembler()

  /// What a frame has to do with TCP.
  enum Content {
    /// A segment; in the last fragment's frame for one that came in parts.
    case segment(TCPFacts)
    /// An ICMP error is about a segment between these ends.
    case quote(CapturedEnd, CapturedEnd)
  }

  /// Looks for a segment in a frame; nil where there is none.
  mutating func find(in frame: Span<UInt8>, wireLength: Int, link: LinkType) -> Content? {
    guard let place = NetworkPacketPlace(in: frame, link: link) else { return nil }
    let packet = frame.extracting(droppingFirst: min(place.offset, frame.count))
    let length = max(wireLength &- place.offset, packet.count)
    switch place.type {
    case .ipv4: return inIPv4(packet, length)
    case .ipv6: return inIPv6(packet, length).map { .segment($0) }
    default: return nil
    }
  }

  private mutating func inIPv4(_ packet: Span<UInt8>, _ available: Int) -> Content? {
    guard packet.count >= 20, packet[0] >> 4 == 4 else { return nil }
    let headerLength = Int(packet[0] & 15) &* 4
    guard headerLength >= 20, headerLength <= packet.count else { return nil }
    // A length of 0 is what a sender with segmentation offload captures of itself.
    var total = Int(packet.uint16(at: 2))
    if total == 0 || total > available { total = available }
    guard total >= headerLength else { return nil }
    if packet[9] == 1 { return quoted(packet.extracting(headerLength..<packet.count)) }
    guard packet[9] == 6 else { return nil }
    if packet.uint16(at: 6) & 0x3FFF != 0 {
      return inFragments(packet.extracting(first: min(total, packet.count))).map { .segment($0) }
    }
    let source = packet.uint32(at: 12)
    let destination = packet.uint32(at: 16)
    return TCPFacts(
      packet.extracting(headerLength..<min(total, packet.count)), wireLength: total &- headerLength,
      source: (0, 0xFFFF_0000_0000 | UInt64(source)),
      destination: (0, 0xFFFF_0000_0000 | UInt64(destination))
    ).map { .segment($0) }
  }

  /// The packet that an ICMP error quotes, with enough of a TCP header that it can be named.
  private func quoted(_ message: Span<UInt8>) -> Content? {
    guard message.count >= 8 &+ 20, [3, 4, 5, 11, 12].contains(message[0]) else { return nil }
    let packet = message.extracting(droppingFirst: 8)
    let headerLength = Int(packet[0] & 15) &* 4
    guard packet[0] >> 4 == 4, headerLength >= 20, packet[9] == 6,
      packet.uint16(at: 6) & 0x1FFF == 0, packet.count >= headerLength &+ 16
    else { return nil }
    return .quote(
      CapturedEnd(IPv4Address(rawValue: packet.uint32(at: 12)), packet.uint16(at: headerLength)),
      CapturedEnd(
        IPv4Address(rawValue: packet.uint32(at: 16)), packet.uint16(at: headerLength &+ 2)))
  }

  private mutating func inFragments(_ packet: Span<UInt8>) -> TCPFacts? {
    guard let fragment = try? IPv4PacketView(parsing: packet) else { return nil }
    // A capture's gaps are no reason to give a datagram up: the clock stands still.
    guard case .whole(let payload) = reassembler.fragmentArrived(fragment, at: .start) else {
      return nil
    }
    return TCPFacts(
      payload.span, wireLength: payload.count,
      source: (0, 0xFFFF_0000_0000 | UInt64(fragment.source.rawValue)),
      destination: (0, 0xFFFF_0000_0000 | UInt64(fragment.destination.rawValue)))
  }

  private func inIPv6(_ packet: Span<UInt8>, _ available: Int) -> TCPFacts? {
    guard packet.count >= 40, packet[0] >> 4 == 6 else { return nil }
    var total = 40 &+ Int(packet.uint16(at: 4))
    if total == 40 || total > available { total = available }
    var place = 40
    var next = packet[6]
    // RFC 8200 section 4: hop-by-hop, routing and destination options; each step advances.
    while next == 0 || next == 43 || next == 60 {
      guard place &+ 8 <= min(packet.count, total) else { return nil }
      next = packet[place]
      place &+= 8 &+ Int(packet[place &+ 1]) &* 8
    }
    guard next == 6, place <= min(total, packet.count) else { return nil }
    return TCPFacts(
      packet.extracting(place..<min(total, packet.count)), wireLength: total &- place,
      source: (Self.half(packet, at: 8), Self.half(packet, at: 16)),
      destination: (Self.half(packet, at: 24), Self.half(packet, at: 32)))
  }

  private static func half(_ packet: Span<UInt8>, at offset: Int) -> UInt64 {
    UInt64(packet.uint32(at: offset)) << 32 | UInt64(packet.uint32(at: offset &+ 4))
  }
}
