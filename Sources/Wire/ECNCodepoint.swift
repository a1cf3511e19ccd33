/// What the two ECN bits of an IP header say. Source: RFC 3168 section 5.
public enum ECNCodepoint: UInt8, Hashable, Sendable {
  /// Not-ECT: the sender would not understand a mark, so a full router drops the packet.
  case notECT = 0
  /// ECT(1): the transport understands marks.
  case ect1 = 1
  /// ECT(0): the same, and what senders use.
  case ect0 = 2
  /// CE: a router on the way is congested.
  case ce = 3

  /// The codepoint in the two low bits of an octet.
  @inlinable public init(bits: UInt8) {
    self =
      switch bits & 3 {
      case 1: .ect1
      case 2: .ect0
      case 3: .ce
      default: .notECT
      }
  }
}
