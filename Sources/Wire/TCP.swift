public import Octets

/// The control bits of a TCP segment. Source: RFC 9293 section 3.1; RFC 9768 section 3.2.2 for AE.
public struct TCPFlags: OptionSet, Hashable, Sendable {
  /// The nine bits as they lie at the end of the header's seventh word of 16 bits.
  public var rawValue: UInt16
  /// Flags from those bits.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// The sender has no more to send.
  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 1) }
  /// Sequence numbers begin here.
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 2) }
  /// The connection is reset.
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 4) }
  /// Deliver without waiting for more.
  @inlinable public static var psh: TCPFlags { TCPFlags(rawValue: 8) }
  /// The acknowledgment number counts.
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 16) }
  /// The urgent pointer counts.
  @inlinable public static var urg: TCPFlags { TCPFlags(rawValue: 32) }
  /// Congestion was experienced (RFC 3168).
  @inlinable public static var ece: TCPFlags { TCPFlags(rawValue: 64) }
  /// The congestion window was reduced (RFC 3168).
  @inlinable public static var cwr: TCPFlags { TCPFlags(rawValue: 128) }
  /// The first bit of the count of congestion marks, and accurate ECN in a SYN (RFC 9768).
  @inlinable public static var ae: TCPFlags { TCPFlags(rawValue: 256) }
}

/// A TCP segment as it lies in octets. Source: RFC 9293 section 3.1.
public struct TCPSegmentView: ~Escapable {
  /// Header and payload.
  public let octets: Span<UInt8>

  /// Checks the header's length: at least 20, and no more than there is.
  @inlinable @_lifetime(copy octets)
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= 20 else { throw .truncated(needed: 20, available: octets.count) }
    let headerLength = Int(octets[12] >> 4) &* 4
    guard headerLength >= 20, headerLength <= octets.count else {
      throw .headerLength(headerLength)
    }
    self.octets = octets
  }

  /// The sender's port.
  @inlinable public var sourcePort: Port { Port(octets.uint16(at: 0)) }
  /// The receiver's port.
  @inlinable public var destinationPort: Port { Port(octets.uint16(at: 2)) }
  /// SEG.SEQ.
  @inlinable public var sequence: SequenceNumber { SequenceNumber(octets.uint32(at: 4)) }
  /// SEG.ACK; counts with the ACK flag only.
  @inlinable public var acknowledgment: SequenceNumber { SequenceNumber(octets.uint32(at: 8)) }
  /// Octets of the header, 20...60.
  @inlinable public var headerLength: Int { Int(octets[12] >> 4) &* 4 }
  /// The control bits.
  @inlinable public var flags: TCPFlags { TCPFlags(rawValue: octets.uint16(at: 12) & 0x1FF) }
  /// SEG.WND before scaling: an unsigned quantity (RFC 9293 3.1 MUST-1).
  @inlinable public var window: UInt16 { octets.uint16(at: 14) }
  /// The checksum as received.
  @inlinable public var checksum: UInt16 { octets.uint16(at: 16) }
  /// SEG.UP; counts with the URG flag only.
  @inlinable public var urgentPointer: UInt16 { octets.uint16(at: 18) }
  /// The options, 0...40 octets.
  @inlinable public var options: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(20..<headerLength) }
  }
  /// What the segment carries.
  @inlinable public var payload: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(droppingFirst: headerLength) }
  }
  /// SEG.LEN: octets of payload, and one each for SYN and FIN.
  @inlinable public var length: Int {
    var length = octets.count &- headerLength
    if flags.contains(.syn) { length &+= 1 }
    if flags.contains(.fin) { length &+= 1 }
    return length
  }

  /// Whether the checksum is right. RFC 9293 3.1 MUST-3.
  @inlinable public func checksumIsRight(source: IPv4Address, destination: IPv4Address) -> Bool {
    var sum = PseudoHeader.sum(
      source: source, destination: destination, transport: .tcp, length: octets.count)
    sum.add(octets)
    return sum.value == 0
  }
}

/// The header of a TCP segment that we send.
public struct TCPHeader: Hashable, Sendable {
  /// The sender's port.
  public var sourcePort: Port
  /// The receiver's port.
  public var destinationPort: Port
  /// SEG.SEQ.
  public var sequence: SequenceNumber
  /// SEG.ACK; 0 without the ACK flag.
  public var acknowledgment: SequenceNumber
  /// The control bits.
  public var flags: TCPFlags
  /// SEG.WND before scaling.
  public var window: UInt16
  /// SEG.UP.
  public var urgentPointer: UInt16 = 0
  /// The options.
  public var options: TCPOptions

  /// A header from its parts.
  @inlinable public init(
    sourcePort: Port, destinationPort: Port, sequence: SequenceNumber,
    acknowledgment: SequenceNumber = SequenceNumber(0), flags: TCPFlags, window: UInt16,
    options: TCPOptions = TCPOptions()
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.sequence = sequence
    self.acknowledgment = acknowledgment
    self.flags = flags
    self.window = window
    self.options = options
  }

  /// The header of a segment, with the options that we understand.
  @inlinable public init(_ view: borrowing TCPSegmentView) {
    self.init(
      sourcePort: view.sourcePort, destinationPort: view.destinationPort, sequence: view.sequence,
      acknowledgment: view.acknowledgment, flags: view.flags, window: view.window,
      options: TCPOptions(parsing: view.options))
    urgentPointer = view.urgentPointer
  }

  /// Octets of the header with its options, 20...60.
  @inlinable public var length: Int { 20 &+ options.length }

  /// Where the checksum lies in the header, in octets from its first.
  public static let checksumOffset = 16

  /// Appends the header with `checksum` in its field.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>, checksum: UInt16 = 0) {
    let ports = UInt32(sourcePort.rawValue) << 16 | UInt32(destinationPort.rawValue)
    let control = UInt32(truncatingIfNeeded: length << 26) | UInt32(flags.rawValue & 0x1FF) << 16
    output.append(bigEndian: UInt64(ports) << 32 | UInt64(sequence.rawValue))
    output.append(
      bigEndian: UInt64(acknowledgment.rawValue) << 32 | UInt64(control | UInt32(window)))
    output.append(bigEndian: UInt32(checksum) << 16 | UInt32(urgentPointer))
    options.emit(into: &output)
  }
}
