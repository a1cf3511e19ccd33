package import Octets
package import Wire

/// What a state is told apart by when many are explored: 64 bits over all that decides what comes.
///
/// Times count from now, so that the same state at another time has the same digest; what lies
/// further back than any rule asks is all the same. A field that is left out makes two states look
/// like one, so that less is explored; it never makes a fault out of none.
package struct StateDigest {
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
  private let now: Instant
  /// No rule looks back further, in nanoseconds: past R2.
  private static let horizon: Int64 = 1_000_000_000_000

  /// The digest of nothing, at a time.
  package init(at now: Instant) { self.now = now }

  /// Takes a number.
  package mutating func add(_ number: Int) { mix(UInt64(bitPattern: Int64(number))) }

  /// Takes a truth.
  package mutating func add(_ truth: Bool) { mix(truth ? 3 : 5) }

  /// Takes a sequence number.
  package mutating func add(_ number: SequenceNumber) { mix(UInt64(number.rawValue)) }

  /// Takes a time, as the distance from now.
  package mutating func add(_ instant: Instant) {
    guard instant != .distantFuture else { return mix(.max) }
    add(Int(max(instant.nanoseconds(since: now), -Self.horizon)))
  }

  /// Takes a measure.
  package mutating func add(_ number: Double) { mix(number.bitPattern) }

  /// Takes octets.
  package mutating func add(_ octets: Span<UInt8>) {
    add(octets.count)
    var word: UInt64 = 0
    for index in octets.indices {
      word = word << 8 | UInt64(octets[index])
      if index & 7 == 7 { mix(word) }
    }
    mix(word)
  }

  private mutating func mix(_ word: UInt64) {
    // A round of SplitMix64 (Steele, Lea, Flood 2014) over the sum.
    var mixed = (state ^ word) &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    state = mixed ^ (mixed >> 31)
  }

  /// The digest.
  package var value: UInt64 { state }
}
