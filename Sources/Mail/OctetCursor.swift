import Octets

/// Reads octets from left to right for a grammar; never beyond the end.
struct OctetCursor: ~Escapable {
  let octets: Span<UInt8>
  /// The place of the next octet.
  var index = 0

  @_lifetime(copy octets)
  init(_ octets: Span<UInt8>) { self.octets = octets }

  var isAtEnd: Bool { index >= octets.count }
  /// The next octet, not taken; nil at the end.
  var next: UInt8? { index < octets.count ? octets[index] : nil }

  /// Takes the next octet if it is this one.
  mutating func take(_ octet: UInt8) -> Bool {
    guard next == octet else { return false }
    index &+= 1
    return true
  }

  /// Takes these octets, letters of either case, or nothing; `text` is in upper case.
  mutating func take(keyword text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard octets.count - index >= count else { return false }
    for offset in 0..<count {
      let wanted = unsafe text.utf8Start[offset]
      guard octets[index + offset].uppercased == wanted else { return false }
    }
    index += count
    return true
  }

  /// Takes octets while they satisfy the condition; gives their range.
  mutating func take(while condition: (UInt8) -> Bool) -> Range<Int> {
    let start = index
    while index < octets.count, condition(octets[index]) { index &+= 1 }
    return start..<index
  }

  /// Takes blanks and tabs.
  mutating func skipBlanks() { _ = take { $0 == 32 || $0 == 9 } }

  /// A copy of the octets in a range.
  func copy(_ range: Range<Int>) -> [UInt8] { Array(copying: octets.extracting(range)) }
}

/// The octets that the grammar names.
enum Octet {
  static let tab: UInt8 = 9
  static let lineFeed: UInt8 = 10
  static let carriageReturn: UInt8 = 13
  static let blank: UInt8 = 32
  static let quote: UInt8 = 34
  static let comma: UInt8 = 44
  static let dash: UInt8 = 45
  static let dot: UInt8 = 46
  static let colon: UInt8 = 58
  static let less: UInt8 = 60
  static let equals: UInt8 = 61
  static let greater: UInt8 = 62
  static let at: UInt8 = 64
  static let openBracket: UInt8 = 91
  static let backslash: UInt8 = 92
  static let closeBracket: UInt8 = 93
}

extension UInt8 {
  /// The upper-case form of an ASCII letter; anything else unchanged.
  var uppercased: UInt8 { self >= 97 && self <= 122 ? self & 0xDF : self }
  /// The lower-case form of an ASCII letter; anything else unchanged.
  var lowercased: UInt8 { self >= 65 && self <= 90 ? self | 0x20 : self }
  var isDigit: Bool { self >= 48 && self <= 57 }
  var isLetter: Bool {
    let upper = uppercased
    return upper >= 65 && upper <= 90
  }
  /// Let-dig of RFC 5321 4.1.2.
  var isLetterOrDigit: Bool { isDigit || isLetter }
  /// The value of a hexadecimal digit, or nil.
  var hexadecimalValue: UInt8? {
    if isDigit { return self &- 48 }
    let upper = uppercased
    return upper >= 65 && upper <= 70 ? upper &- 55 : nil
  }
  /// atext of RFC 5322 3.2.3.
  var isAtomText: Bool {
    switch self {
    case 33, 35, 36, 37, 38, 39, 42, 43, 45, 47, 61, 63, 94, 95, 96, 123, 124, 125, 126: true
    default: isLetterOrDigit
    }
  }
  /// C0 controls and DEL.
  var isControl: Bool { self < 32 || self == 127 }
}
