package import Octets
package import Wire

/// Chooses the identification of packets. Source: RFC 6864.
///
/// Packets that are never fragmented may carry anything (section 4.1); for the others each pair of
/// hosts has a counter among many, starting at random, so that numbers repeat late and tell little.
package struct IPv4Identification: Sendable {
  private var counters: [UInt16]
  private let key: UInt64

  /// Counters that nobody can guess.
  package init(random: inout RandomSource) {
    counters = (0..<256).map { _ in UInt16(truncatingIfNeeded: random.next()) }
    key = random.next()
  }

  /// The identification of the next packet.
  ///
  /// - Parameter count: packets that a device will make of this one, numbered from it on.
  package mutating func next(
    source: IPv4Address, destination: IPv4Address, transport: IPProtocol, count: Int = 1
  ) -> UInt16 {
    var mixed = UInt64(source.rawValue) << 32 | UInt64(destination.rawValue)
    mixed = (mixed ^ key ^ UInt64(transport.rawValue)) &* 0x9E37_79B9_7F4A_7C15
    let slot = Int(mixed >> 56)
    let first = counters[slot] &+ 1
    counters[slot] &+= UInt16(truncatingIfNeeded: count)
    return first
  }
}
