import Octets
import Wire

let ours = IPv4Address(192, 0, 2, 1)
let theirs = IPv4Address(192, 0, 2, 9)
let far = IPv4Address(198, 51, 100, 7)
let ourHardware = MACAddress(rawValue: 0x0200_0000_0001)
let theirHardware = MACAddress(rawValue: 0x0200_0000_0009)

/// Packets whose checksums are right, so that they get past the first checks.
enum Packet {
  static func ip(
    _ transport: IPProtocol, from source: IPv4Address = theirs, to target: IPv4Address = ours,
    options: [UInt8] = [], _ payload: [UInt8], _ change: (inout IPv4Header) -> Void = { _ in }
  ) -> [UInt8] {
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: source, destination: target)
    change(&header)
    var octets = [UInt8](capacity: 20 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
    guard !options.isEmpty else { return octets }
    octets.insert(contentsOf: options, at: 20)
    octets[0] = 0x40 | UInt8(5 + options.count / 4)
    mendHeader(&octets)
    return octets
  }

  /// Makes total length and checksum of an IPv4 header right.
  static func mendHeader(_ octets: inout [UInt8]) {
    guard octets.count >= 20 else { return }
    octets[2] = UInt8(truncatingIfNeeded: octets.count >> 8)
    octets[3] = UInt8(truncatingIfNeeded: octets.count)
    octets[10] = 0
    octets[11] = 0
    var sum = InternetChecksum()
    sum.add(octets.span.extracting(first: min(Int(octets[0] & 15) * 4, octets.count)))
    octets[10] = UInt8(sum.value >> 8)
    octets[11] = UInt8(sum.value & 255)
  }

  static func tcp(
    _ header: TCPHeader, rawOptions: [UInt8] = [], _ payload: [UInt8],
    from source: IPv4Address = theirs
  ) -> [UInt8] {
    var octets = [UInt8](capacity: 60) { header.emit(into: &$0) }
    octets += rawOptions.prefix((60 - octets.count) & ~3)
    while octets.count % 4 != 0 { octets.append(0) }
    octets[12] = UInt8(octets.count / 4) << 4
    octets += payload
    var sum = PseudoHeader.sum(
      source: source, destination: ours, transport: .tcp, length: octets.count)
    sum.add(octets.span)
    octets[16] = UInt8(sum.value >> 8)
    octets[17] = UInt8(sum.value & 255)
    return ip(.tcp, from: source, octets)
  }

  static func udp(_ from: Port, _ to: Port, _ payload: [UInt8]) -> [UInt8] {
    var header = UDPHeader(sourcePort: from, destinationPort: to, payloadLength: payload.count)
    header.fillChecksum(source: theirs, destination: ours, payload: payload.span)
    return ip(
      .udp,
      [UInt8](capacity: 8 + payload.count) { output in
        header.emit(into: &output)
        output.append(copying: payload.span)
      })
  }

  static func icmp(_ kind: ICMPv4Kind, _ payload: [UInt8]) -> [UInt8] {
    ip(
      .icmp,
      [UInt8](capacity: 8 + payload.count) { output in
        ICMPv4Header(kind).emit(into: &output, payload: payload.span)
        output.append(copying: payload.span)
      })
  }

  static func ethernet(_ type: EtherType, to target: MACAddress, _ payload: [UInt8]) -> [UInt8] {
    [UInt8](capacity: 14 + payload.count) { output in
      EthernetHeader(destination: target, source: theirHardware, type: type).emit(into: &output)
      output.append(copying: payload.span)
    }
  }
}
