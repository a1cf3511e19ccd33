import Synchronization

/// Makes the value that holds it stay where it is while it is lent.
///
/// Swift passes a large value that could be moved about by copying its octets to the stack, even to a
/// method that only reads it; for a connection that is more work than the method. A value with an
/// atomic in it is lent by address instead. Nothing is ever stored here.
public struct InPlace: ~Copyable, Sendable {
  private let marker = Atomic<UInt8>(0)

  /// The marker.
  public init() {}
}
