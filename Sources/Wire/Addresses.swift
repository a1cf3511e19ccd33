public import Octets

/// An IPv4 address. Source: RFC 791 section 3.2, RFC 1122 section 3.2.1.3.
public struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
  /// The address as a number: 192.0.2.1 is 0xC0000201.
  public var rawValue: UInt32

  /// An address from its number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// An address from its four parts.
  @inlinable public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// An address from dotted decimal text; nil for anything else.
  public init?(_ text: String) {
    var value: UInt32 = 0
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        let number = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(number)
    }
    rawValue = value
  }

  /// 0.0.0.0: no address yet, or any.
  public static let any = IPv4Address(rawValue: 0)
  /// 255.255.255.255.
  public static let limitedBroadcast = IPv4Address(rawValue: .max)

  /// Whether this is 0.0.0.0.
  @inlinable public var isUnspecified: Bool { rawValue == 0 }
  /// Whether this is 255.255.255.255.
  @inlinable public var isLimitedBroadcast: Bool { rawValue == .max }
  /// Whether this lies in 224.0.0.0/4 (RFC 1112).
  @inlinable public var isMulticast: Bool { rawValue >> 28 == 0xE }
  /// Whether this lies in 127.0.0.0/8.
  @inlinable public var isLoopback: Bool { rawValue >> 24 == 127 }
  /// Whether this lies in 240.0.0.0/4, the limited broadcast address included.
  @inlinable public var isReserved: Bool { rawValue >> 28 == 0xF }

  /// Dotted decimal text.
  public var description: String { TextBuffer.string { $0.append(self) } }
}

/// An address and the number of leading bits that it shares with its network. Source: RFC 4632.
public struct IPv4Prefix: Hashable, Sendable, CustomStringConvertible {
  /// The address; its host part may be set.
  public var address: IPv4Address
  /// Bits of the network part, 0...32.
  public var length: UInt8

  /// A prefix from its parts; lengths above 32 count as 32.
  @inlinable public init(_ address: IPv4Address, length: UInt8) {
    self.address = address
    self.length = min(length, 32)
  }

  /// A prefix from text such as `192.0.2.1/24`; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(String(parts[0])),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let length = UInt8(parts[1]),
      length <= 32
    else { return nil }
    self.init(address, length: length)
  }

  /// The bits of the network part.
  @inlinable public var mask: UInt32 {
    length == 0 ? 0 : .max << (32 - UInt32(min(length, 32)))
  }
  /// The first address of the network.
  @inlinable public var network: IPv4Address { IPv4Address(rawValue: address.rawValue & mask) }
  /// The directed broadcast address; nil for /31 (RFC 3021) and /32, which have none.
  @inlinable public var broadcast: IPv4Address? {
    length >= 31 ? nil : IPv4Address(rawValue: address.rawValue | ~mask)
  }

  /// Whether an address lies in the network.
  @inlinable public func contains(_ other: IPv4Address) -> Bool {
    (other.rawValue ^ address.rawValue) & mask == 0
  }

  /// Text such as `192.0.2.1/24`.
  public var description: String { "\(address)/\(length)" }
}

/// A 48-bit Ethernet address. Source: IEEE 802-2014 section 8.
public struct MACAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address in the low 48 bits.
  public var rawValue: UInt64

  /// An address from the low 48 bits of a number.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

  /// The address in six octets of a span, which the caller has bounded.
  @inlinable public init(_ octets: Span<UInt8>, at offset: Int) {
    rawValue = UInt64(octets.uint16(at: offset)) << 32 | UInt64(octets.uint32(at: offset &+ 2))
  }

  /// The group that frames for an IPv4 multicast address go to. Source: RFC 1112 section 6.4.
  @inlinable public init(groupOf address: IPv4Address) {
    rawValue = 0x0100_5E00_0000 | UInt64(address.rawValue & 0x7F_FFFF)
  }

  /// The address of every station.
  public static let broadcast = MACAddress(rawValue: 0xFFFF_FFFF_FFFF)

  /// Whether this names a group: broadcast or multicast.
  @inlinable public var isGroup: Bool { rawValue >> 40 & 1 == 1 }

  /// Appends the six octets.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>) {
    output.append(bigEndian: UInt16(truncatingIfNeeded: rawValue >> 32))
    output.append(bigEndian: UInt32(truncatingIfNeeded: rawValue))
  }

  /// Text such as `02:00:00:00:00:01`.
  public var description: String { TextBuffer.string { $0.append(self) } }
}

/// A TCP or UDP port. Source: RFC 6335.
public struct Port: Hashable, Sendable, CustomStringConvertible, ExpressibleByIntegerLiteral {
  /// The number.
  public var rawValue: UInt16
  /// A port from its number.
  @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
  /// A port from a literal.
  @inlinable public init(integerLiteral value: UInt16) { rawValue = value }
  /// The number as text.
  public var description: String { "\(rawValue)" }
}

/// An address and a port: one end of a connection.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address.
  public var address: IPv4Address
  /// The port.
  public var port: Port

  /// An end from its parts.
  @inlinable public init(_ address: IPv4Address, _ port: Port) {
    self.address = address
    self.port = port
  }

  /// An end from text such as `192.0.2.1:25`; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(String(parts[0])),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(parts[1])
    else { return nil }
    self.init(address, Port(port))
  }

  /// Text such as `192.0.2.1:25`.
  public var description: String { TextBuffer.string { $0.append(self) } }
}

extension TextBuffer {
  /// Appends an address in dotted decimal.
  public mutating func append(_ address: IPv4Address) { append(dotted: address.rawValue) }

  /// Appends an address such as `02:00:00:00:00:01`.
  public mutating func append(_ address: MACAddress) {
    for shift in stride(from: 40 as UInt64, through: 0, by: -8) {
      append(hexadecimal: address.rawValue >> shift & 255, digits: 2)
      if shift > 0 { append(octet: UInt8(ascii: ":")) }
    }
  }

  /// Appends an end such as `192.0.2.1:25`.
  public mutating func append(_ end: SocketAddress) {
    append(end.address)
    append(octet: UInt8(ascii: ":"))
    append(decimal: end.port.rawValue)
  }
}
