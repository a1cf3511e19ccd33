/// SipHash-2-4: a keyed hash of short inputs. Source: Aumasson and Bernstein, "SipHash: a fast
/// short-input PRF", 2012.
package struct SipHash: Sendable {
  private let key: (UInt64, UInt64)

  /// A hash under a key that nobody else knows.
  package init(key first: UInt64, _ second: UInt64) { key = (first, second) }

  /// The hash of two 64-bit words.
  package func hash(_ first: UInt64, _ second: UInt64) -> UInt64 {
    var state = State(key)
    state.absorb(first)
    state.absorb(second)
    return state.finish(octets: 16)
  }

  /// The hash of one 64-bit word.
  package func hash(_ word: UInt64) -> UInt64 {
    var state = State(key)
    state.absorb(word)
    return state.finish(octets: 8)
  }

  private struct State {
    var v0: UInt64
    var v1: UInt64
    var v2: UInt64
    var v3: UInt64

    init(_ key: (UInt64, UInt64)) {
      v0 = key.0 ^ 0x736F_6D65_7073_6575
      v1 = key.1 ^ 0x646F_7261_6E64_6F6D
      v2 = key.0 ^ 0x6C79_6765_6E65_7261
      v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    mutating func round() {
      v0 &+= v1
      v1 = v1 << 13 | v1 >> 51
      v1 ^= v0
      v0 = v0 << 32 | v0 >> 32
      v2 &+= v3
      v3 = v3 << 16 | v3 >> 48
      v3 ^= v2
      v0 &+= v3
      v3 = v3 << 21 | v3 >> 43
      v3 ^= v0
      v2 &+= v1
      v1 = v1 << 17 | v1 >> 47
      v1 ^= v2
      v2 = v2 << 32 | v2 >> 32
    }

    mutating func absorb(_ word: UInt64) {
      v3 ^= word
      round()
      round()
      v0 ^= word
    }

    mutating func finish(octets: UInt64) -> UInt64 {
      absorb(octets << 56)
      v2 ^= 0xFF
      for _ in 0..<4 { round() }
      return v0 ^ v1 ^ v2 ^ v3
    }
  }
}
