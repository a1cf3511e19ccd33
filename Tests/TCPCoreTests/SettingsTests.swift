import Octets
import TCPCore
import Testing
import Wire

@Suite("What may change while a connection lives")
struct SettingsTests {
  @Test("a cork holds a tail back; taking it off, or switching Nagle off, lets it go")
  func cork() {
    for isUncorked in [true, false] {
      var script = Script.established()
      script.connection.configure(at: script.now) { $0.isCorked = true }
      script.send(2000)
      script.expect(.ack, seq: 1, length: 1460)
      script.inject(.ack, seq: 1, ack: 1461)
      script.expectNothing()
      script.connection.configure(at: script.now) { configuration in
        if isUncorked { configuration.isCorked = false } else { configuration.noDelay = true }
      }
      script.expect([.ack, .psh], seq: 1461, length: 540)
    }
  }

  @Test("a cork holds a tail back no longer than a retransmission time-out")
  func corkEnds() {
    var script = Script.established()
    script.connection.configure(at: script.now) { $0.isCorked = true }
    script.send(10)
    script.expectNothing()
    script.wait(.seconds(1))
    script.expect([.ack, .psh], seq: 1, length: 10)
  }

  @Test("what announces more waits for it, or for an acknowledgment")
  func more() {
    var script = Script.established()
    script.send(10)
    script.connection.announceMore()
    script.expectNothing()
    script.send(5, from: 10)
    script.expect([.ack, .psh], seq: 1, length: 15)
  }

  @Test(
    "urgent data sets URG, and the pointer behind the last urgent octet",
    .requirement("RFC 9293 MUST-30"), .requirement("RFC 9293 MUST-31"))
  func urgent() {
    var script = Script.established()
    script.send(2000)
    script.connection.markUrgent()
    let first = script.next()
    #expect(first?.flags.contains(.urg) == true && first?.length == 1460)
    #expect(script.next()?.flags.contains(.urg) == true)
    script.inject(.ack, seq: 1, ack: 2001)
    script.send(10, from: 2000)
    #expect(script.next()?.flags.contains(.urg) == false)
  }

  @Test("a larger receive buffer opens the window; a smaller one never draws its edge back")
  func receiveBuffer() {
    var script = Script.established()
    let before = script.connection.info.receiveWindow
    script.connection.configure(at: script.now) { $0.receiveBufferLimit = 4096 }
    script.inject(.ack, seq: 1, ack: 1, length: 1000)
    let edge = 1001 + script.connection.info.receiveWindow
    #expect(edge >= 1 + before)
    var agreement = Agreement()
    agreement.configuration.receiveBufferLimit = 4096
    var small = Script.established(agreement)
    small.connection.configure(at: small.now) { $0.receiveBufferLimit = 1 << 20 }
    small.inject(.ack, seq: 1, ack: 1, length: 3000)
    small.wait(.milliseconds(50))
    #expect(small.connection.info.receiveWindow > 60_000)
  }

  @Test("what can be read is shown without being taken")
  func peek() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    let shown = script.connection.peek(from: 40) { [UInt8](copying: $0) }
    #expect(shown == Array(Script.stream(0, 100)[40...]))
    #expect(script.read() == Script.stream(0, 100))
  }

  @Test("stamped octets are reported when they are sent, and when they are acknowledged")
  func stamps() {
    var script = Script.established()
    script.send(100)
    script.connection.stampLastOctet(7)
    #expect(script.connection.takeSendReports().isEmpty)
    let begin = script.now
    script.expect([.ack, .psh], seq: 1, length: 100)
    script.wait(.milliseconds(50))
    script.inject(.ack, seq: 1, ack: 101)
    let reports = script.connection.takeSendReports()
    #expect(reports.map(\.event) == [.sent, .acknowledged] && reports.allSatisfy { $0.name == 7 })
    #expect(reports.map(\.at) == [begin, begin + .milliseconds(50)])
    #expect(script.connection.takeSendReports().isEmpty)
  }

  @Test("a user who reads no more still takes data, until both sides are shut")
  func reading() {
    var script = Script.established()
    script.connection.closeReceiving()
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    script.wait(.milliseconds(50))
    script.expect(.ack, seq: 1, ack: 11)
    script.connection.closeSending(at: script.now)
    script.expect(.finAck, seq: 1, ack: 11)
    script.inject(.ack, seq: 11, ack: 2, length: 10)
    script.expect(.rst, seq: 2)
    script.expect(closed: .reset)
  }

  @Test("a FIN that comes early is answered as early data is")
  func earlyFIN() {
    var script = Script.established()
    script.inject(.finAck, seq: 101, ack: 1)
    script.expect(.ack, seq: 1, ack: 1)
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    script.expect(.ack, seq: 1, ack: 102)
    script.expect(state: .closeWait)
  }

  @Test("no segment carries octets of two records, and the end of one is pushed")
  func records() {
    var script = Script.established()
    script.send(2000)
    script.connection.endRecord()
    script.send(100, from: 2000)
    script.connection.endRecord()
    script.send(2920, from: 2100)
    let sent = script.all()
    #expect(sent.map(\.length) == [1460, 540, 100, 1460, 1460])
    #expect(sent.map { $0.flags.contains(.psh) } == [false, true, true, false, true])
  }

  @Test("a loss probe with new data ends where the record ends")
  func probeOfRecords() {
    var script = Script.established(Agreement().with { $0.usesSACK = true })
    script.send(14_600)
    script.connection.endRecord()
    #expect(script.all().count == 10)
    script.send(10, from: 14_600)
    script.connection.endRecord()
    script.send(20, from: 14_610)
    script.expectNothing()
    script.wait(.milliseconds(150))
    script.expect([.ack, .psh], seq: 14_601, length: 10, rule: .lossProbe)
  }

  @Test("records stay apart when they go again, and small writes of one are joined")
  func recordsAgain() {
    var script = Script.established(Agreement { $0.noDelay = true })
    for record in 0..<3 {
      script.send(5, from: record * 10)
      _ = script.all()
      script.send(5, from: record * 10 + 5)
      script.connection.endRecord()
      _ = script.all()
    }
    script.wait(.milliseconds(300))
    #expect(script.all().map(\.length) == [10, 10, 10])
  }

  @Test("more records than can be remembered wait for room, and none runs into the next")
  func manyRecords() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, window: 0)
    var count = 0
    while script.send(1, from: count) == 1, count < 10_000 {
      script.connection.endRecord()
      count += 1
    }
    #expect(count == 4096)
    let room = script.connection.sendRoom
    #expect(room == 0)
    _ = script.connection.takeEvents()
    var acknowledged = 0
    var lengths: Set<Int> = []
    var isWritable = false
    while acknowledged < count {
      script.inject(.ack, seq: 1, ack: 1 + acknowledged)
      let sent = script.all()
      guard let last = sent.last else { break }
      lengths.formUnion(sent.map(\.length))
      acknowledged = last.seq + last.length - 1
      isWritable = isWritable || script.connection.takeEvents().contains(.writable)
    }
    #expect(acknowledged == count && lengths == [1])
    #expect(isWritable)
    #expect(script.send(1, from: count) == 1)
  }

  @Test("a SYN goes again so often, and no more")
  func openRetransmissions() {
    var configuration = TCPConfiguration()
    configuration.openRetransmissions = 2
    var script = Script(opening: configuration)
    script.wait(.seconds(6))
    #expect(script.all().map(\.at.nanoseconds) == [0, 1_000_000_000, 3_000_000_000])
    script.wait(.seconds(1))
    script.expect(closed: .timedOut)
  }
}
