import Octets
import TCPCore
import Testing
import Wire

@Suite("What is sent, and in which pieces")
struct SendingTests {
  @Test(
    "full segments, and PSH on the last", .requirement("RFC 9293 MUST-61"),
    .requirement("RFC 9293 SHLD-28"))
  func segments() {
    var script = Script.established()
    script.send(3920)
    let sent = script.all()
    #expect(sent.map(\.length) == [1460, 1460, 1000])
    #expect(sent.map { $0.flags.contains(.psh) } == [false, false, true])
    #expect(sent.map(\.seq) == [1, 1461, 2921])
  }

  @Test(
    "Nagle: small pieces wait while one is unacknowledged", .requirement("RFC 9293 SHLD-7"),
    .requirement("RFC 9293 MUST-60"))
  func nagle() {
    var script = Script.established()
    script.send(10)
    script.expect(.ack, seq: 1, length: 10)
    script.send(10, from: 10)
    script.send(10, from: 20)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 11)
    script.expect(.ack, seq: 11, length: 20)
    // A full segment does not wait.
    script.send(1460, from: 30)
    script.expect(.ack, seq: 31, length: 1460)
  }

  @Test(
    "several writes that waited go as one segment with one PSH",
    .requirement("RFC 9293 SHLD-27"), .requirement("RFC 9293 MAY-16"))
  func joined() {
    var script = Script.established()
    script.send(10)
    script.expect([.ack, .psh], seq: 1, length: 10)
    for index in 0..<20 { script.send(100, from: 10 + index * 100) }
    let full = script.all()
    #expect(full.map(\.length) == [1460])
    #expect(full.map { $0.flags.contains(.psh) } == [false])
    script.inject(.ack, seq: 1, ack: 1471)
    script.expect([.ack, .psh], seq: 1471, length: 540)
    script.expectNothing()
  }

  @Test("the small end of a larger piece goes with it")
  func tail() {
    var script = Script.established()
    script.send(2000)
    script.expect(.ack, seq: 1, length: 1460)
    script.expect([.ack, .psh], seq: 1461, length: 540)
    // But the next small one waits for this.
    script.send(10, from: 2000)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 2001)
    script.expect(.ack, seq: 2001, length: 10)
  }

  @Test("Nagle can be switched off", .requirement("RFC 9293 MUST-17"))
  func noDelay() {
    var script = Script.established(Agreement { $0.noDelay = true })
    for index in 0..<5 {
      script.send(10, from: index * 10)
      script.expect([.ack, .psh], seq: 1 + index * 10, length: 10)
    }
  }

  @Test("a close sends what Nagle held, with the FIN")
  func nagleAndClose() {
    var script = Script.established()
    script.send(10)
    script.expect(.ack, length: 10)
    script.send(10, from: 10)
    script.expectNothing()
    script.connection.closeSending(at: script.now)
    script.expect(.finAck, seq: 11, length: 10)
  }

  @Test("a small window is not filled with small segments", .requirement("RFC 9293 MUST-38"))
  func senderSillyWindow() {
    var script = Script.established(Agreement().with { $0.window = 10_000 })
    script.send(20_000)
    #expect(script.all().map(\.length) == Array(repeating: 1460, count: 6))
    script.inject(.ack, seq: 1, ack: 8761, window: 500)
    script.expectNothing()
    #expect(script.ledger.count(.sillyWindow) > 0)
    // After a while even that is used.
    script.wait(.seconds(2))
    script.expect(.ack, seq: 8761, length: 500)
  }

  @Test("what is sent after waiting for the window has a time-out of its own")
  func timerAfterWindow() {
    var script = Script.established(Agreement().with { $0.window = 10_000 })
    script.send(20_000)
    _ = script.all()
    script.inject(.ack, seq: 1, ack: 8761, window: 500)
    script.expectNothing()
    script.wait(.milliseconds(150))
    script.inject(.ack, seq: 1, ack: 8761, window: 1600)
    script.expect(.ack, seq: 8761, length: 1460)
    script.wait(.milliseconds(150))
    script.expectNothing()
    script.wait(.milliseconds(100))
    script.expect(.ack, seq: 8761, length: 1460, rule: .retransmitAfterTimeout)
  }

  @Test("super-segments are whole segments but for the last, within both windows")
  func superSegments() {
    var script = Script.established(Agreement().with { $0.windowScale = 4 })
    script.inject(.ack, seq: 1, ack: 1, window: 65_535)
    script.limits = SegmentLimits(maximumPayload: 60_000)
    script.send(100_000)
    let first = script.all()
    #expect(first.reduce(0) { $0 + $1.length } == 14_600)
    #expect(
      first.allSatisfy { $0.length % 1460 == 0 && $0.segmentSize == ($0.length > 1460 ? 1460 : 0) })
    script.inject(.ack, seq: 1, ack: 14_601)
    let second = script.all()
    #expect(second.reduce(0) { $0 + $1.length } == 29_200)
    #expect(second.allSatisfy { $0.length <= 60_000 })
  }

  @Test("the last super-segment has the rest")
  func superTail() {
    var script = Script.established()
    script.limits = SegmentLimits(maximumPayload: 60_000)
    script.send(5000)
    let sent = script.expect([.ack, .psh], seq: 1, length: 5000)
    #expect(sent?.segmentSize == 1460)
  }

  struct Sizes: Sendable {
    var peer: UInt16?
    var mtu: Int
    var usesTimestamps: Bool
    var effective: Int
  }

  @Test(
    "the effective MSS", .requirement("RFC 9293 MUST-14"), .requirement("RFC 9293 MUST-15"),
    .requirement("RFC 9293 MUST-16"),
    arguments: [
      Sizes(peer: 1460, mtu: 1500, usesTimestamps: false, effective: 1460),
      Sizes(peer: nil, mtu: 1500, usesTimestamps: false, effective: 536),
      Sizes(peer: 1460, mtu: 1500, usesTimestamps: true, effective: 1448),
      Sizes(peer: 8960, mtu: 1500, usesTimestamps: false, effective: 1460),
      Sizes(peer: 1460, mtu: 576, usesTimestamps: false, effective: 536),
      Sizes(peer: 1000, mtu: 1500, usesTimestamps: true, effective: 988),
      Sizes(peer: 0, mtu: 1500, usesTimestamps: false, effective: 48),
      Sizes(peer: 65_535, mtu: 65_535, usesTimestamps: false, effective: 65_495),
    ])
  func effectiveMSS(_ sizes: Sizes) {
    let script = Script.established(
      Agreement().with {
        $0.maximumSegmentSize = sizes.peer
        $0.mtu = sizes.mtu
        $0.usesTimestamps = sizes.usesTimestamps
      })
    let size = script.connection.info.sendMaximumSegmentSize
    #expect(size == sizes.effective)
  }

  @Test(
    "MSS is told in the SYN alone and fits what we can receive",
    .requirement("RFC 9293 MUST-65"), .requirement("RFC 9293 MUST-67"),
    .requirement("RFC 9293 SHLD-5"), .requirement("RFC 9293 MAY-3"), arguments: [1500, 576, 9000])
  func ownMSS(_ mtu: Int) {
    var script = Script(opening: Agreement().configuration, mtu: mtu)
    let syn = script.expect(.syn)
    #expect(syn?.options.maximumSegmentSize == UInt16(mtu - 40))
    script.inject(.synAck, seq: 0, ack: 1)
    let acknowledgment = script.expect(.ack)
    #expect(acknowledgment?.options.maximumSegmentSize == nil)
  }

  @Test("options are answered only where the peer has offered them", arguments: [true, false])
  func negotiation(_ offers: Bool) {
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    if offers {
      options.windowScale = 2
      options.sackPermitted = true
      options.timestamps = TCPTimestamps(value: 5, echo: 0)
    }
    var script = Script(accepting: options)
    let answer = script.expect(.synAck)
    #expect((answer?.options.windowScale != nil) == offers)
    #expect(answer?.options.sackPermitted == offers)
    #expect((answer?.options.timestamps != nil) == offers)
    #expect(answer?.options.timestamps?.echo ?? 5 == 5)
    #expect(answer?.options.maximumSegmentSize == 1460)
  }

  @Test(
    "urgent data is told, stays in the stream, and is counted",
    .requirement("RFC 9293 MUST-30"), .requirement("RFC 9293 MUST-31"),
    .requirement("RFC 9293 MUST-32"), .requirement("RFC 9293 MUST-33"),
    .requirement("RFC 9293 MUST-62"))
  func urgent() {
    var script = Script.established()
    script.inject([.ack, .urg], seq: 1, ack: 1, length: 100, urgent: 50)
    var events = script.connection.takeEvents()
    #expect(events.contains(.urgent))
    script.inject([.ack, .urg], seq: 101, ack: 1, length: 100, urgent: 1000)
    events = script.connection.takeEvents()
    #expect(events.contains(.urgent))
    var remaining = script.connection.urgentRemaining
    #expect(remaining == 1100)
    // The same again is no news.
    script.inject([.ack, .urg], seq: 201, ack: 1, length: 100, urgent: 900)
    events = script.connection.takeEvents()
    #expect(!events.contains(.urgent))
    let read = script.read()
    #expect(read == Script.stream(0, 300))
    remaining = script.connection.urgentRemaining
    #expect(remaining == 800)
  }

  @Test("urgent data is told even with a closed window", .requirement("RFC 9293 MUST-66"))
  func urgentAtZeroWindow() {
    var script = Script.established(Agreement { $0.receiveBufferLimit = 2048 })
    script.inject(.ack, seq: 1, ack: 1, length: 2048)
    _ = script.all()
    _ = script.connection.takeEvents()
    script.inject([.ack, .urg], seq: 2049, ack: 1, length: 10, urgent: 10)
    let events = script.connection.takeEvents()
    #expect(events.contains(.urgent))
    script.inject(.rst, seq: 2049)
    script.expect(closed: .reset)
  }

  @Test("a loss of a FIN and of a reset leaves no trace in the stream of a closed window")
  func finAtZeroWindow() {
    var script = Script.established(Agreement { $0.receiveBufferLimit = 2048 })
    script.inject(.ack, seq: 1, ack: 1, length: 2048)
    _ = script.all()
    script.inject(.finAck, seq: 2049, ack: 1)
    script.expect(.ack, ack: 2050)
    script.expect(state: .closeWait)
  }
}
