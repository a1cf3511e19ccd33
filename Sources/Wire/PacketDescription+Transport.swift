public import Octets

// What stands behind the ends of a packet: a TCP segment, or an ICMP message.
extension PacketDescription {
  /// Appends the description of a TCP segment without its ports.
  public static func tcp(_ segment: borrowing TCPSegmentView, to text: inout TextBuffer) {
    let flags = segment.flags
    let count = segment.payload.count
    text.append("Flags [")
    letters(of: flags, to: &text)
    text.append("], seq ")
    text.append(decimal: segment.sequence.rawValue)
    if count > 0 {
      text.append(octet: UInt8(ascii: ":"))
      text.append(decimal: (segment.sequence + count).rawValue)
    }
    if flags.contains(.ack) {
      text.append(", ack ")
      text.append(decimal: segment.acknowledgment.rawValue)
    }
    text.append(", win ")
    text.append(decimal: segment.window)
    if flags.contains(.urg) {
      text.append(", urg ")
      text.append(decimal: segment.urgentPointer)
    }
    if segment.headerLength > 20 { options(segment.options, to: &text) }
    text.append(", length ")
    text.append(decimal: count)
  }

  private static func letters(of flags: TCPFlags, to text: inout TextBuffer) {
    if flags.rawValue == 0 { return text.append("none") }
    // SYN, FIN, RST, PSH, URG, ECE, CWR, AE and ACK, in the order in which tcpdump tells them.
    if flags.contains(.syn) { text.append("S") }
    if flags.contains(.fin) { text.append("F") }
    if flags.contains(.rst) { text.append("R") }
    if flags.contains(.psh) { text.append("P") }
    if flags.contains(.urg) { text.append("U") }
    if flags.contains(.ece) { text.append("E") }
    if flags.contains(.cwr) { text.append("W") }
    if flags.contains(.ae) { text.append("e") }
    if flags.contains(.ack) { text.append(".") }
  }

  private static func options(_ octets: Span<UInt8>, to text: inout TextBuffer) {
    let options = TCPOptions(parsing: octets)
    let begin = text.count
    text.append(", options [")
    let mark = text.count
    func separate(_ text: inout TextBuffer) { if text.count > mark { text.append(", ") } }
    if let size = options.maximumSegmentSize {
      text.append("mss ")
      text.append(decimal: size)
    }
    if options.sackPermitted {
      separate(&text)
      text.append("sackOK")
    }
    if let times = options.timestamps {
      separate(&text)
      text.append("TS val ")
      text.append(decimal: times.value)
      text.append(" ecr ")
      text.append(decimal: times.echo)
    }
    if let shift = options.windowScale {
      separate(&text)
      text.append("wscale ")
      text.append(decimal: shift)
    }
    for index in 0..<options.sackBlocks.count {
      let block = options.sackBlocks[index]
      separate(&text)
      text.append("sack ")
      text.append(decimal: block.left.rawValue)
      text.append(octet: UInt8(ascii: ":"))
      text.append(decimal: block.right.rawValue)
    }
    if options.isMalformed {
      separate(&text)
      text.append("malformed")
    }
    if text.count == mark { text.truncate(to: begin) } else { text.append("]") }
  }

  static func icmp(_ message: borrowing ICMPv4MessageView, to text: inout TextBuffer) {
    switch message.kind {
    case .echo(let identifier, let sequence):
      text.append("echo request")
      echo(identifier, sequence, message.octets.count, to: &text)
    case .echoReply(let identifier, let sequence):
      text.append("echo reply")
      echo(identifier, sequence, message.octets.count, to: &text)
    case .unreachable(let code, let mtu):
      text.append("unreachable: ")
      unreachable(code, mtu, to: &text)
      about(message.payload, to: &text)
    case .sourceQuench:
      text.append("source quench")
      about(message.payload, to: &text)
    case .redirect(_, let gateway):
      text.append("redirect to ")
      text.append(gateway)
      about(message.payload, to: &text)
    case .timeExceeded(let code):
      if code == 0 {
        text.append("time exceeded in transit")
      } else {
        text.append("reassembly time exceeded")
      }
      about(message.payload, to: &text)
    case .parameterProblem(_, let pointer):
      text.append("parameter problem at octet ")
      text.append(decimal: pointer)
      about(message.payload, to: &text)
    case .other(let type, let code):
      text.append("type ")
      text.append(decimal: type)
      text.append(", code ")
      text.append(decimal: code)
      text.append(", length ")
      text.append(decimal: message.octets.count)
    }
  }

  private static func echo(
    _ identifier: UInt16, _ sequence: UInt16, _ length: Int, to text: inout TextBuffer
  ) {
    text.append(", id ")
    text.append(decimal: identifier)
    text.append(", seq ")
    text.append(decimal: sequence)
    text.append(", length ")
    text.append(decimal: length)
  }

  private static func unreachable(_ code: UInt8, _ mtu: UInt16, to text: inout TextBuffer) {
    switch code {
    case 0: text.append("net")
    case 1: text.append("host")
    case 2: text.append("protocol")
    case 3: text.append("port")
    case 4:
      text.append("fragmentation needed (mtu ")
      text.append(decimal: mtu)
      text.append(")")
    case 5: text.append("source route failed")
    default:
      text.append("code ")
      text.append(decimal: code)
    }
  }

  /// The datagram that an ICMP error quotes: at least its ends, mostly its ports.
  private static func about(_ quote: Span<UInt8>, to text: inout TextBuffer) {
    guard let packet = try? IPv4PacketView(quoted: quote) else { return }
    text.append(", about ")
    let hasPorts =
      packet.payload.count >= 4 && packet.fragmentOffset == 0
      && (packet.transport == .tcp || packet.transport == .udp)
    guard hasPorts else {
      text.append(packet.source)
      text.append(" > ")
      return text.append(packet.destination)
    }
    text.append(SocketAddress(packet.source, Port(packet.payload.uint16(at: 0))))
    text.append(" > ")
    text.append(SocketAddress(packet.destination, Port(packet.payload.uint16(at: 2))))
  }
}
