/// Cuts a packet script into words.
///
/// Blanks, line ends and comments (`// ...`, `/* ... */`) separate words and mean nothing else. The
/// longest match wins, and of equally long ones the earlier in ``Token/Kind``.
struct Lexer {
  private let octets: [UInt8]
  private let file: String
  private var offset = 0
  private var line = 1

  init(_ octets: [UInt8], file: String) {
    self.octets = octets
    self.file = file
  }

  /// All words of a script, with an ``Token/Kind/end`` behind the last.
  static func tokens(of octets: [UInt8], file: String) throws(ScriptError) -> [Token] {
    var lexer = Lexer(octets, file: file)
    var tokens: [Token] = []
    while true {
      let token = try lexer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  private mutating func next() throws(ScriptError) -> Token {
    try skipSeparators()
    guard let first = peek() else { return Token(.end, "", line: line) }
    switch first {
    case UInt8(ascii: "\""): return try quoted(.string, by: first, "a closing '\"'")
    case UInt8(ascii: "`"): return try quoted(.backquoted, by: first, "a closing '`'")
    case UInt8(ascii: "%") where peek(1) == UInt8(ascii: "{"): return try code()
    default: break
    }
    let (kind, length) = longestMatch()
    let text = string(offset..<(offset + length))
    offset += length
    return Token(kind, kind == .option ? String(text.dropFirst(2)) : text, line: line)
  }

  private func longestMatch() -> (Token.Kind, Int) {
    var best = (kind: Token.Kind.punctuation, length: 0)
    func offer(_ kind: Token.Kind, _ length: Int) {
      if length > best.length { best = (kind, length) }
    }
    offer(.option, optionLength())
    let sign = peek() == UInt8(ascii: "-") ? 1 : 0
    let digits = count(from: sign) { $0.isDigit }
    if peek(sign + digits) == UInt8(ascii: ".") {
      let fraction = count(from: sign + digits + 1) { $0.isDigit }
      if fraction > 0 { offer(.float, sign + digits + 1 + fraction) }
    }
    if digits > 0 { offer(.integer, sign + digits) }
    if peek() == UInt8(ascii: "0"), peek(1) == UInt8(ascii: "x") {
      let length = count(from: 2) { $0.isHexadecimal }
      if length > 0 { offer(.hexadecimal, 2 + length) }
    }
    if count(from: 0, { $0 == UInt8(ascii: ".") }) >= 3 { offer(.ellipsis, 3) }
    offer(.ipv4Address, AddressScanner.ipv4Length(octets[offset...]))
    offer(.ipv6Address, AddressScanner.ipv6Length(octets[offset...]))
    offer(.word, count(from: 0) { $0.isWordPart })
    return best.length > 0 ? best : (.punctuation, 1)
  }

  private func optionLength() -> Int {
    guard peek() == UInt8(ascii: "-"), peek(1) == UInt8(ascii: "-") else { return 0 }
    let length = count(from: 2) { $0.isWordPart }
    return length > 0 ? 2 + length : 0
  }

  // MARK: Words with two ends

  private mutating func quoted(
    _ kind: Token.Kind, by quote: UInt8, _ expected: String
  ) throws(ScriptError) -> Token {
    let start = line
    offset += 1
    let first = offset
    while let octet = peek() {
      if octet == quote {
        let token = Token(kind, string(first..<offset), line: start)
        offset += 1
        return token
      }
      if octet == UInt8(ascii: "\\"), let escaped = peek(1) {
        noteLine(escaped)
        offset += 1
      }
      noteLine(octet)
      offset += 1
    }
    throw ScriptError(
      at: SourcePosition(file: file, line: start), expected: expected, found: "none")
  }

  private mutating func code() throws(ScriptError) -> Token {
    let start = line
    offset += 2
    var first = offset
    while let octet = peek() {
      if octet == UInt8(ascii: "}"), peek(1) == UInt8(ascii: "%") {
        var last = offset
        while first < last, octets[first].isSpaceOrTab { first += 1 }
        while last > first, octets[last - 1].isSpaceOrTab { last -= 1 }
        offset += 2
        return Token(.code, string(first..<last), line: start)
      }
      noteLine(octet)
      offset += 1
    }
    throw ScriptError(
      at: SourcePosition(file: file, line: start), expected: "a closing '}%'", found: "none")
  }

  private mutating func skipSeparators() throws(ScriptError) {
    while let octet = peek() {
      if octet.isBlank {
        noteLine(octet)
        offset += 1
      } else if octet == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
        while let rest = peek(), rest != 10 {
          _ = rest
          offset += 1
        }
      } else if octet == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        try skipBlockComment()
      } else {
        return
      }
    }
  }

  private mutating func skipBlockComment() throws(ScriptError) {
    let start = line
    offset += 2
    while let octet = peek() {
      if octet == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        offset += 2
        return
      }
      noteLine(octet)
      offset += 1
    }
    throw ScriptError(
      at: SourcePosition(file: file, line: start), expected: "a closing '*/'", found: "none")
  }

  // MARK: Octets

  private mutating func noteLine(_ octet: UInt8) {
    if octet == 10 { line += 1 }
  }

  private func peek(_ ahead: Int = 0) -> UInt8? {
    offset + ahead < octets.count ? octets[offset + ahead] : nil
  }

  private func count(from start: Int, _ matches: (UInt8) -> Bool) -> Int {
    var length = 0
    while let octet = peek(start + length), matches(octet) { length += 1 }
    return length
  }

  private func string(_ range: Range<Int>) -> String {
    String(decoding: octets[range], as: UTF8.self)
  }
}

extension UInt8 {
  var isDigit: Bool { (48...57).contains(self) }
  var isHexadecimal: Bool { isDigit || (65...70).contains(self) || (97...102).contains(self) }
  var isWordPart: Bool {
    isDigit || (65...90).contains(self) || (97...122).contains(self) || self == 95
  }
  var isSpaceOrTab: Bool { self == 32 || self == 9 }
  /// Space, tab, line feed, vertical tab, form feed, carriage return.
  var isBlank: Bool { self == 32 || (9...13).contains(self) }
}
