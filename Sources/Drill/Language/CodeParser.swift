/// Reads code assertions: the part of Python that scripts use.
///
/// Statements end at a line's end or at `;`; a backslash at a line's end joins the next line; inside
/// parentheses line ends mean nothing.
struct CodeParser {
  private typealias Word = CodeWord.Kind

  private let words: [CodeWord]
  private var index = 0
  /// How deep the parser is inside parentheses and signs.
  private var depth = 0
  private let octets: [UInt8]

  /// The statements of a piece of code.
  static func statements(of text: String) throws(UnsupportedCode) -> [CodeStatement] {
    var parser = try CodeParser(text)
    return try parser.parseAll()
  }

  private init(_ text: String) throws(UnsupportedCode) {
    octets = Array(text.utf8)
    words = try CodeWord.words(of: octets)
  }

  private func string(_ start: Int, _ end: Int) -> String {
    String(decoding: octets[start..<min(end, octets.count)], as: UTF8.self)
  }

  private var word: Word { words[index].kind }

  private mutating func skip(_ mark: String) -> Bool {
    guard word == .mark(mark) else { return false }
    index += 1
    return true
  }

  private mutating func skip(name: String) -> Bool {
    guard word == .name(name) else { return false }
    index += 1
    return true
  }

  // MARK: Statements

  private mutating func parseAll() throws(UnsupportedCode) -> [CodeStatement] {
    var statements: [CodeStatement] = []
    while word != .end {
      if word == .newline || word == .mark(";") {
        index += 1
        continue
      }
      statements.append(try parseStatement())
      guard word == .newline || word == .mark(";") || word == .end else {
        throw UnsupportedCode(what: "'\(describe())' behind a statement in code")
      }
    }
    return statements
  }

  private mutating func parseStatement() throws(UnsupportedCode) -> CodeStatement {
    if skip(name: "assert") {
      let start = words[index].start
      let test = try parseDisjunction()
      let text = string(start, words[index - 1].end)
      let message = skip(",") ? try parseDisjunction() : nil
      return .assertion(test, message: message, text: text)
    }
    if skip(name: "pass") { return .nothing }
    guard case .name(let name) = word else {
      throw UnsupportedCode(what: "'\(describe())' as a statement in code")
    }
    if case .mark(let mark) = words[index + 1].kind, mark.hasSuffix("="),
      !["==", "<=", ">=", "!="].contains(mark)
    {
      index += 2
      let operation = mark == "=" ? nil : String(mark.dropLast())
      return .assignment(name, operation: operation, try parseDisjunction())
    }
    let value = try parseDisjunction()
    guard case .call("print", _) = value else {
      throw UnsupportedCode(what: "the statement '\(name)' in code")
    }
    return .nothing
  }

  // MARK: Expressions, the weakest binding first

  private mutating func parseDisjunction() throws(UnsupportedCode) -> CodeExpression {
    var value = try parseConjunction()
    while skip(name: "or") { value = .binary("or", value, try parseConjunction()) }
    return value
  }

  private mutating func parseConjunction() throws(UnsupportedCode) -> CodeExpression {
    var value = try parseNegation()
    while skip(name: "and") { value = .binary("and", value, try parseNegation()) }
    return value
  }

  private mutating func parseNegation() throws(UnsupportedCode) -> CodeExpression {
    if skip(name: "not") {
      depth += 1
      defer { depth -= 1 }
      guard depth < 64 else { throw UnsupportedCode(what: "64 negations in code") }
      return .unary("not", try parseNegation())
    }
    let first = try parseBinary(0)
    var links: [CodeExpression.Link] = []
    while case .mark(let mark) = word, ["==", "!=", "<", ">", "<=", ">="].contains(mark) {
      index += 1
      links.append(.init(operation: mark, value: try parseBinary(0)))
    }
    return links.isEmpty ? first : .comparison(first, links)
  }

  private static let levels = [
    ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "//", "/", "%"],
  ]

  private mutating func parseBinary(_ level: Int) throws(UnsupportedCode) -> CodeExpression {
    guard level < Self.levels.count else { return try parseUnary() }
    var value = try parseBinary(level + 1)
    while case .mark(let mark) = word, Self.levels[level].contains(mark) {
      index += 1
      value = .binary(mark, value, try parseBinary(level + 1))
    }
    return value
  }

  private mutating func parseUnary() throws(UnsupportedCode) -> CodeExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth < 64 else { throw UnsupportedCode(what: "64 parentheses in code") }
    for mark in ["-", "+", "~"] where skip(mark) { return .unary(mark, try parseUnary()) }
    return try parsePrimary()
  }

  private mutating func parsePrimary() throws(UnsupportedCode) -> CodeExpression {
    switch word {
    case .number(let value):
      index += 1
      return .integer(value)
    case .text(let first):
      index += 1
      var text = first
      while case .text(let more) = word {
        text += more
        index += 1
      }
      return .text(text)
    case .name(let name):
      index += 1
      if name == "True" { return .integer(1) }
      if name == "False" { return .integer(0) }
      guard skip("(") else { return .name(name) }
      return .call(name, try parseList())
    case .mark("("):
      index += 1
      var hasComma = false
      let parts = try parseList(&hasComma)
      return parts.count == 1 && !hasComma ? parts[0] : .tuple(parts)
    default: throw UnsupportedCode(what: "'\(describe())' in code")
    }
  }

  private mutating func parseList() throws(UnsupportedCode) -> [CodeExpression] {
    var hasComma = false
    return try parseList(&hasComma)
  }

  /// Values up to the closing parenthesis.
  private mutating func parseList(_ hasComma: inout Bool) throws(UnsupportedCode)
    -> [CodeExpression]
  {
    var parts: [CodeExpression] = []
    while !skip(")") {
      parts.append(try parseDisjunction())
      if skip(",") {
        hasComma = true
      } else if word != .mark(")") {
        throw UnsupportedCode(what: "'\(describe())' in parentheses in code")
      }
    }
    return parts
  }

  private func describe() -> String {
    switch word {
    case .number(let value): "\(value)"
    case .text(let text): "'\(text)'"
    case .name(let name), .mark(let name): name
    case .newline: "the line's end"
    case .end: "the end"
    }
  }
}
