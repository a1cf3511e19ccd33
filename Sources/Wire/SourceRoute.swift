import Octets

/// The way that packets to a host are to take, router by router. Source: RFC 791 section 3.1.
///
/// A packet is addressed to the first router; the option names the others, and the host.
public struct SourceRoute: Hashable, Sendable {
  /// Routers that an option has room for.
  public static let limit = 9

  /// The routers, the next one first; 1...9.
  public let hops: [IPv4Address]
  /// No other router may lie between them.
  public let isStrict: Bool

  /// A route through routers; nil if there are none, too many, or one that is no single host.
  public init?(_ hops: [IPv4Address], isStrict: Bool = false) {
    guard (1...Self.limit).contains(hops.count), hops.allSatisfy(Self.isHost) else { return nil }
    self.hops = hops
    self.isStrict = isStrict
  }

  /// The way back to where a packet came from; nil if no router is on it.
  ///
  /// Some hosts count themselves among the routers. Source: RFC 1122 section 3.2.1.8 (c).
  public init?(answering option: SourceRouteOption, from source: IPv4Address) {
    let passed = option.passed.first == source ? option.passed.dropFirst() : option.passed[...]
    self.init(passed.reversed(), isStrict: option.isStrict)
  }

  private static func isHost(_ address: IPv4Address) -> Bool {
    !address.isUnspecified && !address.isMulticast && !address.isReserved && !address.isLoopback
  }

  /// The router that packets are addressed to.
  public var first: IPv4Address { hops[0] }

  /// Octets of the option with its padding: a multiple of 4.
  public var optionLength: Int { 4 + 4 * hops.count }

  /// The option in a packet to `destination`, with its padding.
  public func option(to destination: IPv4Address) -> [UInt8] {
    let named = hops.dropFirst() + [destination]
    return [UInt8](capacity: optionLength) { output in
      output.append(isStrict ? SourceRouteOption.strict : SourceRouteOption.loose)
      output.append(UInt8(3 + 4 * named.count))
      output.append(4)
      for address in named { output.append(bigEndian: address.rawValue) }
      output.append(0)
    }
  }

  /// A packet without options, sent this way to where it is addressed; nil if it is no packet, has
  /// options already, or would become too long.
  public func applied(to packet: Span<UInt8>) -> [UInt8]? {
    guard let view = try? IPv4PacketView(parsing: packet), view.headerLength == IPv4Header.length,
      packet.count + optionLength <= 65_535
    else { return nil }
    var header = [UInt8](copying: packet.extracting(first: IPv4Header.length))
    let option = option(to: view.destination)
    header += option
    header[0] = 0x40 | UInt8(header.count / 4)
    Self.store(UInt16(packet.count + optionLength), in: &header, at: 2)
    Self.store(0, in: &header, at: 10)
    Self.store(UInt16(truncatingIfNeeded: first.rawValue >> 16), in: &header, at: 16)
    Self.store(UInt16(truncatingIfNeeded: first.rawValue), in: &header, at: 18)
    var sum = InternetChecksum()
    sum.add(header.span)
    Self.store(sum.value, in: &header, at: 10)
    return header + [UInt8](copying: view.payload)
  }

  private static func store(_ value: UInt16, in octets: inout [UInt8], at offset: Int) {
    octets[offset] = UInt8(value >> 8)
    octets[offset + 1] = UInt8(value & 255)
  }
}

/// A source route as it lies in a packet's header. Source: RFC 791 section 3.1.
public struct SourceRouteOption: Hashable, Sendable {
  /// The kind of a loose source route.
  public static let loose: UInt8 = 131
  /// The kind of a strict one.
  public static let strict: UInt8 = 137

  /// Whether it is a strict one.
  public let isStrict: Bool
  /// The routers that the packet has passed, the first one first.
  public let passed: [IPv4Address]
  /// The hosts that it has yet to reach; its destination is not among them.
  public let ahead: [IPv4Address]

  /// Reads an option, from its kind on; nil if its length or its pointer cannot be.
  public init?(parsing option: Span<UInt8>) {
    guard option.count >= 3, option[0] == Self.loose || option[0] == Self.strict,
      Int(option[1]) == option.count, (option.count - 3) % 4 == 0, option[2] >= 4,
      option[2] % 4 == 0
    else { return nil }
    isStrict = option[0] == Self.strict
    let addresses = stride(from: 3, to: option.count, by: 4).map {
      IPv4Address(rawValue: option.uint32(at: $0))
    }
    let count = min(Int(option[2]) / 4 - 1, addresses.count)
    passed = Array(addresses[..<count])
    ahead = Array(addresses[count...])
  }

  /// Finds the option among those of a header; nil if there is none, or it is malformed.
  public init?(in options: Span<UInt8>) {
    var found: SourceRouteOption?
    _ = walkOptions(options) { kind, place in
      guard kind == Self.loose || kind == Self.strict else { return }
      found = found ?? SourceRouteOption(parsing: options.extracting(place))
    }
    guard let found else { return nil }
    self = found
  }
}
