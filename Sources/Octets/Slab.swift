/// The place of an element in a ``Slab``, and which of the place's tenants is meant.
public struct SlabHandle: Hashable, Sendable {
  /// The place.
  public let index: UInt32
  /// How often the place had been used before; a stale handle never finds a later tenant.
  public let generation: UInt32

  /// A handle from its parts.
  @inlinable public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}

/// Storage for elements that cannot be copied, at stable places, found by handle without hashing.
///
/// Elements live in chunks that never move, so a pointer to one stays right until its removal.
@safe
public struct Slab<Element: ~Copyable>: ~Copyable {
  @inlinable static var chunkBits: Int { 6 }
  @inlinable static var chunkSize: Int { 1 << chunkBits }
  @inlinable static var noPlace: UInt32 { .max }

  @usableFromInline var chunks: [UnsafeMutablePointer<Element>] = unsafe []
  /// An even generation means that the place is free, an odd one that it is held.
  @usableFromInline var generations: [UInt32] = []
  @usableFromInline var nextFree: [UInt32] = []
  @usableFromInline var firstFree: UInt32 = .max
  @usableFromInline var held = 0
  /// Elements held.
  @inlinable public var count: Int { held }

  /// An empty slab; it holds no memory yet.
  public init() {}

  deinit {
    for index in generations.indices where generations[index] & 1 == 1 {
      unsafe place(index).deinitialize(count: 1)
    }
    unsafe chunks.forEach { unsafe $0.deallocate() }
  }

  /// Places in use or free: every handle's index is below it.
  public var capacity: Int { generations.count }

  @inlinable func place(_ index: Int) -> UnsafeMutablePointer<Element> {
    unsafe chunks[index >> Self.chunkBits] + (index & (Self.chunkSize &- 1))
  }

  /// Puts an element in and says where.
  @inlinable public mutating func insert(_ element: consuming Element) -> SlabHandle {
    if firstFree == Self.noPlace { addChunk() }
    let index = Int(firstFree)
    firstFree = nextFree[index]
    generations[index] &+= 1
    unsafe place(index).initialize(to: element)
    held &+= 1
    return SlabHandle(index: UInt32(index), generation: generations[index])
  }

  /// Takes an element out; nil when the handle is stale.
  @inlinable public mutating func remove(_ handle: SlabHandle) -> Element? {
    guard contains(handle) else { return nil }
    vacate(handle)
    return unsafe place(Int(handle.index)).move()
  }

  /// Ends an element in its place; a stale handle does nothing.
  @inlinable public mutating func discard(_ handle: SlabHandle) {
    guard contains(handle) else { return }
    vacate(handle)
    unsafe place(Int(handle.index)).deinitialize(count: 1)
  }

  @usableFromInline mutating func vacate(_ handle: SlabHandle) {
    let index = Int(handle.index)
    generations[index] &+= 1
    nextFree[index] = firstFree
    firstFree = handle.index
    held &-= 1
  }

  /// Whether the handle's element is still here.
  @inlinable public func contains(_ handle: SlabHandle) -> Bool {
    let index = Int(handle.index)
    return index < generations.count && generations[index] == handle.generation
      && handle.generation & 1 == 1
  }

  /// Works on an element in its place; nil when the handle is stale.
  @inlinable public mutating func withElement<Result, Failure: Error>(
    _ handle: SlabHandle, _ body: (inout Element) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard contains(handle) else { return nil }
    return try unsafe body(&place(Int(handle.index)).pointee)
  }

  /// Where an element lies, for hot paths: right until the element is removed or the slab ends.
  @unsafe @inlinable public func pointer(to handle: SlabHandle) -> UnsafeMutablePointer<Element>? {
    guard contains(handle) else { return nil }
    return unsafe place(Int(handle.index))
  }

  /// The handle of the element at a place, if the place is held.
  @inlinable public func handle(at index: Int) -> SlabHandle? {
    guard index >= 0, index < generations.count, generations[index] & 1 == 1 else { return nil }
    return SlabHandle(index: UInt32(index), generation: generations[index])
  }

  @usableFromInline mutating func addChunk() {
    let start = generations.count
    unsafe chunks.append(.allocate(capacity: Self.chunkSize))
    for offset in 0..<Self.chunkSize {
      generations.append(0)
      nextFree.append(
        offset == Self.chunkSize &- 1 ? Self.noPlace : UInt32(start &+ offset &+ 1))
    }
    firstFree = UInt32(start)
  }

  /// Another slab with copies of all elements, for which the same handles hold.
  public func copy(_ element: (borrowing Element) -> Element) -> Slab {
    var other = Slab()
    while other.capacity < capacity { other.addChunk() }
    for index in generations.indices where generations[index] & 1 == 1 {
      unsafe other.place(index).initialize(to: element(place(index).pointee))
    }
    other.generations = generations
    other.nextFree = nextFree
    other.firstFree = firstFree
    other.held = held
    return other
  }
}
