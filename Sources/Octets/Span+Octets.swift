/// Big-endian ("network order") reading of octets. Source: RFC 791, appendix B.
///
/// The caller has checked the bounds once, in a view's `init(parsing:)`; an index out of bounds is
/// our own mistake and stops the program, it never reads foreign memory.
extension Span where Element == UInt8 {
  /// The 16-bit number at `offset` and the octet after it.
  @inlinable @inline(__always) public func uint16(at offset: Int) -> UInt16 {
    UInt16(bigEndian: load(at: offset, as: UInt16.self))
  }

  /// The 32-bit number in the four octets from `offset`.
  @inlinable @inline(__always) public func uint32(at offset: Int) -> UInt32 {
    UInt32(bigEndian: load(at: offset, as: UInt32.self))
  }

  /// The 64-bit number in the eight octets from `offset`.
  @inlinable @inline(__always) public func uint64(at offset: Int) -> UInt64 {
    UInt64(bigEndian: load(at: offset, as: UInt64.self))
  }

  /// One checked load, whatever the alignment, instead of one for each octet.
  @inlinable @inline(__always) func load<Number: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Number.Type
  ) -> Number {
    precondition(
      offset >= 0 && offset <= count &- MemoryLayout<Number>.size, "octets read behind the end")
    return unsafe withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: type) }
  }

  /// Whether both hold the same octets.
  @inlinable public func elementsEqual(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// The place of the first `octet` at or after `start`, or nil.
  @inlinable public func firstIndex(of octet: UInt8, from start: Int = 0) -> Int? {
    var index = start
    // Eight at a time: the lowest top bit that is set is where the first one equals `octet`.
    let ones: UInt64 = 0x0101_0101_0101_0101
    while index &+ 8 <= count {
      let difference = uint64(at: index).byteSwapped ^ (ones &* UInt64(octet))
      let found = (difference &- ones) & ~difference & (ones &* 0x80)
      if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < count {
      if self[index] == octet { return index }
      index &+= 1
    }
    return nil
  }
}

extension Array where Element == UInt8 {
  /// A copy of the octets of a frame that lies in pieces, as a ``FrameSink`` gets them.
  @inlinable public init(
    joining header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>
  ) {
    self.init(capacity: header.count &+ payload.count &+ tail.count) { output in
      output.append(copying: header)
      output.append(copying: payload)
      output.append(copying: tail)
    }
  }

  /// A copy of the octets of a span.
  @inlinable public init(copying octets: Span<UInt8>) {
    self.init(capacity: octets.count) { output in output.append(copying: octets) }
  }

  /// Appends a copy of the octets of a span.
  @inlinable public mutating func append(copying octets: Span<UInt8>) {
    unsafe octets.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}

extension OutputSpan where Element == UInt8 {
  /// Appends 16 bits, most significant octet first.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func append(bigEndian value: UInt16) { store(value.bigEndian) }

  /// Appends 32 bits, most significant octet first.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func append(bigEndian value: UInt32) { store(value.bigEndian) }

  /// Appends 64 bits, most significant octet first.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func append(bigEndian value: UInt64) { store(value.bigEndian) }

  /// One checked store instead of one for each octet.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func store<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
    precondition(
      freeCapacity >= MemoryLayout<Number>.size,
      "a number appended beyond the capacity of the output")
    unsafe withUnsafeMutableBufferPointer { buffer, count in
      unsafe UnsafeMutableRawBufferPointer(buffer).storeBytes(
        of: value, toByteOffset: count, as: Number.self)
      count &+= MemoryLayout<Number>.size
    }
  }

  /// Appends a copy of `octets`; there must be room for them.
  @inlinable @_lifetime(self: copy self)
  public mutating func append(copying octets: Span<UInt8>) {
    precondition(octets.count <= freeCapacity, "octets appended beyond the capacity of the output")
    unsafe withUnsafeMutableBufferPointer { buffer, count in
      unsafe octets.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
        unsafe (to + count).initialize(from: from, count: source.count)
        count &+= source.count
      }
    }
  }

  /// Appends `count` octets of zero.
  @inlinable @_lifetime(self: copy self)
  public mutating func append(zeros count: Int) {
    for _ in 0..<count { append(0) }
  }
}

extension MutableSpan where Element == UInt8 {
  /// Writes 16 bits at `offset`, most significant octet first.
  @inlinable @_lifetime(self: copy self)
  public mutating func setUInt16(_ value: UInt16, at offset: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value >> 8)
    self[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }

  /// Writes 32 bits at `offset`, most significant octet first.
  @inlinable @_lifetime(self: copy self)
  public mutating func setUInt32(_ value: UInt32, at offset: Int) {
    setUInt16(UInt16(truncatingIfNeeded: value >> 16), at: offset)
    setUInt16(UInt16(truncatingIfNeeded: value), at: offset &+ 2)
  }

  /// Copies `octets` to `offset`; they must fit.
  @inlinable @_lifetime(self: copy self)
  public mutating func copy(from octets: Span<UInt8>, at offset: Int) {
    precondition(
      offset >= 0 && octets.count <= count - offset, "octets copied beyond the end of the span")
    unsafe withUnsafeMutableBufferPointer { buffer in
      unsafe octets.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
        unsafe (to + offset).update(from: from, count: source.count)
      }
    }
  }
}
