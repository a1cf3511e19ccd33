import Octets

/// Counts of octets that came with each ECN codepoint: AccECN0 and AccECN1, kinds 172 and 174.
/// Source: RFC 9768 section 3.2.3.
///
/// The two kinds have the same fields in opposite order; fields are left out from the end only.
public struct AccurateECNOption: Hashable, Sendable {
  /// ECT(1) comes first, and ECT(0) last: kind 174.
  public var isReversed: Bool
  /// Fields that there are, 0...3.
  public let fields: Int
  private var first: UInt32
  private var second: UInt32
  private var third: UInt32

  /// An option of some fields; of each counter the 24 low bits are told.
  public init(ect0: UInt32, ce: UInt32, ect1: UInt32, isReversed: Bool = false, fields: Int = 3) {
    self.isReversed = isReversed
    self.fields = max(0, min(fields, 3))
    first = self.fields > 0 ? (isReversed ? ect1 : ect0) & 0xFF_FFFF : 0
    second = self.fields > 1 ? ce & 0xFF_FFFF : 0
    third = self.fields > 2 ? (isReversed ? ect0 : ect1) & 0xFF_FFFF : 0
  }

  /// Reads an option, kind and length included. Of another length the whole fields count, and the
  /// rest is padding.
  init(kind: UInt8, _ option: Span<UInt8>) {
    func field(_ index: Int) -> UInt32 {
      let place = 2 + 3 * index
      guard place + 3 <= option.count else { return 0 }
      return UInt32(option[place]) << 16 | UInt32(option.uint16(at: place + 1))
    }
    isReversed = kind == 174
    fields = min((option.count - 2) / 3, 3)
    first = field(0)
    second = field(1)
    third = field(2)
  }

  /// Octets with ECT(0); nil where the field is left out.
  public var ect0: UInt32? { isReversed ? (fields > 2 ? third : nil) : (fields > 0 ? first : nil) }
  /// Octets with CE.
  public var ce: UInt32? { fields > 1 ? second : nil }
  /// Octets with ECT(1).
  public var ect1: UInt32? { isReversed ? (fields > 0 ? first : nil) : (fields > 2 ? third : nil) }

  /// Octets of an option with so many fields, and the padding before it.
  public static func length(ofFields fields: Int) -> Int { (2 &+ 3 &* fields &+ 3) & ~3 }

  /// Octets that ``emit(into:)`` appends: a multiple of 4.
  public var length: Int { Self.length(ofFields: fields) }

  /// Appends the option behind the NOPs that fill it up to 4 octets.
  public func emit(into output: inout OutputSpan<UInt8>) {
    let octets = 2 &+ 3 &* fields
    for _ in octets..<length { output.append(1) }
    output.append(isReversed ? 174 : 172)
    output.append(UInt8(truncatingIfNeeded: octets))
    for (index, field) in [first, second, third].enumerated() where index < fields {
      output.append(UInt8(truncatingIfNeeded: field >> 16))
      output.append(bigEndian: UInt16(truncatingIfNeeded: field))
    }
  }
}
