import Octets

/// Why octets are not an address.
public enum MailAddressError: Error, Hashable, Sendable {
  /// The grammar does not allow the octet at this offset (or ends too early).
  case syntax(at: Int)
  /// The local part has more than 64 octets. Source: RFC 5321 4.5.3.1.1.
  case localPartTooLong(Int)
  /// The domain has more than 255 octets, or a label more than 63. Source: RFC 5321 4.5.3.1.2.
  case domainTooLong(Int)
  /// The path has more than 256 octets. Source: RFC 5321 4.5.3.1.3.
  case pathTooLong(Int)
  /// An octet above 127, which needs SMTPUTF8. Source: RFC 6531 3.
  case eightBit(at: Int)
  /// A control character or NUL.
  case control(at: Int)
}

/// What stands before the `@`: its meaning, without quotes. Source: RFC 5321 4.1.2.
///
/// Only octets 32 to 126 can be in it, so no line end or control character ever leaves with it.
public struct LocalPart: Hashable, Sendable, CustomStringConvertible {
  /// The octets, quotes and backslashes taken away.
  public let octets: [UInt8]

  init(unchecked octets: [UInt8]) { self.octets = octets }

  /// Whether it can stand without quotes (Dot-string).
  public var isDotString: Bool {
    guard octets.first != Octet.dot, octets.last != Octet.dot, !octets.isEmpty else { return false }
    var previous: UInt8 = 0
    for octet in octets {
      if octet == Octet.dot {
        if previous == Octet.dot { return false }
      } else if !octet.isAtomText {
        return false
      }
      previous = octet
    }
    return true
  }

  /// As on the wire, quoted where it must be.
  public var description: String {
    var written: [UInt8] = []
    append(to: &written)
    return String(decoding: written, as: UTF8.self)
  }

  func append(to output: inout [UInt8]) {
    guard !isDotString else { return output += octets }
    output.append(Octet.quote)
    for octet in octets {
      if octet == Octet.quote || octet == Octet.backslash { output.append(Octet.backslash) }
      output.append(octet)
    }
    output.append(Octet.quote)
  }

  /// Whether both are the same but for the case of letters.
  public func matches(_ other: LocalPart) -> Bool {
    octets.count == other.octets.count
      && octets.indices.allSatisfy { octets[$0].lowercased == other.octets[$0].lowercased }
  }
}

/// A mailbox: local part, `@`, domain or address literal. Source: RFC 5321 4.1.2.
public struct MailAddress: Hashable, Sendable, CustomStringConvertible {
  /// What stands before the `@`.
  public let localPart: LocalPart
  /// What stands behind it.
  public let domain: MailDomain

  /// An address from its parts.
  public init(localPart: LocalPart, domain: MailDomain) {
    self.localPart = localPart
    self.domain = domain
  }

  /// Reads an address that fills all the octets.
  public init(parsing octets: Span<UInt8>) throws(MailAddressError) {
    var parser = AddressParser(octets)
    self = try parser.mailbox()
    guard parser.cursor.isAtEnd else { throw parser.unexpected }
  }

  /// Reads an address from text; nil if it is none.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    guard let address = try? MailAddress(parsing: octets.span) else { return nil }
    self = address
  }

  /// As on the wire, without angle brackets.
  public var description: String {
    var written: [UInt8] = []
    append(to: &written)
    return String(decoding: written, as: UTF8.self)
  }

  func append(to output: inout [UInt8]) {
    localPart.append(to: &output)
    output.append(Octet.at)
    output += domain.description.utf8
  }
}

/// Where a message comes from and where failures are told. Source: RFC 5321 4.1.1.2.
public enum ReversePath: Hashable, Sendable, CustomStringConvertible {
  /// `<>`: nobody is told.
  case null
  /// An address.
  case address(MailAddress)

  /// Reads `<>` or a path in angle brackets that fills all the octets.
  public init(parsing octets: Span<UInt8>) throws(MailAddressError) {
    var parser = AddressParser(octets)
    self = try parser.reversePath()
    guard parser.cursor.isAtEnd else { throw parser.unexpected }
  }

  /// As on the wire, with angle brackets; a source route is not kept.
  public var description: String {
    switch self {
    case .null: "<>"
    case .address(let address): "<\(address)>"
    }
  }
}

/// Whom a message is for. Source: RFC 5321 4.1.1.3.
public enum ForwardPath: Hashable, Sendable, CustomStringConvertible {
  /// `<Postmaster>`, who exists on every server. Source: RFC 5321 4.5.1.
  case postmaster
  /// An address.
  case address(MailAddress)

  /// Reads `<Postmaster>` or a path in angle brackets that fills all the octets.
  public init(parsing octets: Span<UInt8>) throws(MailAddressError) {
    var parser = AddressParser(octets)
    self = try parser.forwardPath()
    guard parser.cursor.isAtEnd else { throw parser.unexpected }
  }

  /// As on the wire, with angle brackets; a source route is not kept.
  public var description: String {
    switch self {
    case .postmaster: "<Postmaster>"
    case .address(let address): "<\(address)>"
    }
  }
}
