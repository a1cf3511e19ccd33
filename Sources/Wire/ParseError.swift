/// Why octets are not what a parser was asked to see in them.
public enum ParseError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Fewer octets than the format needs.
  case truncated(needed: Int, available: Int)
  /// A version field with another version than the parser's.
  case version(UInt8)
  /// A header length below the least or beyond the octets at hand.
  case headerLength(Int)
  /// A total length below the header's or beyond the octets at hand.
  case totalLength(Int, available: Int)
  /// A combination of values that the format does not have.
  case unsupported

  /// A sentence for people.
  public var description: String {
    switch self {
    case .truncated(let needed, let available):
      "needs \(needed) octets and has \(available)"
    case .version(let version): "has version \(version)"
    case .headerLength(let length): "says its header is \(length) octets long"
    case .totalLength(let length, let available):
      "says it is \(length) octets long and has \(available)"
    case .unsupported: "is of an unsupported kind"
    }
  }
}
