public import Octets

/// A UDP datagram as it lies in octets. Source: RFC 768.
public struct UDPDatagramView: ~Escapable {
  /// The datagram, cut to the length that it states.
  public let octets: Span<UInt8>

  /// Checks the length: at least 8, and no more than there is.
  @inlinable @_lifetime(copy octets)
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= 8 else { throw .truncated(needed: 8, available: octets.count) }
    let length = Int(octets.uint16(at: 4))
    guard length >= 8, length <= octets.count else {
      throw .totalLength(length, available: octets.count)
    }
    self.octets = octets.extracting(first: length)
  }

  /// The sender's port; 0 when it has none.
  @inlinable public var sourcePort: Port { Port(octets.uint16(at: 0)) }
  /// The receiver's port.
  @inlinable public var destinationPort: Port { Port(octets.uint16(at: 2)) }
  /// The checksum as received; 0 when the sender made none.
  @inlinable public var checksum: UInt16 { octets.uint16(at: 6) }
  /// What the datagram carries.
  @inlinable public var payload: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(droppingFirst: 8) }
  }

  /// Whether the checksum is right, or was not made. RFC 1122 section 4.1.3.4.
  @inlinable public func checksumIsRight(source: IPv4Address, destination: IPv4Address) -> Bool {
    guard checksum != 0 else { return true }
    var sum = PseudoHeader.sum(
      source: source, destination: destination, transport: .udp, length: octets.count)
    sum.add(octets)
    return sum.value == 0
  }
}

/// The header of a UDP datagram that we send.
public struct UDPHeader: Hashable, Sendable {
  /// Octets of the header.
  public static let length = 8
  /// The sender's port.
  public var sourcePort: Port
  /// The receiver's port.
  public var destinationPort: Port
  /// Octets behind the header, 0...65,507.
  public var payloadLength: Int
  /// The checksum; 0 while none is made.
  public var checksum: UInt16

  /// A header from its parts.
  @inlinable public init(
    sourcePort: Port, destinationPort: Port, payloadLength: Int, checksum: UInt16 = 0
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.payloadLength = payloadLength
    self.checksum = checksum
  }

  /// The header of a datagram.
  @inlinable public init(_ view: borrowing UDPDatagramView) {
    self.init(
      sourcePort: view.sourcePort, destinationPort: view.destinationPort,
      payloadLength: view.payload.count, checksum: view.checksum)
  }

  /// Computes the checksum over pseudo-header, header and payload; a zero is sent as all ones.
  @inlinable public mutating func fillChecksum(
    source: IPv4Address, destination: IPv4Address, payload: Span<UInt8>
  ) {
    var sum = PseudoHeader.sum(
      source: source, destination: destination, transport: .udp, length: payload.count &+ 8)
    sum.add(word: sourcePort.rawValue)
    sum.add(word: destinationPort.rawValue)
    sum.add(word: UInt16(truncatingIfNeeded: payload.count &+ 8))
    sum.add(payload)
    checksum = sum.value == 0 ? 0xFFFF : sum.value
  }

  /// Appends the 8 octets.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>) {
    output.append(bigEndian: sourcePort.rawValue)
    output.append(bigEndian: destinationPort.rawValue)
    output.append(bigEndian: UInt16(truncatingIfNeeded: payloadLength &+ 8))
    output.append(bigEndian: checksum)
  }
}
