/// A value in a system call.
indirect enum Expression: Hashable, Sendable {
  /// `...`: the obvious.
  case ellipsis
  case integer(Int64)
  /// A hexadecimal number, kept apart from a decimal one.
  case hexadecimal(Int64)
  /// A name for a number.
  case word(String)
  case string(String)
  /// `a | b | c`.
  case union([Expression])
  /// `[a, b]`.
  case list([Expression])
  /// `{a = 1, b = 2}`, also with members without names.
  case structure([Member])
  /// `htons(8080)`, `inet_addr("192.0.2.1")`.
  case function(String, [Expression])
  /// `NAME = value` in a list.
  case named(String, Expression)

  /// A member of a structure.
  struct Member: Hashable, Sendable {
    /// Its name; nil for one that is known by its place.
    var name: String?
    /// What stands in parentheses behind the name, as in `msg_iov(1)`.
    var argument: Expression?
    var value: Expression
  }

  /// Whether this is `...`.
  var isEllipsis: Bool { self == .ellipsis }

  /// The value of a structure's member.
  subscript(member name: String) -> Expression? {
    guard case .structure(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// As a script writes it.
  var text: String {
    switch self {
    case .ellipsis: "..."
    case .integer(let value): "\(value)"
    case .hexadecimal(let value): "0x" + String(UInt64(bitPattern: value), radix: 16)
    case .word(let name): name
    case .string(let text): "\"\(text)\""
    case .union(let parts): parts.map(\.text).joined(separator: "|")
    case .list(let parts): "[" + parts.map(\.text).joined(separator: ", ") + "]"
    case .structure(let members): "{" + members.map(Self.text).joined(separator: ", ") + "}"
    case .function(let name, let arguments):
      name + "(" + arguments.map(\.text).joined(separator: ", ") + ")"
    case .named(let name, let value): "\(name)=\(value.text)"
    }
  }

  private static func text(_ member: Member) -> String {
    guard let name = member.name else { return member.value.text }
    let argument = member.argument.map { "(\($0.text))" } ?? ""
    return "\(name)\(argument)=\(member.value.text)"
  }
}

/// A system call as a script writes it.
struct CallSyntax: Hashable, Sendable {
  var name: String
  var arguments: [Expression]
  /// When a call that blocks must return, in microseconds as the event's time counts.
  var end: Int64?
  /// What it must return; nil for `...`: anything.
  var result: Int64?
  /// The name of the error it must set.
  var failure: String?

  /// `read(4, ..., 1000)`.
  var text: String { "\(name)(\(arguments.map(\.text).joined(separator: ", ")))" }
}
