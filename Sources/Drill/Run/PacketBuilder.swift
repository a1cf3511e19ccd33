import Octets
import Wire

/// Builds the packets that a script hands to the stack, octet by octet.
struct PacketBuilder {
  /// The stack's address and the peer's.
  var local: IPv4Address
  var remote: IPv4Address

  /// A TCP segment from the peer; all its numbers are those of the wire.
  func segment(
    _ segment: SegmentSyntax, ports: PortsSyntax, network: NetworkSyntax
  ) -> [UInt8] {
    let options = (segment.options ?? []).flatMap(Self.octets)
    let headerLength = 20 + options.count
    var octets: [UInt8] = []
    octets.reserveCapacity(headerLength + Int(segment.length))
    octets.append(bigEndian: ports.source)
    octets.append(bigEndian: ports.destination)
    octets.append(bigEndian: segment.start)
    octets.append(bigEndian: segment.acknowledgment ?? 0)
    let accurate: UInt8 = segment.flags.contains(.ae) ? 1 : 0
    octets.append(UInt8(headerLength / 4) << 4 | accurate)
    octets.append(UInt8(truncatingIfNeeded: segment.flags.rawValue))
    octets.append(bigEndian: segment.window ?? 0)
    octets.append(bigEndian: 0 as UInt16)
    octets.append(bigEndian: segment.urgentPointer)
    octets += options
    octets += [UInt8](repeating: 0, count: Int(segment.length))
    return datagram(octets, .tcp, checksumAt: 16, network: network)
  }

  /// A UDP datagram of zero octets from the peer.
  func datagram(length: UInt16, ports: PortsSyntax, network: NetworkSyntax) -> [UInt8] {
    var octets: [UInt8] = []
    octets.append(bigEndian: ports.source)
    octets.append(bigEndian: ports.destination)
    octets.append(bigEndian: UInt16(8 &+ Int(length)))
    octets.append(bigEndian: 0 as UInt16)
    octets += [UInt8](repeating: 0, count: Int(length))
    return datagram(octets, .udp, checksumAt: 6, network: network)
  }

  /// An ICMP message from the peer; `quote` is the packet that it is about.
  func message(_ message: ICMPSyntax, quote: [UInt8], network: NetworkSyntax) -> [UInt8] {
    var octets: [UInt8] = [message.type, message.code, 0, 0]
    if let mtu = message.mtu {
      // RFC 1191 section 4: the MTU is in the low 16 bits of the second word.
      octets.append(bigEndian: mtu & 0xFFFF)
    } else {
      octets.append(bigEndian: UInt32(message.identifier ?? 0) << 16)
    }
    octets += quote
    if case .raw(let length) = message.quote, octets.count < Int(length) {
      octets += [UInt8](repeating: 0, count: Int(length) - octets.count)
    }
    var sum = InternetChecksum()
    sum.add(octets.span)
    octets.store(sum.value, at: 2)
    return packet(octets, .icmp, network: network)
  }

  /// The beginning of a packet of ours, as an ICMP error quotes it: the IP header and 8 octets.
  ///
  /// - Parameters:
  ///   - length: octets of payload that the packet had.
  ///   - headerLength: octets of its transport header.
  func quote(
    _ transport: IPProtocol, ports: PortsSyntax, sequence: UInt32, length: Int, headerLength: Int
  ) -> [UInt8] {
    var header = IPv4Header(
      payloadLength: headerLength + length, transport: transport, source: local,
      destination: remote)
    header.dontFragment = true
    var octets = [UInt8](capacity: IPv4Header.length) { header.emit(into: &$0) }
    octets.append(bigEndian: ports.source)
    octets.append(bigEndian: ports.destination)
    if transport == .udp {
      octets.append(bigEndian: UInt16(truncatingIfNeeded: 8 + length))
      octets.append(bigEndian: 0 as UInt16)
    } else {
      octets.append(bigEndian: sequence)
    }
    return octets
  }

  // MARK: IP

  private func datagram(
    _ payload: [UInt8], _ transport: IPProtocol, checksumAt offset: Int, network: NetworkSyntax
  ) -> [UInt8] {
    var payload = payload
    var sum = PseudoHeader.sum(
      source: remote, destination: local, transport: transport, length: payload.count)
    sum.add(payload.span)
    // RFC 768: a sum of zero is sent as all ones.
    payload.store(transport == .udp && sum.value == 0 ? 0xFFFF : sum.value, at: offset)
    return packet(payload, transport, network: network)
  }

  private func packet(
    _ payload: [UInt8], _ transport: IPProtocol, network: NetworkSyntax
  ) -> [UInt8] {
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: remote, destination: local)
    header.ttl = network.ttl ?? 255
    if let serviceType = network.serviceType {
      header.dscp = serviceType >> 2
      header.ecn = ECNCodepoint(bits: serviceType)
    }
    if case .exactly(let bits) = network.congestion { header.ecn = ECNCodepoint(bits: bits) }
    return [UInt8](capacity: IPv4Header.length + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  // MARK: Options

  /// The octets of an option.
  static func octets(_ option: OptionSyntax) -> [UInt8] {
    var octets: [UInt8] = []
    switch option {
    case .noOperation: octets = [1]
    case .endOfList: octets = [0]
    case .maximumSegmentSize(let size):
      octets = [2, 4]
      octets.append(bigEndian: size)
    case .windowScale(let shift): octets = [3, 3, shift]
    case .sackPermitted: octets = [4, 2]
    case .sack(let blocks):
      octets = [5, UInt8(2 + 8 * blocks.count)]
      for block in blocks {
        octets.append(bigEndian: block.left)
        octets.append(bigEndian: block.right)
      }
    case .timestamps(let value, let echo):
      octets = [8, 10]
      octets.append(bigEndian: value)
      octets.append(bigEndian: echo)
    case .md5(let digest): octets = [19, UInt8(2 + digest.count)] + digest
    case .validMD5: octets = [19, 18] + [UInt8](repeating: 0, count: 16)
    case .fastOpen(let cookie): octets = [34, UInt8(2 + cookie.count)] + cookie
    case .fastOpenExperimental(let cookie):
      octets = [254, UInt8(4 + cookie.count), 0xF9, 0x89] + cookie
    case .accurateECN(let order, let counters):
      octets = [order == 0 ? 172 : 174, UInt8(2 + 3 * counters.count)]
      for counter in counters {
        octets.append(UInt8(truncatingIfNeeded: counter >> 16))
        octets.append(bigEndian: UInt16(truncatingIfNeeded: counter))
      }
    case .other(let kind, let content): octets = [kind, UInt8(2 + content.count)] + content
    case .raw(let content): octets = content
    }
    return octets
  }
}

extension [UInt8] {
  /// Appends 16 bits, most significant octet first.
  mutating func append(bigEndian value: UInt16) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }

  /// Appends 32 bits, most significant octet first.
  mutating func append(bigEndian value: UInt32) {
    append(bigEndian: UInt16(truncatingIfNeeded: value >> 16))
    append(bigEndian: UInt16(truncatingIfNeeded: value))
  }

  /// Writes 16 bits, most significant octet first.
  mutating func store(_ value: UInt16, at offset: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value >> 8)
    self[offset + 1] = UInt8(truncatingIfNeeded: value)
  }
}
