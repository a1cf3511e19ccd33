/// A word of the packet script language.
struct Token: Hashable, Sendable {
  /// What sort of word it is.
  enum Kind: Hashable, Sendable {
    /// `--name`; the text is the name alone.
    case option
    /// Digits with a decimal point.
    case float
    /// Digits.
    case integer
    /// `0x` and hexadecimal digits.
    case hexadecimal
    /// `...`.
    case ellipsis
    /// `"..."`; the text is what stands between the quotes, escapes as written.
    case string
    /// What stands between back quotes.
    case backquoted
    /// What stands between `%{` and `}%`, without spaces at its ends.
    case code
    /// Four numbers with dots.
    case ipv4Address
    /// An IPv6 address.
    case ipv6Address
    /// Letters, digits and underscores.
    case word
    /// Any other single character.
    case punctuation
    /// Nothing more.
    case end
  }

  var kind: Kind
  var text: String
  /// The line of its first character, counted from 1.
  var line: Int
  /// The line of its last character.
  var lastLine: Int { line + text.utf8.count { $0 == 10 } }
  /// The value of an ``Kind/integer`` that a definition has brought.
  var definedValue: Int64?

  init(_ kind: Kind, _ text: String, line: Int) {
    self.kind = kind
    self.text = text
    self.line = line
  }

  /// The number of an integer or of a hexadecimal number; nil for other words, or above 64 bits.
  var number: Int64? {
    switch kind {
    case .integer: definedValue ?? Int64(text)
    case .hexadecimal: UInt64(text.dropFirst(2), radix: 16).map { Int64(bitPattern: $0) }
    default: nil
    }
  }

  /// Whether this is the punctuation given.
  func isPunctuation(_ character: String) -> Bool { kind == .punctuation && text == character }

  /// How a message about a mistake names it.
  var name: String {
    switch kind {
    case .end: "the end of the script"
    case .option: "--\(text)"
    case .string: "\"\(text)\""
    case .backquoted: "a command in back quotes"
    case .code: "code in %{ }%"
    default: "'\(text)'"
    }
  }
}
