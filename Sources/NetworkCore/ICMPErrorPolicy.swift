package import Octets
package import Wire

/// Whether an ICMP error may be sent. Source: RFC 1122 section 3.2.2; RFC 1812 section 4.3.2.8.
package struct ICMPErrorPolicy: Sendable {
  /// Octets of the offending datagram that an error quotes, at most: 576 with both headers.
  package static let quoteLength = 548
  private var tokens: Int
  private var refilled = Instant.start
  private let perSecond: Int

  /// A policy that allows so many errors a second.
  package init(perSecond: Int = 100) {
    self.perSecond = perSecond
    tokens = perSecond
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
    let elapsed = now.nanoseconds(since: refilled)
    if elapsed >= 1_000_000_000 || elapsed < 0 {
      tokens = perSecond
      refilled = now
    }
    guard tokens > 0 else { return .errorLimited }
    tokens -= 1
    return nil
  }
}
