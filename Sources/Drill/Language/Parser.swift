/// Reads words into a script: first its options, then its events.
///
/// A recursive descent with one word of look-ahead (two in few places). Definitions replace words as
/// they are looked at, so that a definition holds for everything behind it.
struct Parser {
  private let tokens: [Token]
  private var index = 0
  /// How deep the parser is inside values.
  var depth = 0
  let file: String
  let settings: ScriptSettings
  private var definitions: [String: Token] = [:]
  /// The settings so far; packets are parsed when they are complete.
  var configuration = ScriptConfiguration()

  init(_ tokens: [Token], file: String, settings: ScriptSettings) {
    self.tokens = tokens
    self.file = file
    self.settings = settings
    for (name, value) in settings.definitions { define(name, value) }
  }

  var dialect: ScriptDialect { settings.dialect }

  /// The whole script.
  mutating func parseScript(into script: inout Script) throws(ScriptError) {
    while peek().kind == .option { try parseOption() }
    for (name, value) in settings.options {
      guard configuration.set(name, to: value, isCommandLine: true) else {
        throw mistake("a value for --\(name) of the command line", found: "'\(value)'")
      }
    }
    script.configuration = configuration
    if peek().kind == .backquoted {
      let command = take()
      script.prologue = ShellText(text: command.text, line: command.line)
    }
    while peek().kind != .end {
      if peek().kind == .backquoted {
        let command = take()
        script.epilogue = ShellText(text: command.text, line: command.line)
        guard peek().kind == .end else { throw mistake("nothing behind the last command") }
        break
      }
      script.events.append(try parseEvent())
    }
    guard let first = script.events.first else {
      throw mistake("an event, such as '+0 < S 0:0(0)'")
    }
    guard first.time == .absolute(0) || first.time == .relative(0) else {
      throw ScriptError(
        at: SourcePosition(file: file, line: first.line), expected: "the first event at time 0")
    }
  }

  // MARK: Options

  private mutating func parseOption() throws(ScriptError) {
    let name = take().text
    let line = peek(-1).line
    guard peek().isPunctuation("=") else { return try set(name, to: "", line: line) }
    skip()
    if name == "define" {
      let defined = takeRaw()
      guard defined.kind == .word else { throw mistake("a name behind '--define='", at: defined) }
      try expect("=")
      let value = takeRaw()
      switch value.kind {
      case .word, .integer, .hexadecimal, .float: define(defined.text, value.text)
      case .string: define(defined.text, "\"\(value.text)\"")
      case .backquoted: define(defined.text, "`\(value.text)`")
      default: throw mistake("a value for '\(defined.text)'", at: value)
      }
      return
    }
    let value = take()
    switch value.kind {
    case .integer, .hexadecimal, .float, .word, .string, .ipv4Address, .ipv6Address: break
    default: throw mistake("a value for --\(name)", at: value)
    }
    var text = value.text
    if peek().isPunctuation("/"), value.kind == .ipv4Address || value.kind == .ipv6Address {
      skip()
      let length = take()
      guard length.kind == .integer else { throw mistake("the length of a prefix", at: length) }
      text += "/" + length.text
    }
    try set(name, to: text, line: value.line)
    // A list of stack parts, as in `--non_fatal=packet,syscall`.
    while peek().isPunctuation(",") {
      skip()
      try set(name, to: take().text, line: value.line)
    }
  }

  private mutating func set(_ name: String, to value: String, line: Int) throws(ScriptError) {
    guard !configuration.set(name, to: value, isCommandLine: false, line: line) else { return }
    throw ScriptError(
      at: SourcePosition(file: file, line: line),
      expected: ScriptConfiguration.expectation(for: name),
      found: value.isEmpty ? "none" : "'\(value)'")
  }

  /// A word that stands for another; the command line's definitions win over the script's.
  private mutating func define(_ name: String, _ value: String) {
    if definitions[name] != nil { return }
    var token = Token(.word, value, line: 0)
    if value.count >= 2, let quote = value.first, quote == value.last, quote == "\"" || quote == "`"
    {
      token.kind = quote == "`" ? .backquoted : .string
      token.text = String(value.dropFirst().dropLast())
    } else if let number = Self.integer(value) {
      token.kind = .integer
      token.definedValue = number
    }
    definitions[name] = token
  }

  /// An integer as C writes it: decimal, `0x` hexadecimal, `0` octal.
  private static func integer(_ text: String) -> Int64? {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let magnitude: Int64? =
      if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
        Int64(digits.dropFirst(2), radix: 16)
      } else if digits.hasPrefix("0"), digits.count > 1 {
        Int64(digits, radix: 8)
      } else {
        Int64(digits)
      }
    return magnitude.map { text.hasPrefix("-") ? 0 &- $0 : $0 }
  }

  // MARK: Words

  /// The word `ahead` of the next one, definitions applied.
  func peek(_ ahead: Int = 0) -> Token {
    let place = min(max(index + ahead, 0), tokens.count - 1)
    let token = tokens[place]
    guard token.kind == .word, !definitions.isEmpty, var defined = definitions[token.text] else {
      return token
    }
    defined.line = token.line
    return defined
  }

  /// The next word, definitions applied.
  mutating func take() -> Token {
    let token = peek()
    if index < tokens.count - 1 { index += 1 }
    return token
  }

  private mutating func takeRaw() -> Token {
    let token = tokens[index]
    if index < tokens.count - 1 { index += 1 }
    return token
  }

  /// Goes past the next word.
  mutating func skip() {
    if index < tokens.count - 1 { index += 1 }
  }

  /// Goes past a word if it is the next.
  mutating func skip(word: String) -> Bool {
    guard peek().kind == .word, peek().text == word else { return false }
    skip()
    return true
  }

  /// Goes past a punctuation mark if it is the next.
  mutating func skip(_ character: String) -> Bool {
    guard peek().isPunctuation(character) else { return false }
    skip()
    return true
  }

  /// Goes past a punctuation mark that must be there.
  mutating func expect(_ character: String) throws(ScriptError) {
    guard skip(character) else { throw mistake("'\(character)'") }
  }

  /// A number in a range, in decimal.
  mutating func number(
    _ what: String, in range: ClosedRange<Int64>, allowsHexadecimal: Bool = false
  ) throws(ScriptError) -> Int64 {
    let token = peek()
    let isRight = token.kind == .integer || allowsHexadecimal && token.kind == .hexadecimal
    guard isRight, let value = token.number else { throw mistake(what) }
    guard range.contains(value) else {
      throw mistake("\(what) of \(range.lowerBound) to \(range.upperBound)")
    }
    skip()
    return value
  }

  /// A mistake at the next word.
  func mistake(_ expected: String, found: String? = nil) -> ScriptError {
    var error = mistake(expected, at: peek())
    if let found { error.found = found }
    return error
  }

  /// A mistake at a word.
  func mistake(_ expected: String, at token: Token) -> ScriptError {
    ScriptError(
      at: SourcePosition(file: file, line: max(token.line, 1)), expected: expected,
      found: token.name)
  }
}
