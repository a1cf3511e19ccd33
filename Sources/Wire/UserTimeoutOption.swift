/// How long one end waits for an acknowledgment, told to the other: kind 28. Source: RFC 5482
/// section 2.
public struct UserTimeoutOption: Hashable, Sendable {
  /// The granularity, one bit, and 15 bits of minutes or seconds.
  public let rawValue: UInt16

  /// The option from its two octets.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The option for a time in seconds; above 32,767 in minutes, rounded up, and at most 32,767 of
  /// them. None is told as zero, which says nothing (RFC 5482 section 3).
  public init(seconds: Int) {
    if seconds <= 0x7FFF {
      rawValue = UInt16(max(seconds, 1))
    } else {
      rawValue = 0x8000 | UInt16(min((seconds - 1) / 60 + 1, 0x7FFF))
    }
  }

  /// The time in seconds; nil for the reserved value of zero.
  public var seconds: Int? {
    let count = Int(rawValue & 0x7FFF)
    guard count > 0 else { return nil }
    return rawValue & 0x8000 == 0 ? count : count * 60
  }
}
