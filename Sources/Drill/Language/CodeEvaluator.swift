/// Runs code assertions; variables that the script sets live from one to the next.
struct CodeEvaluator {
  /// What an assertion came to.
  enum Outcome: Hashable {
    case holds
    /// The assertion's text, and what is known about the numbers in it.
    case fails(String, because: String)
    case unsupported(String)
  }

  private enum Value: Hashable {
    case integer(Int64)
    case real(Double)
    case text(String)

    var isTrue: Bool {
      switch self {
      case .integer(let value): value != 0
      case .real(let value): value != 0
      case .text(let text): !text.isEmpty
      }
    }

    var number: Double? {
      switch self {
      case .integer(let value): Double(value)
      case .real(let value): value
      case .text: nil
      }
    }

    var description: String {
      switch self {
      case .integer(let value): "\(value)"
      case .real(let value): "\(value)"
      case .text(let text): text
      }
    }
  }

  /// What the script has set.
  private var variables: [String: Value] = [:]
  /// What was seen of the socket at this assertion.
  private var snapshot: [String: Int64] = [:]

  /// Runs a piece of code with the numbers of the tracked socket.
  mutating func run(_ text: String, snapshot: [String: Int64]) -> Outcome {
    self.snapshot = snapshot
    do throws(UnsupportedCode) {
      for statement in try CodeParser.statements(of: text) {
        switch statement {
        case .nothing: break
        case .assignment(let name, let operation, let expression):
          let value =
            if let operation {
              try binary(operation, value(of: .name(name)), self.value(of: expression))
            } else {
              try value(of: expression)
            }
          variables[name] = value
        case .assertion(let test, let message, let text):
          guard try !value(of: test).isTrue else { continue }
          return .fails(text, because: reasons(of: test, message))
        }
      }
      return .holds
    } catch {
      return .unsupported(error.what)
    }
  }

  /// The names in a failed test with their values.
  private func reasons(of test: CodeExpression, _ message: CodeExpression?) -> String {
    var names: [String] = []
    collect(test, &names)
    if let message { collect(message, &names) }
    var parts: [String] = []
    for name in names where variables[name] != nil || Self.constants[name] == nil {
      guard let value = try? value(of: .name(name)) else { continue }
      parts.append("\(name) is \(value.description)")
    }
    return parts.joined(separator: ", ")
  }

  private func collect(_ expression: CodeExpression, _ names: inout [String]) {
    switch expression {
    case .integer, .text: break
    case .name(let name): if !names.contains(name) { names.append(name) }
    case .unary(_, let value): collect(value, &names)
    case .binary(_, let left, let right):
      collect(left, &names)
      collect(right, &names)
    case .comparison(let first, let links):
      collect(first, &names)
      for link in links { collect(link.value, &names) }
    case .tuple(let parts), .call(_, let parts):
      for part in parts { collect(part, &names) }
    }
  }

  // MARK: Values

  private func value(of expression: CodeExpression) throws(UnsupportedCode) -> Value {
    switch expression {
    case .integer(let value): return .integer(value)
    case .text(let text): return .text(text)
    case .name(let name):
      if let value = variables[name] { return value }
      if let value = snapshot[name] ?? Self.constants[name] { return .integer(value) }
      throw UnsupportedCode(what: "\(name) in code")
    case .unary(let operation, let operand): return try unary(operation, value(of: operand))
    case .binary("and", let left, let right):
      let first = try value(of: left)
      return first.isTrue ? try value(of: right) : first
    case .binary("or", let left, let right):
      let first = try value(of: left)
      return first.isTrue ? first : try value(of: right)
    case .binary("%", .text, _): throw UnsupportedCode(what: "text in a test in code")
    case .binary(let operation, let left, let right):
      return try binary(operation, value(of: left), value(of: right))
    case .comparison(let first, let links):
      var left = try value(of: first)
      for link in links {
        let right = try value(of: link.value)
        guard try compare(left, link.operation, right) else { return .integer(0) }
        left = right
      }
      return .integer(1)
    case .call(let name, let arguments): return try call(name, arguments)
    case .tuple(let parts):
      // In a test a tuple is true when it has parts.
      return .integer(parts.isEmpty ? 0 : 1)
    }
  }

  private func call(
    _ name: String, _ arguments: [CodeExpression]
  ) throws(UnsupportedCode) -> Value {
    var values: [Value] = []
    for argument in arguments { values.append(try value(of: argument)) }
    switch (name, values.count, values.first) {
    case ("abs", 1, .integer(let value)):
      return .integer(value.magnitude > Int64.max ? .max : abs(value))
    case ("int", 1, .integer(let value)): return .integer(value)
    case ("int", 1, .real(let value)) where value.magnitude < 9e18: return .integer(Int64(value))
    case ("min", 2..., _), ("max", 2..., _):
      var best = values[0]
      for value in values.dropFirst()
      where try compare(value, name == "min" ? "<" : ">", best) { best = value }
      return best
    default: throw UnsupportedCode(what: "\(name)() in code")
    }
  }

  private func unary(_ operation: String, _ value: Value) throws(UnsupportedCode) -> Value {
    switch (operation, value) {
    case ("not", _): return .integer(value.isTrue ? 0 : 1)
    case ("-", .integer(let number)): return .integer(0 &- number)
    case ("-", .real(let number)): return .real(-number)
    case ("+", .integer), ("+", .real): return value
    case ("~", .integer(let number)): return .integer(~number)
    default: throw UnsupportedCode(what: "'\(operation)' before text in code")
    }
  }

  private func compare(
    _ left: Value, _ operation: String, _ right: Value
  ) throws(UnsupportedCode) -> Bool {
    if case .text(let first) = left, case .text(let second) = right {
      return operation == "!=" ? first != second : operation == "==" && first == second
    }
    if case .integer(let first) = left, case .integer(let second) = right {
      switch operation {
      case "==": return first == second
      case "!=": return first != second
      case "<": return first < second
      case ">": return first > second
      case "<=": return first <= second
      default: return first >= second
      }
    }
    guard let first = left.number, let second = right.number else {
      throw UnsupportedCode(what: "a comparison of text with a number in code")
    }
    switch operation {
    case "==": return first == second
    case "!=": return first != second
    case "<": return first < second
    case ">": return first > second
    case "<=": return first <= second
    default: return first >= second
    }
  }

  private func binary(
    _ operation: String, _ left: Value, _ right: Value
  ) throws(UnsupportedCode) -> Value {
    guard case .integer(let first) = left, case .integer(let second) = right, operation != "/"
    else {
      return try realBinary(operation, left, right)
    }
    let result: (partialValue: Int64, overflow: Bool)
    switch operation {
    case "+": result = first.addingReportingOverflow(second)
    case "-": result = first.subtractingReportingOverflow(second)
    case "*": result = first.multipliedReportingOverflow(by: second)
    case "//", "%":
      guard second != 0, !(first == .min && second == -1) else {
        throw UnsupportedCode(what: "division by zero in code")
      }
      // Python rounds down, and the remainder has the divisor's sign.
      let remainder = first % second
      let isOff = remainder != 0 && (remainder < 0) != (second < 0)
      let value =
        operation == "%"
        ? (isOff ? remainder + second : remainder) : first / second - (isOff ? 1 : 0)
      return .integer(value)
    case "&": return .integer(first & second)
    case "|": return .integer(first | second)
    case "^": return .integer(first ^ second)
    case "<<": return .integer(first << second)
    case ">>": return .integer(first >> second)
    default: throw UnsupportedCode(what: "'\(operation)' in code")
    }
    guard !result.overflow else { throw UnsupportedCode(what: "a number above 64 bits in code") }
    return .integer(result.partialValue)
  }

  private func realBinary(
    _ operation: String, _ left: Value, _ right: Value
  ) throws(UnsupportedCode) -> Value {
    guard let first = left.number, let second = right.number else {
      throw UnsupportedCode(what: "arithmetic with text in code")
    }
    switch operation {
    case "+": return .real(first + second)
    case "-": return .real(first - second)
    case "*": return .real(first * second)
    case "/":
      guard second != 0 else { throw UnsupportedCode(what: "division by zero in code") }
      return .real(first / second)
    default: throw UnsupportedCode(what: "'\(operation)' with fractions in code")
    }
  }

  /// Names for numbers that do not change.
  private static let constants: [String: Int64] = [
    "TCP_ESTABLISHED": 1, "TCP_SYN_SENT": 2, "TCP_SYN_RECV": 3, "TCP_FIN_WAIT1": 4,
    "TCP_FIN_WAIT2": 5, "TCP_TIME_WAIT": 6, "TCP_CLOSE": 7, "TCP_CLOSE_WAIT": 8, "TCP_LAST_ACK": 9,
    "TCP_LISTEN": 10, "TCP_CLOSING": 11, "TCP_CA_Open": 0, "TCP_CA_Disorder": 1, "TCP_CA_CWR": 2,
    "TCP_CA_Recovery": 3, "TCP_CA_Loss": 4, "TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2,
    "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8, "TCPI_OPT_ECN_SEEN": 16, "TCPI_OPT_SYN_DATA": 32,
    "TCPI_OPT_USEC_TS": 64, "TCPI_OPT_TFO_CHILD": 128,
  ]
}
