import Octets

/// A Fast Open cookie: 4 to 16 octets by which a server knows a client's address again; empty in a
/// request for one. Source: RFC 7413 section 4.1.1.
public struct FastOpenCookie: Hashable, Sendable {
  @usableFromInline var octets = InlineArray<16, UInt8>(repeating: 0)
  @usableFromInline var held: UInt8 = 0
  /// Octets held, 0 or 4...16.
  @inlinable public var count: Int { Int(held) }

  /// The request for a cookie.
  public init() {}

  /// A cookie; nil for a length that none has.
  public init?(_ cookie: Span<UInt8>) {
    guard cookie.isEmpty || (4...16).contains(cookie.count), cookie.count % 2 == 0 else {
      return nil
    }
    for index in 0..<cookie.count { octets[index] = cookie[index] }
    held = UInt8(cookie.count)
  }

  /// A cookie of eight octets, the first octet the lowest of `word`.
  public init(littleEndian word: UInt64) {
    for index in 0..<8 { octets[index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
    held = 8
  }

  /// The octet at a place below ``count``.
  @inlinable public subscript(index: Int) -> UInt8 { octets[index] }

  /// Compares the octets held.
  public static func == (left: FastOpenCookie, right: FastOpenCookie) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }

  /// Hashes the octets held.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for index in 0..<count { hasher.combine(self[index]) }
  }
}

/// The Fast Open option of a SYN. Source: RFC 7413 section 4.1.1.
public struct FastOpenOption: Hashable, Sendable {
  /// The cookie; empty asks for one.
  public var cookie: FastOpenCookie
  /// It has the experimental kind 254 that came before kind 34. RFC 6994.
  public var isExperimental: Bool

  /// What stands behind kind 254 to tell this experiment from others.
  @inlinable public static var magic: UInt16 { 0xF989 }

  /// An option from its parts.
  public init(_ cookie: FastOpenCookie = FastOpenCookie(), isExperimental: Bool = false) {
    self.cookie = cookie
    self.isExperimental = isExperimental
  }

  /// Reads an option of kind 34 or 254; nil when it is none, or its length is impossible.
  init?(kind: UInt8, _ option: Span<UInt8>) {
    let start: Int
    if kind == 34 {
      start = 2
    } else {
      guard option.count >= 4, option.uint16(at: 2) == Self.magic else { return nil }
      start = 4
    }
    guard let cookie = FastOpenCookie(option.extracting(droppingFirst: start)) else { return nil }
    self.init(cookie, isExperimental: kind == 254)
  }

  /// Octets with the padding behind it.
  @usableFromInline var length: Int { (cookie.count &+ (isExperimental ? 4 : 2) &+ 3) & ~3 }

  /// Appends the option, padded behind to 4 octets.
  @usableFromInline func emit(into output: inout OutputSpan<UInt8>) {
    let plain = cookie.count &+ (isExperimental ? 4 : 2)
    output.append(isExperimental ? 254 : 34)
    output.append(UInt8(plain))
    if isExperimental { output.append(bigEndian: Self.magic) }
    for index in 0..<cookie.count { output.append(cookie[index]) }
    for _ in plain..<length { output.append(1) }
  }
}
