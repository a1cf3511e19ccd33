import Octets
import TCPCore
import Testing
import Wire

@Suite("When data is acknowledged")
struct AcknowledgmentTests {
  @Test(
    "one segment waits, less than half a second", .requirement("RFC 9293 MUST-40"),
    .requirement("RFC 9293 SHLD-18"), arguments: [40, 200, 5000])
  func delayed(_ milliseconds: Int) {
    var script = Script.established(
      Agreement { $0.delayedAcknowledgment = .milliseconds(milliseconds) })
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.expectNothing()
    let start = script.now
    script.wait(.seconds(1))
    let sent = script.expect(.ack, ack: 101, rule: .acknowledgeDelayed)
    let waited = sent?.at.nanoseconds(since: start) ?? 0
    #expect(waited == Int64(min(milliseconds, 499)) * 1_000_000)
    script.expectNothing()
  }

  @Test("every second full segment is acknowledged at once", .requirement("RFC 9293 SHLD-19"))
  func second() {
    var script = Script.established()
    var place = 1
    for round in 0..<10 {
      script.inject(.ack, seq: place, ack: 1, length: 1460)
      place += 1460
      if round == 0 { continue }
      // Sizes are learnt from what arrives, so the first ones may be answered one by one.
      if round % 2 == 1 {
        script.expect(.ack, ack: place)
      } else {
        script.expectNothing()
      }
    }
  }

  @Test("the peer's segments may be smaller than ours: every second of them counts")
  func smallSegments() {
    var script = Script.established()
    var place = 1
    for round in 0..<20 {
      script.inject(.ack, seq: place, ack: 1, length: 536)
      place += 536
      if round % 2 == 1 { script.expect(.ack, ack: place) } else { script.expectNothing() }
    }
  }

  @Test("a super-segment counts as what it carries", .requirement("RFC 9293 MUST-58"))
  func superSegment() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 40_000)
    script.expect(.ack, ack: 40_001, rule: .acknowledgeSecondSegment)
    script.expectNothing()
  }

  @Test("what arrives in one batch is acknowledged once", .requirement("RFC 9293 MUST-59"))
  func batch() {
    var script = Script.established()
    for round in 0..<20 { script.inject(.ack, seq: 1 + round * 1460, ack: 1, length: 1460) }
    script.expect(.ack, ack: 29_201)
    script.expectNothing()
  }

  @Test("the first segments of a connection are acknowledged at once")
  func quick() {
    var script = Script.established(Agreement { $0.quickAcknowledgments = 4 })
    for round in 0..<4 {
      script.inject(.ack, seq: 1 + round * 10, ack: 1, length: 10)
      script.expect(.ack, ack: 11 + round * 10, rule: .acknowledgeAtOnce)
    }
    script.inject(.ack, seq: 41, ack: 1, length: 10)
    script.expectNothing()
  }

  @Test("an acknowledgment travels with data if there is any")
  func piggyback() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.send(50)
    script.expect(.ack, seq: 1, ack: 101, length: 50)
    script.wait(.milliseconds(100))
    script.expectNothing()
  }

  @Test(
    "segments behind a gap, and those that fill it, are acknowledged at once",
    .requirement("RFC 9293 MAY-13"), .requirement("RFC 9293 SHLD-31"))
  func gap() {
    var script = Script.established()
    script.inject(.ack, seq: 101, ack: 1, length: 100)
    script.expect(.ack, ack: 1, rule: .acknowledgeOutOfOrder)
    script.inject(.ack, seq: 301, ack: 1, length: 100)
    script.expect(.ack, ack: 1)
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.expect(.ack, ack: 201)
    script.inject(.ack, seq: 151, ack: 1, length: 200)
    script.expect(.ack, ack: 401)
    let read = script.read()
    #expect(read == Script.stream(0, 400))
  }

  @Test("SACK tells what has come, the newest first, and after it what came twice")
  func sackBlocks() {
    var script = Script.established(Agreement().with { $0.usesSACK = true })
    func blocks(_ sent: Sent?) -> [[Int]] {
      guard let sent else { return [] }
      return (0..<sent.options.sackBlocks.count).map { index in
        let block = sent.options.sackBlocks[index]
        return [
          Script.theirStart.distance(to: block.left), Script.theirStart.distance(to: block.right),
        ]
      }
    }
    for start in [1001, 3001, 5001, 7001, 9001] {
      script.inject(.ack, seq: start, ack: 1, length: 1000)
    }
    let newest = blocks(script.all().last)
    #expect(newest == [[9001, 10_001], [7001, 8001], [5001, 6001], [3001, 4001]])
    script.inject(.ack, seq: 2001, ack: 1, length: 1000)
    let merged = blocks(script.expect(.ack, ack: 1))
    #expect(merged.first == [1001, 4001])
    // RFC 2883: a duplicate is reported in front, then the range it lies in.
    script.inject(.ack, seq: 5001, ack: 1, length: 1000)
    let twice = blocks(script.expect(.ack, ack: 1))
    #expect(twice.prefix(2) == [[5001, 6001], [5001, 6001]])
    script.inject(.ack, seq: 1, ack: 1, length: 1000)
    let filled = blocks(script.expect(.ack, ack: 4001))
    #expect(filled.contains([9001, 10_001]) && !filled.contains([1001, 4001]))
    // RFC 2883 section 4.1: below what is acknowledged.
    script.inject(.ack, seq: 1, ack: 1, length: 1000)
    let below = blocks(script.expect(.ack, ack: 4001))
    #expect(below.first == [1, 1001])
    // RFC 2883 section 4.2: a segment that is new in part.
    script.inject(.ack, seq: 3501, ack: 1, length: 700)
    let part = blocks(script.expect(.ack, ack: 4201))
    #expect(part.first == [3501, 4001])
    script.inject(.ack, seq: 10_001, ack: 1, length: 100)
    let once = blocks(script.expect(.ack, ack: 4201))
    #expect(once.first == [9001, 10_101])
  }

  @Test("with timestamps there is room for three SACK blocks")
  func sackWithTimestamps() {
    var script = Script.established(
      Agreement().with {
        $0.usesSACK = true
        $0.usesTimestamps = true
      })
    for start in [1001, 3001, 5001, 7001] {
      script.inject(.ack, seq: start, ack: 1, length: 1000)
    }
    let sent = script.all().last
    #expect(sent?.options.sackBlocks.count == 3)
    #expect(sent?.options.length ?? 99 <= 40)
  }

  @Test("without agreement there are no SACK blocks")
  func noSACK() {
    var script = Script.established()
    script.inject(.ack, seq: 1001, ack: 1, length: 1000)
    let sent = script.expect(.ack, ack: 1)
    #expect(sent?.options.sackBlocks.isEmpty == true)
  }

  @Test("gaps are bounded in number, and what is refused may come again")
  func boundedGaps() {
    var script = Script.established(
      Agreement().with {
        $0.windowScale = 7
        $0.usesSACK = true
      })
    // One for each 512 octets of a buffer of 512 KiB.
    for index in 0..<1400 { script.inject(.ack, seq: 11 + index * 20, ack: 1, length: 10) }
    _ = script.all()
    let refused = script.ledger.count(.dropReassemblyFull)
    #expect(refused == 1400 - 1024)
    // Everything again, in order: nothing is lost or twice.
    for index in 0..<1400 {
      script.inject(.ack, seq: 1 + index * 20, ack: 1, length: 20)
    }
    let read = script.read()
    #expect(read == Script.stream(0, 28_000))
  }

  @Test(
    "a segment that overlaps what has come gives what is new",
    arguments: [
      // Start and count of the second segment; the first was 1..<101, the third 201..<301.
      [51, 100], [1, 150], [51, 200], [101, 250], [90, 300], [1, 400],
    ])
  func overlap(_ piece: [Int]) {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.inject(.ack, seq: 201, ack: 1, length: 100)
    script.inject(.ack, seq: piece[0], ack: 1, length: piece[1])
    script.inject(.ack, seq: 1, ack: 1, length: 500)
    let read = script.read()
    #expect(read == Script.stream(0, 500))
  }
}
