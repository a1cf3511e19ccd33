public import Octets

/// One line for a captured frame, in tcpdump's manner.
///
/// Captures have millions of frames, so the line is appended to a ``TextBuffer``; who wants a few only
/// gets strings.
public enum PacketDescription {
  /// Describes a frame; never fails: what cannot be read is said in the line.
  ///
  /// IPv4 and ARP are told in full, IPv6 is only named. A packet that the capture cut off is told as
  /// far as it goes.
  public static func line(for octets: Span<UInt8>, link: LinkType) -> String {
    TextBuffer.string { write(octets, link: link, to: &$0) }
  }

  /// Describes an IP packet.
  public static func internet(_ octets: Span<UInt8>) -> String {
    TextBuffer.string { internet(octets, to: &$0) }
  }

  /// Appends the line for a frame, as ``line(for:link:)`` gives it.
  public static func write(_ octets: Span<UInt8>, link: LinkType, to text: inout TextBuffer) {
    guard let place = NetworkPacketPlace(in: octets, link: link) else {
      return unknown(octets, link, to: &text)
    }
    let payload = octets.extracting(droppingFirst: place.offset)
    guard link == .ethernet, let frame = try? EthernetFrameView(parsing: octets) else {
      if network(payload, place.type, to: &text) { return }
      text.append("protocol ")
      return type(place.type, payload.count, to: &text)
    }
    if let vlan = frame.vlan {
      text.append("vlan ")
      text.append(decimal: vlan)
      text.append(", ")
    }
    if network(payload, place.type, to: &text) { return }
    text.append(frame.source)
    text.append(" > ")
    text.append(frame.destination)
    text.append(", ethertype ")
    type(place.type, payload.count, to: &text)
  }

  /// What the network layer carries; false, and nothing said, where it is not known.
  private static func network(
    _ payload: Span<UInt8>, _ type: EtherType, to text: inout TextBuffer
  ) -> Bool {
    switch type {
    case .ipv4, .ipv6: internet(payload, to: &text)
    case .arp: arp(payload, to: &text)
    default: return false
    }
    return true
  }

  private static func type(_ type: EtherType, _ count: Int, to text: inout TextBuffer) {
    text.append("0x")
    text.append(hexadecimal: UInt64(type.rawValue))
    text.append(", ")
    text.append(decimal: count)
    text.append(" octets")
  }

  /// A frame in which no packet can be found.
  private static func unknown(
    _ octets: Span<UInt8>, _ link: LinkType, to text: inout TextBuffer
  ) {
    switch link {
    case .ethernet:
      text.append("Ethernet, cut off after ")
      text.append(decimal: octets.count)
      text.append(" octets")
    case .null, .loop:
      guard octets.count >= 4 else { return text.append("loopback, cut off") }
      text.append("address family 0x")
      text.append(hexadecimal: UInt64(octets.uint32(at: 0)))
      text.append(", ")
      text.append(decimal: octets.count - 4)
      text.append(" octets")
    case .linuxCooked, .linuxCooked2: text.append("Linux cooked, cut off")
    default:
      text.append("link type ")
      text.append(decimal: link.rawValue)
      text.append(", ")
      text.append(decimal: octets.count)
      text.append(" octets")
    }
  }

  private static func arp(_ octets: Span<UInt8>, to text: inout TextBuffer) {
    guard let packet = try? ARPPacket(parsing: octets) else {
      return text.append("ARP, malformed")
    }
    switch packet.operation {
    case .request:
      text.append("ARP, who has ")
      text.append(packet.targetAddress)
      text.append("? tell ")
      text.append(packet.senderAddress)
    case .reply:
      text.append("ARP, ")
      text.append(packet.senderAddress)
      text.append(" is at ")
      text.append(packet.senderHardware)
    }
  }

  /// Appends what ``internet(_:)`` gives.
  public static func internet(_ octets: Span<UInt8>, to text: inout TextBuffer) {
    guard octets.count > 0 else { return text.append("IP, empty") }
    if octets[0] >> 4 == 6 {
      text.append("IP6, ")
      text.append(decimal: octets.count)
      return text.append(" octets")
    }
    do throws(ParseError) {
      datagram(try IPv4PacketView(parsing: octets), to: &text)
    } catch {
      // The total length may be right where the capture kept less of the packet.
      guard case .totalLength(let length, let kept) = error, length > kept,
        let packet = try? IPv4PacketView(quoted: octets)
      else {
        text.append("IP ")
        return text.append(string: error.description)
      }
      datagram(packet, to: &text)
      text.append(" (cut off: ")
      text.append(decimal: kept)
      text.append(" of ")
      text.append(decimal: length)
      text.append(" octets)")
    }
  }

  private static func datagram(
    _ packet: borrowing IPv4PacketView, to text: inout TextBuffer
  ) {
    if !packet.isFragment {
      transport(packet, to: &text)
    } else if packet.fragmentOffset == 0 {
      transport(packet, to: &text)
      text.append(", ")
      fragment(packet, to: &text)
    } else {
      hosts(packet, to: &text)
      text.append(": ")
      fragment(packet, to: &text)
      text.append(", ")
      text.append(decimal: packet.payload.count)
      text.append(" octets")
    }
    if !packet.headerChecksumIsRight { text.append(", bad header checksum") }
  }

  private static func fragment(
    _ packet: borrowing IPv4PacketView, to text: inout TextBuffer
  ) {
    text.append("fragment ")
    text.append(decimal: packet.identification)
    text.append(octet: UInt8(ascii: " "))
    text.append(decimal: packet.fragmentOffset)
    if packet.moreFragments { text.append("+") }
  }

  private static func hosts(_ packet: borrowing IPv4PacketView, to text: inout TextBuffer) {
    text.append("IP ")
    text.append(packet.source)
    text.append(" > ")
    text.append(packet.destination)
  }

  /// Both ends: ports are the first four octets of what UDP and TCP carry.
  private static func ends(_ packet: borrowing IPv4PacketView, to text: inout TextBuffer) {
    let payload = packet.payload
    text.append("IP ")
    text.append(SocketAddress(packet.source, Port(payload.uint16(at: 0))))
    text.append(" > ")
    text.append(SocketAddress(packet.destination, Port(payload.uint16(at: 2))))
  }

  private static func transport(
    _ packet: borrowing IPv4PacketView, to text: inout TextBuffer
  ) {
    switch packet.transport {
    case .tcp:
      do throws(ParseError) {
        let segment = try TCPSegmentView(parsing: packet.payload)
        ends(packet, to: &text)
        text.append(": ")
        tcp(segment, to: &text)
      } catch {
        hosts(packet, to: &text)
        text.append(": TCP ")
        text.append(string: error.description)
      }
    case .udp:
      // The first fragment of a datagram has a length that the packet does not.
      guard packet.payload.count >= 8 else {
        hosts(packet, to: &text)
        return text.append(": UDP, cut off")
      }
      ends(packet, to: &text)
      let length = Int(packet.payload.uint16(at: 4)) - 8
      guard length >= 0 else { return text.append(": UDP, impossible length") }
      text.append(": UDP, length ")
      text.append(decimal: length)
      let ports = (packet.payload.uint16(at: 0), packet.payload.uint16(at: 2))
      guard ports.0 == 53 || ports.1 == 53, packet.payload.count >= 20 else { return }
      text.append(", ")
      DNSDescription.write(packet.payload.extracting(droppingFirst: 8), to: &text)
    case .icmp:
      hosts(packet, to: &text)
      guard let message = try? ICMPv4MessageView(parsing: packet.payload) else {
        return text.append(": ICMP, cut off")
      }
      text.append(": ICMP ")
      icmp(message, to: &text)
    default:
      hosts(packet, to: &text)
      text.append(": protocol ")
      text.append(decimal: packet.transport.rawValue)
      text.append(", length ")
      text.append(decimal: packet.payload.count)
    }
  }
}
