import Octets
import TCPCore
import Testing
import Wire

@Suite("Flow control")
struct WindowTests {
  private static func small(_ limit: Int) -> Agreement {
    Agreement {
      $0.receiveBufferLimit = limit
      $0.tunesReceiveBuffer = false
    }
  }

  @Test("the window falls to zero when nobody reads, and opens when somebody does")
  func zeroWindow() {
    var script = Script.established(Self.small(8000))
    var place = 1
    while place < 8001 {
      script.inject(.ack, seq: place, ack: 1, length: 1000)
      place += 1000
    }
    let closed = script.all().last
    #expect(closed?.window == 0)
    #expect(closed?.ack == 8001)
    // A probe is answered and not taken.
    script.inject(.ack, seq: 8001, ack: 1, length: 1)
    script.expect(.ack, ack: 8001, rule: .answerProbe)
    let read = script.read()
    #expect(read == Script.stream(0, 8000))
    let open = script.expect(.ack, ack: 8001, rule: .windowUpdate)
    #expect(open?.window == 8000)
  }

  @Test("a small opening is not announced", .requirement("RFC 9293 MUST-39"))
  func receiverSillyWindow() {
    var script = Script.established(Self.small(8000))
    for place in stride(from: 1, to: 8001, by: 1000) {
      script.inject(.ack, seq: place, ack: 1, length: 1000)
    }
    _ = script.all()
    script.connection.consume(900, at: script.now)
    script.expectNothing()
    script.inject(.ack, seq: 8001, ack: 1, length: 1)
    let answer = script.expect(.ack, ack: 8001)
    #expect(answer?.window == 0)
    script.connection.consume(1200, at: script.now)
    let update = script.expect(.ack, ack: 8001, rule: .windowUpdate)
    #expect(update?.window == 2100)
  }

  @Test(
    "the edge of the window never moves left", .requirement("RFC 9293 SHLD-14"),
    arguments: [
      0, 4,
    ])
  func edge(_ scale: Int) {
    let limit = scale == 0 ? 30_000 : 600_000
    var agreement = Self.small(limit)
    agreement.windowScale = scale == 0 ? nil : 7
    var script = Script.established(agreement)
    var random = RandomSource.seeded(7)
    var place = 1
    var edge = 0
    var told = 0
    for _ in 0..<3000 {
      let length = Int.random(in: 1...700, using: &random)
      guard place + length <= edge || edge == 0 else {
        _ = script.read()
        _ = script.all().map { told = $0.ack + $0.window << scale }
        edge = max(edge, told)
        if place + length > edge { break }
        continue
      }
      script.inject(.ack, seq: place, ack: 1, length: length)
      place += length
      if Int.random(in: 0..<4, using: &random) == 0 {
        let waiting = script.connection.receivedCount
        script.connection.consume(Int.random(in: 0...waiting, using: &random), at: script.now)
      }
      script.wait(.milliseconds(1))
      for sent in script.all() {
        // Its unit is what rounding may cost when there is no room to round up.
        #expect(sent.ack + sent.window << scale > edge - 1 << scale)
        edge = max(edge, sent.ack + sent.window << scale)
      }
    }
    #expect(place > 100_000)
  }

  @Test(
    "single octets to a user who does not read fill the buffer and close the window",
    .requirement("RFC 9293 MAY-8"))
  func trickle() {
    // Each octet is acknowledged at once, and the window has a unit of four octets.
    var agreement = Agreement {
      $0.receiveBufferLimit = 132_000
      $0.receiveBufferMaximum = 0
      $0.quickAcknowledgments = .max
    }
    agreement.windowScale = 7
    var script = Script.established(agreement)
    var last: Sent?
    for place in 1...140_000 {
      script.inject(.ack, seq: place, ack: 1, length: 1)
      while let sent = script.next() { last = sent }
    }
    #expect(last?.window == 0)
    let waiting = script.connection.receivedCount
    #expect(waiting >= 132_000 && waiting <= 132_000 + 4)
    let read = script.read()
    #expect(read == Script.stream(0, waiting))
  }

  @Test("what lies beyond the window is cut off, and comes again")
  func beyond() {
    var script = Script.established(Self.small(4000))
    script.inject(.ack, seq: 1, ack: 1, length: 5000)
    script.expect(.ack, ack: 4001)
    let read = script.read()
    #expect(read == Script.stream(0, 4000))
  }

  @Test("no more is sent than the window takes, and a FIN waits for room too")
  func sender() {
    var script = Script.established(Agreement().with { $0.window = 3000 })
    script.send(4000)
    script.connection.closeSending(at: script.now)
    script.expect(.ack, seq: 1, length: 1460)
    script.expect(.ack, seq: 1461, length: 1460)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 2921, window: 1080)
    script.expect(.ack, seq: 2921, length: 1080)
    script.inject(.ack, seq: 1, ack: 4001, window: 0)
    script.wait(.milliseconds(500))
    script.expect(.finAck, seq: 4001, rule: .zeroWindowProbe)
    script.inject(.ack, seq: 1, ack: 4002, window: 0)
    script.expect(state: .finWait2)
  }

  @Test(
    "a closed window is probed with doubled distance for as long as it answers",
    .requirement("RFC 9293 MUST-36"), .requirement("RFC 9293 MUST-37"),
    .requirement("RFC 9293 SHLD-29"), .requirement("RFC 9293 SHLD-30"))
  func probes() {
    var script = Script.established(Agreement().with { $0.window = 0 })
    script.send(100)
    script.expectNothing()
    var times: [Int64] = []
    for _ in 0..<60 {
      while let deadline = script.connection.nextDeadline {
        script.wait(until: deadline)
        guard let sent = script.next() else { continue }
        #expect(sent.seq == 1 && sent.length == 1 && sent.rule == .zeroWindowProbe)
        times.append(script.now.nanoseconds / 1_000_000)
        break
      }
      script.inject(.ack, seq: 1, ack: 1, window: 0)
    }
    #expect(times.prefix(5) == [200, 600, 1400, 3000, 6200])
    // Well beyond R2.
    #expect(times.last ?? 0 > 2_000_000)
    script.expect(state: .established)
    script.inject(.ack, seq: 1, ack: 1, window: 5000)
    script.expect(.ack, seq: 1, length: 100)
  }

  @Test("a probe that was taken counts, even if its answer comes late")
  func probeTaken() {
    var script = Script.established(Agreement().with { $0.window = 0 })
    script.send(100)
    script.wait(.milliseconds(1100))
    script.expect(.ack, seq: 1, length: 1, rule: .zeroWindowProbe)
    // The window opens too little to be worth a segment, then the octet is acknowledged.
    script.inject(.ack, seq: 1, ack: 1, window: 1)
    _ = script.all()
    script.inject(.ack, seq: 1, ack: 2, window: 4000)
    script.expect(.ack, seq: 2, length: 99)
    #expect(script.ledger.count(.dropFutureACK) == 0)
  }

  @Test("unanswered probes end with the user's time-out")
  func deadPeer() {
    var script = Script.established(
      Agreement { $0.retransmissionLimit = .seconds(120) }.with { $0.window = 0 })
    script.send(100)
    script.wait(.seconds(400))
    script.expect(closed: .timedOut)
  }

  @Test(
    "a window that shrinks below what was sent does no harm",
    .requirement("RFC 9293 MUST-34"), .requirement("RFC 9293 SHLD-15"),
    .requirement("RFC 9293 SHLD-16"), .requirement("RFC 9293 SHLD-17"))
  func shrink() {
    var script = Script.established(Agreement().with { $0.window = 8000 })
    script.send(20_000)
    for index in 0..<5 { script.expect(.ack, seq: 1 + index * 1460, length: 1460) }
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 1461, window: 1000)
    script.expectNothing()
    // Only what lies inside the shrunk window is sent again.
    script.wait(.milliseconds(250))
    script.expect(.ack, seq: 1461, length: 1000, rule: .retransmitAfterTimeout)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 7301, window: 8000)
    script.expect(.ack, seq: 7301, length: 1460)
  }

  @Test("a window that shrinks to zero is probed", .requirement("RFC 9293 MUST-35"))
  func shrinkToZero() {
    var script = Script.established()
    script.send(3000)
    _ = script.all()
    script.inject(.ack, seq: 1, ack: 1461, window: 0)
    script.wait(.milliseconds(250))
    script.expect(.ack, seq: 1461, length: 1, rule: .zeroWindowProbe)
    script.inject(.ack, seq: 1, ack: 3001, window: 0)
    script.expectNothing()
  }

  @Test("the window is unsigned, and scaled but for the SYN", .requirement("RFC 9293 MUST-1"))
  func scaling() {
    var script = Script.established(
      Agreement().with {
        $0.windowScale = 3
        $0.window = 65_535
      })
    let fromSYN = script.connection.info.sendWindow
    #expect(fromSYN == 65_535)
    script.inject(.ack, seq: 1, ack: 1, window: 65_535)
    let scaled = script.connection.info.sendWindow
    #expect(scaled == 65_535 * 8)
    var tooLarge = Script.established(Agreement().with { $0.windowScale = 200 })
    tooLarge.inject(.ack, seq: 1, ack: 1, window: 65_535)
    // RFC 7323 section 2.3: 14 at most.
    let largest = tooLarge.connection.info.sendWindow
    #expect(largest == 65_535 << 14)
  }

  @Test("an old segment does not move the window")
  func oldWindow() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 100, window: 20_000)
    script.inject(.ack, seq: 101, ack: 1, window: 5000)
    script.inject(.ack, seq: 1, ack: 1, length: 100, window: 60_000)
    var window = script.connection.info.sendWindow
    #expect(window == 5000)
    // Of two that arrive in the wrong order, the later number counts (SND.WL1).
    script.inject(.ack, seq: 301, ack: 1, length: 100, window: 7000)
    script.inject(.ack, seq: 201, ack: 1, length: 50, window: 60_000)
    window = script.connection.info.sendWindow
    #expect(window == 7000)
    // Of two with the same number, the later acknowledgment (SND.WL2).
    script.send(100)
    _ = script.all()
    script.inject(.ack, seq: 301, ack: 101, window: 9000)
    script.inject(.ack, seq: 301, ack: 1, window: 50_000)
    window = script.connection.info.sendWindow
    #expect(window == 9000)
  }

  @Test("the user hears of room when there is much of it")
  func writable() {
    var script = Script.established(
      Agreement {
        $0.sendBufferLimit = 4000
        $0.sendBufferMaximum = 0
      })
    let taken = script.send(5000)
    #expect(taken == 4000)
    _ = script.all()
    _ = script.connection.takeEvents()
    script.inject(.ack, seq: 1, ack: 501)
    let early = script.connection.takeEvents()
    #expect(!early.contains(.writable))
    script.inject(.ack, seq: 1, ack: 2921)
    let later = script.connection.takeEvents()
    #expect(later.contains(.writable))
  }
}
