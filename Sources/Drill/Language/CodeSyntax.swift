/// A statement of a code assertion, in the part of Python that scripts use.
enum CodeStatement: Hashable, Sendable {
  /// `assert test, message`.
  case assertion(CodeExpression, message: CodeExpression?, text: String)
  /// `name = value`, or `name += value` with its operator.
  case assignment(String, operation: String?, CodeExpression)
  /// Anything that has no effect here, such as `print(...)`.
  case nothing
}

/// A value in a code assertion.
indirect enum CodeExpression: Hashable, Sendable {
  case integer(Int64)
  case text(String)
  case name(String)
  case unary(String, CodeExpression)
  case binary(String, CodeExpression, CodeExpression)
  /// `a <= b < c`: the first value, then each operator with the next one.
  case comparison(CodeExpression, [Link])
  /// `(a, b)`.
  case tuple([CodeExpression])
  /// `name(...)`.
  case call(String, [CodeExpression])

  /// A comparison's operator and what stands behind it.
  struct Link: Hashable, Sendable {
    var operation: String
    var value: CodeExpression
  }
}

/// Code that this small evaluator does not understand: the script is unsupported, not wrong.
struct UnsupportedCode: Error, Hashable {
  var what: String
}
