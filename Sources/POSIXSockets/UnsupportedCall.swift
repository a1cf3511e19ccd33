/// A call or an option that this façade or the stack below cannot do: neither done nor failed.
///
/// It is thrown, not returned, so that nobody takes it for an answer of the stack's.
public struct UnsupportedCall: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was asked for, in words of the C interface: `setsockopt(SOL_SOCKET, SO_ZEROCOPY)`.
  public let what: String
  /// The call that cannot be done.
  public init(what: String) { self.what = what }
  /// A sentence for people.
  public var description: String { "unsupported: \(what)" }
}
