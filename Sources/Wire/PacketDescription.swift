import Octets

/// One line for a captured frame, in tcpdump's manner.
public enum PacketDescription {
  /// Describes a frame; never fails: what cannot be read is said in the line.
  ///
  /// IPv4 and ARP are told in full, IPv6 is only named. A packet that the capture cut off is told as
  /// far as it goes.
  public static func line(for octets: Span<UInt8>, link: LinkType) -> String {
    guard let place = NetworkPacketPlace(in: octets, link: link) else {
      return unknown(octets, link)
    }
    let payload = octets.extracting(droppingFirst: place.offset)
    let frame = link == .ethernet ? try? EthernetFrameView(parsing: octets) : nil
    let tag = frame?.vlan.map { "vlan \($0), " } ?? ""
    switch place.type {
    case .ipv4, .ipv6: return tag + internet(payload)
    case .arp: return tag + arp(payload)
    default:
      let type = "0x\(String(place.type.rawValue, radix: 16)), \(payload.count) octets"
      guard let frame else { return "protocol \(type)" }
      return tag + "\(frame.source) > \(frame.destination), ethertype \(type)"
    }
  }

  /// A frame in which no packet can be found.
  private static func unknown(_ octets: Span<UInt8>, _ link: LinkType) -> String {
    switch link {
    case .ethernet: "Ethernet, cut off after \(octets.count) octets"
    case .null, .loop:
      octets.count < 4
        ? "loopback, cut off"
        : "address family 0x\(String(octets.uint32(at: 0), radix: 16)),"
          + " \(octets.count - 4) octets"
    case .linuxCooked, .linuxCooked2: "Linux cooked, cut off"
    default: "link type \(link.rawValue), \(octets.count) octets"
    }
  }

  private static func arp(_ octets: Span<UInt8>) -> String {
    guard let packet = try? ARPPacket(parsing: octets) else { return "ARP, malformed" }
    switch packet.operation {
    case .request: return "ARP, who has \(packet.targetAddress)? tell \(packet.senderAddress)"
    case .reply: return "ARP, \(packet.senderAddress) is at \(packet.senderHardware)"
    }
  }

  /// Describes an IP packet.
  public static func internet(_ octets: Span<UInt8>) -> String {
    guard octets.count > 0 else { return "IP, empty" }
    if octets[0] >> 4 == 6 { return "IP6, \(octets.count) octets" }
    do throws(ParseError) {
      return datagram(try IPv4PacketView(parsing: octets))
    } catch {
      // The total length may be right where the capture kept less of the packet.
      guard case .totalLength(let length, let kept) = error, length > kept,
        let packet = try? IPv4PacketView(quoted: octets)
      else { return "IP \(error)" }
      return datagram(packet) + " (cut off: \(kept) of \(length) octets)"
    }
  }

  private static func datagram(_ packet: borrowing IPv4PacketView) -> String {
    let ends = "IP \(packet.source) > \(packet.destination)"
    let checksum = packet.headerChecksumIsRight ? "" : ", bad header checksum"
    if packet.isFragment {
      let more = packet.moreFragments ? "+" : ""
      let part = "fragment \(packet.identification) \(packet.fragmentOffset)"
      guard packet.fragmentOffset == 0 else {
        return "\(ends): \(part)\(more), \(packet.payload.count) octets\(checksum)"
      }
      return transport(packet) + ", \(part)\(more)\(checksum)"
    }
    return transport(packet) + checksum
  }

  private static func transport(_ packet: borrowing IPv4PacketView) -> String {
    let source = packet.source
    let destination = packet.destination
    switch packet.transport {
    case .tcp:
      do throws(ParseError) {
        let segment = try TCPSegmentView(parsing: packet.payload)
        return "IP \(source):\(segment.sourcePort) > \(destination):\(segment.destinationPort): "
          + tcp(segment)
      } catch {
        return "IP \(source) > \(destination): TCP \(error)"
      }
    case .udp:
      // The first fragment of a datagram has a length that the packet does not.
      guard packet.payload.count >= 8 else {
        return "IP \(source) > \(destination): UDP, cut off"
      }
      let octets = packet.payload
      let length = Int(octets.uint16(at: 4)) - 8
      return "IP \(source):\(octets.uint16(at: 0)) > \(destination):\(octets.uint16(at: 2)): "
        + (length >= 0 ? "UDP, length \(length)" : "UDP, impossible length")
    case .icmp:
      guard let message = try? ICMPv4MessageView(parsing: packet.payload) else {
        return "IP \(source) > \(destination): ICMP, cut off"
      }
      return "IP \(source) > \(destination): ICMP " + icmp(message)
    default:
      return "IP \(source) > \(destination): protocol \(packet.transport.rawValue),"
        + " length \(packet.payload.count)"
    }
  }

  /// Describes a TCP segment without its ports.
  public static func tcp(_ segment: borrowing TCPSegmentView) -> String {
    let flags = segment.flags
    var letters = ""
    for (flag, letter) in flagLetters where flags.contains(flag) { letters += letter }
    var text = "Flags [\(letters.isEmpty ? "none" : letters)], seq \(segment.sequence)"
    let count = segment.payload.count
    if count > 0 { text += ":\(segment.sequence + count)" }
    if flags.contains(.ack) { text += ", ack \(segment.acknowledgment)" }
    text += ", win \(segment.window)"
    if flags.contains(.urg) { text += ", urg \(segment.urgentPointer)" }
    let list = options(TCPOptions(parsing: segment.options))
    if !list.isEmpty { text += ", options [\(list)]" }
    return text + ", length \(count)"
  }

  private static let flagLetters: [(TCPFlags, String)] = [
    (.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ece, "E"), (.cwr, "W"),
    (.ack, "."),
  ]

  private static func options(_ options: TCPOptions) -> String {
    var parts: [String] = []
    if let size = options.maximumSegmentSize { parts.append("mss \(size)") }
    if options.sackPermitted { parts.append("sackOK") }
    if let times = options.timestamps { parts.append("TS val \(times.value) ecr \(times.echo)") }
    if let shift = options.windowScale { parts.append("wscale \(shift)") }
    for index in 0..<options.sackBlocks.count {
      let block = options.sackBlocks[index]
      parts.append("sack \(block.left):\(block.right)")
    }
    if options.isMalformed { parts.append("malformed") }
    return parts.joined(separator: ", ")
  }

  private static func icmp(_ message: borrowing ICMPv4MessageView) -> String {
    let length = message.octets.count
    switch message.kind {
    case .echo(let identifier, let sequence):
      return "echo request, id \(identifier), seq \(sequence), length \(length)"
    case .echoReply(let identifier, let sequence):
      return "echo reply, id \(identifier), seq \(sequence), length \(length)"
    case .unreachable(let code, let mtu):
      let names = [
        "net", "host", "protocol", "port", "fragmentation needed (mtu \(mtu))",
        "source route failed",
      ]
      let name = Int(code) < names.count ? names[Int(code)] : "code \(code)"
      return "unreachable: \(name)" + about(message.payload)
    case .sourceQuench: return "source quench" + about(message.payload)
    case .redirect(_, let gateway): return "redirect to \(gateway)" + about(message.payload)
    case .timeExceeded(let code):
      let what = code == 0 ? "time exceeded in transit" : "reassembly time exceeded"
      return what + about(message.payload)
    case .parameterProblem(_, let pointer):
      return "parameter problem at octet \(pointer)" + about(message.payload)
    case .other(let type, let code): return "type \(type), code \(code), length \(length)"
    }
  }

  /// The datagram that an ICMP error quotes: at least its ends, mostly its ports.
  private static func about(_ quote: Span<UInt8>) -> String {
    guard let packet = try? IPv4PacketView(quoted: quote) else { return "" }
    let hasPorts =
      packet.payload.count >= 4 && packet.fragmentOffset == 0
      && (packet.transport == .tcp || packet.transport == .udp)
    guard hasPorts else { return ", about \(packet.source) > \(packet.destination)" }
    return ", about \(packet.source):\(packet.payload.uint16(at: 0))"
      + " > \(packet.destination):\(packet.payload.uint16(at: 2))"
  }
}
