import Octets
import TCPCore
import Testing
import Wire

@Suite("Closing")
struct CloseTests {
  @Test("the active closer waits for two segment lifetimes", .requirement("RFC 9293 MUST-13"))
  func timeWait() {
    var script = Script.inState(.timeWait)
    script.wait(.seconds(59))
    script.expect(state: .timeWait)
    script.wait(.seconds(2))
    script.expect(closed: .finished)
    script.expectNothing()
  }

  @Test("a FIN that comes again in TIME-WAIT is answered and the wait begins anew")
  func finAgain() {
    var script = Script.inState(.timeWait)
    script.wait(.seconds(40))
    script.inject(.finAck, seq: 1, ack: 2)
    script.expect(.ack, seq: 2, ack: 2)
    script.wait(.seconds(50))
    script.expect(state: .timeWait)
    script.wait(.seconds(11))
    script.expect(closed: .finished)
  }

  @Test(
    "a lost FIN is sent again in each state that has sent one",
    arguments: [
      TCPState.finWait1, .closing, .lastAck,
    ])
  func finRetransmission(_ state: TCPState) {
    var script = Script.inState(state)
    script.wait(.milliseconds(1200))
    script.expect(.finAck, seq: 1, rule: .retransmitFIN)
    script.expect(state: state)
  }

  @Test("a half-closed connection still receives, and the peer's data is acknowledged")
  func halfClose() {
    var script = Script.inState(.finWait2)
    script.inject(.ack, seq: 1, ack: 2, length: 1000)
    script.inject(.ack, seq: 1001, ack: 2, length: 1000)
    script.expect(.ack, seq: 2, ack: 2001)
    let read = script.read()
    #expect(read == Script.stream(0, 2000))
    script.inject(.finAck, seq: 2001, ack: 2)
    script.expect(.ack, seq: 2, ack: 2002)
    script.expect(state: .timeWait)
    let isAtEnd = script.connection.isAtEnd
    #expect(isAtEnd)
  }

  @Test("in CLOSE-WAIT our side still sends, then closes")
  func closeWait() {
    var script = Script.inState(.closeWait)
    script.send(500)
    script.expect(.ack, seq: 1, ack: 2, length: 500)
    script.send(100, from: 500)
    script.connection.closeSending(at: script.now)
    script.expect(.finAck, seq: 501, ack: 2, length: 100, rule: .sendFINWithData)
    script.inject(.ack, seq: 2, ack: 602)
    script.expect(closed: .finished)
  }

  @Test("FIN goes behind all data, and the peer's FIN behind all of its")
  func finInOrder() {
    var script = Script.established()
    script.inject(.finAck, seq: 501, ack: 1)
    script.expect(state: .established)
    script.inject(.ack, seq: 1, ack: 1, length: 500)
    script.expect(state: .closeWait)
    let sent = script.all()
    #expect(sent.last?.ack == 502)
    let read = script.read()
    #expect(read == Script.stream(0, 500))
  }

  @Test("an orphan in FIN-WAIT-2 is given up after its time, and answers no more")
  func orphan() {
    var script = Script.established()
    script.connection.detach(at: script.now)
    script.expect(.finAck, seq: 1)
    script.inject(.ack, seq: 1, ack: 2)
    script.expect(state: .finWait2)
    script.wait(.seconds(59))
    script.expect(state: .finWait2)
    script.wait(.seconds(2))
    script.expect(closed: .finished)
  }

  @Test("data for an orphan is answered by a reset", .requirement("RFC 9293 SHLD-3"))
  func dataForOrphan() {
    var script = Script.established()
    script.connection.detach(at: script.now)
    script.expect(.finAck, seq: 1)
    script.inject(.ack, seq: 1, ack: 2, length: 10)
    script.expect(.rst, seq: 2)
    script.expect(closed: .aborted)
  }

  @Test(
    "leaving with unread data resets", .requirement("RFC 9293 SHLD-3"),
    .requirement("RFC 9293 MAY-1"))
  func unread() {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 10)
    script.connection.detach(at: script.now)
    script.expect(.rstAck, seq: 1)
    script.expect(closed: .aborted)
  }

  @Test("leaving with a linger of zero resets")
  func lingerZero() {
    var script = Script.established(Agreement { $0.linger = .zero })
    script.send(10)
    script.expect(.ack, length: 10)
    script.connection.detach(at: script.now)
    script.expect(.rstAck, seq: 11)
    script.expect(closed: .aborted)
  }

  struct Ending: Sendable, CustomTestStringConvertible {
    var state: TCPState
    var reason: TCPCloseReason
    var testDescription: String { "\(state.rawValue): \(reason)" }
  }

  @Test(
    "the user learns how it ended", .requirement("RFC 9293 MUST-12"),
    arguments: [
      Ending(state: .synSent, reason: .refused), Ending(state: .synReceived, reason: .refused),
      Ending(state: .established, reason: .reset), Ending(state: .finWait1, reason: .reset),
      Ending(state: .finWait2, reason: .reset), Ending(state: .closeWait, reason: .reset),
      Ending(state: .closing, reason: .finished), Ending(state: .lastAck, reason: .finished),
    ])
  func reason(_ ending: Ending) {
    var script = Script.inState(ending.state)
    script.inject(
      ending.state == .synSent ? .rstAck : .rst, seq: Script.theirs(in: ending.state), ack: 1)
    script.expect(closed: ending.reason)
    script.expectNothing()
  }

  @Test("resets do not end TIME-WAIT early (RFC 1337)")
  func timeWaitAssassination() {
    var script = Script.inState(.timeWait)
    script.inject(.rst, seq: 2)
    script.inject(.rstAck, seq: 2, ack: 2)
    script.expect(state: .timeWait)
    let drops = script.ledger.count(.dropResetInTimeWait)
    #expect(drops == 2)
    // An old duplicate's answer changes nothing either.
    script.inject(.ack, seq: 1, ack: 1, length: 1)
    script.expect(.ack, seq: 2, ack: 2)
  }

  @Test("only the peer's own FIN, come again, prolongs TIME-WAIT", arguments: [-5000, 1_000_000])
  func strangersFIN(_ place: Int) {
    var script = Script.inState(.timeWait)
    script.wait(.seconds(40))
    script.inject(.finAck, seq: place, ack: 2)
    script.expect(.ack, seq: 2, ack: 2)
    script.wait(.seconds(20))
    script.expect(closed: .finished)
  }

  @Test(
    "a SYN may take the place of TIME-WAIT with a later number or timestamp",
    .requirement("RFC 9293 MAY-2"), .requirement("RFC 9293 SHLD-4"))
  func replacement() {
    let plain = Script.inState(.timeWait)
    let edge = Script.theirStart + 2
    let answers = [
      plain.connection.mayBeReplaced(by: edge + 1, timestamp: nil),
      plain.connection.mayBeReplaced(by: edge, timestamp: nil),
      plain.connection.mayBeReplaced(by: edge - 1000, timestamp: nil),
    ]
    #expect(answers == [true, false, false])

    let timed = Script.inState(.timeWait, Agreement().with { $0.usesTimestamps = true })
    let timedAnswers = [
      timed.connection.mayBeReplaced(by: edge - 1000, timestamp: 1001),
      timed.connection.mayBeReplaced(by: edge + 1000, timestamp: 1000),
      timed.connection.mayBeReplaced(by: edge - 1000, timestamp: 1000),
      timed.connection.mayBeReplaced(by: edge + 1000, timestamp: 999),
    ]
    #expect(timedAnswers == [true, true, false, false])
    let open = Script.established()
    let never = open.connection.mayBeReplaced(by: edge + 1000, timestamp: nil)
    #expect(!never)
  }

  @Test(
    "after the end no memory is held for buffers",
    arguments: [
      TCPState.timeWait, .closeWait, .finWait2,
    ])
  func memory(_ state: TCPState) {
    var script = Script.established()
    script.inject(.ack, seq: 1, ack: 1, length: 1000)
    script.send(1000)
    _ = script.all()
    script.inject(.ack, seq: 1001, ack: 1001)
    if state != .closeWait {
      script.connection.closeSending(at: script.now)
      _ = script.all()
      script.inject(.ack, seq: 1001, ack: 1002)
    }
    if state != .finWait2 {
      script.inject(.finAck, seq: 1001, ack: state == .closeWait ? 1001 : 1002)
    }
    _ = script.read()
    script.wait(.seconds(3))
    script.expect(state: state)
    let memory = script.connection.info.bufferMemory
    #expect(memory == 0)
  }

  @Test("a connection that ends with its buffers empty holds none of their memory")
  func memoryAtTheEnd() {
    var aborted = Script.established()
    aborted.inject(.ack, seq: 1, ack: 1, length: 10)
    _ = aborted.read()
    aborted.connection.abort(at: aborted.now)
    var left = aborted.connection.info.bufferMemory
    #expect(left == 0)

    var closed = Script.established()
    closed.inject(.finAck, seq: 1, ack: 1, length: 10)
    _ = closed.read()
    closed.connection.closeSending(at: closed.now)
    closed.expect(.finAck, seq: 1, ack: 12)
    closed.inject(.ack, seq: 12, ack: 2)
    closed.expect(closed: .finished)
    left = closed.connection.info.bufferMemory
    #expect(left == 0)
  }
}
