/// What one system call came to: a value, an error number, or nothing yet.
public enum CallResult: Hashable, Sendable {
  /// The call returned this value (`read`: octets; `socket`: the descriptor; most others 0).
  case done(Int)
  /// The call returned -1 and set `errno` to this.
  case failed(Errno)
  /// A blocking call cannot return yet: make it again once the stack has moved.
  case pending
}
