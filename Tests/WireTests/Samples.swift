import Octets
import Wire

let ours = IPv4Address(192, 0, 2, 1)
let theirs = IPv4Address(192, 0, 2, 9)

/// Octets from text such as `45 00 1c`.
func hex(_ text: String) -> [UInt8] {
  text.split(whereSeparator: \.isWhitespace).map { UInt8($0, radix: 16) ?? 0 }
}

/// Octets that a value emits.
func emitted(
  capacity: Int = 128, _ body: (inout OutputSpan<UInt8>) -> Void
) -> [UInt8] {
  [UInt8](capacity: capacity) { output in body(&output) }
}

/// Packets whose checksums an independent program computed.
enum Known {
  static let udp = hex(
    """
    45 00 00 21 12 34 40 00 40 11 a4 8d c0 00 02 09 c0 00 02 01
    14 e9 00 35 00 0d 22 d9 68 65 6c 6c 6f
    """)
  static let syn = hex(
    """
    45 00 00 3c 12 34 40 00 40 06 a4 7d c0 00 02 09 c0 00 02 01
    c0 00 00 19 11 22 33 44 00 00 00 00 a0 02 fa f0 b9 6e 00 00
    02 04 05 b4 04 02 08 0a 00 0a 0b 0c 00 00 00 00 01 03 03 07
    """)
  static let data = hex(
    """
    45 00 00 2f 12 34 40 00 40 06 a4 8a c0 00 02 09 c0 00 02 01
    c0 00 00 19 11 22 33 45 55 66 77 88 50 18 01 f6 38 a1 00 00
    51 55 49 54 0d 0a 78
    """)
  static let echo = hex(
    """
    45 00 00 23 12 34 40 00 40 01 a4 9b c0 00 02 09 c0 00 02 01
    08 00 65 c9 01 02 00 07 61 62 63 64 65 66 67
    """)
  static let packets = [udp, syn, data, echo]
}

/// Packets and frames made by hand.
enum Sample {
  static func ip(
    _ transport: IPProtocol, _ payload: [UInt8], _ change: (inout IPv4Header) -> Void = { _ in }
  ) -> [UInt8] {
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: theirs, destination: ours)
    change(&header)
    return emitted(capacity: 20 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  static func icmp(_ kind: ICMPv4Kind, _ payload: [UInt8] = []) -> [UInt8] {
    ip(
      .icmp,
      emitted(capacity: 8 + payload.count) { output in
        ICMPv4Header(kind).emit(into: &output, payload: payload.span)
        output.append(copying: payload.span)
      })
  }

  static func tcp(
    _ flags: TCPFlags, options: TCPOptions = TCPOptions(), rawOptions: [UInt8] = [],
    payload: [UInt8] = [], _ change: (inout TCPHeader) -> Void = { _ in }
  ) -> [UInt8] {
    var header = TCPHeader(
      sourcePort: 5000, destinationPort: 25, sequence: SequenceNumber(1000),
      acknowledgment: SequenceNumber(flags.contains(.ack) ? 2000 : 0), flags: flags,
      window: 512, options: options)
    change(&header)
    var octets = emitted { header.emit(into: &$0) } + rawOptions
    octets[12] = UInt8(octets.count / 4) << 4 | octets[12] & 15
    return ip(.tcp, octets + payload)
  }

  static func ethernet(_ type: EtherType, tags: [UInt16] = [], _ payload: [UInt8]) -> [UInt8] {
    var octets = emitted {
      EthernetHeader(
        destination: MACAddress(rawValue: 0x0200_0000_0001),
        source: MACAddress(rawValue: 0x0200_0000_0009), type: type
      ).emit(into: &$0)
    }
    for tag in tags.reversed() {
      octets.insert(contentsOf: [0x81, 0, UInt8(tag >> 8), UInt8(tag & 255)], at: 12)
    }
    return octets + payload
  }

  static let arp = ARPPacket(
    operation: .request, senderHardware: MACAddress(rawValue: 0x0200_0000_0009),
    senderAddress: theirs, targetHardware: MACAddress(rawValue: 0), targetAddress: ours)

  static var arpOctets: [UInt8] { emitted { arp.emit(into: &$0) } }

  /// A segment with every option that fits: MSS, scale, SACK-permitted, timestamps, two blocks.
  static var fullOptions: TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    options.windowScale = 7
    options.sackPermitted = true
    options.timestamps = TCPTimestamps(value: 0xFFFF_FFFF, echo: 1)
    options.sackBlocks.append(SACKBlock(SequenceNumber(10), SequenceNumber(20)))
    options.sackBlocks.append(SACKBlock(SequenceNumber(0xFFFF_FFF0), SequenceNumber(4)))
    return options
  }

  /// IPv4 packets of every kind that the descriptions know.
  static var packets: [[UInt8]] {
    Known.packets + [
      tcp([.syn], options: fullOptions), tcp([.ack, .psh], payload: Array("QUIT\r\n".utf8)),
      tcp([.fin, .ack]), tcp([.rst]), tcp([], rawOptions: [2, 0, 0, 0]),
      icmp(.unreachable(code: 3, nextHopMTU: 0), Known.udp),
      icmp(.unreachable(code: 4, nextHopMTU: 576), Array(Known.syn.prefix(28))),
      icmp(.timeExceeded(code: 0), Known.udp), icmp(.redirect(code: 1, gateway: ours), Known.udp),
      icmp(.parameterProblem(code: 0, pointer: 20), Known.udp), icmp(.sourceQuench, Known.syn),
      icmp(.other(type: 13, code: 0), Array(repeating: 0, count: 12)),
      ip(.udp, Array(Known.udp.dropFirst(20))) { $0.moreFragments = true },
      ip(.udp, Array(repeating: 1, count: 16)) { $0.fragmentOffset = 24 },
      ip(IPProtocol(rawValue: 89), [1, 2, 3]),
    ]
  }

  /// Frames with their link types: every packet above, and every link layer.
  static var frames: [(LinkType, [UInt8])] {
    var frames: [(LinkType, [UInt8])] = packets.map { (.rawIP, $0) }
    frames += [
      (.ipv4, Known.syn), (.ethernet, ethernet(.ipv4, Known.syn)),
      (.ethernet, ethernet(.ipv4, tags: [5, 7], Known.udp)),
      (.ethernet, ethernet(.arp, arpOctets)),
      (.ethernet, ethernet(.ipv6, [0x60] + Array(repeating: 0, count: 39))),
      (.ethernet, ethernet(EtherType(rawValue: 0x88CC), [1, 2, 3])),
      (.null, [2, 0, 0, 0] + Known.echo), (.loop, [0, 0, 0, 2] + Known.echo),
      (.linuxCooked, Array(repeating: 0, count: 14) + [8, 0] + Known.data),
      (.linuxCooked2, [8, 6] + Array(repeating: 0, count: 18) + arpOctets),
      (LinkType(rawValue: 147), [1, 2, 3]),
    ]
    return frames
  }
}
