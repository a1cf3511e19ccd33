import Octets

/// Where in a captured frame the packet of the network layer is, and what it is.
public struct NetworkPacketPlace: Hashable, Sendable {
  /// What the packet is.
  public let type: EtherType
  /// Octets of the frame in front of it.
  public let offset: Int

  /// Finds the packet; nil where the frame is cut off before it, or of a kind that is not known.
  ///
  /// The packet may be cut off, even empty. Sources: RFC 894 for Ethernet; the link types of
  /// libpcap for the others, https://www.tcpdump.org/linktypes.html.
  public init?(in frame: Span<UInt8>, link: LinkType) {
    switch link {
    case .ethernet:
      guard let view = try? EthernetFrameView(parsing: frame) else { return nil }
      (type, offset) = (view.type, view.headerLength)
    case .rawIP, .ipv4:
      (type, offset) = (Self.isIPv6(frame) ? .ipv6 : .ipv4, 0)
    case .null, .loop:
      // The family is in the byte order of the machine that captured; families are small.
      guard frame.count >= 4, frame[1] == 0, frame[2] == 0, min(frame[0], frame[3]) == 0 else {
        return nil
      }
      switch max(frame[0], frame[3]) {
      case 2: type = .ipv4
      // IPv6 of Linux, OpenBSD and NetBSD, FreeBSD, and macOS.
      case 10, 24, 28, 30: type = .ipv6
      default: return nil
      }
      offset = 4
    case .linuxCooked:
      guard frame.count >= 16 else { return nil }
      (type, offset) = (EtherType(rawValue: frame.uint16(at: 14)), 16)
    case .linuxCooked2:
      guard frame.count >= 20 else { return nil }
      (type, offset) = (EtherType(rawValue: frame.uint16(at: 0)), 20)
    default: return nil
    }
  }

  private static func isIPv6(_ packet: Span<UInt8>) -> Bool {
    packet.count > 0 && packet[0] >> 4 == 6
  }
}
