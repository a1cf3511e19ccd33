/// What an Ethernet frame carries. Source: IANA, IEEE 802 numbers.
public struct EtherType: RawRepresentable, Hashable, Sendable {
  /// The number in the frame.
  public var rawValue: UInt16
  /// A type from its number.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// IPv4.
  public static let ipv4 = EtherType(rawValue: 0x0800)
  /// ARP.
  public static let arp = EtherType(rawValue: 0x0806)
  /// IPv6.
  public static let ipv6 = EtherType(rawValue: 0x86DD)
  /// An IEEE 802.1Q tag follows.
  public static let vlan = EtherType(rawValue: 0x8100)
  /// An IEEE 802.1ad service tag follows.
  public static let serviceVLAN = EtherType(rawValue: 0x88A8)
}

/// What an IP packet carries. Source: IANA, assigned Internet protocol numbers.
public struct IPProtocol: RawRepresentable, Hashable, Sendable {
  /// The number in the header.
  public var rawValue: UInt8
  /// A protocol from its number.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// ICMP.
  @inlinable public static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
  /// TCP.
  @inlinable public static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
  /// UDP.
  @inlinable public static var udp: IPProtocol { IPProtocol(rawValue: 17) }
}

/// What the first octets of a captured frame are. Source: the pcap project's list of link types.
public struct LinkType: RawRepresentable, Hashable, Sendable {
  /// The number in a capture file.
  public var rawValue: UInt16
  /// A link type from its number.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// BSD loopback: four octets of address family in the writer's byte order.
  public static let null = LinkType(rawValue: 0)
  /// Ethernet.
  public static let ethernet = LinkType(rawValue: 1)
  /// IPv4 or IPv6 without any link header.
  public static let rawIP = LinkType(rawValue: 101)
  /// OpenBSD loopback: four octets of address family in network order.
  public static let loop = LinkType(rawValue: 108)
  /// Linux "cooked" capture.
  public static let linuxCooked = LinkType(rawValue: 113)
  /// IPv4 without any link header.
  public static let ipv4 = LinkType(rawValue: 228)
  /// Linux "cooked" capture, version 2.
  public static let linuxCooked2 = LinkType(rawValue: 276)
}
