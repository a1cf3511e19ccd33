import NetworkCore
import Octets
import Testing
import Wire

/// A packet and what is to become of it.
struct InputCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let octets: [UInt8]
  let verdict: IPv4Input.Disposition

  init(_ name: String, _ octets: [UInt8], _ verdict: IPv4Input.Disposition) {
    testDescription = name
    self.octets = octets
    self.verdict = verdict
  }

  init(
    _ name: String, _ verdict: IPv4Input.Disposition, _ change: (inout Packet) -> Void = { _ in }
  ) {
    self.init(name, Packet(payload: [1, 2, 3, 4]).with(change).octets, verdict)
  }
}

@Suite("Packets that arrive")
struct IPv4InputTests {
  static let addresses = [
    IPv4Prefix(Packet.us, length: 24), IPv4Prefix(IPv4Address(203, 0, 113, 1), length: 31),
    IPv4Prefix(IPv4Address(198, 18, 0, 1), length: 32),
  ]

  func judge(
    _ octets: [UInt8], isLoopback: Bool = false, takesSourceRoutes: Bool = false
  ) -> IPv4Input.Disposition {
    do throws(ParseError) {
      let view = try IPv4PacketView(parsing: octets.span)
      return IPv4Input.judge(
        view, addresses: Self.addresses, isLoopback: isLoopback,
        takesSourceRoutes: takesSourceRoutes)
    } catch {
      return .drop(IPv4Input.rule(for: error))
    }
  }

  static let good = Packet(payload: [1, 2, 3, 4]).octets
  static let lengths = [
    InputCase("nothing", [], .drop(.dropMalformed)),
    InputCase("one octet", [0x45], .drop(.dropMalformed)),
    InputCase("19 octets", Array(good.prefix(19)), .drop(.dropMalformed)),
    InputCase("a whole packet", good, .unicast),
    InputCase("padding behind the packet", good + [9, 9, 9], .unicast),
    InputCase("version 6", .drop(.dropVersion)) { $0.version = 6 },
    InputCase("version 0", .drop(.dropVersion)) { $0.version = 0 },
    InputCase("version before length", .drop(.dropVersion)) {
      $0.version = 5
      $0.headerWords = 0
    },
    InputCase("header of 16 octets", .drop(.dropHeaderLength)) { $0.headerWords = 4 },
    InputCase("header of 0 octets", .drop(.dropHeaderLength)) { $0.headerWords = 0 },
    InputCase("header longer than the frame", .drop(.dropHeaderLength)) { $0.headerWords = 15 },
    InputCase("total length below the header's", .drop(.dropTotalLength)) { $0.totalLength = 19 },
    InputCase("total length 0", .drop(.dropTotalLength)) { $0.totalLength = 0 },
    InputCase("total length beyond the frame", .drop(.dropTotalLength)) { $0.totalLength = 25 },
    InputCase("total length 65,535", .drop(.dropTotalLength)) { $0.totalLength = 65_535 },
    InputCase("a header alone", .unicast) { $0.payload = [] },
    InputCase("a wrong checksum", .drop(.dropHeaderChecksum)) { $0.checksumError = 1 },
    InputCase("a wrong checksum in its high octet", .drop(.dropHeaderChecksum)) {
      $0.checksumError = 0x8000
    },
    InputCase("length before checksum", .drop(.dropTotalLength)) {
      $0.checksumError = 1
      $0.totalLength = 900
    },
    InputCase("checksum before source", .drop(.dropHeaderChecksum)) {
      $0.checksumError = 1
      $0.source = .limitedBroadcast
    },
  ]

  @Test("lengths and checksum are judged in the order of RFC 1122 3.2.1", arguments: lengths)
  func judgedInOrder(given: InputCase) {
    #expect(judge(given.octets) == given.verdict)
  }

  static let sources: [(String, IPv4Input.Disposition)] = [
    ("192.0.2.2", .unicast), ("198.51.100.7", .unicast), ("1.0.0.1", .unicast),
    ("223.255.255.254", .unicast), ("203.0.113.0", .unicast),
    ("0.0.0.0", .drop(.dropBadSource)), ("0.1.2.3", .drop(.dropBadSource)),
    ("127.0.0.1", .drop(.dropBadSource)), ("127.255.255.255", .drop(.dropBadSource)),
    ("224.0.0.1", .drop(.dropBadSource)), ("239.255.255.255", .drop(.dropBadSource)),
    ("240.0.0.1", .drop(.dropBadSource)), ("255.255.255.255", .drop(.dropBadSource)),
    ("192.0.2.255", .drop(.dropBadSource)), ("192.0.2.1", .drop(.dropBadSource)),
    ("198.18.0.1", .drop(.dropBadSource)),
  ]

  @Test("a source must be a single host, and not this one", arguments: sources)
  func source(text: String, verdict: IPv4Input.Disposition) throws {
    let source = try #require(IPv4Address(text))
    #expect(judge(Packet(source: source).octets) == verdict)
  }

  static let destinations: [(String, IPv4Input.Disposition)] = [
    ("192.0.2.1", .unicast), ("203.0.113.1", .unicast), ("198.18.0.1", .unicast),
    ("192.0.2.255", .broadcast), ("255.255.255.255", .broadcast),
    ("192.0.2.3", .drop(.dropNotForUs)), ("203.0.113.0", .drop(.dropNotForUs)),
    ("198.18.0.255", .drop(.dropNotForUs)), ("198.51.100.1", .drop(.dropNotForUs)),
    ("224.0.0.1", .drop(.dropNotForUs)), ("0.0.0.0", .drop(.dropNotForUs)),
    ("127.0.0.1", .drop(.dropNotForUs)),
  ]

  @Test("a destination is ours, everybody's or somebody else's", arguments: destinations)
  func destination(text: String, verdict: IPv4Input.Disposition) throws {
    let destination = try #require(IPv4Address(text))
    #expect(judge(Packet(destination: destination).octets) == verdict)
  }

  static let options: [InputCase] = [
    InputCase("no operation, end", .unicast) { $0.options = [1, 1, 0, 0] },
    InputCase("nothing is read behind the end", .unicast) { $0.options = [0, 131, 0, 0] },
    InputCase("router alert", .unicast) { $0.options = [148, 4, 0, 0] },
    InputCase("record route is ignored", .unicast) { $0.options = [7, 7, 4, 0, 0, 0, 0, 0] },
    InputCase("timestamp is ignored", .unicast) { $0.options = [68, 8, 5, 0, 0, 0, 0, 0] },
    InputCase("an unknown option is ignored", .unicast) { $0.options = [200, 4, 1, 2] },
    InputCase("40 octets", .unicast) { $0.options = Array(repeating: 1, count: 40) },
    InputCase("loose source route", .drop(.dropSourceRoute)) {
      $0.options = [131, 7, 4, 192, 0, 2, 9, 0]
    },
    InputCase("strict source route", .drop(.dropSourceRoute)) {
      $0.options = [137, 7, 4, 192, 0, 2, 9, 0]
    },
    InputCase("source route behind others", .drop(.dropSourceRoute)) {
      $0.options = [1, 148, 4, 0, 0, 131, 3, 4]
    },
    InputCase("length 0", .parameterProblem(pointer: 20, isBroadcast: false)) {
      $0.options = [7, 0, 0, 0]
    },
    InputCase("length 1", .parameterProblem(pointer: 21, isBroadcast: false)) {
      $0.options = [1, 7, 1, 0]
    },
    InputCase("longer than the header", .parameterProblem(pointer: 20, isBroadcast: false)) {
      $0.options = [7, 5, 0, 0]
    },
    InputCase("length cut off", .parameterProblem(pointer: 23, isBroadcast: false)) {
      $0.options = [1, 1, 1, 7]
    },
    InputCase("length 0, to all", .parameterProblem(pointer: 20, isBroadcast: true)) {
      $0.options = [7, 0, 0, 0]
      $0.destination = IPv4Address(192, 0, 2, 255)
    },
  ]

  @Test("options are ignored safely, source routes refused", arguments: options)
  func optionsIgnored(given: InputCase) {
    #expect(judge(given.octets) == given.verdict)
  }

  static let routes: [InputCase] = [
    InputCase("one that has ended", .unicast) { $0.options = [131, 7, 8, 198, 51, 100, 1, 0] },
    InputCase("one without a router", .unicast) { $0.options = [137, 3, 4, 0] },
    InputCase("one that leads on", .routeLeadsOn) { $0.options = [131, 7, 4, 198, 51, 100, 1, 0] },
    InputCase("one to everybody", .drop(.dropSourceRoute)) {
      $0.options = [131, 7, 8, 198, 51, 100, 1, 0]
      $0.destination = IPv4Address(192, 0, 2, 255)
    },
    InputCase("a pointer in between", .parameterProblem(pointer: 21, isBroadcast: false)) {
      $0.options = [1, 131, 7, 6, 198, 51, 100, 1]
    },
    InputCase("two of them", .parameterProblem(pointer: 23, isBroadcast: false)) {
      $0.options = [131, 3, 4, 137, 3, 4, 0, 0]
    },
  ]

  @Test("where they are taken, source routes must be sound and end here", arguments: routes)
  func sourceRoutes(given: InputCase) {
    #expect(judge(given.octets, takesSourceRoutes: true) == given.verdict)
    #expect(judge(given.octets) == .drop(.dropSourceRoute))
  }

  @Test("on the loopback a loopback source is right, outside never")
  func loopback() {
    let own = Packet(source: IPv4Address(127, 0, 0, 1))
    #expect(judge(own.octets, isLoopback: true) == .unicast)
    #expect(judge(own.octets, isLoopback: false) == .drop(.dropBadSource))
    #expect(judge(Packet(source: Packet.us).octets, isLoopback: true) == .unicast)
  }

  @Test("any single wrong bit of a header is noticed", arguments: 0..<160)
  func bitFlip(bit: Int) {
    var octets = Self.good
    octets[bit / 8] ^= 0x80 >> UInt8(bit % 8)
    guard case .drop = judge(octets) else {
      Issue.record("a packet with bit \(bit) wrong was taken")
      return
    }
  }
}
