/// A row of elements that is only ever added to, each lent by address.
///
/// An array makes sure that it is held once whenever an element is changed; a row of few elements that
/// every frame passes through can do without.
@safe
public struct StableArray<Element: ~Copyable>: ~Copyable {
  @usableFromInline var storage: UnsafeMutablePointer<Element>?
  @usableFromInline var capacity = 0
  /// Elements held.
  public private(set) var count = 0

  /// An empty row; it holds no memory yet.
  public init() { unsafe storage = nil }

  deinit {
    unsafe storage?.deinitialize(count: count)
    unsafe storage?.deallocate()
  }

  /// The places of the elements.
  @inlinable public var indices: Range<Int> { 0..<count }

  /// Adds an element behind the others.
  public mutating func append(_ element: consuming Element) {
    if count == capacity { grow() }
    guard let storage = unsafe storage else { return }
    unsafe (storage + count).initialize(to: element)
    count &+= 1
  }

  private mutating func grow() {
    let size = max(4, capacity &* 2)
    let grown = UnsafeMutablePointer<Element>.allocate(capacity: size)
    if let held = unsafe storage {
      unsafe grown.moveInitialize(from: held, count: count)
      unsafe held.deallocate()
    }
    unsafe storage = grown
    capacity = size
  }

  /// The element at a place below ``count``.
  @inlinable public subscript(index: Int) -> Element {
    unsafeAddress { unsafe UnsafePointer(address(of: index)) }
    unsafeMutableAddress { unsafe address(of: index) }
  }

  @inlinable func address(of index: Int) -> UnsafeMutablePointer<Element> {
    guard index >= 0, index < count, let storage = unsafe storage else {
      preconditionFailure("an element is asked for at a place where there is none")
    }
    return unsafe storage + index
  }
}

extension StableArray where Element: Copyable {
  /// Another array with the same elements.
  public func copy() -> StableArray {
    var other = StableArray()
    for index in indices { other.append(self[index]) }
    return other
  }
}
