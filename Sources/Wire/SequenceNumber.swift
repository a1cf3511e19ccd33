/// A place in TCP's circle of 2^32 sequence numbers. Source: RFC 9293 section 3.4.
///
/// Order on a circle is not total, so there is no `<`: of two numbers less than 2^31 apart, one
/// precedes the other.
public struct SequenceNumber: Hashable, Sendable, CustomStringConvertible {
  /// The number on the wire.
  public var rawValue: UInt32

  /// A sequence number from the wire.
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// Whether this comes before `other`.
  @inlinable public func precedes(_ other: SequenceNumber) -> Bool { distance(to: other) > 0 }
  /// Whether this comes after `other`.
  @inlinable public func follows(_ other: SequenceNumber) -> Bool { distance(to: other) < 0 }
  /// Whether this comes before `other` or equals it.
  @inlinable public func precedesOrEquals(_ other: SequenceNumber) -> Bool {
    distance(to: other) >= 0
  }
  /// Whether this comes after `other` or equals it.
  @inlinable public func followsOrEquals(_ other: SequenceNumber) -> Bool {
    distance(to: other) <= 0
  }

  /// How far `other` lies ahead of this number; negative when it lies behind.
  @inlinable public func distance(to other: SequenceNumber) -> Int {
    Int(Int32(bitPattern: other.rawValue &- rawValue))
  }

  /// The number a distance ahead.
  @inlinable public static func + (left: SequenceNumber, right: Int) -> SequenceNumber {
    SequenceNumber(left.rawValue &+ UInt32(truncatingIfNeeded: right))
  }
  /// The number a distance behind.
  @inlinable public static func - (left: SequenceNumber, right: Int) -> SequenceNumber {
    SequenceNumber(left.rawValue &- UInt32(truncatingIfNeeded: right))
  }
  /// Moves ahead.
  @inlinable public static func += (left: inout SequenceNumber, right: Int) { left = left + right }

  /// The earlier of two numbers.
  @inlinable public static func earlier(
    _ left: SequenceNumber, _ right: SequenceNumber
  ) -> SequenceNumber { left.precedes(right) ? left : right }
  /// The later of two numbers.
  @inlinable public static func later(
    _ left: SequenceNumber, _ right: SequenceNumber
  ) -> SequenceNumber { left.precedes(right) ? right : left }

  /// The number as text.
  public var description: String { "\(rawValue)" }
}
