package import Octets
package import Wire

extension TCPEndpoints {
  /// Both ends in two words, for hashing.
  package var words: (UInt64, UInt64) {
    (
      UInt64(local.address.rawValue) << 32 | UInt64(remote.address.rawValue),
      UInt64(local.port.rawValue) << 16 | UInt64(remote.port.rawValue)
    )
  }
}

/// Chooses initial sequence numbers: a clock plus a keyed hash of the ends.
///
/// Source: RFC 6528 section 3; RFC 9293 section 3.4.1.
package struct InitialSequenceGenerator: Sendable {
  private let hash: SipHash

  /// A generator with a key of its own.
  package init(random: inout RandomSource) {
    hash = SipHash(key: random.next(), random.next())
  }

  /// A key for another purpose, which tells nothing of this one.
  package func derive(_ purpose: UInt64) -> UInt64 { hash.hash(purpose) }

  /// The sequence number for a connection that begins now.
  package func next(for ends: TCPEndpoints, at now: Instant) -> SequenceNumber {
    let (first, second) = ends.words
    // RFC 9293 3.4.1 MUST-8: M, a clock of 4 microseconds a tick.
    let clock = UInt32(truncatingIfNeeded: now.nanoseconds / 4_000)
    // RFC 9293 3.4.1 MUST-9, SHLD-1: F(ends, key), which nobody outside can compute.
    return SequenceNumber(clock &+ UInt32(truncatingIfNeeded: hash.hash(first, second)))
  }
}

/// Chooses ephemeral ports: a random start for each remote end, then one after the other.
///
/// Source: RFC 6056 section 3.3.3, algorithm 3.
package struct PortSelector: Sendable {
  private let hash: SipHash
  private var counter: UInt32
  /// The ports that may be chosen. RFC 6056 section 3.2.
  package static let range: ClosedRange<UInt16> = 49_152...65_535

  /// A selector with a key of its own.
  package init(random: inout RandomSource) {
    hash = SipHash(key: random.next(), random.next())
    counter = UInt32(truncatingIfNeeded: random.next())
  }

  /// The first port for which `isFree` holds; nil when none is left.
  package mutating func next(
    local: IPv4Address, remote: SocketAddress, isFree: (Port) -> Bool
  ) -> Port? {
    let size = UInt64(Self.range.count)
    let offset = hash.hash(
      UInt64(local.rawValue) << 32 | UInt64(remote.address.rawValue),
      UInt64(remote.port.rawValue))
    for _ in 0..<Self.range.count {
      let place = (offset &+ UInt64(counter)) % size
      counter &+= 1
      let port = Port(Self.range.lowerBound &+ UInt16(place))
      if isFree(port) { return port }
    }
    return nil
  }
}
