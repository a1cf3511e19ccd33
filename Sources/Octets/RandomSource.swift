/// Where a stack gets its random numbers: the system, or a seed that makes a run repeatable.
public struct RandomSource: RandomNumberGenerator, Sendable {
  /// The state of the generator; nil takes from the system.
  private var state: UInt64?

  /// Numbers that nobody can guess, for real hosts.
  public static func system() -> RandomSource { RandomSource(state: nil) }

  /// The same numbers for the same seed, for simulations and tests.
  public static func seeded(_ seed: UInt64) -> RandomSource { RandomSource(state: seed) }

  /// The next 64 bits. Seeded: SplitMix64 (Steele, Lea, Flood 2014).
  public mutating func next() -> UInt64 {
    guard let held = state else {
      var system = SystemRandomNumberGenerator()
      return system.next()
    }
    let next = held &+ 0x9E37_79B9_7F4A_7C15
    state = next
    var mixed = next
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
