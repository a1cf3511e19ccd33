import Wire

/// Finds IP addresses at the beginning of octets, in their text forms.
enum AddressScanner {
  /// How many octets a dotted quad takes; 0 when there is none.
  static func ipv4Length(_ octets: ArraySlice<UInt8>) -> Int {
    var offset = octets.startIndex
    for part in 0..<4 {
      if part > 0 {
        guard offset < octets.endIndex, octets[offset] == UInt8(ascii: ".") else { return 0 }
        offset += 1
      }
      let first = offset
      while offset < octets.endIndex, octets[offset].isDigit, offset - first < 4 { offset += 1 }
      guard (1...3).contains(offset - first) else { return 0 }
    }
    return offset - octets.startIndex
  }

  /// How many octets an IPv6 address takes; 0 when there is none.
  ///
  /// Numbers with one colon, as in `1:1001(1000)`, are none: there must be `::`, eight groups, or a
  /// dotted quad at the end. Source: RFC 4291 section 2.2.
  static func ipv6Length(_ octets: ArraySlice<UInt8>) -> Int {
    var run = 0
    var colons = 0
    // The longest text form has 45 characters.
    for octet in octets.prefix(46) {
      guard octet.isHexadecimal || octet == UInt8(ascii: ":") || octet == UInt8(ascii: ".") else {
        break
      }
      if octet == UInt8(ascii: ":") { colons += 1 }
      run += 1
    }
    guard colons >= 2 else { return 0 }
    // A colon or a dot behind the address is not a part of it.
    for length in stride(from: run, to: 1, by: -1) {
      let text = String(decoding: octets.prefix(length), as: UTF8.self)
      if isIPv6(text) { return length }
    }
    return 0
  }

  /// Whether a text is an IPv6 address.
  static func isIPv6(_ text: String) -> Bool {
    guard let gap = firstGap(text) else {
      return groups(text) == 8
    }
    let head = String(text.prefix(gap))
    let tail = String(text.dropFirst(gap + 2))
    guard firstGap(tail) == nil, !tail.hasPrefix(":") else { return false }
    guard let before = head.isEmpty ? 0 : groups(head, mayEndInQuad: false),
      let after = tail.isEmpty ? 0 : groups(tail)
    else { return false }
    return before + after <= 7
  }

  /// Where the first `::` stands.
  private static func firstGap(_ text: String) -> Int? {
    let octets = Array(text.utf8)
    for index in octets.indices.dropLast()
    where octets[index] == UInt8(ascii: ":") && octets[index + 1] == UInt8(ascii: ":") {
      return index
    }
    return nil
  }

  /// How many groups of 16 bits a text without a gap has; nil when it is malformed.
  private static func groups(_ text: String, mayEndInQuad: Bool = true) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var count = 0
    for (index, part) in parts.enumerated() {
      if mayEndInQuad, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
        guard IPv4Address(String(part)) != nil else { return nil }
        count += 2
        continue
      }
      guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexadecimal) else {
        return nil
      }
      count += 1
    }
    return count
  }
}
