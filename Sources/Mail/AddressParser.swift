import Octets

/// Reads the address grammar of RFC 5321 4.1.2 and 4.1.3, octet by octet.
struct AddressParser: ~Escapable {
  var cursor: OctetCursor
  /// Whether a source route was seen and ignored. Source: RFC 5321 appendix C.
  private(set) var sawSourceRoute = false

  @_lifetime(copy octets)
  init(_ octets: Span<UInt8>) { cursor = OctetCursor(octets) }

  /// The error for the octet that stands here.
  var unexpected: MailAddressError {
    guard let octet = cursor.next else { return .syntax(at: cursor.index) }
    if octet > 127 { return .eightBit(at: cursor.index) }
    return octet.isControl ? .control(at: cursor.index) : .syntax(at: cursor.index)
  }

  /// Reverse-path = Path / "<>".
  mutating func reversePath() throws(MailAddressError) -> ReversePath {
    let start = cursor.index
    if cursor.take(Octet.less), cursor.take(Octet.greater) { return .null }
    cursor.index = start
    return .address(try path())
  }

  /// Forward-path, or "<Postmaster>" without a domain. Source: RFC 5321 4.1.1.3.
  mutating func forwardPath() throws(MailAddressError) -> ForwardPath {
    let start = cursor.index
    if cursor.take(Octet.less), cursor.take(keyword: "POSTMASTER"), cursor.take(Octet.greater) {
      return .postmaster
    }
    cursor.index = start
    return .address(try path())
  }

  /// Path = "<" [ A-d-l ":" ] Mailbox ">".
  private mutating func path() throws(MailAddressError) -> MailAddress {
    let start = cursor.index
    guard cursor.take(Octet.less) else { throw unexpected }
    if cursor.next == Octet.at { try sourceRoute() }
    let address = try mailbox()
    guard cursor.take(Octet.greater) else { throw unexpected }
    // RFC 5321 4.5.3.1.3: at most 256 octets, with the punctuation.
    guard cursor.index - start <= 256 else { throw .pathTooLong(cursor.index - start) }
    return address
  }

  /// A-d-l = At-domain *( "," At-domain ), accepted and ignored.
  private mutating func sourceRoute() throws(MailAddressError) {
    repeat {
      guard cursor.take(Octet.at) else { throw unexpected }
      _ = try domainName()
    } while cursor.take(Octet.comma)
    guard cursor.take(Octet.colon) else { throw unexpected }
    sawSourceRoute = true
  }

  /// Mailbox = Local-part "@" ( Domain / address-literal ).
  mutating func mailbox() throws(MailAddressError) -> MailAddress {
    let local = try localPart()
    guard cursor.take(Octet.at) else { throw unexpected }
    return MailAddress(localPart: local, domain: try domain())
  }

  /// Local-part = Dot-string / Quoted-string.
  private mutating func localPart() throws(MailAddressError) -> LocalPart {
    let start = cursor.index
    var octets: [UInt8] = []
    if cursor.take(Octet.quote) {
      try quoted(into: &octets)
    } else {
      repeat {
        guard !cursor.take(while: \.isAtomText).isEmpty else { throw unexpected }
      } while cursor.take(Octet.dot)
      octets = cursor.copy(start..<cursor.index)
    }
    // RFC 5321 4.5.3.1.1: at most 64 octets.
    guard cursor.index - start <= 64 else { throw .localPartTooLong(cursor.index - start) }
    return LocalPart(unchecked: octets)
  }

  /// QcontentSMTP up to and with the closing quote.
  private mutating func quoted(into octets: inout [UInt8]) throws(MailAddressError) {
    while !cursor.take(Octet.quote) {
      _ = cursor.take(Octet.backslash)
      guard let octet = cursor.next, octet >= 32, octet <= 126 else { throw unexpected }
      octets.append(octet)
      cursor.index += 1
    }
  }

  /// Domain / address-literal.
  mutating func domain() throws(MailAddressError) -> MailDomain {
    if cursor.next == Octet.openBracket { return try literal() }
    return .name(try domainName())
  }

  /// Domain = sub-domain *( "." sub-domain ); sub-domain = Let-dig [ Ldh-str ].
  ///
  /// - Parameter underscore: whether `_` counts as a letter, as it does in the names many hosts
  ///   greet with.
  mutating func domainName(underscore: Bool = false) throws(MailAddressError) -> DomainName {
    let start = cursor.index
    repeat {
      guard let first = cursor.next, first.isLetterOrDigit || underscore && first == 95 else {
        throw unexpected
      }
      let label = cursor.take {
        $0.isLetterOrDigit || $0 == Octet.dash || underscore && $0 == 95
      }
      guard cursor.octets[label.upperBound - 1] != Octet.dash else {
        throw .syntax(at: label.upperBound - 1)
      }
      guard label.count <= 63 else { throw .domainTooLong(label.count) }
    } while cursor.take(Octet.dot)
    // RFC 5321 4.5.3.1.2: at most 255 octets.
    guard cursor.index - start <= 255 else { throw .domainTooLong(cursor.index - start) }
    return DomainName(unchecked: cursor.copy(start..<cursor.index))
  }

  /// "[" ( IPv4 / IPv6 / General ) "]". Source: RFC 5321 4.1.3.
  private mutating func literal() throws(MailAddressError) -> MailDomain {
    guard cursor.take(Octet.openBracket) else { throw unexpected }
    let start = cursor.index
    if let address = ipv4Address(), cursor.take(Octet.closeBracket) { return .ipv4(address) }
    cursor.index = start
    if cursor.take(keyword: "IPV6:") {
      guard let address = ipv6Address(), cursor.take(Octet.closeBracket) else { throw unexpected }
      return .ipv6(address)
    }
    // General-address-literal = Standardized-tag ":" 1*dcontent; the tag ends with Let-dig.
    let tag = cursor.take { $0.isLetterOrDigit || $0 == Octet.dash }
    guard !tag.isEmpty, cursor.octets[tag.upperBound - 1] != Octet.dash, cursor.take(Octet.colon)
    else { throw unexpected }
    let content = cursor.take { $0 >= 33 && $0 <= 90 || $0 >= 94 && $0 <= 126 }
    guard !content.isEmpty, cursor.take(Octet.closeBracket) else { throw unexpected }
    guard cursor.index - start < 255 else { throw .domainTooLong(cursor.index - start) }
    return .general(
      GeneralAddressLiteral(
        uncheckedTag: String(decoding: cursor.copy(tag), as: UTF8.self),
        content: String(decoding: cursor.copy(content), as: UTF8.self)))
  }

  /// Snum 3("." Snum); nil (and the cursor anywhere) if there is none.
  mutating func ipv4Address() -> UInt32? {
    var address: UInt32 = 0
    for part in 0..<4 {
      if part > 0, !cursor.take(Octet.dot) { return nil }
      let digits = cursor.take(while: \.isDigit)
      guard digits.count >= 1, digits.count <= 3 else { return nil }
      var value: UInt32 = 0
      for index in digits { value = value * 10 + UInt32(cursor.octets[index] - 48) }
      guard value <= 255 else { return nil }
      address = address << 8 | value
    }
    return address
  }

  /// IPv6-full / IPv6-comp / IPv6v4-full / IPv6v4-comp; nil if there is none.
  mutating func ipv6Address() -> UInt128? {
    var before: [UInt16] = []
    var after: [UInt16] = []
    var compressed = false
    if cursor.take(Octet.colon) {
      guard cursor.take(Octet.colon) else { return nil }
      compressed = true
    }
    while let octet = cursor.next, octet.hexadecimalValue != nil {
      let start = cursor.index
      if let tail = ipv4Address() {
        let pair = [UInt16(tail >> 16), UInt16(tail & 0xFFFF)]
        if compressed { after += pair } else { before += pair }
        break
      }
      cursor.index = start
      guard let group = hexadecimalGroup() else { return nil }
      if compressed { after.append(group) } else { before.append(group) }
      guard before.count + after.count <= 8 else { return nil }
      guard cursor.take(Octet.colon) else { break }
      if cursor.take(Octet.colon) {
        guard !compressed else { return nil }
        compressed = true
      } else if cursor.next?.hexadecimalValue == nil {
        return nil
      }
    }
    let count = before.count + after.count
    // RFC 5321 4.1.3: "::" stands for at least two groups of zeros.
    guard compressed ? count <= 6 : count == 8 else { return nil }
    let groups = before + Array(repeating: 0, count: 8 - count) + after
    return groups.reduce(0) { $0 << 16 | UInt128($1) }
  }

  private mutating func hexadecimalGroup() -> UInt16? {
    let digits = cursor.take { $0.hexadecimalValue != nil }
    guard digits.count >= 1, digits.count <= 4 else { return nil }
    var value: UInt16 = 0
    for index in digits { value = value << 4 | UInt16(cursor.octets[index].hexadecimalValue ?? 0) }
    return value
  }
}
