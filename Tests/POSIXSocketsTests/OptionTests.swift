import Octets
import POSIXSockets
import Testing
import Wire

@Suite("socket options")
struct OptionTests {
  /// What an option reads before, what it is set to, and what it reads then.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var level: Int
    var name: Int
    var before: Int
    var set: Int
    var after: Int
  }

  static let cases = [
    Case(testDescription: "SO_REUSEADDR", level: 1, name: 2, before: 0, set: 5, after: 1),
    Case(testDescription: "SO_SNDBUF", level: 1, name: 7, before: 16_384, set: 3000, after: 6000),
    Case(
      testDescription: "SO_SNDBUF, small", level: 1, name: 7, before: 16_384, set: 1, after: 4608),
    Case(
      testDescription: "SO_SNDBUF, large", level: 1, name: 7, before: 16_384, set: 1 << 30,
      after: 425_984),
    Case(testDescription: "SO_SNDBUFFORCE", level: 1, name: 7, before: 16_384, set: 9, after: 4608),
    Case(
      testDescription: "SO_RCVBUF", level: 1, name: 8, before: 131_072, set: 5000, after: 10_000),
    Case(
      testDescription: "SO_RCVBUF, small", level: 1, name: 8, before: 131_072, set: 1, after: 2304),
    Case(testDescription: "SO_KEEPALIVE", level: 1, name: 9, before: 0, set: 1, after: 1),
    Case(testDescription: "SO_RCVLOWAT, 0", level: 1, name: 18, before: 1, set: 0, after: 1),
    Case(testDescription: "SO_RCVLOWAT", level: 1, name: 18, before: 1, set: 7, after: 7),
    Case(testDescription: "SO_PRIORITY", level: 1, name: 12, before: 0, set: 3, after: 3),
    Case(testDescription: "TCP_NODELAY", level: 6, name: 1, before: 0, set: 2, after: 1),
    Case(testDescription: "TCP_MAXSEG", level: 6, name: 2, before: 536, set: 1000, after: 1000),
    Case(testDescription: "TCP_CORK", level: 6, name: 3, before: 0, set: 1, after: 1),
    Case(testDescription: "TCP_KEEPIDLE", level: 6, name: 4, before: 7200, set: 9, after: 9),
    Case(testDescription: "TCP_KEEPINTVL", level: 6, name: 5, before: 75, set: 9, after: 9),
    Case(testDescription: "TCP_KEEPCNT", level: 6, name: 6, before: 9, set: 2, after: 2),
    Case(testDescription: "TCP_SYNCNT", level: 6, name: 7, before: 7, set: 2, after: 2),
    Case(testDescription: "TCP_LINGER2", level: 6, name: 8, before: 60, set: 20, after: 20),
    Case(testDescription: "TCP_LINGER2, long", level: 6, name: 8, before: 60, set: 200, after: 120),
    Case(testDescription: "TCP_LINGER2, none", level: 6, name: 8, before: 60, set: -7, after: -1),
    Case(testDescription: "TCP_DEFER_ACCEPT", level: 6, name: 9, before: 0, set: 5, after: 7),
    Case(testDescription: "TCP_QUICKACK", level: 6, name: 12, before: 1, set: 0, after: 0),
    Case(testDescription: "TCP_USER_TIMEOUT", level: 6, name: 18, before: 0, set: 77, after: 77),
    Case(testDescription: "TCP_NOTSENT_LOWAT", level: 6, name: 25, before: 0, set: 9, after: 9),
    Case(testDescription: "TCP_FASTOPEN", level: 6, name: 23, before: 0, set: 5, after: 5),
    Case(testDescription: "TCP_FASTOPEN_CONNECT", level: 6, name: 30, before: 0, set: 1, after: 1),
    Case(
      testDescription: "TCP_FASTOPEN_NO_COOKIE", level: 6, name: 34, before: 0, set: 1, after: 1),
    Case(testDescription: "TCP_INQ", level: 6, name: 36, before: 0, set: 1, after: 1),
    Case(testDescription: "IP_TOS", level: 0, name: 1, before: 0, set: 0x2B, after: 0x28),
    Case(testDescription: "IP_TTL", level: 0, name: 2, before: 64, set: 9, after: 9),
    Case(testDescription: "IP_TTL, default", level: 0, name: 2, before: 64, set: -1, after: 64),
    Case(testDescription: "IP_MTU_DISCOVER", level: 0, name: 10, before: 1, set: 2, after: 2),
  ]

  @Test("what is set is read, as Linux rounds it", arguments: cases)
  func roundTrip(option: Case) throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    #expect(try hosts.client.option(socket, option.level, option.name) == option.before)
    let result = try hosts.client.setsockopt(
      socket, level: option.level, name: option.name, value: .int(option.set))
    #expect(result == .done(0))
    #expect(try hosts.client.option(socket, option.level, option.name) == option.after)
    // An accepted socket has what its listener had, but for what belongs to listening alone.
  }

  @Test(
    "values out of range are EINVAL",
    arguments: [
      (6, 2, 87), (6, 2, 32_768), (6, 4, 0), (6, 4, 32_768), (6, 5, 0), (6, 6, 128), (6, 7, 0),
      (6, 7, 128), (6, 18, -1), (6, 36, 2), (0, 2, 256), (0, 2, 0), (0, 10, 6), (0, 10, -1),
    ])
  func ranges(level: Int, name: Int, value: Int) throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    #expect(
      try hosts.client.setsockopt(socket, level: level, name: name, value: .int(value))
        == .failed(.invalidArgument))
  }

  @Test("null pointers, short values, unknown levels and names")
  func mistakes() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    func set(_ level: Int, _ name: Int, _ value: OptionValue?) throws -> CallResult {
      try hosts.client.setsockopt(socket, level: level, name: name, value: value)
    }
    let short = OptionValue(octets: [1, 0])
    #expect(try set(1, 2, nil) == .failed(.badAddress))
    #expect(try set(6, 1, nil) == .failed(.badAddress))
    #expect(try set(1, 2, short) == .failed(.invalidArgument))
    #expect(try set(6, 1, short) == .failed(.invalidArgument))
    #expect(try set(1, 13, .int(1)) == .failed(.invalidArgument))
    #expect(try set(1, 20, .int(1)) == .failed(.invalidArgument))
    #expect(try set(1, 20, .time(seconds: 0, microseconds: 1_000_000)) == .failed(.outOfDomain))
    #expect(try set(1, 3, .int(1)) == .failed(.noSuchOption))
    #expect(try set(6, 99, .int(1)) == .failed(.noSuchOption))
    #expect(try set(77, 1, .int(1)) == .failed(.noSuchOption))
    #expect(try set(6, 13, .string("nonesuch")) == .failed(.noEntry))
    var null: OptionValue?
    #expect(
      try hosts.client.getsockopt(socket, level: 1, name: 3, value: &null)
        == .failed(.badAddress))
    var value: OptionValue? = short
    #expect(try hosts.client.getsockopt(socket, level: 1, name: 3, value: &value) == .done(0))
    #expect(value?.octets == [1, 0])
    #expect(
      try hosts.client.getsockopt(socket, level: 0, name: 14, value: &value)
        == .failed(.notConnected))
  }

  @Test(
    "what cannot be had is thrown, and its off switch is taken",
    arguments: [(6, 14), (6, 16), (1, 11), (1, 29), (0, 11), (41, 67)])
  func unsupported(level: Int, name: Int) throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    #expect(throws: UnsupportedCall.self) {
      try hosts.client.setsockopt(socket, level: level, name: name, value: .int(1))
    }
  }

  @Test("congestion controllers have names: known, had, and neither")
  func congestion() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    var value: OptionValue? = OptionValue(octets: [UInt8](repeating: 255, count: 20))
    #expect(try hosts.client.getsockopt(socket, level: 6, name: 13, value: &value) == .done(0))
    #expect(value?.octets == Array("cubic".utf8) + [UInt8](repeating: 0, count: 11))
    let reno = OptionValue.string("reno")
    #expect(try hosts.client.setsockopt(socket, level: 6, name: 13, value: reno) == .done(0))
    _ = try hosts.client.getsockopt(socket, level: 6, name: 13, value: &value)
    #expect(value?.string == "reno")
    #expect(throws: UnsupportedCall(what: "congestion control vegas")) {
      try hosts.client.setsockopt(socket, level: 6, name: 13, value: .string("vegas"))
    }
  }

  @Test("TCP_MAXSEG bounds the segments of both directions, IP_MTU tells the path's limit")
  func segmentSize() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect { hosts, listener in
      _ = try hosts.server.setsockopt(listener, level: 6, name: 2, value: .int(600))
    }
    #expect(try hosts.server.option(server, 6, 2) == 588)
    #expect(try hosts.client.option(client, 6, 2) == 588)
    #expect(try hosts.client.option(client, 0, 14) == 1500)
  }

  @Test("IP_TOS, IP_TTL and IP_MTU_DISCOVER are on the wire at once")
  func headers() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    for (name, value) in [(1, 0x28), (2, 9), (10, 0)] {
      _ = try hosts.client.setsockopt(client, level: 0, name: name, value: .int(value))
    }
    var header: IPv4Header?
    hosts.passes = { side, frame in
      if side == .server, let view = try? IPv4PacketView(parsing: frame.span) {
        header = IPv4Header(view)
      }
      return true
    }
    _ = try hosts.client.write(client, [1])
    hosts.wait(.milliseconds(20))
    #expect(header?.dscp == 10 && header?.ttl == 9 && header?.dontFragment == false)
    #expect(header?.identification != 0)
  }

  @Test("an accepted socket has the options of its listener")
  func inheritance() throws {
    let hosts = Hosts()
    let (_, server, _) = try hosts.connect { hosts, listener in
      for (level, name, value) in [(6, 1, 1), (1, 18, 3), (6, 4, 77), (1, 8, 9000)] {
        _ = try hosts.server.setsockopt(listener, level: level, name: name, value: .int(value))
      }
    }
    #expect(try hosts.server.option(server, 6, 1) == 1)
    #expect(try hosts.server.option(server, 1, 18) == 3)
    #expect(try hosts.server.option(server, 6, 4) == 77)
    #expect(try hosts.server.option(server, 1, 8) == 18_000)
    #expect(try hosts.server.option(server, 1, 30) == 0)
  }

  @Test("a larger SO_RCVBUF opens the window of a connection that lives")
  func growingBuffer() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect { hosts, listener in
      _ = try hosts.server.setsockopt(listener, level: 1, name: 8, value: .int(5000))
    }
    _ = try hosts.client.fcntl(client, command: 4, argument: 0o4000)
    _ = try hosts.client.write(client, text(40_000))
    hosts.wait(.seconds(1))
    let first = try hosts.server.counted(server, 0x541B)
    #expect((4000...5100).contains(first))
    _ = try hosts.server.setsockopt(server, level: 1, name: 8, value: .int(30_000))
    hosts.wait(.seconds(2))
    #expect(try hosts.server.counted(server, 0x541B) > 25_000)
  }

  @Test("TCP_QUICKACK off delays an acknowledgment, on sends it at once")
  func quickAcknowledgment() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    for (value, isDelayed) in [(0, true), (1, false)] {
      _ = try hosts.server.setsockopt(server, level: 6, name: 12, value: .int(value))
      _ = try hosts.client.write(client, [1])
      hosts.wait(.milliseconds(25))
      #expect(try hosts.client.counted(client, 0x5411) == (isDelayed ? 1 : 0))
      hosts.wait(.milliseconds(100))
      #expect(try hosts.client.counted(client, 0x5411) == 0)
    }
  }
}
