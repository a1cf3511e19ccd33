import Octets
import Wire

/// Finds the TCP segment in a captured frame, and puts fragments together.
struct SegmentFinder: ~Copyable {
  /// The depth at which what an ICMP error quotes lies.
  private static let quoted = 8
  private var fragments = FragmentStore()
  /// The datagram in which the last segment was, where it came in fragments.
  private(set) var whole: [UInt8]?

  /// Looks for a segment in a frame; nil where there is none.
  ///
  /// In the last fragment's frame for one that came in parts.
  mutating func find(in frame: Span<UInt8>, wireLength: Int, link: LinkType) -> TCPFacts? {
    let length = max(wireLength, frame.count)
    if whole != nil { whole = nil }
    guard let place = NetworkPacketPlace(in: frame, link: link) else { return nil }
    return internet(frame, place.type, at: place.offset, end: length, depth: 0)
  }

  private mutating func internet(
    _ octets: Span<UInt8>, _ type: EtherType, at offset: Int, end: Int, depth: Int
  ) -> TCPFacts? {
    // Tunnels within tunnels have an end.
    guard depth < Self.quoted &+ 8 else { return nil }
    switch type {
    case .ipv4: return ipv4(octets, at: offset, end: end, depth: depth)
    case .ipv6: return ipv6(octets, at: offset, end: end, depth: depth)
    default: return nil
    }
  }

  private mutating func ipv4(
    _ octets: Span<UInt8>, at offset: Int, end limit: Int, depth: Int
  ) -> TCPFacts? {
    guard octets.count &- offset >= 20, octets[offset] >> 4 == 4 else { return nil }
    let headerLength = Int(octets[offset] & 15) &* 4
    var total = Int(octets.uint16(at: offset &+ 2))
    // What a sending host hands to its card in one piece has no length yet.
    if total == 0 { total = limit &- offset }
    guard headerLength >= 20, total >= headerLength else { return nil }
    let end = min(offset &+ total, limit)
    let (source, destination) = (
      UInt128(octets.uint32(at: offset &+ 12)), UInt128(octets.uint32(at: offset &+ 16))
    )
    let transport = octets[offset &+ 9]
    let begin = offset &+ headerLength
    let word = octets.uint16(at: offset &+ 6)
    if word & 0x3FFF != 0 {
      if depth >= Self.quoted { return nil }
      guard end <= octets.count, begin <= end else { return nil }
      let key = FragmentKey(
        source: source, destination: destination,
        identification: UInt32(octets.uint16(at: offset &+ 4)), transport: transport)
      return assemble(
        octets.extracting(begin..<end), at: Int(word & 0x1FFF) &* 8, isLast: word & 0x2000 == 0,
        key: key, isIPv6: false, depth: depth)
    }
    return transported(
      octets, transport, at: begin, end: end, source, destination, isIPv6: false, depth: depth)
  }

  private mutating func ipv6(
    _ octets: Span<UInt8>, at offset: Int, end limit: Int, depth: Int
  ) -> TCPFacts? {
    guard octets.count &- offset >= 40, octets[offset] >> 4 == 6 else { return nil }
    let payload = Int(octets.uint16(at: offset &+ 4))
    let end = payload == 0 ? limit : min(offset &+ 40 &+ payload, limit)
    let source = Self.address(octets, offset &+ 8)
    let destination = Self.address(octets, offset &+ 24)
    var next = octets[offset &+ 6]
    var place = offset &+ 40
    while true {
      switch next {
      // Hop-by-hop options, routing, destination options, mobility, HIP, shim6. RFC 8200 section 4.
      case 0, 43, 60, 135, 139, 140:
        guard octets.count >= place &+ 8 else { return nil }
        next = octets[place]
        place &+= 8 &+ Int(octets[place &+ 1]) &* 8
      case 51:
        guard octets.count >= place &+ 8 else { return nil }
        next = octets[place]
        place &+= (Int(octets[place &+ 1]) &+ 2) &* 4
      case 44:
        guard octets.count >= place &+ 8 else { return nil }
        let word = octets.uint16(at: place &+ 2)
        let identification = octets.uint32(at: place &+ 4)
        next = octets[place]
        place &+= 8
        // An atomic fragment is a whole datagram. RFC 6946.
        guard word & 0xFFF9 != 0 else { continue }
        guard depth < Self.quoted, end <= octets.count, place <= end else { return nil }
        let key = FragmentKey(
          source: source, destination: destination, identification: identification,
          transport: next)
        return assemble(
          octets.extracting(place..<end), at: Int(word & 0xFFF8), isLast: word & 1 == 0, key: key,
          isIPv6: true, depth: depth)
      default:
        return transported(
          octets, next, at: place, end: end, source, destination, isIPv6: true, depth: depth)
      }
    }
  }

  private static func address(_ octets: Span<UInt8>, _ offset: Int) -> UInt128 {
    UInt128(octets.uint64(at: offset)) << 64 | UInt128(octets.uint64(at: offset &+ 8))
  }

  private mutating func assemble(
    _ octets: Span<UInt8>, at start: Int, isLast: Bool, key: FragmentKey, isIPv6: Bool, depth: Int
  ) -> TCPFacts? {
    guard let whole = fragments.add(octets, at: start, isLast: isLast, key: key) else { return nil }
    self.whole = whole
    return transported(
      whole.span, key.transport, at: 0, end: whole.count, key.source, key.destination,
      isIPv6: isIPv6, depth: depth)
  }

  private mutating func transported(
    _ octets: Span<UInt8>, _ transport: UInt8, at offset: Int, end: Int, _ source: UInt128,
    _ destination: UInt128, isIPv6: Bool, depth: Int
  ) -> TCPFacts? {
    switch transport {
    case 6:
      return Self.segment(
        octets, at: offset, length: end &- offset, source: source, destination: destination,
        isIPv6: isIPv6, isQuoted: depth >= Self.quoted)
    // What ICMP errors quote. RFC 792, RFC 4443.
    case 1, 58:
      guard depth < Self.quoted, octets.count &- offset >= 28 else { return nil }
      switch (transport, octets[offset]) {
      case (1, 3), (1, 4), (1, 5), (1, 11), (1, 12), (58, 1...4):
        return internet(
          octets, octets[offset &+ 8] >> 4 == 6 ? .ipv6 : .ipv4, at: offset &+ 8, end: end,
          depth: Self.quoted)
      default: return nil
      }
    case 47: return encapsulated(octets, at: offset, end: end, depth: depth)
    // IP within IP. RFC 2003, RFC 4213.
    case 4: return internet(octets, .ipv4, at: offset, end: end, depth: depth &+ 1)
    case 41: return internet(octets, .ipv6, at: offset, end: end, depth: depth &+ 1)
    default: return nil
    }
  }

  /// What generic routing encapsulation carries. RFC 2784, RFC 2890.
  private mutating func encapsulated(
    _ octets: Span<UInt8>, at offset: Int, end: Int, depth: Int
  ) -> TCPFacts? {
    guard octets.count &- offset >= 4, octets[offset &+ 1] & 7 == 0 else { return nil }
    var place = offset &+ 4
    for bit in [0x80, 0x20, 0x10] as [UInt8] where octets[offset] & bit != 0 { place &+= 4 }
    return internet(
      octets, EtherType(rawValue: octets.uint16(at: offset &+ 2)), at: place, end: end,
      depth: depth &+ 1)
  }

  /// The TCP segment at a place.
  ///
  /// - Parameter length: octets of the segment as IP tells it, which may be more than were kept.
  /// - Returns: nil where not even the first 16 octets are there.
  private static func segment(
    _ octets: Span<UInt8>, at offset: Int, length: Int, source: UInt128, destination: UInt128,
    isIPv6: Bool, isQuoted: Bool
  ) -> TCPFacts? {
    guard offset <= octets.count, octets.count &- offset >= 16, length >= 16 else { return nil }
    let kept = min(octets.count, offset &+ length)
    var facts = TCPFacts(
      octets.extracting(offset..<kept), wireLength: length, source: halves(source, isIPv6),
      destination: halves(destination, isIPv6), isQuoted: isQuoted)
    facts?.payload = min(offset &+ Int(octets[offset &+ 12] >> 4) &* 4, kept)..<kept
    return facts
  }

  private static func halves(_ address: UInt128, _ isIPv6: Bool) -> (UInt64, UInt64) {
    let low = UInt64(truncatingIfNeeded: address)
    return isIPv6 ? (UInt64(truncatingIfNeeded: address >> 64), low) : (0, 0xFFFF_0000_0000 | low)
  }
}
