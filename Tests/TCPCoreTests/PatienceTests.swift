import Octets
import TCPCore
import Testing
import Wire

@Suite("How long a silent peer is waited for: RFC 9293 3.8.3, 3.8.4, 3.8.6.1")
struct PatienceTests {
  private static func keepalive(idle: Duration, interval: Duration, probes: Int) -> Keepalive {
    var keepalive = Keepalive()
    keepalive.idle = idle
    keepalive.interval = interval
    keepalive.probes = probes
    return keepalive
  }

  @Test("keepalive leaves a closed window to its own probes", .requirement("RFC 9293 MUST-26"))
  func keepaliveAtClosedWindow() {
    let keepalive = Self.keepalive(idle: .seconds(10), interval: .seconds(5), probes: 2)
    var script = Script.established(Agreement { $0.keepalive = keepalive })
    script.inject(.ack, seq: 1, ack: 1, window: 0)
    script.send(100)
    script.wait(.seconds(300))
    let rules = script.all().map(\.rule)
    #expect(rules.contains(.zeroWindowProbe) && !rules.contains(.keepaliveProbe))
    // R2 is far away.
    script.expect(state: .established)
    script.wait(.seconds(800))
    script.expect(closed: .timedOut)
  }

  @Test("data that is sent between two keepalive probes has the whole R2 to be acknowledged")
  func dataAmidKeepalive() {
    let keepalive = Self.keepalive(idle: .seconds(10), interval: .seconds(5), probes: 2)
    var script = Script.established(Agreement { $0.keepalive = keepalive })
    script.wait(.seconds(12))
    script.expect(.ack, seq: 0, rule: .keepaliveProbe)
    script.send(100)
    script.wait(.seconds(300))
    #expect(!script.all().contains { $0.rule == .keepaliveProbe })
    script.expect(state: .established)
    script.inject(.ack, seq: 1, ack: 101)
    script.wait(.seconds(12))
    script.expect(.ack, seq: 100, rule: .keepaliveProbe)
  }

  @Test("silence before there was anything to ask for does not count against a closed window")
  func closedWindowAfterSilence() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, window: 0)
    script.wait(.seconds(3600))
    script.send(100)
    script.wait(.seconds(60))
    script.expect(state: .established)
    #expect(script.all().filter { $0.rule == .zeroWindowProbe }.count > 3)
    script.inject(.ack, seq: 1, ack: 1)
    script.expect([.ack, .psh], seq: 1, length: 100)
  }

  @Test("what a closed window has held up is timed anew when it opens")
  func reopenedWindow() {
    var script = Script.established()
    script.send(100)
    script.expect(.ack, length: 100)
    script.inject(.ack, seq: 1, ack: 1, window: 0)
    for _ in 0..<100 {
      script.wait(.seconds(20))
      if script.all().contains(where: { $0.rule == .zeroWindowProbe }) {
        script.inject(.ack, seq: 1, ack: 1, window: 0)
      }
    }
    script.expect(state: .established)
    script.inject(.ack, seq: 1, ack: 1)
    script.wait(.seconds(30))
    script.expect(state: .established)
    #expect(script.all().contains { $0.seq == 1 && $0.length == 100 })
  }

  @Test(
    "a connection that nobody holds gives its dead peer up sooner",
    .requirement("RFC 9293 SHLD-11"), arguments: [true, false])
  func orphan(_ isOrphan: Bool) {
    var script = Script.established()
    script.send(100)
    if isOrphan { script.connection.detach(at: script.now) }
    script.wait(.seconds(99))
    let state = script.connection.state
    #expect(state == (isOrphan ? .finWait1 : .established))
    script.wait(.seconds(100))
    let isClosed = script.connection.state == .closed
    #expect(isClosed == isOrphan)
    #expect(script.connection.closeReason == (isOrphan ? .timedOut : nil))
  }

  @Test("one who leaves with unread data in TIME-WAIT does not end the wait")
  func leavingInTimeWait() {
    var script = Script.inState(.finWait2)
    script.inject(.finAck, seq: 1, ack: 2, length: 10)
    script.expect(.ack, seq: 2, ack: 12)
    script.connection.detach(at: script.now)
    script.expectNothing()
    script.expect(state: .timeWait)
    let memory = script.connection.info.bufferMemory
    #expect(memory == 0)
    script.wait(.seconds(61))
    script.expect(closed: .finished)
  }

  // MARK: Loss probes. RFC 8985 section 7.

  /// Ten segments in flight, which fill the congestion window, and `more` octets that wait.
  private static func full(_ more: Int, closes: Bool = false) -> Script {
    var script = Script.established(Agreement().with { $0.usesSACK = true })
    script.send(14_600 + more)
    if closes { script.connection.closeSending(at: script.now) }
    #expect(script.all().count == 10)
    return script
  }

  @Test("a loss probe takes the FIN along")
  func probeWithFIN() {
    var script = Self.full(10, closes: true)
    script.wait(.milliseconds(150))
    script.expect([.fin, .psh, .ack], seq: 14_601, length: 10, rule: .lossProbe)
    script.inject(.ack, seq: 1, ack: 14_612)
    script.expect(state: .finWait2)
    script.expectNothing()
  }

  @Test("a small segment that went as a loss probe holds the next one back (Nagle)")
  func probeAndNagle() {
    var script = Self.full(10)
    script.wait(.milliseconds(150))
    script.expect([.psh, .ack], seq: 14_601, length: 10, rule: .lossProbe)
    script.inject(.ack, seq: 1, ack: 14_601)
    script.send(10, from: 14_610)
    script.expectNothing()
    script.inject(.ack, seq: 1, ack: 14_611)
    script.expect([.psh, .ack], seq: 14_611, length: 10)
  }

  @Test("without new data a loss probe is the last segment, and only one is out")
  func probeWithCopy() {
    var script = Self.full(0)
    script.wait(.milliseconds(150))
    script.expect([.psh, .ack], seq: 13_141, length: 1460, rule: .lossProbe)
    script.expectNothing()
  }

  @Test("a copy that is lost is found out by what left after it (RFC 8985 6.2)")
  func lostCopy() {
    let agreement = Agreement { $0.usesLossProbes = false }
    var script = Script.established(agreement.with { $0.usesSACK = true })
    script.send(29_200)
    #expect(script.all().count == 10)
    func sack(_ right: Int) -> TCPOptions {
      var options = TCPOptions()
      options.sackBlocks.append(SACKBlock(Script.ourStart + 1461, Script.ourStart + right))
      return options
    }
    script.wait(.milliseconds(50))
    for count in 2...10 {
      script.inject(.ack, seq: 1, ack: 1, options: sack(1 + 1460 * count))
    }
    let sent = script.all()
    #expect(sent.contains { $0.seq == 1 && $0.rule == .fastRetransmit })
    let newest = sent.map(\.seq).max() ?? 0
    #expect(newest > 14_600, "new data has left behind the copy")
    script.wait(.milliseconds(50))
    script.inject(.ack, seq: 1, ack: 1, options: sack(newest + 1460))
    script.wait(.milliseconds(20))
    let again = script.all()
    #expect(again.contains { $0.seq == 1 && $0.length == 1460 }, "long before the time-out")
    #expect(script.ledger.count(.retransmissionTimeout) == 0)
  }
}
