import Octets

/// Addresses that begin with the same bits, such as `192.0.2.0/24` or `2001:db8::/32`.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  private let first: MailDomain
  private let length: Int

  /// Reads an address with the length of its prefix, or an address alone; nil if it is none.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), let first = MailDomain(address: parts[0]) else {
      return nil
    }
    let longest: Int
    switch first {
    // A port behind the address, which is read elsewhere, has no place here.
    case .ipv4 where !parts[0].contains(":"): longest = 32
    case .ipv6: longest = 128
    default: return nil
    }
    guard parts.count == 1 || parts[1].utf8.allSatisfy(\.isDigit),
      let length = parts.count == 1 ? longest : Int(parts[1]), length <= longest
    else { return nil }
    self.first = first
    self.length = length
  }

  /// Whether an address is one of these.
  public func contains(_ address: MailDomain) -> Bool {
    switch (first, address) {
    case (.ipv4(let first), .ipv4(let address)): (first ^ address) >> (32 - length) == 0
    case (.ipv6(let first), .ipv6(let address)): (first ^ address) >> (128 - length) == 0
    default: false
    }
  }

  /// As it is written.
  public var description: String {
    switch first {
    case .ipv4(let address): "\(MailDomain.text(ipv4: address))/\(length)"
    case .ipv6(let address): "\(MailDomain.text(ipv6: address))/\(length)"
    default: "\(first)"
    }
  }
}
