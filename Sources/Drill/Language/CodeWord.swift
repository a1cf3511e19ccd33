/// A word of a code assertion, and where it stands.
struct CodeWord: Hashable {
  enum Kind: Hashable {
    case number(Int64)
    case text(String)
    case name(String)
    case mark(String)
    case newline
    case end
  }

  var kind: Kind
  var start: Int
  var end: Int

  private static let marks = [
    "**", "//=", "//", "<<=", ">>=", "<<", ">>", "<=", ">=", "==", "!=", "+=", "-=", "*=", "/=",
    "%=",
    "&=", "|=", "^=", "<", ">", "=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "(", ")", "[",
    "]",
    ",", ";", ":", ".",
  ]

  /// The words of a piece of code, with an ``Kind/end`` behind the last.
  static func words(of octets: [UInt8]) throws(UnsupportedCode) -> [CodeWord] {
    func string(_ start: Int, _ end: Int) -> String {
      String(decoding: octets[start..<min(end, octets.count)], as: UTF8.self)
    }
    var words: [CodeWord] = []
    var offset = 0
    var depth = 0
    while offset < octets.count {
      let octet = octets[offset]
      let start = offset
      if octet == 10 {
        if depth == 0 { words.append(CodeWord(kind: .newline, start: start, end: start)) }
        offset += 1
      } else if octet.isBlank {
        offset += 1
      } else if octet == UInt8(ascii: "#") {
        while offset < octets.count, octets[offset] != 10 { offset += 1 }
      } else if octet == UInt8(ascii: "\\") {
        offset += 1
        while offset < octets.count, octets[offset].isBlank, octets[offset] != 10 { offset += 1 }
        guard offset == octets.count || octets[offset] == 10 else {
          throw UnsupportedCode(what: "a backslash inside a line of code")
        }
        offset += 1
      } else if octet.isDigit {
        while offset < octets.count, octets[offset].isWordPart { offset += 1 }
        words.append(
          CodeWord(kind: .number(try Self.number(string(start, offset))), start: start, end: offset)
        )
      } else if octet.isWordPart {
        while offset < octets.count, octets[offset].isWordPart { offset += 1 }
        words.append(CodeWord(kind: .name(string(start, offset)), start: start, end: offset))
      } else if octet == UInt8(ascii: "'") || octet == UInt8(ascii: "\"") {
        offset += 1
        while offset < octets.count, octets[offset] != octet {
          offset += octets[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard offset < octets.count else { throw UnsupportedCode(what: "a string without an end") }
        words.append(
          CodeWord(kind: .text(string(start + 1, offset)), start: start, end: offset + 1))
        offset += 1
      } else {
        let rest = octets[offset...]
        guard let mark = Self.marks.first(where: { rest.starts(with: Array($0.utf8)) }) else {
          throw UnsupportedCode(what: "'\(string(offset, offset + 1))' in code")
        }
        if mark == "(" || mark == "[" { depth += 1 }
        if mark == ")" || mark == "]" { depth = max(0, depth - 1) }
        offset += mark.utf8.count
        words.append(CodeWord(kind: .mark(mark), start: start, end: offset))
      }
    }
    words.append(CodeWord(kind: .end, start: octets.count, end: octets.count))
    return words
  }

  private static func number(_ text: String) throws(UnsupportedCode) -> Int64 {
    let value: Int64? =
      text.hasPrefix("0x") || text.hasPrefix("0X")
      ? Int64(text.dropFirst(2), radix: 16) : Int64(text)
    guard let value else { throw UnsupportedCode(what: "the number '\(text)' in code") }
    return value
  }
}
