import NetworkCore
import Octets
import Testing
import Wire

/// A packet, and why no error may be sent about it.
struct RefusalCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let packet: Packet
  let isBroadcast: Bool
  let refusal: ICMPRule?

  init(
    _ name: String, _ refusal: ICMPRule?, isBroadcast: Bool = false,
    _ change: (inout Packet) -> Void = { _ in }
  ) {
    testDescription = name
    self.refusal = refusal
    self.isBroadcast = isBroadcast
    packet = Packet(payload: [8, 0, 0, 0, 0, 0, 0, 0]).with(change)
  }
}

@Suite("When an ICMP error may be sent")
struct ICMPErrorPolicyTests {
  func refusal(
    _ policy: inout ICMPErrorPolicy, _ packet: Packet, isBroadcast: Bool = false,
    at now: Instant = .start
  ) throws -> ICMPRule? {
    let octets = packet.octets
    return policy.refusal(
      about: try IPv4PacketView(parsing: octets.span), isBroadcast: isBroadcast, at: now)
  }

  static func icmp(_ type: UInt8) -> (inout Packet) -> Void {
    {
      $0.transport = .icmp
      $0.payload[0] = type
    }
  }

  static let never: [RefusalCase] = [
    RefusalCase("a datagram", nil),
    RefusalCase("a segment", nil) { $0.transport = .tcp },
    RefusalCase("the first fragment", nil) { $0.moreFragments = true },
    RefusalCase("an echo", nil, icmp(8)),
    RefusalCase("an echo reply", nil, icmp(0)),
    RefusalCase("a timestamp", nil, icmp(13)),
    RefusalCase("unreachable", .errorAboutError, icmp(3)),
    RefusalCase("source quench", .errorAboutError, icmp(4)),
    RefusalCase("redirect", .errorAboutError, icmp(5)),
    RefusalCase("time exceeded", .errorAboutError, icmp(11)),
    RefusalCase("parameter problem", .errorAboutError, icmp(12)),
    RefusalCase("an ICMP type that nobody knows", .errorAboutError, icmp(200)),
    RefusalCase("ICMP without a type", .errorAboutError) {
      $0.transport = .icmp
      $0.payload = []
    },
    RefusalCase("a later fragment of ICMP", .errorAboutError) {
      $0.transport = .icmp
      $0.offset = 8
    },
    RefusalCase("a broadcast of the network", .errorAboutBroadcast, isBroadcast: true),
    RefusalCase("the limited broadcast", .errorAboutBroadcast) {
      $0.destination = .limitedBroadcast
    },
    RefusalCase("multicast", .errorAboutBroadcast) { $0.destination = IPv4Address(224, 0, 0, 1) },
    RefusalCase("a fragment but the first", .errorAboutFragment) { $0.offset = 8 },
    RefusalCase("the last fragment", .errorAboutFragment) {
      $0.offset = 1480
      $0.moreFragments = false
    },
    RefusalCase("from 0.0.0.0", .errorAboutSource) { $0.source = .any },
    RefusalCase("from multicast", .errorAboutSource) { $0.source = IPv4Address(239, 1, 1, 1) },
    RefusalCase("from a loopback", .errorAboutSource) { $0.source = IPv4Address(127, 0, 0, 1) },
    RefusalCase("from class E", .errorAboutSource) { $0.source = IPv4Address(240, 0, 0, 1) },
    RefusalCase("from everybody", .errorAboutSource) { $0.source = .limitedBroadcast },
  ]

  @Test("never in answer to what RFC 1122 3.2.2 names", arguments: never)
  func neverInAnswer(given: RefusalCase) throws {
    var policy = ICMPErrorPolicy()
    #expect(try refusal(&policy, given.packet, isBroadcast: given.isBroadcast) == given.refusal)
  }

  @Test("as many at once as a second allows, then one as each becomes due")
  func bucket() throws {
    var policy = ICMPErrorPolicy(perSecond: 10)
    for _ in 0..<10 { #expect(try refusal(&policy, Packet(), at: .seconds(5)) == nil) }
    #expect(try refusal(&policy, Packet(), at: .seconds(5)) == .errorLimited)
    #expect(try refusal(&policy, Packet(), at: .seconds(5.09)) == .errorLimited)
    #expect(try refusal(&policy, Packet(), at: .seconds(5.1)) == nil)
    #expect(try refusal(&policy, Packet(), at: .seconds(5.1)) == .errorLimited)
  }

  @Test("a pause saves up a second's worth and no more")
  func noHoarding() throws {
    var policy = ICMPErrorPolicy(perSecond: 10)
    _ = try refusal(&policy, Packet())
    var sent = 0
    for _ in 0..<100 where try refusal(&policy, Packet(), at: .seconds(1000)) == nil { sent += 1 }
    #expect(sent == 10)
  }

  @Test("over a long flood the rate is kept", arguments: [1, 3, 100, 1000])
  func longFlood(rate: Int) throws {
    var policy = ICMPErrorPolicy(perSecond: rate)
    var sent = 0
    for step in 0..<10_000 {
      // Ten seconds, a packet each millisecond.
      let now = Instant(nanoseconds: Int64(step) * 1_000_000)
      if try refusal(&policy, Packet(), at: now) == nil { sent += 1 }
    }
    #expect(sent <= 11 * rate)
    #expect(sent >= min(10_000, 10 * rate))
  }

  @Test("what must never be answered costs no allowance")
  func refusedCostsNothing() throws {
    var policy = ICMPErrorPolicy(perSecond: 1)
    for _ in 0..<50 { _ = try refusal(&policy, Packet(), isBroadcast: true) }
    #expect(try refusal(&policy, Packet()) == nil)
  }

  @Test("a rate of zero or less sends nothing; any other is safe", arguments: [0, -5, Int.max])
  func odd(rate: Int) throws {
    var policy = ICMPErrorPolicy(perSecond: rate)
    let answer = try refusal(&policy, Packet())
    #expect((answer == nil) == (rate > 0))
    _ = try refusal(&policy, Packet(), at: .distantFuture)
    _ = try refusal(&policy, Packet(), at: .start)
  }
}
