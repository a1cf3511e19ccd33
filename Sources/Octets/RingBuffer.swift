import Glibc

/// A ring of octets between a stream's writer and its reader.
///
/// It holds no memory until octets come, grows by doubling up to its limit, and gives its memory
/// back when told to while empty: ten thousand idle connections must cost next to nothing.
/// Octets may be written beyond the end (``write(_:at:)``) before they count, which is how segments
/// that arrive out of order wait in the very place where they will be read.
///
/// Invariants: 1. `capacity` is 0 or a power of two. 2. `count <= capacity`, and `count` passes
/// `limit` only after the limit was lowered. 3. Octet `i` of the stream part held lies at
/// `(head + i) & (capacity - 1)`.
@safe
public struct RingBuffer: ~Copyable {
  @usableFromInline var storage: UnsafeMutablePointer<UInt8>?
  @usableFromInline var head = 0
  /// Octets of storage held now.
  public private(set) var capacity = 0
  /// Octets that can be read.
  public private(set) var count = 0
  /// The most octets that may be held, read or not.
  public var limit: Int
  /// Whether it may take more memory than it has; the smallest ring it may have always.
  public var mayGrow = true

  /// What a ring holds at first: small, for most of ten thousand connections say little.
  private static let smallestCapacity = 512
  /// What a ring may hold even where it may not grow: a segment fits.
  private static let assuredCapacity = 2048

  /// An empty ring that may hold up to `limit` octets.
  public init(limit: Int) {
    unsafe storage = nil
    self.limit = limit
  }

  deinit { unsafe Glibc.free(storage) }

  /// The most octets that may be held now.
  private var bound: Int {
    mayGrow ? limit : min(limit, max(capacity, Self.assuredCapacity))
  }

  /// Octets that ``append(_:)`` would still take.
  public var free: Int { max(0, bound &- count) }
  /// Whether nothing can be read.
  public var isEmpty: Bool { count == 0 }

  /// Appends as many of the octets as fit, and says how many that were.
  public mutating func append(_ octets: Span<UInt8>) -> Int {
    let taken = write(octets, at: count)
    count &+= taken
    return taken
  }

  /// Appends as many octets as fit of the first contiguous part of another ring.
  public mutating func append(firstOf other: borrowing RingBuffer) -> Int {
    append(other.contiguous(at: 0, count: other.count))
  }

  /// Writes octets at a distance from the reader's place, past the end too, without counting them.
  ///
  /// - Returns: how many fitted below the limit, or into what memory there is.
  public mutating func write(_ octets: Span<UInt8>, at offset: Int) -> Int {
    guard offset >= 0, offset < bound else { return 0 }
    let taken = min(octets.count, bound &- offset)
    guard taken > 0 else { return 0 }
    grow(toHold: offset &+ taken)
    guard let storage = unsafe storage else { return 0 }
    let place = (head &+ offset) & (capacity &- 1)
    let first = min(taken, capacity &- place)
    unsafe octets.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      unsafe (storage + place).update(from: base, count: first)
      if first < taken { unsafe storage.update(from: base + first, count: taken &- first) }
    }
    return taken
  }

  /// Makes octets count that were written beyond the end.
  public mutating func extend(by length: Int) {
    precondition(
      length >= 0 && length <= capacity &- count, "a ring extended over unwritten octets")
    count &+= length
  }

  /// The first contiguous part of `count` octets from `offset`: shorter where the ring wraps.
  ///
  /// Call it again from `offset` plus the part's count for the rest.
  @_lifetime(borrow self)
  public func contiguous(at offset: Int, count length: Int) -> Span<UInt8> {
    precondition(
      offset >= 0 && length >= 0 && length <= count &- offset, "read beyond a ring's octets")
    guard let storage = unsafe storage, length > 0 else { return Span() }
    let place = (head &+ offset) & (capacity &- 1)
    let span = unsafe Span(_unsafeStart: storage + place, count: min(length, capacity &- place))
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Drops the first `length` octets.
  public mutating func consume(_ length: Int) {
    precondition(length >= 0 && length <= count, "more octets consumed than a ring holds")
    head = capacity == 0 ? 0 : (head &+ length) & (capacity &- 1)
    count &-= length
  }

  /// Gives the memory back if nothing can be read. Octets written beyond the end are lost.
  public mutating func shrink() {
    guard count == 0, let held = unsafe storage else { return }
    unsafe Glibc.free(held)
    unsafe storage = nil
    capacity = 0
    head = 0
  }

  /// Forgets every octet and gives the memory back.
  public mutating func removeAll() {
    count = 0
    shrink()
  }

  /// Another ring with the same octets, those beyond its end included, that shares nothing with this one.
  public func copy() -> RingBuffer {
    var other = RingBuffer(limit: limit)
    other.mayGrow = mayGrow
    guard capacity > 0, let held = unsafe storage else { return other }
    let octets = unsafe Self.memory(capacity)
    unsafe octets.update(from: held, count: capacity)
    unsafe other.storage = octets
    other.head = head
    other.capacity = capacity
    other.count = count
    return other
  }

  // Not `allocate`, which asks for an alignment that octets do not need: it costs twice as much.
  private static func memory(_ size: Int) -> UnsafeMutablePointer<UInt8> {
    guard let memory = unsafe malloc(size) else { fatalError("no memory is left for a ring") }
    return unsafe memory.bindMemory(to: UInt8.self, capacity: size)
  }

  private mutating func grow(toHold needed: Int) {
    guard needed > capacity else { return }
    var size = max(capacity, Self.smallestCapacity)
    while size < needed { size &*= 2 }
    let grown = unsafe Self.memory(size)
    if let held = unsafe storage {
      // All of the old ring moves, for what lies beyond the end may be waiting for its turn.
      let first = capacity &- head
      unsafe grown.update(from: held + head, count: first)
      unsafe (grown + first).update(from: held, count: head)
      unsafe Glibc.free(held)
    }
    unsafe storage = grown
    head = 0
    capacity = size
  }
}
