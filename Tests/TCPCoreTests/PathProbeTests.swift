import Octets
import Testing
import Wire

@testable import TCPCore

struct NarrowPath: Sendable, CustomTestStringConvertible {
  var narrow: Int
  var usesSACK = true
  var superSegments = false
  var congestion = CongestionAlgorithm.cubic
  var testDescription: String {
    "\(narrow) octets, SACK \(usesSACK), super \(superSegments), \(congestion)"
  }
}

let narrowPaths: [NarrowPath] = [1492, 1400, 1280, 1006, 576, 296].flatMap { narrow in
  [
    NarrowPath(narrow: narrow), NarrowPath(narrow: narrow, usesSACK: false),
    NarrowPath(narrow: narrow, superSegments: true),
    NarrowPath(narrow: narrow, congestion: .bbr),
  ]
}

@Suite("Finding what a path takes where no router tells")
struct PathProbeTests {
  private static let total = 400_000

  /// What came of a transfer.
  private struct Outcome {
    var received: Int
    /// Octets of the packets that the client sends in the end.
    var packet: Int
    var threshold: Int
    var ledger: RuleLedger<TCPRule>
  }

  /// How far a transfer gets in two minutes.
  private static func run(
    _ path: NarrowPath, _ probing: PathProbing, during events: (inout Pair) -> Void = { _ in }
  ) -> Outcome {
    var configuration = TCPConfiguration()
    configuration.pathProbing = probing
    configuration.usesSACK = path.usesSACK
    configuration.congestion = path.congestion
    var pair = Pair(
      faults: Faults(superSegments: path.superSegments, perOctet: 80, narrow: path.narrow),
      client: configuration, server: configuration)
    var received = 0
    var left = total
    while received < total, pair.now < .start + .seconds(120), let more = pair.pour(&left) {
      received += more
      events(&pair)
    }
    return Outcome(
      received: received, packet: packet(pair.client),
      threshold: pair.client.congestion.slowStartThreshold, ledger: pair.ledger)
  }

  /// Octets of the packets that a connection sends now.
  private static func packet(_ connection: borrowing TCPConnection) -> Int {
    connection.send.maximumSegmentSize + 52
  }

  @Test("a black hole is noticed, and the largest packet found that passes", arguments: narrowPaths)
  func finds(_ path: NarrowPath) {
    let outcome = Self.run(path, .afterBlackHole)
    #expect(outcome.received == Self.total)
    let packet = outcome.packet
    #expect(packet <= path.narrow && packet > path.narrow - 16, "\(packet)")
    #expect(outcome.ledger.count(.pathBlackHole) > 0 && outcome.ledger.count(.probePathMTU) > 1)
  }

  @Test("without probing the same connections are stuck", arguments: [1492, 576])
  func stuck(_ narrow: Int) {
    let outcome = Self.run(NarrowPath(narrow: narrow), .never)
    #expect(outcome.received == 0)
    #expect(outcome.ledger.count(.probePathMTU) == 0)
  }

  @Test("a probe that is lost alone cuts no window, and is repaired without a time-out")
  func noCut() {
    let outcome = Self.run(NarrowPath(narrow: 1300), .always)
    #expect(outcome.received == Self.total)
    #expect(outcome.ledger.count(.pathProbeLost) > 0)
    #expect(outcome.ledger.count(.enterRecovery) == 0)
    #expect(outcome.ledger.count(.retransmissionTimeout) == 0)
    #expect(outcome.threshold == .max)
  }

  @Test("probing from the beginning reaches what the link takes, and then stops")
  func always() {
    let outcome = Self.run(NarrowPath(narrow: 1500), .always)
    #expect(outcome.received == Self.total)
    #expect(outcome.packet > 1500 - 8)
    #expect(outcome.ledger.count(.pathProbeLost) == 0)
    #expect((1...8).contains(outcome.ledger.count(.pathMTURaised)))
  }

  @Test("after an outage full packets are soon sent again")
  func outage() {
    let outcome = Self.run(NarrowPath(narrow: 1500), .afterBlackHole) { pair in
      let isOut = pair.now > .start + .milliseconds(60) && pair.now < .start + .seconds(8)
      pair.faults.loss = isOut ? 1 : 0
    }
    #expect(outcome.received == Self.total)
    #expect(outcome.ledger.count(.pathBlackHole) > 0)
    #expect(outcome.packet > 1400)
  }

  @Test("where routers may cut packets, none is too large")
  func fragments() {
    var configuration = TCPConfiguration()
    configuration.forbidsFragments = false
    configuration.pathProbing = .always
    var pair = Pair(client: configuration, server: configuration)
    var left = 50_000
    while left > 0, pair.pour(&left) != nil {}
    #expect(pair.ledger.count(.probePathMTU) == 0)
    let packet = Self.packet(pair.client)
    #expect(packet == 1500)
  }

  // MARK: The search itself

  private static func probe(_ packet: UInt16) -> PathProbe.Probe {
    PathProbe.Probe(start: SequenceNumber(0), end: SequenceNumber(1), packet: packet)
  }

  private func fellBack(_ search: inout PathProbe, from size: UInt16) {
    let isLower = search.fallBack(from: size)
    #expect(isLower)
  }

  /// What the search would try at a time, on a link of 1,500 octets.
  private func expect(_ search: inout PathProbe, _ packet: UInt16?, at now: Instant) {
    let next = search.next(below: 1500, at: now)
    #expect(next == packet)
  }

  @Test("the search halves what is unknown, rests for ten minutes, and looks higher again")
  func rests() throws {
    var search = PathProbe()
    expect(&search, nil, at: .start)
    fellBack(&search, from: 1500)
    var tried: [UInt16] = []
    while let packet = search.next(below: 1500, at: .start) {
      tried.append(packet)
      search.sent(Self.probe(packet))
      expect(&search, nil, at: .start)
      if packet <= 1300 { search.succeeded(at: .start) } else { search.failed(at: .start) }
    }
    #expect(tried.first == 1262 && tried.count < 9)
    let found = try #require(search.limit)
    #expect(found <= 1300 && found > 1292)
    expect(&search, nil, at: .start + .seconds(599))
    expect(&search, found + (1501 - found) / 2, at: .start + .seconds(601))
  }

  @Test("a router that speaks up ends the search, or bounds it")
  func bounded() {
    var search = PathProbe()
    fellBack(&search, from: 1500)
    search.bounded(by: 1200)
    expect(&search, 1112, at: .start)
    search.bounded(by: 1000)
    #expect(!search.isOn)
  }

  @Test("below the least packet there is nowhere to go")
  func least() {
    var search = PathProbe()
    fellBack(&search, from: 100)
    #expect(search.limit == 68)
    let isLower = search.fallBack(from: 68)
    #expect(!isLower)
  }

  @Test("a probe lost among others is tried again, a second later")
  func inconclusive() {
    var search = PathProbe()
    fellBack(&search, from: 1500)
    search.sent(Self.probe(1262))
    search.wasInconclusive(at: .start)
    expect(&search, nil, at: .start + .milliseconds(900))
    expect(&search, 1262, at: .start + .seconds(1))
  }
}
