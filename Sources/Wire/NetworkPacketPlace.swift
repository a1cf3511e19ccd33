import Octets

/// Where in a captured frame the packet of the network layer is, and what it is.
public struct NetworkPacketPlace: Hashable, Sendable {
  /// What the packet is.
  public let type: EtherType
  /// Octets of the frame in front of it.
  public let offset: Int

  /// Finds the packet; nil where the frame is cut off before it, or of a kind that is not known.
  ///
  /// The packet may be cut off, even empty. Any number of VLAN tags (IEEE 802.1Q, 802.1ad), PPPoE
  /// sessions (RFC 2516), MPLS labels (RFC 3032), and LLC with SNAP (RFC 1042) is stepped over.
  /// Sources: RFC 894 for Ethernet; the link types of libpcap for the others,
  /// https://www.tcpdump.org/linktypes.html.
  public init?(in frame: Span<UInt8>, link: LinkType) {
    let found: NetworkPacketPlace? =
      switch link.rawValue {
      case 1:
        frame.count >= 14
          ? Self.behind(EtherType(rawValue: frame.uint16(at: 12)), frame, 14) : nil
      // Raw IP under all its numbers.
      case 12, 14, 101: NetworkPacketPlace(Self.isIPv6(frame, 0) ? .ipv6 : .ipv4, 0)
      case 228: NetworkPacketPlace(.ipv4, 0)
      case 229: NetworkPacketPlace(.ipv6, 0)
      case 0, 108: Self.loopback(frame)
      case 113:
        frame.count >= 16
          ? Self.behind(EtherType(rawValue: frame.uint16(at: 14)), frame, 16) : nil
      case 276:
        frame.count >= 20 ? Self.behind(EtherType(rawValue: frame.uint16(at: 0)), frame, 20) : nil
      default: nil
      }
    guard let found else { return nil }
    self = found
  }

  private init(_ type: EtherType, _ offset: Int) { (self.type, self.offset) = (type, offset) }

  /// The family is in the byte order of the machine that captured; families are small.
  private static func loopback(_ frame: Span<UInt8>) -> NetworkPacketPlace? {
    guard frame.count >= 4, frame[1] == 0, frame[2] == 0, min(frame[0], frame[3]) == 0 else {
      return nil
    }
    switch max(frame[0], frame[3]) {
    case 2: return NetworkPacketPlace(.ipv4, 4)
    // IPv6 of Linux, OpenBSD and NetBSD, FreeBSD, and macOS.
    case 10, 24, 28, 30: return NetworkPacketPlace(.ipv6, 4)
    default: return nil
    }
  }

  private static func isIPv6(_ octets: Span<UInt8>, _ offset: Int) -> Bool {
    octets.count > offset && octets[offset] >> 4 == 6
  }

  private static func behind(
    _ first: EtherType, _ frame: Span<UInt8>, _ start: Int
  ) -> NetworkPacketPlace? {
    if first == .ipv4 { return NetworkPacketPlace(first, start) }
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
        default: return NetworkPacketPlace(EtherType(rawValue: type), offset)
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
        // An 802.3 length: IP may be behind LLC and SNAP.
        guard frame.count >= offset &+ 8, frame.uint32(at: offset) == 0xAAAA_0300,
          frame.uint16(at: offset &+ 4) == 0, frame.uint16(at: offset &+ 6) >= 1536
        else { return NetworkPacketPlace(EtherType(rawValue: type), offset) }
        type = frame.uint16(at: offset &+ 6)
        offset &+= 8
      default: return NetworkPacketPlace(EtherType(rawValue: type), offset)
      }
    }
  }
}
