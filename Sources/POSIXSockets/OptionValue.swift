/// The octets of a socket option's value, as C has them in memory: little-endian.
public struct OptionValue: Hashable, Sendable {
  /// The octets; their count is the option's length.
  public var octets: [UInt8]
  /// A value from its octets.
  public init(octets: [UInt8]) { self.octets = octets }

  private init(words: [Int32]) {
    octets = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
  }

  /// An `int`.
  public static func int(_ value: Int) -> OptionValue {
    OptionValue(words: [Int32(truncatingIfNeeded: value)])
  }

  /// A `struct linger`.
  public static func linger(isOn: Bool, seconds: Int) -> OptionValue {
    OptionValue(words: [isOn ? 1 : 0, Int32(truncatingIfNeeded: seconds)])
  }

  /// A `struct timeval`.
  public static func time(seconds: Int64, microseconds: Int64) -> OptionValue {
    OptionValue(octets: octets(of: seconds) + octets(of: microseconds))
  }

  private static func octets(of value: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// A name, such as that of a congestion controller, without a zero at its end.
  public static func string(_ name: String) -> OptionValue { OptionValue(octets: Array(name.utf8)) }

  /// The first four octets as an `int`; nil when there are fewer.
  public var int: Int? { word(at: 0) }

  /// The text up to the first zero.
  public var string: String { String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self) }

  /// A `struct linger`; nil when it is too short.
  public var linger: (isOn: Bool, seconds: Int)? {
    guard let first = word(at: 0), let second = word(at: 4) else { return nil }
    return (first != 0, second)
  }

  /// A `struct timeval`; nil when it is too short.
  public var time: (seconds: Int64, microseconds: Int64)? {
    guard octets.count >= 16 else { return nil }
    return (long(at: 0), long(at: 8))
  }

  private func word(at offset: Int) -> Int? {
    guard octets.count >= offset + 4 else { return nil }
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(octets[offset + index]) << UInt32(index * 8) }
    return Int(Int32(bitPattern: value))
  }

  private func long(at offset: Int) -> Int64 {
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(octets[offset + index]) << UInt64(index * 8) }
    return Int64(bitPattern: value)
  }
}
