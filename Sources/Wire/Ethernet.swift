public import Octets

/// An Ethernet frame as it lies in octets, without preamble and check sequence.
///
/// Up to two IEEE 802.1Q tags are stepped over. Source: RFC 894; IEEE 802.3; IEEE 802.1Q.
public struct EthernetFrameView: ~Escapable {
  /// The whole frame.
  public let octets: Span<UInt8>
  /// Octets before the payload: 14, and 4 for each tag.
  public let headerLength: Int

  /// Checks that the header and its tags are all there.
  @inlinable @_lifetime(copy octets)
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    var length = 14
    guard octets.count >= length else {
      throw .truncated(needed: length, available: octets.count)
    }
    for _ in 0..<2 {
      let type = octets.uint16(at: length &- 2)
      guard type == 0x8100 || type == 0x88A8 else { break }
      length &+= 4
      guard octets.count >= length else {
        throw .truncated(needed: length, available: octets.count)
      }
    }
    self.octets = octets
    headerLength = length
  }

  /// The receiver.
  @inlinable public var destination: MACAddress { MACAddress(octets, at: 0) }
  /// The sender.
  @inlinable public var source: MACAddress { MACAddress(octets, at: 6) }
  /// What the payload is.
  @inlinable public var type: EtherType {
    EtherType(rawValue: octets.uint16(at: headerLength &- 2))
  }
  /// The VLAN identifier of the outermost tag, if there is one.
  @inlinable public var vlan: UInt16? {
    headerLength > 14 ? octets.uint16(at: 14) & 0x0FFF : nil
  }
  /// Whether a tag names a VLAN; identifier 0 gives a priority only. IEEE 802.1Q-2018 9.6.
  @inlinable public var isInVLAN: Bool {
    var place = 14
    while place < headerLength {
      if octets.uint16(at: place) & 0x0FFF != 0 { return true }
      place &+= 4
    }
    return false
  }
  /// What the frame carries, padding included.
  @inlinable public var payload: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(droppingFirst: headerLength) }
  }
}

/// The header of an Ethernet frame that we send.
public struct EthernetHeader: Hashable, Sendable {
  /// The receiver.
  public var destination: MACAddress
  /// The sender.
  public var source: MACAddress
  /// What follows.
  public var type: EtherType
  /// Octets of the header.
  public static let length = 14

  /// A header from its parts.
  @inlinable public init(destination: MACAddress, source: MACAddress, type: EtherType) {
    self.destination = destination
    self.source = source
    self.type = type
  }

  /// The header of a frame.
  @inlinable public init(_ view: borrowing EthernetFrameView) {
    self.init(destination: view.destination, source: view.source, type: view.type)
  }

  /// Appends the 14 octets.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>) {
    destination.emit(into: &output)
    source.emit(into: &output)
    output.append(bigEndian: type.rawValue)
  }
}
