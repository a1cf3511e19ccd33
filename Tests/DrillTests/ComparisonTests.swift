import Testing

@testable import Drill

@Suite("what is compared")
struct ComparisonTests {
  static let sent = "P. 1:1001(1000) ack 5 win 300 urg 2 <nop,nop,TS val 9 ecr 8>"

  func differences(
    _ expected: String, _ seen: String = sent, checksEchoes: Bool = false
  ) throws -> [String] {
    guard case .outbound(let packet) = try parseEvent("+0 > " + expected).action,
      case .tcp(let wanted) = packet.body
    else { return ["?"] }
    return PacketComparison.differences(
      wanted, try parseSegment(seen), checksEchoes: checksEchoes
    ).map { "\($0.field): \($0.expected), \($0.seen)" }
  }

  @Test(
    "a field that differs is named",
    arguments: [
      (". 1:1001(1000) ack 5 urg 2 <...>", ["flags: ., P."]),
      ("FP. 1:1001(1000) ack 5 urg 2 <...>", ["flags: FP., P."]),
      ("P. 2:1002(1000) ack 5 urg 2 <...>", ["seq: 2, 1"]),
      ("P. 1:1000(999) ack 5 urg 2 <...>", ["payload length: 999, 1000"]),
      ("P. 1:1001(1000) ack 6 urg 2 <...>", ["ack: 6, 5"]),
      ("P. 1:1001(1000) urg 2 <...>", ["ack: 0, 5"]),
      ("P. 1:1001(1000) ack 5 win 301 urg 2 <...>", ["window: 301, 300"]),
      ("P. 1:1001(1000) ack 5 <...>", ["urgent pointer: 0, 2"]),
      ("P. 1:1001(1000) ack 5 urg 2", ["options: none, nop,nop,TS val 9 ecr 8"]),
      (
        "P. 1:1001(1000) ack 5 urg 2 <TS val 9 ecr 8,nop,nop>",
        ["options: TS val 9 ecr 8,nop,nop, nop,nop,TS val 9 ecr 8"]
      ),
      (
        "P. 1:1001(1000) ack 5 urg 2 <eol,nop,TS val 9 ecr 8>",
        ["options: eol,nop,TS val 9 ecr 8, nop,nop,TS val 9 ecr 8"]
      ),
    ] as [(String, [String])])
  func fields(expected: String, found: [String]) throws {
    #expect(try differences(expected) == found)
  }

  @Test("the window counts only if given; timestamps count by the clock, echoes if asked for")
  func uncompared() throws {
    #expect(try differences("P. 1:1001(1000) ack 5 urg 2 <nop,nop,TS val 1 ecr 2>") == [])
    #expect(
      try differences("P. 1:1001(1000) ack 5 urg 2 <nop,nop,TS val 1 ecr 2>", checksEchoes: true)
        == ["option TS: TS val 1 ecr 2, TS val 9 ecr 8"])
    #expect(
      try differences("P. 1:1001(1000) ack 5 urg 2 <nop,nop,TS val 1 ecr 8>", checksEchoes: true)
        == [])
    #expect(try differences("P. 1:1001(1000) ack 5 win 300 urg 2 <...>") == [])
  }

  @Test(
    "options with values are compared by them",
    arguments: [
      ("mss 1460", "mss 1461", "option mss: mss 1460, mss 1461"),
      ("nop,nop,sack 1:2", "nop,nop,sack 1:3", "option sack: sack 1:2, sack 1:3"),
      ("FO 11223344,nop,nop", "FO 11223345,nop,nop", "option FO: FO 11223344, FO 11223345"),
    ])
  func values(expected: String, seen: String, difference: String) throws {
    #expect(
      try differences(". 1:1(0) ack 1 <\(expected)>", ". 1:1(0) ack 1 win 1 <\(seen)>")
        == [difference])
  }

  @Test(
    "ECN, service type and hops count only if given",
    arguments: [
      (NetworkSyntax(), 3, 9, []), (NetworkSyntax(congestion: .exactly(2)), 2, 9, []),
      (NetworkSyntax(congestion: .exactly(2)), 0x12, 9, []),
      (NetworkSyntax(congestion: .exactly(0)), 2, 9, ["ECN"]),
      (NetworkSyntax(congestion: .eitherCapable), 1, 9, []),
      (NetworkSyntax(congestion: .eitherCapable), 3, 9, ["ECN"]),
      (NetworkSyntax(congestion: .eitherCapable), 0, 9, ["ECN"]),
      (NetworkSyntax(serviceType: 0x10), 0x12, 9, ["tos"]),
      (NetworkSyntax(ttl: 64), 0, 63, ["ttl"]),
      (NetworkSyntax(ttl: 64), 0, 64, []),
    ] as [(NetworkSyntax, UInt8, UInt8, [String])])
  func network(expected: NetworkSyntax, serviceType: UInt8, ttl: UInt8, fields: [String]) {
    #expect(
      PacketComparison.differences(expected, serviceType: serviceType, ttl: ttl).map(\.field)
        == fields)
  }
}

@Suite("segments that make up one")
struct AggregateTests {
  @Test("start and CWR are the first's, everything else the last's")
  func whole() throws {
    var aggregate = SegmentAggregate(
      try parseSegment("W. 1:1001(1000) ack 5 win 9"), serviceType: 0)
    #expect(aggregate.add(try parseSegment(". 1001:2001(1000) ack 5 win 9"), serviceType: 0) == nil)
    #expect(
      aggregate.add(try parseSegment("FP. 2001:2501(500) ack 5 win 9"), serviceType: 0) == nil)
    #expect(aggregate.whole.text == "FPW. 1:2501(2500) ack 5 win 9")
    #expect(aggregate.length == 2500)
  }

  @Test(
    "a piece that differs where it may not is refused",
    arguments: [
      "P. 1002:2002(1000) ack 5 win 9", "S. 1001:2001(1000) ack 5 win 9",
      ". 1001:2001(1000) ack 6 win 9", ". 1001:2001(1000) ack 5 win 8",
      ". 1001:2002(1001) ack 5 win 9", "U. 1001:2001(1000) ack 5 win 9 urg 1",
      "E. 1001:2001(1000) ack 5 win 9", ". 1001:2001(1000) ack 5 win 9 <nop,nop,nop,nop>",
      ". 1001:1001(0) ack 5 win 9", "- 1001:2001(1000) ack 5 win 9",
    ])
  func refused(piece: String) throws {
    var aggregate = SegmentAggregate(try parseSegment(". 1:1001(1000) ack 5 win 9"), serviceType: 0)
    #expect(aggregate.add(try parseSegment(piece), serviceType: 0) != nil)
  }

  @Test("behind a short piece nothing follows; another service type is another packet")
  func others() throws {
    var aggregate = SegmentAggregate(try parseSegment(". 1:1001(1000) ack 5 win 9"), serviceType: 0)
    #expect(aggregate.add(try parseSegment(". 1001:2001(1000) ack 5 win 9"), serviceType: 2) != nil)
    #expect(aggregate.add(try parseSegment(". 1001:1501(500) ack 5 win 9"), serviceType: 0) == nil)
    #expect(aggregate.add(try parseSegment(". 1501:2001(500) ack 5 win 9"), serviceType: 0) != nil)
  }
}

@Suite("times and tolerance")
struct ScheduleTests {
  var configuration: ScriptConfiguration { ScriptConfiguration() }

  func schedule(_ time: EventTime, base: Int64 = 0, now: Int64 = 0, previous: Int64 = 0) -> Schedule
  {
    Schedule(time, base: base, now: now, previous: previous, configuration)
  }

  @Test("absolute times count from the start, relative ones from the base")
  func bases() {
    #expect(schedule(.absolute(500), base: 100).start == 500)
    #expect(schedule(.relative(500), base: 100).start == 600)
    #expect(schedule(.relativeRange(10, 20), base: 5).start == 15)
    #expect(schedule(.relativeRange(10, 20), base: 5).end == 25)
    #expect(schedule(.absoluteRange(10, 20), base: 5).end == 20)
  }

  @Test(
    "a time may be off by 4 ms, or by an eighth of the distance to the event before",
    arguments: [
      (EventTime.relative(0), 4000, true), (.relative(0), 4001, false), (.relative(0), -4000, true),
      (.relative(0), -4001, false), (.relative(1_000_000), 1_125_000, true),
      (.relative(1_000_000), 1_125_001, false), (.relative(1_000_000), 875_000, true),
      (.relative(1_000_000), 874_999, false), (.relativeRange(10_000, 20_000), 24_000, true),
      (.relativeRange(10_000, 20_000), 24_001, false),
      (.relativeRange(10_000, 20_000), 5_999, false),
      (.any, 999_999_999, true),
    ])
  func tolerance(time: EventTime, seen: Int64, isAllowed: Bool) {
    #expect(schedule(time).allows(seen) == isAllowed)
  }

  @Test("a packet is waited for two seconds longer than the script says")
  func giveUp() {
    #expect(schedule(.relative(0)).giveUpTime(now: 5, previous: 0) == 2_000_005)
    #expect(schedule(.relative(1)).giveUpTime(now: 0, previous: 0) == 3_000_000)
    #expect(schedule(.any).giveUpTime(now: 0, previous: 0) == 1_000_000_000)
  }
}
