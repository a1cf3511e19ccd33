import Octets
import Wire

/// Finds the IP packet in a frame: link headers, and what may stand between them and IP.
enum LinkHeaders {
  /// Where the network layer begins, and the type that leads to it; nil where there is none.
  ///
  /// Any number of VLAN tags (IEEE 802.1Q, 802.1ad), PPPoE sessions (RFC 2516) and MPLS labels (RFC
  /// 3032) is stepped over.
  static func network(of frame: Span<UInt8>, link: LinkType) -> (type: EtherType, offset: Int)? {
    switch link.rawValue {
    case 1:
      guard frame.count >= 14 else { return nil }
      return behind(EtherType(rawValue: frame.uint16(at: 12)), frame, 14)
    // Raw IP under all its numbers.
    case 12, 14, 101: return (isIPv6(frame, 0) ? .ipv6 : .ipv4, 0)
    case 228: return (.ipv4, 0)
    case 229: return (.ipv6, 0)
    case 113:
      guard frame.count >= 16 else { return nil }
      return behind(EtherType(rawValue: frame.uint16(at: 14)), frame, 16)
    case 276:
      guard frame.count >= 20 else { return nil }
      return behind(EtherType(rawValue: frame.uint16(at: 0)), frame, 20)
    case 0, 108:
      guard let place = NetworkPacketPlace(in: frame, link: link) else { return nil }
      return (place.type, place.offset)
    default: return nil
    }
  }

  private static func isIPv6(_ octets: Span<UInt8>, _ offset: Int) -> Bool {
    octets.count > offset && octets[offset] >> 4 == 6
  }

  private static func behind(
    _ first: EtherType, _ frame: Span<UInt8>, _ start: Int
  ) -> (type: EtherType, offset: Int)? {
    var (type, offset) = (first.rawValue, start)
    while true {
      switch type {
      case 0x8100, 0x88A8, 0x9100:
        guard frame.count >= offset &+ 4 else { return nil }
        type = frame.uint16(at: offset &+ 2)
        offset &+= 4
      case 0x8864:
        guard frame.count >= offset &+ 8 else { return nil }
        switch frame.uint16(at: offset &+ 6) {
        case 0x0021: type = 0x0800
        case 0x0057: type = 0x86DD
        default: return nil
        }
        offset &+= 8
      case 0x8847:
        var isBottom = false
        while !isBottom {
          guard frame.count >= offset &+ 4 else { return nil }
          isBottom = frame[offset &+ 2] & 1 != 0
          offset &+= 4
        }
        type = isIPv6(frame, offset) ? 0x86DD : 0x0800
      case ..<1536:
        // An 802.3 length: IP may be behind LLC and SNAP (RFC 1042).
        guard frame.count >= offset &+ 8, frame.uint32(at: offset) == 0xAAAA_0300,
          frame.uint16(at: offset &+ 4) == 0
        else { return nil }
        type = frame.uint16(at: offset &+ 6)
        offset &+= 8
        if type < 1536 { return nil }
      default: return (EtherType(rawValue: type), offset)
      }
    }
  }
}
