import Octets
import Wire

/// A packet that the stack has sent, as its octets say.
struct EmittedPacket: Sendable {
  /// When, in nanoseconds of the virtual clock.
  var time: Instant
  /// Its place among all that the stack has sent.
  var number = 0
  var octets: [UInt8]
  /// Why, as the stack explained.
  var rule: RuleExplanation?
  var source = IPv4Address.any
  var destination = IPv4Address.any
  var serviceType: UInt8 = 0
  var ttl: UInt8 = 0
  var body: Body

  enum Body: Sendable {
    /// A segment with the numbers of the wire.
    case tcp(SegmentSyntax, PortsSyntax, payloadIsZero: Bool)
    case udp(length: Int, PortsSyntax)
    case icmp(type: UInt8, code: UInt8, length: Int)
    /// A packet that no peer would take, and why.
    case malformed(String)
  }

  /// Reads a packet that the stack has sent.
  init(_ octets: [UInt8], at time: Instant, because rule: RuleExplanation?) {
    self.octets = octets
    self.time = time
    self.rule = rule
    body = .malformed("")
    do throws(ParseError) {
      let packet = try IPv4PacketView(parsing: octets.span)
      source = packet.source
      destination = packet.destination
      serviceType = packet.octets[1]
      ttl = packet.ttl
      body =
        packet.headerChecksumIsRight
        ? try Self.body(of: packet) : .malformed("the checksum of the IP header is wrong")
    } catch {
      body = .malformed("\(error)")
    }
  }

  private static func body(of packet: borrowing IPv4PacketView) throws(ParseError) -> Body {
    let payload = packet.payload
    switch packet.transport {
    case .tcp:
      let view = try TCPSegmentView(parsing: payload)
      guard view.checksumIsRight(source: packet.source, destination: packet.destination) else {
        return .malformed("the checksum of the TCP segment is wrong")
      }
      guard payload[12] & 0x0E == 0 else {
        return .malformed("reserved bits of the TCP header are set")
      }
      return tcp(view)
    case .udp:
      let view = try UDPDatagramView(parsing: payload)
      let ports = PortsSyntax(
        source: view.sourcePort.rawValue, destination: view.destinationPort.rawValue)
      guard view.checksumIsRight(source: packet.source, destination: packet.destination) else {
        return .malformed("the checksum of the UDP datagram is wrong")
      }
      return .udp(length: view.payload.count, ports)
    case .icmp:
      let view = try ICMPv4MessageView(parsing: payload)
      guard view.checksumIsRight else {
        return .malformed("the checksum of the ICMP message is wrong")
      }
      return .icmp(type: payload[0], code: payload[1], length: payload.count)
    default: return .malformed("protocol \(packet.transport.rawValue)")
    }
  }

  private static func tcp(_ view: borrowing TCPSegmentView) -> Body {
    let payload = view.payload
    var segment = SegmentSyntax(
      flags: SegmentFlags(rawValue: view.flags.rawValue), start: view.sequence.rawValue,
      length: UInt16(truncatingIfNeeded: payload.count))
    segment.acknowledgment = view.acknowledgment.rawValue
    segment.window = view.window
    segment.urgentPointer = view.urgentPointer
    segment.options = options(view.options)
    var isZero = true
    for index in payload.indices where payload[index] != 0 {
      isZero = false
      break
    }
    let ports = PortsSyntax(
      source: view.sourcePort.rawValue, destination: view.destinationPort.rawValue)
    return .tcp(segment, ports, payloadIsZero: isZero)
  }

  /// The options of a segment, in order; what cannot be read is one raw block.
  static func options(_ octets: Span<UInt8>) -> [OptionSyntax] {
    var options: [OptionSyntax] = []
    var offset = 0
    while offset < octets.count {
      let kind = octets[offset]
      if kind <= 1 {
        options.append(kind == 0 ? .endOfList : .noOperation)
        offset += 1
        continue
      }
      guard offset + 1 < octets.count, octets[offset + 1] >= 2,
        offset + Int(octets[offset + 1]) <= octets.count
      else {
        options.append(.raw([UInt8](copying: octets.extracting(droppingFirst: offset))))
        break
      }
      let length = Int(octets[offset + 1])
      options.append(option(kind, octets.extracting((offset + 2)..<(offset + length))))
      offset += length
    }
    return options
  }

  private static func option(_ kind: UInt8, _ content: Span<UInt8>) -> OptionSyntax {
    switch (kind, content.count) {
    case (2, 2): return .maximumSegmentSize(content.uint16(at: 0))
    case (3, 1): return .windowScale(content[0])
    case (4, 0): return .sackPermitted
    case (5, 8), (5, 16), (5, 24), (5, 32):
      return .sack(
        stride(from: 0, to: content.count, by: 8).map {
          SACKSyntax(left: content.uint32(at: $0), right: content.uint32(at: $0 + 4))
        })
    case (8, 8): return .timestamps(value: content.uint32(at: 0), echo: content.uint32(at: 4))
    case (19, _): return .md5([UInt8](copying: content))
    case (34, _): return .fastOpen([UInt8](copying: content))
    case (254, 2...) where content.uint16(at: 0) == 0xF989:
      return .fastOpenExperimental([UInt8](copying: content.extracting(droppingFirst: 2)))
    case (172, 0), (172, 3), (172, 6), (172, 9), (174, 0), (174, 3), (174, 6), (174, 9):
      return .accurateECN(
        order: kind == 172 ? 0 : 1,
        counters: stride(from: 0, to: content.count, by: 3).map {
          UInt32(content[$0]) << 16 | UInt32(content.uint16(at: $0 + 1))
        })
    default: return .other(kind: kind, [UInt8](copying: content))
    }
  }
}
