// System calls and the values in them.
extension Parser {
  /// A system call, with the time of its end if it may block.
  mutating func parseCall() throws(ScriptError) -> CallSyntax {
    var end: Int64?
    if peek().kind == .ellipsis {
      skip()
      end = try parseSeconds()
    }
    let name = take()
    guard name.kind == .word, peek().isPunctuation("(") else {
      throw mistake("a system call, such as 'socket(...)'", at: name)
    }
    skip()
    var arguments: [Expression] = []
    if !peek().isPunctuation(")") {
      repeat { arguments.append(try parseExpression()) } while skip(",")
    }
    try expect(")")
    if let range = CallTable.argumentCounts[name.text], !range.contains(arguments.count) {
      let count =
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      throw ScriptError(
        at: SourcePosition(file: file, line: name.line),
        expected: "\(count) \(count == "1" ? "argument" : "arguments") for \(name.text)",
        found: "\(arguments.count)")
    }
    try expect("=")
    let result = try parseResult()
    var call = CallSyntax(name: name.text, arguments: arguments, end: end, result: result)
    if peek().kind == .word, peek().text.hasPrefix("E") { call.failure = take().text }
    if peek().isPunctuation("(") { try skipNote() }
    return call
  }

  private mutating func parseResult() throws(ScriptError) -> Int64? {
    if peek().kind == .ellipsis {
      skip()
      return nil
    }
    return try number(
      "the result of the call, as a number", in: Int64.min...Int64.max, allowsHexadecimal: true)
  }

  /// Words in parentheses that explain an error or flags.
  private mutating func skipNote() throws(ScriptError) {
    let opening = take()
    var depth = 1
    while depth > 0 {
      let token = take()
      if token.kind == .end {
        throw mistake("a closing ')' for the note of line \(opening.line)", at: token)
      }
      if token.isPunctuation("(") { depth += 1 }
      if token.isPunctuation(")") { depth -= 1 }
    }
  }

  // MARK: Values

  /// A value, with what `|` joins to it.
  mutating func parseExpression() throws(ScriptError) -> Expression {
    depth += 1
    defer { depth -= 1 }
    guard depth < 64 else { throw mistake("less than 64 brackets inside one another") }
    let first = try parsePrimary()
    guard peek().isPunctuation("|") else { return first }
    var parts = [first]
    while skip("|") { parts.append(try parsePrimary()) }
    return .union(parts)
  }

  private mutating func parsePrimary() throws(ScriptError) -> Expression {
    let token = peek()
    switch token.kind {
    case .ellipsis:
      skip()
      return .ellipsis
    case .integer, .hexadecimal:
      guard let value = token.number else { throw mistake("a number of 64 bits") }
      skip()
      return token.kind == .integer ? .integer(value) : .hexadecimal(value)
    case .string: return .string(try parseStrings())
    case .word: return try parseNamed()
    case .punctuation where token.text == "[": return try parseList()
    case .punctuation where token.text == "{": return try parseStructure()
    default: throw mistake("a value: a number, a name, a string, '...', '[' or '{'")
    }
  }

  /// Strings that follow one another are one.
  private mutating func parseStrings() throws(ScriptError) -> String {
    var text = ""
    while peek().kind == .string {
      guard let part = Self.unescape(peek().text) else {
        throw mistake("one of \\\\ \\\" \\f \\n \\r \\t \\v \\xHH behind a backslash")
      }
      skip()
      text += part
    }
    return text
  }

  private mutating func parseNamed() throws(ScriptError) -> Expression {
    let name = take().text
    if skip("(") {
      var arguments: [Expression] = []
      if !peek().isPunctuation(")") {
        repeat { arguments.append(try parseExpression()) } while skip(",")
      }
      try expect(")")
      return .function(name, arguments)
    }
    if skip("=") { return .named(name, try parseExpression()) }
    return .word(name)
  }

  private mutating func parseList() throws(ScriptError) -> Expression {
    try expect("[")
    var parts: [Expression] = []
    if !peek().isPunctuation("]") {
      repeat { parts.append(try parseExpression()) } while skip(",")
    }
    try expect("]")
    return .list(parts)
  }

  private mutating func parseStructure() throws(ScriptError) -> Expression {
    try expect("{")
    var members: [Expression.Member] = []
    repeat {
      guard !peek().isPunctuation("}") else { break }
      members.append(try parseMember())
    } while skip(",")
    try expect("}")
    return .structure(members)
  }

  private mutating func parseMember() throws(ScriptError) -> Expression.Member {
    // `name = value`, or `name(argument) = value`.
    if peek().kind == .word, peek(1).isPunctuation("=") {
      let name = take().text
      skip()
      return Expression.Member(name: name, value: try parseExpression())
    }
    let value = try parseExpression()
    guard case .function(let name, let arguments) = value, skip("=") else {
      return Expression.Member(value: value)
    }
    return Expression.Member(
      name: name, argument: arguments.first, value: try parseExpression())
  }

  /// A string without its escapes; nil where one is unknown.
  static func unescape(_ text: String) -> String? {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
    var result = ""
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "\\" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch rest.popFirst() {
      case "\\": result += "\\"
      case "\"": result += "\""
      case "f": result += "\u{C}"
      case "n": result += "\n"
      case "r": result += "\r"
      case "t": result += "\t"
      case "v": result += "\u{B}"
      case "x":
        guard let value = UInt8(String(String.UnicodeScalarView(rest.prefix(2))), radix: 16) else {
          return nil
        }
        rest = rest.dropFirst(2)
        result.unicodeScalars.append(Unicode.Scalar(value))
      default: return nil
      }
    }
    return result
  }
}

/// How many arguments each system call takes.
enum CallTable {
  static let argumentCounts: [String: ClosedRange<Int>] = [
    "socket": 3...3, "bind": 3...3, "listen": 2...2, "accept": 3...3, "connect": 3...3,
    "read": 3...3, "readv": 3...3, "recv": 4...4, "recvfrom": 6...6, "recvmsg": 3...3,
    "write": 3...3, "writev": 3...3, "send": 4...4, "sendto": 6...6, "sendmsg": 3...3,
    "fcntl": 2...3, "ioctl": 2...3, "close": 1...1, "shutdown": 2...2, "getsockopt": 5...5,
    "setsockopt": 5...5, "poll": 3...3, "epoll_create": 1...1, "epoll_ctl": 4...4,
    "epoll_wait": 4...4, "pipe": 1...1, "splice": 6...6, "open": 2...3, "sendfile": 4...4,
  ]
}
