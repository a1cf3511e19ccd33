package import Octets
package import Wire

/// Whether an ICMP error may be sent. Source: RFC 1122 section 3.2.2; RFC 1812 section 4.3.2.8.
package struct ICMPErrorPolicy: Sendable {
  /// Octets of the offending datagram that an error quotes, at most: 576 with both headers.
  package static let quoteLength = 548
  /// Nanoseconds that one error costs; nil when none may be sent.
  private let cost: Int64?
  /// Nanoseconds that may be saved up.
  private let most: Int64
  private var credit: Int64
  private var filled: Instant?

  /// A token bucket that allows so many errors a second, and as many at once after a pause.
  package init(perSecond: Int = 100) {
    let rate = Int64(min(perSecond, 1_000_000_000))
    cost = rate > 0 ? 1_000_000_000 / rate : nil
    most = cost.map { $0 * rate } ?? 0
    credit = most
  }

  /// Why no error may be sent about a packet; nil when one may.
  package mutating func refusal(
    about packet: borrowing IPv4PacketView, isBroadcast: Bool, at now: Instant
  ) -> ICMPRule? {
    if packet.transport == .icmp {
      // An echo may be answered by an error, an error never.
      guard packet.fragmentOffset == 0, packet.payload.count >= 1,
        [0, 8, 13, 14].contains(packet.payload[0])
      else { return .errorAboutError }
    }
    if isBroadcast || packet.destination.isMulticast || packet.destination.isLimitedBroadcast {
      return .errorAboutBroadcast
    }
    if packet.fragmentOffset != 0 { return .errorAboutFragment }
    let source = packet.source
    if source.isUnspecified || source.isMulticast || source.isReserved || source.isLoopback {
      return .errorAboutSource
    }
    return limit(at: now) ? nil : .errorLimited
  }

  /// Takes a token, if there is one.
  private mutating func limit(at now: Instant) -> Bool {
    guard let cost else { return false }
    let elapsed = filled.map { max(0, now.nanoseconds(since: $0)) } ?? 0
    filled = now
    credit = min(most, credit + min(most, elapsed))
    guard credit >= cost else { return false }
    credit -= cost
    return true
  }
}
