public import Octets

/// An IPv4 packet as it lies in octets. Source: RFC 791 section 3.1.
///
/// Parsing checks version and lengths; the checksum is the caller's to ask for. Octets behind the
/// total length are link padding and not seen.
public struct IPv4PacketView: ~Escapable {
  /// The packet, cut to its total length.
  public let octets: Span<UInt8>

  /// Checks version, header length and total length, in the order of RFC 1122 section 3.2.1.
  @inlinable @_lifetime(copy octets)
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= 20 else { throw .truncated(needed: 20, available: octets.count) }
    guard octets[0] >> 4 == 4 else { throw .version(octets[0] >> 4) }
    let headerLength = Int(octets[0] & 15) &* 4
    guard headerLength >= 20, headerLength <= octets.count else {
      throw .headerLength(headerLength)
    }
    let totalLength = Int(octets.uint16(at: 2))
    guard totalLength >= headerLength, totalLength <= octets.count else {
      throw .totalLength(totalLength, available: octets.count)
    }
    self.octets = octets.extracting(first: totalLength)
  }

  /// Reads what an ICMP error quotes, which may be cut off behind the header.
  ///
  /// Source: RFC 792; RFC 1812 section 4.3.2.3.
  @inlinable @_lifetime(copy octets)
  public init(quoted octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= 20 else { throw .truncated(needed: 20, available: octets.count) }
    guard octets[0] >> 4 == 4 else { throw .version(octets[0] >> 4) }
    let headerLength = Int(octets[0] & 15) &* 4
    guard headerLength >= 20, headerLength <= octets.count else {
      throw .headerLength(headerLength)
    }
    self.octets = octets
  }

  /// Octets of the header, 20...60.
  @inlinable public var headerLength: Int { Int(octets[0] & 15) &* 4 }
  /// Octets of header and payload, as the header says.
  @inlinable public var totalLength: Int { Int(octets.uint16(at: 2)) }
  /// The differentiated services code point (RFC 2474).
  @inlinable public var dscp: UInt8 { octets[1] >> 2 }
  /// What routers say, or may say, of congestion (RFC 3168).
  @inlinable public var ecn: ECNCodepoint { ECNCodepoint(bits: octets[1]) }
  /// What ties fragments together (RFC 6864).
  @inlinable public var identification: UInt16 { octets.uint16(at: 4) }
  /// Whether routers must not fragment the packet.
  @inlinable public var dontFragment: Bool { octets[6] & 0x40 != 0 }
  /// Whether another fragment follows this one.
  @inlinable public var moreFragments: Bool { octets[6] & 0x20 != 0 }
  /// Where this fragment's payload begins in the datagram's, in octets.
  @inlinable public var fragmentOffset: Int { Int(octets.uint16(at: 6) & 0x1FFF) &* 8 }
  /// Whether this is a part of a datagram only.
  @inlinable public var isFragment: Bool { octets.uint16(at: 6) & 0x3FFF != 0 }
  /// Hops that are left.
  @inlinable public var ttl: UInt8 { octets[8] }
  /// What the payload is.
  @inlinable public var transport: IPProtocol { IPProtocol(rawValue: octets[9]) }
  /// The header's checksum as received.
  @inlinable public var headerChecksum: UInt16 { octets.uint16(at: 10) }
  /// The sender.
  @inlinable public var source: IPv4Address { IPv4Address(rawValue: octets.uint32(at: 12)) }
  /// The receiver.
  @inlinable public var destination: IPv4Address { IPv4Address(rawValue: octets.uint32(at: 16)) }
  /// The header with its options.
  @inlinable public var header: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(first: headerLength) }
  }
  /// The options, 0...40 octets.
  @inlinable public var options: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(20..<headerLength) }
  }
  /// What the packet carries.
  @inlinable public var payload: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(droppingFirst: headerLength) }
  }
  /// Whether the header sums to zero, checksum included. RFC 1122 section 3.2.1.2.
  @inlinable public var headerChecksumIsRight: Bool {
    var sum = InternetChecksum()
    if headerLength == 20 {
      for offset in stride(from: 0, to: 20, by: 4) { sum.add(long: octets.uint32(at: offset)) }
    } else {
      sum.add(header)
    }
    return sum.value == 0
  }
}

/// What the options of an IPv4 header amount to for a host. Source: RFC 791; RFC 1122 3.2.1.8.
public struct IPv4OptionsSummary: Hashable, Sendable {
  /// A loose or strict source route is among them.
  public var hasSourceRoute = false
  /// Where in the header a source route is that cannot be, or a second one, in octets from its start.
  public var badSourceRouteAt: Int?
  /// An option's length is impossible: where in the header, in octets from its start.
  public var malformedAt: Int?

  /// Reads options.
  public init(parsing options: Span<UInt8>) {
    let place = walkOptions(options) { kind, place in
      guard kind == SourceRouteOption.loose || kind == SourceRouteOption.strict else { return }
      // RFC 1122 3.2.1.8 (c): there is one at most.
      if hasSourceRoute || SourceRouteOption(parsing: options.extracting(place)) == nil {
        badSourceRouteAt = badSourceRouteAt ?? 20 + place.lowerBound
      }
      hasSourceRoute = true
    }
    malformedAt = place.map { 20 + $0 }
  }
}

/// The header of an IPv4 packet that we send: 20 octets, no options.
public struct IPv4Header: Hashable, Sendable {
  /// Octets of the header.
  public static let length = 20
  /// The differentiated services code point, 0...63.
  public var dscp: UInt8 = 0
  /// What routers say, or may say, of congestion.
  public var ecn = ECNCodepoint.notECT
  /// Octets behind the header, 0...65,515.
  public var payloadLength: Int
  /// What ties fragments together.
  public var identification: UInt16 = 0
  /// Whether routers must not fragment the packet.
  public var dontFragment = false
  /// Whether another fragment follows.
  public var moreFragments = false
  /// Where the payload begins in the datagram's: a multiple of 8, below 65,536.
  public var fragmentOffset = 0
  /// Hops.
  public var ttl: UInt8 = 64
  /// What follows.
  public var transport: IPProtocol
  /// The sender.
  public var source: IPv4Address
  /// The receiver.
  public var destination: IPv4Address

  /// A header of a whole datagram.
  @inlinable public init(
    payloadLength: Int, transport: IPProtocol, source: IPv4Address, destination: IPv4Address
  ) {
    self.payloadLength = payloadLength
    self.transport = transport
    self.source = source
    self.destination = destination
  }

  /// The header of a packet; its options are left out.
  @inlinable public init(_ view: borrowing IPv4PacketView) {
    self.init(
      payloadLength: view.payload.count, transport: view.transport, source: view.source,
      destination: view.destination)
    dscp = view.dscp
    ecn = view.ecn
    identification = view.identification
    dontFragment = view.dontFragment
    moreFragments = view.moreFragments
    fragmentOffset = view.fragmentOffset
    ttl = view.ttl
  }

  /// Appends the 20 octets, checksum included.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>) {
    let total = UInt32(UInt16(truncatingIfNeeded: payloadLength &+ 20))
    let first = 0x4500_0000 | UInt32(dscp & 63) << 18 | UInt32(ecn.rawValue) << 16 | total
    let flags: UInt32 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
    let place = UInt32(truncatingIfNeeded: fragmentOffset >> 3) & 0x1FFF
    let second = UInt32(identification) << 16 | flags | place
    let third = UInt32(ttl) << 24 | UInt32(transport.rawValue) << 16
    var sum = InternetChecksum()
    sum.add(long: first)
    sum.add(long: second)
    sum.add(long: third)
    sum.add(long: source.rawValue)
    sum.add(long: destination.rawValue)
    output.append(bigEndian: UInt64(first) << 32 | UInt64(second))
    output.append(bigEndian: UInt64(third | UInt32(sum.value)) << 32 | UInt64(source.rawValue))
    output.append(bigEndian: destination.rawValue)
  }
}

/// The pseudo-header that TCP and UDP checksums cover. Source: RFC 9293 section 3.1; RFC 768.
public enum PseudoHeader {
  /// A sum that has the pseudo-header in it and waits for the transport header and its payload.
  @inlinable public static func sum(
    source: IPv4Address, destination: IPv4Address, transport: IPProtocol, length: Int
  ) -> InternetChecksum {
    var sum = InternetChecksum()
    sum.add(long: source.rawValue)
    sum.add(long: destination.rawValue)
    sum.add(word: UInt16(transport.rawValue))
    sum.add(word: UInt16(truncatingIfNeeded: length))
    return sum
  }
}
