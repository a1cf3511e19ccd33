import Octets
import Wire

/// Where the IP packet begins in a captured frame.
enum LinkLayer {
  /// The offset of the IPv4 packet, or nil if the frame carries something else.
  static func internetOffset(in frame: Span<UInt8>, link: LinkType) -> Int? {
    let offset: Int
    switch link {
    case .ethernet:
      guard let view = try? EthernetFrameView(parsing: frame), view.type == .ipv4 else {
        return nil
      }
      return view.headerLength
    case .rawIP, .ipv4: offset = 0
    case .null, .loop: offset = 4
    case .linuxCooked:
      guard frame.count >= 16, frame.uint16(at: 14) == EtherType.ipv4.rawValue else { return nil }
      offset = 16
    case .linuxCooked2:
      guard frame.count >= 20, frame.uint16(at: 0) == EtherType.ipv4.rawValue else { return nil }
      offset = 20
    default: return nil
    }
    guard frame.count > offset, frame[offset] >> 4 == 4 else { return nil }
    return offset
  }
}
