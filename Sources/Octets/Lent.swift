/// A value at an address of its own, lent where it lies.
///
/// Swift guards each use of a class's variable property at run time against a second use at the same
/// time; what is touched for every frame, on one thread and never twice at once, can do without.
@safe
public struct Lent<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
  // `@unchecked`: who holds it sees to it that one thread at a time has the value.
  @usableFromInline package let address: UnsafeMutablePointer<Value>

  /// Takes the value to its place.
  public init(_ value: consuming Value) {
    unsafe address = .allocate(capacity: 1)
    unsafe address.initialize(to: value)
  }

  deinit {
    unsafe address.deinitialize(count: 1)
    unsafe address.deallocate()
  }

  /// The value. It must not be lent twice at once.
  @inlinable public var value: Value {
    unsafeAddress { unsafe UnsafePointer(address) }
    nonmutating unsafeMutableAddress { unsafe address }
  }
}
