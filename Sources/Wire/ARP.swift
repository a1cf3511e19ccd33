import Octets

/// An ARP packet for IPv4 over Ethernet, 28 octets. Source: RFC 826.
public struct ARPPacket: Hashable, Sendable {
  /// What the packet asks or says.
  public enum Operation: UInt16, Hashable, Sendable {
    /// Who has the target address?
    case request = 1
    /// The sender has the sender's address.
    case reply = 2
  }

  /// Octets of the packet.
  public static let length = 28
  /// What the packet asks or says.
  public var operation: Operation
  /// The sender's Ethernet address.
  public var senderHardware: MACAddress
  /// The sender's IPv4 address; 0.0.0.0 in a probe (RFC 5227).
  public var senderAddress: IPv4Address
  /// The target's Ethernet address; zero in a request.
  public var targetHardware: MACAddress
  /// The target's IPv4 address.
  public var targetAddress: IPv4Address

  /// A packet from its parts.
  public init(
    operation: Operation, senderHardware: MACAddress, senderAddress: IPv4Address,
    targetHardware: MACAddress, targetAddress: IPv4Address
  ) {
    self.operation = operation
    self.senderHardware = senderHardware
    self.senderAddress = senderAddress
    self.targetHardware = targetHardware
    self.targetAddress = targetAddress
  }

  /// Reads a packet; padding behind it is ignored.
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= Self.length else {
      throw .truncated(needed: Self.length, available: octets.count)
    }
    guard octets.uint16(at: 0) == 1, octets.uint16(at: 2) == EtherType.ipv4.rawValue,
      octets[4] == 6, octets[5] == 4, let operation = Operation(rawValue: octets.uint16(at: 6))
    else { throw .unsupported }
    self.init(
      operation: operation, senderHardware: MACAddress(octets, at: 8),
      senderAddress: IPv4Address(rawValue: octets.uint32(at: 14)),
      targetHardware: MACAddress(octets, at: 18),
      targetAddress: IPv4Address(rawValue: octets.uint32(at: 24)))
  }

  /// Appends the 28 octets.
  public func emit(into output: inout OutputSpan<UInt8>) {
    output.append(bigEndian: 1 as UInt16)
    output.append(bigEndian: EtherType.ipv4.rawValue)
    output.append(6)
    output.append(4)
    output.append(bigEndian: operation.rawValue)
    senderHardware.emit(into: &output)
    output.append(bigEndian: senderAddress.rawValue)
    targetHardware.emit(into: &output)
    output.append(bigEndian: targetAddress.rawValue)
  }
}
