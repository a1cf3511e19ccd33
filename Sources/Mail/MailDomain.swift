import Octets

/// A name of the domain name system in its ASCII form. Source: RFC 5321 4.1.2, RFC 1035 2.3.1.
///
/// Names that differ only in the case of letters are equal.
public struct DomainName: Hashable, Sendable, CustomStringConvertible {
  /// The octets as they were written.
  public let octets: [UInt8]

  init(unchecked octets: [UInt8]) { self.octets = octets }

  /// Reads a name from text; nil if it is none.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    var parser = AddressParser(octets.span)
    guard let name = try? parser.domainName(), parser.cursor.isAtEnd else { return nil }
    self = name
  }

  /// As it was written.
  public var description: String { String(decoding: octets, as: UTF8.self) }

  /// Whether both name the same domain.
  public static func == (left: DomainName, right: DomainName) -> Bool {
    left.octets.count == right.octets.count
      && left.octets.indices.allSatisfy {
        left.octets[$0].lowercased == right.octets[$0].lowercased
      }
  }

  /// Feeds the name without regard to case.
  public func hash(into hasher: inout Hasher) {
    for octet in octets { hasher.combine(octet.lowercased) }
  }
}

/// An address of a kind that nobody registered yet. Source: RFC 5321 4.1.3.
///
/// Only what the grammar allows can be in it, so no line end ever leaves with it.
public struct GeneralAddressLiteral: Hashable, Sendable {
  /// Letters, digits and hyphens.
  public let tag: String
  /// Octets 33 to 126 but `[`, `\` and `]`.
  public let content: String

  init(uncheckedTag tag: String, content: String) {
    self.tag = tag
    self.content = content
  }

  /// A literal from its parts; nil if the grammar does not allow it.
  public init?(tag: String, content: String) {
    guard case .general(let literal)? = MailDomain("[\(tag):\(content)]"),
      literal.tag == tag, literal.content == content
    else { return nil }
    self = literal
  }
}

/// What stands behind the `@` of an address. Source: RFC 5321 4.1.2 and 4.1.3.
public enum MailDomain: Hashable, Sendable, CustomStringConvertible {
  /// A name.
  case name(DomainName)
  /// `[192.0.2.1]`.
  case ipv4(UInt32)
  /// `[IPv6:2001:db8::1]`.
  case ipv6(UInt128)
  /// `[tag:content]`, of a kind that nobody registered yet.
  case general(GeneralAddressLiteral)

  /// Reads a domain or an address literal from text; nil if it is none.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    var parser = AddressParser(octets.span)
    guard let domain = try? parser.domain(), parser.cursor.isAtEnd else { return nil }
    self = domain
  }

  /// The literal of an address written without brackets, such as `192.0.2.1` or `2001:db8::1`.
  ///
  /// A port behind an IPv4 address is left away. Nil if it is no address.
  public init?(address text: String) {
    let octets = Array(text.utf8)
    var parser = AddressParser(octets.span)
    if let address = parser.ipv4Address(),
      parser.cursor.isAtEnd || parser.cursor.next == Octet.colon
    {
      self = .ipv4(address)
      return
    }
    parser = AddressParser(octets.span)
    guard let address = parser.ipv6Address(), parser.cursor.isAtEnd else { return nil }
    self = .ipv6(address)
  }

  /// As on the wire, literals with their brackets.
  public var description: String {
    switch self {
    case .name(let name): name.description
    case .ipv4(let address): "[\(Self.text(ipv4: address))]"
    case .ipv6(let address): "[IPv6:\(Self.text(ipv6: address))]"
    case .general(let literal): "[\(literal.tag):\(literal.content)]"
    }
  }

  static func text(ipv4 address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
  }

  /// The canonical text of an IPv6 address. Source: RFC 5952 4.
  static func text(ipv6 address: UInt128) -> String {
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: address >> UInt128(112 - 16 * $0)) }
    var longest = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = max(end, start + 1)
    }
    let hexadecimal = groups.map { String($0, radix: 16) }
    guard !longest.isEmpty else { return hexadecimal.joined(separator: ":") }
    return hexadecimal[..<longest.lowerBound].joined(separator: ":") + "::"
      + hexadecimal[longest.upperBound...].joined(separator: ":")
  }
}
