/// The Internet checksum: the ones' complement of the ones' complement sum of 16-bit words.
///
/// The sum does not depend on the order of octets in a word (RFC 1071 section 2), so it is computed
/// in the machine's own order, eight octets at a time, and turned round once at the end. Pieces may
/// have odd lengths: the next piece then begins in the middle of a word.
/// Source: RFC 1071; RFC 1624 for updates.
public struct InternetChecksum: Sendable {
  @usableFromInline var sum: UInt64 = 0
  @usableFromInline var isOdd = false

  /// A sum of nothing.
  @inlinable public init() {}

  /// Adds octets.
  public mutating func add(_ octets: Span<UInt8>) {
    let piece = Self.nativeSum(octets)
    sum &+= UInt64(isOdd ? piece.byteSwapped : piece)
    if octets.count & 1 == 1 { isOdd.toggle() }
  }

  /// Adds one 16-bit word of a header.
  @inlinable public mutating func add(word: UInt16) {
    sum &+= UInt64(isOdd ? word.bigEndian.byteSwapped : word.bigEndian)
  }

  /// Adds a 32-bit field of a header.
  @inlinable public mutating func add(long: UInt32) {
    // In the middle of a word a field's octets are the other halves of two words each.
    sum &+= UInt64(isOdd ? long.bigEndian.byteSwapped : long.bigEndian)
  }

  /// The ones' complement sum so far, as a number to be written in network order.
  @inlinable public var folded: UInt16 { UInt16(bigEndian: Self.fold(sum)) }

  /// What goes into a checksum field: the complement of ``folded``.
  @inlinable public var value: UInt16 { ~folded }

  @inlinable static func fold(_ sum: UInt64) -> UInt16 {
    var value = (sum >> 32) &+ (sum & 0xFFFF_FFFF)
    value = (value >> 16) &+ (value & 0xFFFF)
    value = (value >> 16) &+ (value & 0xFFFF)
    value = (value >> 16) &+ (value & 0xFFFF)
    return UInt16(truncatingIfNeeded: value)
  }

  /// The folded sum of a piece in the machine's order; a last odd octet is the first of its word.
  private static func nativeSum(_ octets: Span<UInt8>) -> UInt16 {
    unsafe octets.withUnsafeBytes { bytes in
      var first: UInt64 = 0
      var second: UInt64 = 0
      var offset = 0
      let count = bytes.count
      // Four words of 32 bits a turn in two accumulators: no carry is lost below 2^31 turns.
      while offset &+ 16 <= count {
        let low = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let high = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
        first &+= (low & 0xFFFF_FFFF) &+ (high & 0xFFFF_FFFF)
        second &+= (low >> 32) &+ (high >> 32)
        offset &+= 16
      }
      while offset &+ 2 <= count {
        first &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        offset &+= 2
      }
      if offset < count {
        first &+= UInt64(UInt16(bigEndian: UInt16(unsafe bytes[offset]) << 8))
      }
      return fold(UInt64(fold(first)) &+ UInt64(fold(second)))
    }
  }
}
