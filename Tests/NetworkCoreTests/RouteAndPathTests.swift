import NetworkCore
import Octets
import Testing
import Wire

@Suite("Routes")
struct RouteTableTests {
  static func table(_ routes: [(String, Int)]) throws -> RouteTable {
    var table = RouteTable()
    for (text, interface) in routes {
      table.add(Route(prefix: try #require(IPv4Prefix(text)), interface: interface))
    }
    return table
  }

  static let routes = [
    ("0.0.0.0/0", 1), ("198.18.0.0/15", 2), ("198.18.0.0/16", 3), ("198.18.7.0/24", 4),
    ("198.18.7.128/25", 5), ("198.18.7.200/32", 6),
  ]

  @Test(
    "the longest prefix wins, in whatever order they were added",
    arguments: [
      ("203.0.113.5", 1), ("198.19.0.1", 2), ("198.18.1.1", 3), ("198.18.7.1", 4),
      ("198.18.7.129", 5), ("198.18.7.200", 6), ("198.18.7.201", 5), ("255.255.255.255", 1),
    ])
  func longest(text: String, interface: Int) throws {
    let address = try #require(IPv4Address(text))
    var random = RandomSource.seeded(3)
    for _ in 0..<10 {
      let table = try Self.table(Self.routes.shuffled(using: &random))
      #expect(table.route(to: address)?.interface == interface)
    }
  }

  @Test("without a default some hosts cannot be reached")
  func noRoute() throws {
    let table = try Self.table([("192.0.2.0/24", 1)])
    #expect(table.route(to: Packet.far) == nil)
    #expect(table.route(to: Packet.us)?.interface == 1)
    #expect(RouteTable().route(to: Packet.us) == nil)
  }

  @Test("the host part of a prefix does not matter, and a second route replaces the first")
  func replaced() throws {
    var table = try Self.table([("192.0.2.1/24", 1)])
    table.add(
      Route(
        prefix: IPv4Prefix(IPv4Address(192, 0, 2, 9), length: 24), gateway: Packet.peer,
        interface: 2))
    #expect(table.routes.count == 1)
    #expect(table.route(to: Packet.us)?.gateway == Packet.peer)
  }

  @Test("a removed route leaves the next best")
  func removed() throws {
    var table = try Self.table(Self.routes)
    let address = IPv4Address(198, 18, 7, 200)
    for (text, interface) in Self.routes.reversed() {
      #expect(table.route(to: address)?.interface == interface)
      #expect(table.remove(try #require(IPv4Prefix(text)))?.interface == interface)
      #expect(table.remove(try #require(IPv4Prefix(text))) == nil)
    }
    #expect(table.route(to: address) == nil)
  }

  @Test("many random routes agree with a search through all of them")
  func random() {
    var random = RandomSource.seeded(11)
    var table = RouteTable()
    var list: [Route] = []
    for number in 0..<2000 {
      let address = IPv4Address(
        rawValue: UInt32.random(in: 0...(.max), using: &random) & 0xFF03_0F0F)
      let route = Route(
        prefix: IPv4Prefix(address, length: UInt8.random(in: 0...32, using: &random)),
        interface: number)
      list.removeAll {
        $0.prefix.network == route.prefix.network && $0.prefix.length == route.prefix.length
      }
      list.append(route)
      table.add(route)
    }
    #expect(table.routes.count == list.count)
    for _ in 0..<2000 {
      let address = IPv4Address(
        rawValue: UInt32.random(in: 0...(.max), using: &random) & 0xFF03_0F0F)
      let best = list.filter { $0.prefix.contains(address) }.max {
        $0.prefix.length < $1.prefix.length
      }
      #expect(table.route(to: address) == best)
    }
  }
}

@Suite("Path MTUs")
struct PathMTUCacheTests {
  @Test(
    "what a router tells is believed within reason; what it leaves out is guessed",
    arguments: [
      (1500, 1400, 1400), (1500, 1006, 1006), (1500, 552, 552), (1500, 68, 552), (1500, 1, 552),
      (1500, 0, 1492), (1492, 0, 1006), (1006, 0, 552), (552, 0, 552), (65_535, 0, 32_000),
      (9000, 0, 8166), (1500, 1500, 1492), (1500, 9000, 1492), (0, 0, 552), (-1, 0, 552),
      (40, 65_535, 65_535), (40, 800, 800), (40, 68, 552),
    ])
  func believed(length: Int, told: Int, expected: Int) {
    var cache = PathMTUCache()
    #expect(cache.tooBig(to: Packet.far, length: length, mtu: told, at: .start) == expected)
    #expect(cache.mtu(to: Packet.far, at: .start) == expected)
  }

  @Test("it only ever falls, until ten minutes after the last word")
  func ageing() {
    var cache = PathMTUCache()
    _ = cache.tooBig(to: Packet.far, length: 1500, mtu: 1000, at: .start)
    #expect(cache.tooBig(to: Packet.far, length: 1500, mtu: 1200, at: .seconds(60)) == 1000)
    #expect(cache.mtu(to: Packet.far, at: .seconds(659)) == 1000)
    #expect(cache.mtu(to: Packet.far, at: .seconds(660)) == nil)
    #expect(cache.tooBig(to: Packet.far, length: 1500, mtu: 1200, at: .seconds(700)) == 1200)
  }

  @Test("old routers lead down the plateaus to the floor, and no further")
  func plateaus() {
    var cache = PathMTUCache()
    var length = 65_535
    var seen: [Int] = []
    for _ in 0..<12 {
      length = cache.tooBig(to: Packet.far, length: length, mtu: 0, at: .start)
      seen.append(length)
    }
    #expect(Array(seen.prefix(8)) == [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 552])
    #expect(seen.suffix(4).allSatisfy { $0 == PathMTUCache.floor })
  }

  @Test("hosts are bounded, and the latest are remembered")
  func bounded() {
    var cache = PathMTUCache()
    for number in 0..<10_000 {
      let host = IPv4Address(rawValue: UInt32(number))
      let now = Instant(nanoseconds: Int64(number) * 1000)
      _ = cache.tooBig(to: host, length: 1500, mtu: 1000, at: now)
      #expect(cache.count <= PathMTUCache.limit)
      #expect(cache.mtu(to: host, at: now) == 1000)
    }
    #expect(cache.mtu(to: IPv4Address(rawValue: 9500), at: .seconds(1)) == 1000)
    #expect(cache.mtu(to: IPv4Address(rawValue: 10), at: .seconds(1)) == nil)
  }
}

@Suite("Identifications")
struct IPv4IdentificationTests {
  @Test("no number is used twice between two hosts before all have been", arguments: 0..<4)
  func unique(seed: UInt64) {
    var random = RandomSource.seeded(seed)
    var identification = IPv4Identification(random: &random)
    var seen: Set<UInt16> = []
    for _ in 0..<65_536 {
      seen.insert(
        identification.next(source: Packet.us, destination: Packet.far, transport: .udp))
    }
    #expect(seen.count == 65_536)
  }

  @Test("other hosts and protocols mostly have counters of their own")
  func apart() {
    var random = RandomSource.seeded(1)
    var identification = IPv4Identification(random: &random)
    var first: Set<UInt16> = []
    for number in 0..<200 {
      let host = IPv4Address(198, 51, 100, UInt8(number))
      first.insert(identification.next(source: Packet.us, destination: host, transport: .udp))
    }
    // 200 flows over 256 counters that start at random.
    #expect(first.count > 150)
  }

  @Test("two hosts start differently")
  func unguessable() {
    var one = RandomSource.seeded(1)
    var two = RandomSource.seeded(2)
    var first = IPv4Identification(random: &one)
    var second = IPv4Identification(random: &two)
    let pairs = (0..<20).map { number in
      let host = IPv4Address(198, 51, 100, UInt8(number))
      return first.next(source: Packet.us, destination: host, transport: .udp)
        == second.next(source: Packet.us, destination: host, transport: .udp)
    }
    #expect(pairs.count { $0 } < 3)
  }
}
