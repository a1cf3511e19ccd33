import Octets
import TCPCore
import Testing
import Wire

@Suite("Recovery of losses: RFC 5681, 6582, 6675, 3042")
struct RecoveryTests {
  private static func block(_ left: Int, _ right: Int) -> SACKBlock {
    SACKBlock(Script.ourStart + left, Script.ourStart + right)
  }

  private static func sack(_ blocks: [[Int]]) -> TCPOptions {
    var options = TCPOptions()
    for piece in blocks { options.sackBlocks.append(block(piece[0], piece[1])) }
    return options
  }

  /// Ten segments of 1000 octets are outstanding, and more wait.
  private static func ten(sack: Bool) -> Script {
    var script = Script.established(
      Agreement().with {
        $0.maximumSegmentSize = 1000
        $0.usesSACK = sack
      })
    script.send(40_000)
    let sent = script.all()
    #expect(sent.map(\.seq) == (0..<10).map { 1 + $0 * 1000 })
    return script
  }

  @Test("two duplicates let new segments out, the third starts repair")
  func limitedTransmitAndFastRetransmit() {
    var script = Self.ten(sack: false)
    script.inject(.ack, seq: 1, ack: 1)
    script.expect(.ack, seq: 10_001, length: 1000, rule: .limitedTransmit)
    script.inject(.ack, seq: 1, ack: 1)
    script.expect(.ack, seq: 11_001, length: 1000, rule: .limitedTransmit)
    script.inject(.ack, seq: 1, ack: 1)
    script.expect(.ack, seq: 1, length: 1000, rule: .fastRetransmit)
    script.expectNothing()
    let info = script.connection.info
    #expect(info.slowStartThreshold == 6000)
    // Each further duplicate is a segment that has left; half of the flight must leave first.
    for _ in 0..<3 { script.inject(.ack, seq: 1, ack: 1) }
    script.expectNothing()
    for _ in 0..<3 { script.inject(.ack, seq: 1, ack: 1) }
    let inflated = script.all()
    #expect(inflated.map(\.seq).allSatisfy { $0 >= 12_001 })
    #expect(inflated.count <= 3 && inflated.count >= 2)
    script.inject(.ack, seq: 1, ack: 12_001)
    #expect(script.ledger.count(.leaveRecovery) == 1)
    let after = script.connection.info
    #expect(after.congestionWindow <= 6000)
  }

  @Test("NewReno: a partial acknowledgment shows the next hole")
  func partialAcknowledgment() {
    var script = Self.ten(sack: false)
    for _ in 0..<3 { script.inject(.ack, seq: 1, ack: 1) }
    #expect(script.all().contains { $0.seq == 1 && $0.rule == .fastRetransmit })
    script.inject(.ack, seq: 1, ack: 3001)
    let second = script.all()
    #expect(second.first?.seq == 3001)
    #expect(second.first?.rule == .retransmitHole)
    script.inject(.ack, seq: 1, ack: 6001)
    #expect(script.all().first?.seq == 6001)
    #expect(script.ledger.count(.enterRecovery) == 1)
    #expect(script.ledger.count(.leaveRecovery) == 0)
    script.inject(.ack, seq: 1, ack: 10_001)
    #expect(script.ledger.count(.leaveRecovery) == 1)
  }

  @Test(
    "what is no duplicate starts nothing", arguments: ["data", "window", "nothing outstanding"])
  func noDuplicates(_ kind: String) {
    var script = Self.ten(sack: false)
    if kind == "nothing outstanding" {
      script.inject(.ack, seq: 1, ack: 10_001, window: 0)
      _ = script.all()
    }
    for index in 0..<6 {
      switch kind {
      case "data": script.inject(.ack, seq: 1 + index * 10, ack: 1, length: 10)
      case "window": script.inject(.ack, seq: 1, ack: 1, window: UInt16(60_000 + index))
      default: script.inject(.ack, seq: 1, ack: 10_001, window: 0)
      }
    }
    #expect(script.ledger.count(.enterRecovery) == 0)
  }

  @Test("duplicates that repair itself caused do not cut the window a second time (RFC 6582)")
  func noSecondRecovery() {
    var script = Self.ten(sack: false)
    for _ in 0..<3 { script.inject(.ack, seq: 1, ack: 1) }
    _ = script.all()
    script.inject(.ack, seq: 1, ack: 10_001)
    _ = script.all()
    #expect(script.ledger.count(.leaveRecovery) == 1)
    for _ in 0..<5 { script.inject(.ack, seq: 1, ack: 10_001) }
    #expect(script.ledger.count(.enterRecovery) == 1)
    _ = script.all()
    // After progress a loss counts again.
    script.inject(.ack, seq: 1, ack: 11_001)
    for _ in 0..<3 { script.inject(.ack, seq: 1, ack: 11_001) }
    #expect(script.ledger.count(.enterRecovery) == 2)
  }

  @Test("SACK: only the holes are sent again, in order, while the pipe has room")
  func sackRecovery() {
    var script = Self.ten(sack: true)
    // 1 and 4001 are lost.
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 2001]]))
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 3001]]))
    let early = script.all()
    #expect(early.allSatisfy { $0.rule == .limitedTransmit })
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 4001]]))
    script.expect(.ack, seq: 1, length: 1000, rule: .fastRetransmit)
    var again: [Sent] = []
    for end in stride(from: 6001, through: 12_001, by: 1000) {
      script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[5001, end], [1001, 4001]]))
      again += script.all()
    }
    #expect(again.filter { $0.rule == .retransmitHole }.map(\.seq) == [4001])
    #expect(again.filter { $0.seq < 12_001 }.map(\.seq) == [4001])
    script.inject(.ack, seq: 1, ack: 12_001)
    #expect(script.ledger.count(.leaveRecovery) == 1)
  }

  @Test("SACK: one report of much data above a hole is enough")
  func sackByOctets() {
    var script = Self.ten(sack: true)
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[2001, 10_001]]))
    let sent = script.all()
    #expect(sent.first?.seq == 1)
    #expect(sent.first?.rule == .fastRetransmit)
    #expect(sent.contains { $0.seq == 1001 && $0.rule == .retransmitHole })
  }

  @Test("SACK: three segments above a hole are enough, however small")
  func sackByPieces() {
    var script = Script.established(
      Agreement { $0.noDelay = true }.with {
        $0.maximumSegmentSize = 1000
        $0.usesSACK = true
      })
    for index in 0..<8 {
      script.send(100, from: index * 100)
      _ = script.all()
    }
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[101, 201], [301, 401]]))
    #expect(script.ledger.count(.enterRecovery) == 0)
    script.inject(
      .ack, seq: 1, ack: 1, options: Self.sack([[101, 201], [301, 401], [501, 601]]))
    #expect(script.ledger.count(.enterRecovery) == 1)
    #expect(script.all().first?.seq == 1)
  }

  @Test("SACK: a part of what was one packet is not believed")
  func sackOfPart() {
    var script = Self.ten(sack: true)
    script.inject(
      .ack, seq: 1, ack: 1, options: Self.sack([[1101, 1201], [2301, 2401], [3501, 3601]]))
    #expect(script.ledger.count(.enterRecovery) == 0)
    #expect(script.connection.details.selectivelyAcknowledged == 0)
  }

  @Test("SACK: the end of the flight is lost when a later copy arrives before it (RFC 8985)")
  func rescue() {
    var script = Script.established(
      Agreement().with {
        $0.maximumSegmentSize = 1000
        $0.usesSACK = true
      })
    script.send(10_000)
    _ = script.all()
    // 1 is lost, and so are the last two.
    script.wait(.milliseconds(1))
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 5001]]))
    script.expect(.ack, seq: 1, length: 1000, rule: .fastRetransmit)
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 8001]]))
    script.wait(.milliseconds(1))
    // The copy of 1 left after the last two and has arrived: they are lost.
    script.inject(.ack, seq: 1, ack: 8001)
    let sent = script.all()
    #expect(sent.first?.seq == 8001)
    script.inject(.ack, seq: 1, ack: 10_001)
    #expect(script.ledger.count(.retransmissionTimeout) == 0)
    #expect(script.ledger.count(.leaveRecovery) == 1)
  }

  @Test("lies in SACK blocks are not believed")
  func lies() {
    var script = Self.ten(sack: true)
    for piece in [
      [1, 500_000], [500_000, 600_000], [-5000, -1000], [5001, 1001], [1, 1], [10_001, 10_002],
      [-70_000, 3000],
    ] {
      script.inject(.ack, seq: 1, ack: 1, options: Self.sack([piece, piece, piece]))
    }
    #expect(script.ledger.count(.enterRecovery) == 0)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 10_001)
    #expect(script.connection.info.outstanding == 0)
  }

  @Test("after a time-out only what the peer has not reported goes again")
  func timeoutKeepsReports() {
    var script = Self.ten(sack: true)
    script.wait(.milliseconds(1))
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 3001]]))
    _ = script.all()
    script.wait(.milliseconds(450))
    #expect(script.all().last?.rule == .retransmitAfterTimeout)
    // New data first, to see whether the time-out was too early (RFC 5682).
    script.inject(.ack, seq: 1, ack: 3001)
    let fresh = script.all()
    #expect(fresh.count == 2 && fresh.allSatisfy { $0.seq > 10_000 })
    script.inject(
      .ack, seq: 1, ack: 3001, options: Self.sack([[fresh[0].seq, fresh[0].seq + 1000]]))
    script.expect(.ack, seq: 3001, length: 1000, rule: .retransmitAfterTimeout)
  }

  @Test("a peer that has thrown away what it reported gets it again (RFC 2018 8)")
  func reneging() {
    var script = Self.ten(sack: true)
    script.wait(.milliseconds(1))
    script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, 10_001]]))
    _ = script.all()
    // The first is repaired, but the peer wants the second, which it had.
    script.inject(.ack, seq: 1, ack: 1001)
    _ = script.all()
    script.wait(.seconds(2))
    #expect(script.all().contains { $0.seq == 1001 && $0.rule == .retransmitAfterTimeout })
  }

  @Test("loss of a repaired segment is left to the timer, and repaired")
  func lostAgain() {
    var script = Self.ten(sack: true)
    for end in [2001, 3001, 4001, 5001] {
      script.inject(.ack, seq: 1, ack: 1, options: Self.sack([[1001, end]]))
    }
    _ = script.all()
    script.wait(.milliseconds(300))
    let sent = script.all()
    #expect(sent.first?.seq == 1)
    #expect(sent.first?.rule == .retransmitAfterTimeout)
    script.inject(.ack, seq: 1, ack: 12_001)
    script.expect(state: .established)
  }

  @Test(
    "no more is in flight than the congestion window, whatever is acknowledged",
    arguments: [
      CongestionAlgorithm.reno, .cubic,
    ])
  func withinWindow(_ algorithm: CongestionAlgorithm) {
    var script = Script.established(
      Agreement { $0.congestion = algorithm }.with {
        $0.maximumSegmentSize = 1000
        $0.windowScale = 7
      })
    script.inject(.ack, seq: 1, ack: 1, window: 65_535)
    var random = RandomSource.seeded(3)
    var acknowledged = 1
    var place = 0
    var highest = 1
    for _ in 0..<100 {
      place += max(0, script.send(20_000, from: place))
      for sent in script.all() { highest = max(highest, sent.seq + sent.length) }
      let info = script.connection.info
      #expect(info.outstanding <= info.congestionWindow)
      script.wait(.milliseconds(10))
      acknowledged = min(highest, acknowledged + Int.random(in: 1...5000, using: &random))
      script.inject(.ack, seq: 1, ack: acknowledged, window: 65_535)
    }
    #expect(acknowledged > 100_000)
    #expect(script.ledger.count(.retransmissionTimeout) == 0)
  }
}
