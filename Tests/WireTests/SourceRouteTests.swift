import Octets
import Testing
import Wire

@Suite("Source routes: RFC 791 section 3.1, RFC 1122 section 3.2.1.8")
struct SourceRouteTests {
  private static let routers = (1...9).map { IPv4Address(198, 51, 100, $0) }
  private let host = IPv4Address(203, 0, 113, 7)
  private let here = IPv4Address(192, 0, 2, 1)

  private func read(_ octets: [UInt8]) -> SourceRouteOption? {
    SourceRouteOption(parsing: octets.span)
  }

  private func inHeader(_ options: [UInt8]) -> SourceRouteOption? {
    SourceRouteOption(in: options.span)
  }

  private func apply(_ route: SourceRoute, _ packet: [UInt8]) -> [UInt8]? {
    route.applied(to: packet.span)
  }

  @Test("a route has one to nine routers, each a single host")
  func bounds() {
    #expect(SourceRoute([]) == nil)
    #expect(SourceRoute(Self.routers)?.optionLength == 40)
    #expect(SourceRoute(Self.routers + [host]) == nil)
    for wrong in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"] {
      #expect(SourceRoute([IPv4Address(wrong) ?? host]) == nil, "\(wrong)")
    }
  }

  @Test("the option names the routers behind the first, and the host", arguments: 1...9)
  func written(count: Int) throws {
    let hops = Array(Self.routers[..<count])
    let route = try #require(SourceRoute(hops, isStrict: count % 2 == 0))
    let octets = route.option(to: host)
    #expect(octets.count == route.optionLength && octets.count % 4 == 0)
    let option = try #require(inHeader(octets))
    #expect(option.passed.isEmpty)
    #expect(option.ahead == hops.dropFirst() + [host])
    #expect(option.isStrict == (count % 2 == 0))
  }

  @Test("a packet goes to the first router; else it is what it was")
  func applied() throws {
    var header = IPv4Header(payloadLength: 4, transport: .tcp, source: here, destination: host)
    header.dscp = 9
    header.ttl = 33
    header.dontFragment = true
    header.identification = 77
    let plain = [UInt8](capacity: 24) { output in
      header.emit(into: &output)
      output.append(bigEndian: 0x0102_0304 as UInt32)
    }
    let route = try #require(SourceRoute(Array(Self.routers[..<2])))
    let routed = try #require(apply(route, plain))
    let view = try IPv4PacketView(parsing: routed.span)
    #expect(view.headerChecksumIsRight && view.destination == Self.routers[0])
    #expect(view.source == here && view.totalLength == 36 && view.headerLength == 32)
    #expect(view.dscp == 9 && view.ttl == 33 && view.dontFragment && view.identification == 77)
    #expect([UInt8](copying: view.payload) == [1, 2, 3, 4])
    #expect([UInt8](copying: view.options) == route.option(to: host))
    // Not twice, not where there is no room, not what is no packet.
    #expect(apply(route, routed) == nil)
    #expect(apply(route, Array(plain[..<19])) == nil)
    header.payloadLength = 65_510
    let long = [UInt8](capacity: 65_530) { output in
      header.emit(into: &output)
      for _ in 0..<65_510 { output.append(0) }
    }
    #expect(apply(route, long) == nil)
  }

  @Test("the way back is the way that came, and whoever counts himself in is left out")
  func reversed() throws {
    let came: [UInt8] = [131, 11, 12, 198, 51, 100, 1, 198, 51, 100, 2]
    let option = try #require(read(came))
    #expect(option.ahead.isEmpty && option.passed == Array(Self.routers[..<2]))
    let back = try #require(SourceRoute(answering: option, from: host))
    #expect(back.hops == [Self.routers[1], Self.routers[0]] && !back.isStrict)
    // RFC 1122 3.2.1.8 (c), form B: the host's own address comes first.
    let own = SourceRoute(answering: option, from: Self.routers[0])
    #expect(own?.hops == [Self.routers[1]])
    let alone = try #require(read([137, 3, 4]))
    #expect(alone.isStrict && SourceRoute(answering: alone, from: host) == nil)
  }

  @Test(
    "what cannot be a source route is none",
    arguments: [
      [131, 3], [131, 4, 4, 0], [131, 7, 3, 1, 1, 1, 1], [131, 7, 5, 1, 1, 1, 1],
      [131, 7, 0, 1, 1, 1, 1], [7, 7, 4, 1, 1, 1, 1], [131, 6, 4, 1, 1, 1], [],
    ] as [[UInt8]])
  func malformed(octets: [UInt8]) {
    #expect(read(octets) == nil)
  }

  @Test("a pointer beyond the end says that all are passed; one in between divides them")
  func pointer() throws {
    var octets: [UInt8] = [131, 11, 4, 198, 51, 100, 1, 198, 51, 100, 2]
    for (pointer, count) in [(4, 0), (8, 1), (12, 2), (252, 2)] {
      octets[2] = UInt8(pointer)
      let option = try #require(read(octets))
      #expect(option.passed.count == count && option.ahead.count == 2 - count)
    }
  }
}
