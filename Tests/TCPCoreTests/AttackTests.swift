import Octets
import TCPCore
import Testing
import Wire

@Suite("Strangers and old duplicates: RFC 5961, RFC 7323, RFC 5927")
struct AttackTests {
  @Test("challenges are rationed, and the ration comes back")
  func rationedChallenges() {
    var script = Script.established()
    for _ in 0..<50 {
      script.inject(.rst, seq: 100)
      script.inject(.syn, seq: 100)
      script.inject(.ack, seq: 1, ack: 5)
    }
    var count = 0
    while let sent = script.next() {
      #expect(sent.flags == .ack && sent.seq == 1 && sent.ack == 1)
      count += 1
    }
    // Several questions between two answers have one answer.
    #expect(count == 1)
    for _ in 0..<50 {
      script.inject(.rst, seq: 100)
      count += script.all().count
    }
    #expect(count <= 10)
    let limited = script.ledger.count(.challengeLimited)
    #expect(limited > 0)
    script.wait(.milliseconds(1500))
    script.inject(.rst, seq: 100)
    script.expect(.ack, rule: .challengeACK)
    script.expect(state: .established)
  }

  @Test("pure acknowledgments outside the window cannot make two hosts talk for ever")
  func ackStorm() {
    var script = Script.established()
    var answers = 0
    for _ in 0..<1000 {
      script.inject(.ack, seq: -50_000, ack: 1)
      answers += script.all().count
    }
    #expect(answers <= 10)
  }

  @Test(
    "nor can data or FINs that this peer cannot have meant",
    arguments: [(-5_000_000, 10), (5_000_000, 10), (-5_000_000, 0), (5_000_000, 0)])
  func dataStorm(_ place: Int, _ length: Int) {
    var script = Script.established()
    var answers = 0
    for _ in 0..<1000 {
      script.inject(length > 0 ? .ack : .finAck, seq: place, ack: 1, length: length)
      answers += script.all().count
    }
    #expect((1...10).contains(answers))
    #expect(script.ledger.count(.challengeLimited) == 990)
  }

  @Test("what the peer sends again is answered each time, and reported (RFC 2883)")
  func genuineRetransmissions() {
    var script = Script.established(Agreement().with { $0.usesSACK = true })
    script.inject(.ack, seq: 1, ack: 1, length: 1000)
    _ = script.read()
    _ = script.all()
    for _ in 0..<50 {
      script.inject(.ack, seq: 1, ack: 1, length: 1000)
      let sent = script.expect(.ack, ack: 1001)
      #expect(sent?.options.sackBlocks.count == 1)
    }
  }

  @Test(
    "data with an ACK outside the acceptable range does not get in (RFC 5961 5.2)",
    .requirement("RFC 9293 MAY-12"),
    arguments: [
      -100_000, 1000, 0x7000_0000,
    ])
  func injection(_ acknowledgment: Int) {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: acknowledgment, length: 100)
    script.expect(.ack, seq: 1, ack: 1, rule: .challengeACK)
    let waiting = script.connection.receivedCount
    #expect(waiting == 0)
  }

  @Test("old timestamps are dropped and answered, resets are not asked for them (PAWS)")
  func paws() {
    var script = Script.established(Agreement().with { $0.usesTimestamps = true })
    script.peerClock = 2000
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    _ = script.read()
    script.wait(.milliseconds(50))
    script.expect(.ack, ack: 11)
    script.peerClock = 1999
    script.inject(.ack, seq: 11, ack: 1, length: 10)
    script.expect(.ack, ack: 11)
    let waiting = script.connection.receivedCount
    #expect(waiting == 0)
    #expect(script.ledger.count(.dropPAWS) == 1)
    script.peerClock = 2000
    script.inject(.ack, seq: 11, ack: 1, length: 10)
    let accepted = script.connection.receivedCount
    #expect(accepted == 10)
    script.peerClock = nil
    script.inject(.ack, seq: 21, ack: 1, length: 10)
    #expect(script.ledger.count(.dropMissingTimestamp) == 1)
    script.inject(.rst, seq: 21)
    script.expect(closed: .reset)
  }

  @Test("after 24 days of silence an old timestamp counts again")
  func outdatedPAWS() {
    var script = Script.established(Agreement().with { $0.usesTimestamps = true })
    script.wait(.seconds(25 * 24 * 3600))
    script.peerClock = 10
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    let waiting = script.connection.receivedCount
    #expect(waiting == 10)
  }

  @Test("a forged segment with a bad ACK does not move the timestamp that PAWS compares with")
  func timestampPoisoning() {
    var script = Script.established(Agreement().with { $0.usesTimestamps = true })
    script.peerClock = 1_000_000
    script.inject(.ack, seq: 1, ack: 70_000, length: 1)
    _ = script.all()
    script.peerClock = 1001
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    let waiting = script.connection.receivedCount
    #expect(waiting == 10)
  }

  @Test("the echoed timestamp is that of the oldest segment not acknowledged (RFC 7323 4.3)")
  func echo() {
    var script = Script.established(
      Agreement { $0.quickAcknowledgments = 0 }.with { $0.usesTimestamps = true })
    script.peerClock = 1010
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.peerClock = 1020
    script.inject(.ack, seq: 101, ack: 1, length: 100)
    script.wait(.milliseconds(50))
    let sent = script.expect(.ack, ack: 201)
    #expect(sent?.options.timestamps?.echo == 1010)
    // A segment behind a gap does not move it.
    script.peerClock = 1030
    script.inject(.ack, seq: 301, ack: 1, length: 100)
    let duplicate = script.expect(.ack, ack: 201)
    #expect(
      duplicate?.options.timestamps?.echo == 1010 || duplicate?.options.timestamps?.echo == 1020)
  }

  @Test("ICMP errors must quote what is outstanding", arguments: [-5, 1001, 5000])
  func forgedICMP(_ quoted: Int) {
    var script = Script.established()
    script.send(1000)
    script.expect(.ack, length: 1000)
    script.injectError(.fragmentationNeeded(mtu: 600), quoting: quoted)
    script.expectNothing()
    #expect(script.ledger.count(.badICMP) == 1)
    let size = script.connection.info.sendMaximumSegmentSize
    #expect(size == 1460)
  }

  @Test(
    "soft errors are told and never end a connection", .requirement("RFC 9293 MUST-56"),
    .requirement("RFC 9293 SHLD-25"),
    arguments: [
      TCPPathError.unreachable(code: 0), .unreachable(code: 1), .unreachable(code: 5),
      .timeExceeded, .parameterProblem, .unreachable(code: 3),
    ])
  func softErrors(_ error: TCPPathError) {
    var script = Script.established()
    script.send(10)
    script.expect(.ack, length: 10)
    script.injectError(error, quoting: 1)
    script.expect(state: .established)
    let events = script.connection.takeEvents()
    #expect(events.contains(.softError))
  }

  @Test(
    "hard errors end an open that has not been answered", .requirement("RFC 9293 SHLD-26"),
    arguments: [2, 3] as [UInt8])
  func hardErrors(_ code: UInt8) {
    var script = Script.inState(.synSent)
    script.injectError(.unreachable(code: code), quoting: 0)
    script.expect(closed: .unreachable)
  }

  @Test("a smaller path MTU cuts segments and sends again what was too long")
  func pathMTU() {
    var script = Script.established()
    script.send(2920)
    script.expect(.ack, seq: 1, length: 1460)
    script.expect(.ack, seq: 1461, length: 1460)
    script.injectError(.fragmentationNeeded(mtu: 1040), quoting: 1)
    script.expect(.ack, seq: 1, length: 1000)
    script.expect(.ack, seq: 1001, length: 1000)
    script.expect(.ack, seq: 2001, length: 920)
    script.expectNothing()
    // It never grows by such a message.
    script.injectError(.fragmentationNeeded(mtu: 1400), quoting: 1)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 2921)
    let deadline = script.connection.nextDeadline
    #expect(script.connection.info.outstanding == 0)
    #expect(deadline == nil || deadline.map { $0 > script.now } == true)
  }
}
