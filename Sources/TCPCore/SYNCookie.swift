package import Octets
package import Wire

/// What a listener must remember of a handshake, kept by the peer instead: in the number of our
/// SYN,ACK, which its ACK brings back, and in our timestamp, which it echoes.
///
/// The number has 5 bits of the time, in units of 64 seconds, 3 for the peer's MSS, and 24 of a
/// keyed hash over both ends, the peer's number and the time. The timestamp's 6 low bits have the
/// peer's window shift and whether it knows SACK. Source: RFC 4987 section 3.6.
package struct SYNCookies: Sendable {
  private let hash: SipHash

  /// What a peer's SYN has offered, as far as a cookie keeps it.
  package struct Offer: Hashable, Sendable {
    /// The peer's MSS, or the next lower that a cookie can name.
    package var maximumSegmentSize: Int
    /// The shift of its windows, if it offered one.
    package var windowScale: UInt8?
    /// It knows SACK.
    package var sackPermitted: Bool
    /// It uses timestamps.
    package var usesTimestamps: Bool
  }

  /// The MSS values that three bits can name, in octets: those that are common.
  private static let sizes = [216, 536, 1220, 1300, 1400, 1440, 1460, 8960]
  /// How long a number is good for, in nanoseconds: this unit of time and the one before.
  private static let unit: Int64 = 64_000_000_000
  /// Nothing that was sent longer ago can come back.
  package static let lifetime: Int64 = 2 * unit
  private static let noScale: UInt32 = 15

  /// Cookies under a key of their own, made from that of the initial sequence numbers.
  package init(_ sequences: InitialSequenceGenerator) {
    hash = SipHash(key: sequences.derive(1), sequences.derive(2))
  }

  // MARK: The number

  /// The number for a SYN,ACK.
  package func sequence(
    for ends: TCPEndpoints, peer initial: SequenceNumber, maximumSegmentSize: Int,
    at now: Instant
  ) -> SequenceNumber {
    let index = Self.sizes.lastIndex { $0 <= maximumSegmentSize } ?? 0
    return number(ends, initial, UInt32(truncatingIfNeeded: index), tick(now))
  }

  /// The peer's MSS out of a number of ours that came back; nil when it is none, or too old.
  package func maximumSegmentSize(
    in number: SequenceNumber, _ ends: TCPEndpoints, peer initial: SequenceNumber, at now: Instant
  ) -> Int? {
    let age = (tick(now) &- number.rawValue >> 27) & 31
    guard age <= 1 else { return nil }
    let index = number.rawValue >> 24 & 7
    guard self.number(ends, initial, index, tick(now) &- age) == number else { return nil }
    return Self.sizes[Int(index)]
  }

  private func number(
    _ ends: TCPEndpoints, _ initial: SequenceNumber, _ index: UInt32, _ tick: UInt32
  ) -> SequenceNumber {
    let (first, second) = ends.words
    let inner = hash.hash(first, second)
    let outer = hash.hash(inner, UInt64(initial.rawValue) << 32 | UInt64(tick << 3 | index))
    let low = UInt32(truncatingIfNeeded: outer) & 0xFF_FFFF
    return SequenceNumber((tick & 31) << 27 | index << 24 | low)
  }

  private func tick(_ now: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: now.nanoseconds / Self.unit)
  }

  // MARK: The timestamp

  /// A value of our clock, not above `clock`, that keeps the peer's options.
  package static func timestamp(_ clock: UInt32, keeping options: TCPOptions) -> UInt32 {
    let scale = options.windowScale.map { UInt32(min($0, 14)) } ?? noScale
    let bits = scale | (options.sackPermitted ? 16 : 0)
    let value = clock & ~63 | bits
    return value > clock ? value &- 64 : value
  }

  /// What the peer has offered, out of the ACK that ends the handshake.
  package static func offer(_ options: TCPOptions, maximumSegmentSize: Int) -> Offer {
    guard let times = options.timestamps else {
      return Offer(
        maximumSegmentSize: maximumSegmentSize, windowScale: nil, sackPermitted: false,
        usesTimestamps: false)
    }
    let scale = times.echo & 15
    return Offer(
      maximumSegmentSize: maximumSegmentSize,
      windowScale: scale == noScale ? nil : UInt8(min(scale, 14)),
      sackPermitted: times.echo & 16 != 0, usesTimestamps: true)
  }
}

extension TCPConnection {
  /// A handshake that a cookie has kept: SYN-RECEIVED, our SYN,ACK out, its ACK about to be taken.
  ///
  /// - Parameters:
  ///   - offer: what the peer's SYN had offered.
  ///   - acknowledgment: the ACK that brings the cookie back.
  package init(
    answering offer: SYNCookies.Offer, with acknowledgment: borrowing TCPSegmentView,
    endpoints: TCPEndpoints, pathMTU: Int, configuration: TCPConfiguration, at now: Instant
  ) {
    var header = TCPHeader(
      sourcePort: endpoints.remote.port, destinationPort: endpoints.local.port,
      sequence: acknowledgment.sequence - 1, flags: [.syn], window: acknowledgment.window)
    header.options.maximumSegmentSize = UInt16(clamping: offer.maximumSegmentSize)
    header.options.windowScale = offer.windowScale
    header.options.sackPermitted = offer.sackPermitted
    if offer.usesTimestamps {
      header.options.timestamps = TCPOptions(parsing: acknowledgment.options).timestamps
    }
    let octets = [UInt8](capacity: header.length) { header.emit(into: &$0) }
    // What we have written ourselves can be read.
    guard let syn = try? TCPSegmentView(parsing: octets.span) else {
      preconditionFailure("a header of ours that cannot be read")
    }
    self.init(
      accepting: syn, endpoints: endpoints, initialSequence: acknowledgment.acknowledgment - 1,
      pathMTU: pathMTU, configuration: configuration, at: now)
    answeredByCookie()
  }

  /// Our clock of a connection with this initial number. RFC 7323 section 5.4.
  package static func timestampClock(_ initial: SequenceNumber, at now: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) &+ initial.rawValue &* 0x9E37_79B1
  }
}
