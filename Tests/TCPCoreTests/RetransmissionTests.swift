import Octets
import TCPCore
import Testing
import Wire

@Suite("Retransmission by the timer: RFC 6298")
struct RetransmissionTests {
  /// A connection with a round trip of 100 ms.
  private static func slow(_ agreement: Agreement = Agreement()) -> Script {
    var script = Script(opening: agreement.configuration)
    script.expect(.syn)
    script.wait(.milliseconds(100))
    var options = agreement.peerOptions
    if agreement.usesTimestamps {
      script.peerClock = 1000
      options.timestamps = TCPTimestamps(value: 1000, echo: script.lastTimestamp)
    }
    script.inject(.synAck, seq: 0, ack: 1, window: agreement.window, options: options)
    script.expect(.ack)
    return script
  }

  @Test("the first measurement gives SRTT, RTTVAR and RTO", .requirement("RFC 9293 MUST-18"))
  func firstMeasurement() {
    let script = Self.slow()
    let info = script.connection.info
    #expect(info.smoothedRoundTrip == .milliseconds(100))
    #expect(info.roundTripVariation == .milliseconds(50))
    #expect(info.retransmissionTimeout == .milliseconds(300))
  }

  @Test("later measurements are smoothed; the least time-out is a margin above the round trip")
  func laterMeasurements() {
    var script = Self.slow()
    var place = 1
    for _ in 0..<50 {
      script.send(10, from: place - 1)
      script.expect(.ack, seq: place, length: 10)
      place += 10
      script.wait(.milliseconds(100))
      script.inject(.ack, seq: 1, ack: place)
    }
    let info = script.connection.info
    #expect(info.roundTripVariation < .milliseconds(1))
    #expect(info.retransmissionTimeout == .milliseconds(300))
    script.send(10, from: place - 1)
    script.expect(.ack, length: 10)
    script.wait(.milliseconds(500))
    place += 10
    script.expect(.ack, length: 10, rule: .retransmitAfterTimeout)
  }

  @Test(
    "the time-out doubles, up to its bound, until R2", .requirement("RFC 9293 MUST-19"),
    .requirement("RFC 9293 MUST-20"), .requirement("RFC 9293 SHLD-11"))
  func backOff() {
    var script = Self.slow()
    script.send(100)
    script.wait(.seconds(2000))
    let times = script.all().map { ($0.at.nanoseconds - 100_000_000) / 1_000_000 }
    #expect(times.prefix(7) == [0, 300, 900, 2100, 4500, 9300, 18_900])
    let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
    #expect(gaps.dropLast().suffix(5).allSatisfy { $0 == 60_000 })
    script.expect(closed: .timedOut)
    #expect(script.ledger.count(.giveUp) == 1)
  }

  @Test(
    "at R1 the user is told", .requirement("RFC 9293 SHLD-9"), .requirement("RFC 9293 SHLD-10"),
    .requirement("RFC 9293 MUST-47"), .requirement("RFC 9293 MUST-20"))
  func advice() {
    var script = Self.slow()
    _ = script.connection.takeEvents()
    script.send(100)
    script.wait(.milliseconds(1000))
    let early = script.connection.takeEvents()
    #expect(!early.contains(.softError))
    script.wait(.milliseconds(2000))
    let later = script.connection.takeEvents()
    #expect(later.contains(.softError))
  }

  @Test(
    "the user's own time-out is kept to the moment", .requirement("RFC 9293 MUST-21"),
    arguments: [1, 7, 30])
  func userTimeout(_ seconds: Int64) {
    var script = Self.slow(Agreement { $0.userTimeout = .seconds(seconds) })
    script.send(100)
    script.wait(.milliseconds(seconds * 1000 - 10))
    script.expect(state: .established)
    script.wait(.milliseconds(20))
    script.expect(closed: .timedOut)
  }

  @Test("the user's own time-out ends probing too, though every probe is answered")
  func userTimeoutOfProbes() {
    var script = Self.slow(Agreement { $0.userTimeout = .seconds(10) }.with { $0.window = 0 })
    script.send(100)
    script.expectNothing()
    var steps = 0
    while let deadline = script.connection.nextDeadline, steps < 100 {
      script.wait(until: deadline)
      if !script.all().isEmpty { script.inject(.ack, seq: 1, ack: 1, window: 0) }
      steps += 1
    }
    script.expect(closed: .timedOut)
    #expect(script.now < Instant(nanoseconds: 11_000_000_000))
  }

  @Test("a connection that nobody holds is not kept for ever by a peer that answers probes")
  func orphanOfProbes() {
    var script = Self.slow(Agreement().with { $0.window = 0 })
    script.send(100)
    script.connection.detach(at: script.now)
    script.expectNothing()
    var steps = 0
    while let deadline = script.connection.nextDeadline, steps < 1000 {
      script.wait(until: deadline)
      if !script.all().isEmpty { script.inject(.ack, seq: 1, ack: 1, window: 0) }
      steps += 1
    }
    script.expect(closed: .timedOut)
  }

  @Test("progress starts the user's time-out anew")
  func userTimeoutProgress() {
    var script = Self.slow(Agreement { $0.userTimeout = .seconds(2) })
    script.send(3000)
    _ = script.all()
    script.wait(.milliseconds(1500))
    script.inject(.ack, seq: 1, ack: 1461)
    script.wait(.milliseconds(1500))
    script.expect(state: .established)
    script.wait(.milliseconds(600))
    script.expect(closed: .timedOut)
  }

  @Test("Karn: what was sent twice is not measured, and the back-off stays")
  func karn() {
    var script = Self.slow()
    script.send(100)
    script.expect(.ack, length: 100)
    script.wait(.milliseconds(950))
    #expect(script.all().count == 2)
    let before = script.connection.info
    #expect(before.retransmissionTimeout == .milliseconds(1200))
    script.inject(.ack, seq: 1, ack: 101)
    let after = script.connection.info
    #expect(after.smoothedRoundTrip == before.smoothedRoundTrip)
    #expect(after.retransmissionTimeout == .milliseconds(1200))
    // A fresh segment is measured and ends it.
    script.send(100, from: 100)
    script.expect(.ack, length: 100)
    script.wait(.milliseconds(100))
    script.inject(.ack, seq: 1, ack: 201)
    let fresh = script.connection.info
    #expect(fresh.retransmissionTimeout < .milliseconds(400))
  }

  @Test("with timestamps even what was sent twice is measured")
  func timestampMeasurement() {
    var script = Self.slow(Agreement().with { $0.usesTimestamps = true })
    script.send(100)
    script.expect(.ack, length: 100)
    script.wait(.milliseconds(350))
    script.expect(.ack, length: 100, rule: .retransmitAfterTimeout)
    script.wait(.milliseconds(80))
    script.inject(.ack, seq: 1, ack: 101)
    let info = script.connection.info
    #expect(info.smoothedRoundTrip ?? .zero < .milliseconds(110))
    #expect(info.retransmissionTimeout < .milliseconds(400))
  }

  @Test("the timer starts anew with each acknowledgment of new data, and stops with the last")
  func restart() {
    var script = Self.slow()
    script.send(2920)
    _ = script.all()
    script.wait(.milliseconds(200))
    script.inject(.ack, seq: 1, ack: 1461)
    script.wait(.milliseconds(250))
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 2921)
    script.wait(.milliseconds(5000))
    script.expectNothing()
  }

  @Test("after a time-out the window is one segment, and grows as at the start")
  func slowStart() {
    var script = Self.slow()
    script.send(14_600)
    #expect(script.all().count == 10)
    script.wait(.milliseconds(350))
    script.expect(.ack, seq: 1, length: 1460, rule: .retransmitAfterTimeout)
    script.expectNothing()
    let info = script.connection.info
    #expect(info.congestionWindow == 1460)
    #expect(info.slowStartThreshold == 7300)
    script.inject(.ack, seq: 1, ack: 1461)
    script.expect(.ack, seq: 1461, length: 1460)
    script.expect(.ack, seq: 2921, length: 1460)
    script.expectNothing()
    // All had arrived but the first: nothing is sent a third time.
    script.inject(.ack, seq: 1, ack: 14_601)
    script.expectNothing()
    script.send(1460, from: 14_600)
    script.expect(.ack, seq: 14_601, length: 1460, rule: .sendLastData)
  }

  @Test("duplicates after a time-out do not start a second repair")
  func duplicatesAfterTimeout() {
    var script = Self.slow()
    script.send(14_600)
    _ = script.all()
    script.wait(.milliseconds(350))
    script.expect(.ack, seq: 1, length: 1460)
    for _ in 0..<6 { script.inject(.ack, seq: 1, ack: 1) }
    script.expectNothing()
    #expect(script.ledger.count(.enterRecovery) == 0)
  }

  @Test("keepalive is off unless asked for", .requirement("RFC 9293 MUST-25"))
  func noKeepalive() {
    let script = Self.slow()
    let deadline = script.connection.nextDeadline
    #expect(deadline == nil)
    #expect(TCPConfiguration().keepalive == nil)
    #expect(Keepalive().idle >= .seconds(7200), "RFC 9293 MUST-28")
  }

  @Test(
    "keepalive asks a quiet peer several times before it gives up",
    .requirement("RFC 9293 MUST-24"), .requirement("RFC 9293 MUST-26"),
    .requirement("RFC 9293 MUST-27"), .requirement("RFC 9293 MUST-28"),
    .requirement("RFC 9293 MUST-29"), .requirement("RFC 9293 SHLD-12"),
    .requirement("RFC 9293 MAY-5"))
  func keepalive() {
    var keepalive = Keepalive()
    keepalive.idle = .seconds(100)
    keepalive.interval = .seconds(10)
    keepalive.probes = 3
    var script = Self.slow(Agreement { $0.keepalive = keepalive })
    script.wait(.seconds(50))
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    script.wait(.seconds(99))
    script.expect(.ack, ack: 11)
    script.expectNothing()
    script.wait(.seconds(2))
    script.expect(.ack, seq: 0, rule: .keepaliveProbe)
    script.inject(.ack, seq: 11, ack: 1)
    script.wait(.seconds(98))
    script.expectNothing()
    script.wait(.seconds(500))
    let probes = script.all()
    #expect(probes.filter { $0.rule == .keepaliveProbe }.count == 3)
    script.expect(closed: .timedOut)
  }

  @Test("keepalive leaves a connection alone that waits for an acknowledgment")
  func keepaliveBusy() {
    var keepalive = Keepalive()
    keepalive.idle = .seconds(5)
    var script = Self.slow(Agreement { $0.keepalive = keepalive })
    script.send(10)
    script.wait(.seconds(100))
    let rules = script.all().map(\.rule)
    #expect(!rules.contains(.keepaliveProbe))
  }

  @Test("a keepalive probe of the peer is answered")
  func answersKeepalive() {
    var script = Self.slow()
    script.inject(.ack, seq: 0, ack: 1)
    script.expect(.ack, seq: 1, ack: 1)
    script.inject(.ack, seq: 0, ack: 1, length: 1)
    script.expect(.ack, seq: 1, ack: 1)
  }
}
