import Octets
import TCPCore
import Testing
import Wire

/// A segment in a state.
struct SegmentCell: Sendable, CustomTestStringConvertible {
  var state: TCPState
  var event: SegmentEvent
  var testDescription: String {
    "\(event.kind) at \(event.place), ack \(event.acknowledgment), in \(state.rawValue)"
  }

  /// Every segment in every state but LISTEN, which is no connection's.
  static let all = TCPState.allCases.filter { $0 != .listen && $0 != .closed }.flatMap { state in
    SegmentEvent.all.map { SegmentCell(state: state, event: $0) }
  }
}

/// Every kind of segment, in, at the edges of, and out of window, with every acknowledgment, in every
/// state: what the code does is what RFC 9293 says, by ``SegmentOracle``.
@Suite("The grid of states and segments, RFC 9293 3.10.7")
struct SegmentGridTests {
  @Test("3,384 cells: 9 states by 376 segments have the RFC's outcome", arguments: SegmentCell.all)
  func cell(_ cell: SegmentCell) {
    var script = Script.inState(cell.state)
    _ = script.all()
    let next = Script.theirs(in: cell.state)
    let edge =
      cell.state == .synSent
      ? 65_535 : Script.theirStart.distance(to: script.connection.receiveEdge)
    let seq =
      switch cell.event.place {
      case .farBefore: next - 100_000
      case .justBefore: next - 1
      case .first: next
      case .second: next + 1
      case .last: edge - 1
      case .edge: edge
      case .behindEdge: edge + 1
      case .farBehind: edge + 1_000_000
      }
    let numbers = script.connection.numbers
    let unacknowledged = Script.ourStart.distance(to: numbers.unacknowledged)
    let sendNext = Script.ourStart.distance(to: numbers.sendNext)
    let ack =
      switch cell.event.acknowledgment {
      case .none: 0
      case .ancient: unacknowledged - 100_000
      case .old: unacknowledged - 1
      case .unacknowledged: unacknowledged
      case .next: sendNext
      case .future: sendNext + 1
      case .farFuture: sendNext + 1_000_000
      }
    script.inject(
      cell.event.kind.flags, seq: seq, ack: ack, length: cell.event.kind.text,
      urgent: cell.event.kind == .urgentAck ? 1 : 0)
    let outcome = SegmentOracle(state: cell.state, event: cell.event).outcome
    script.expect(state: outcome.state)
    let answers = script.all().map { $0.flags.names }
    switch outcome.answer {
    case .none: #expect(answers.isEmpty)
    case .ack: #expect(answers == ["."])
    case .synAck: #expect(answers == ["S."])
    case .rst: #expect(answers == ["R"])
    }
    guard outcome.state == .closed else {
      let lacksTimer = script.connection.lacksTimer
      #expect(!lacksTimer)
      return
    }
    let deadline = script.connection.nextDeadline
    let isFinished = script.connection.isFinished
    #expect(deadline == nil)
    #expect(isFinished)
  }

  @Test("the grid has all its cells, and every state and answer is an outcome of some")
  func isWhole() {
    #expect(SegmentEvent.all.count == 376)
    #expect(SegmentCell.all.count == 3384)
    let outcomes = SegmentCell.all.map { SegmentOracle(state: $0.state, event: $0.event).outcome }
    #expect(Set(outcomes.map(\.state)).count == 10)
    #expect(Set(outcomes.map(\.answer)).count == 4)
  }

  /// 3.10.7.1: where the segment lies does not matter, for there is no window.
  @Test(
    "47 segments for CLOSED are answered by the RFC's reset, or by nothing",
    arguments: SegmentEvent.all.filter { $0.place == .first })
  func closed(_ event: SegmentEvent) throws {
    var header = TCPHeader(
      sourcePort: Port(1), destinationPort: Port(2), sequence: SequenceNumber(0xFFFF_FFFF),
      acknowledgment: SequenceNumber(77), flags: event.kind.flags, window: 1)
    if !event.kind.flags.contains(.ack) { header.acknowledgment = SequenceNumber(0) }
    let octets = [UInt8](capacity: 100) { output in
      header.emit(into: &output)
      for _ in 0..<event.kind.text { output.append(9) }
    }
    let answer = TCPReset.answer(to: try TCPSegmentView(parsing: octets.span))
    guard SegmentOracle(state: .closed, event: event).outcome.answer == .rst else {
      #expect(answer == nil)
      return
    }
    if event.kind.flags.contains(.ack) {
      #expect(answer?.flags == .rst)
      #expect(answer?.sequence == SequenceNumber(77))
    } else {
      #expect(answer?.flags == .rstAck)
      #expect(answer?.sequence == SequenceNumber(0))
      #expect(
        answer?.acknowledgment == SequenceNumber(0xFFFF_FFFF) + event.kind.length)
    }
  }

  /// What a user call meets in a state. RFC 9293 sections 3.10.2, 3.10.3 and 3.10.6.
  struct Call: Sendable, CustomTestStringConvertible {
    var state: TCPState
    /// RECEIVE says "connection closing": nothing will come any more.
    var isAtEnd: Bool
    /// SEND takes octets, and they leave at once.
    var sendsAtOnce: Bool
    var testDescription: String { state.rawValue }
  }

  static let calls = [
    Call(state: .synSent, isAtEnd: false, sendsAtOnce: false),
    Call(state: .synReceived, isAtEnd: false, sendsAtOnce: false),
    Call(state: .established, isAtEnd: false, sendsAtOnce: true),
    Call(state: .finWait1, isAtEnd: false, sendsAtOnce: false),
    Call(state: .finWait2, isAtEnd: false, sendsAtOnce: false),
    Call(state: .closeWait, isAtEnd: true, sendsAtOnce: true),
    Call(state: .closing, isAtEnd: true, sendsAtOnce: false),
    Call(state: .lastAck, isAtEnd: true, sendsAtOnce: false),
    Call(state: .timeWait, isAtEnd: true, sendsAtOnce: false),
  ]

  @Test("RECEIVE, SEND and STATUS in a state", arguments: calls)
  func call(_ call: Call) {
    var script = Script.inState(call.state)
    let octets = script.read()
    let isAtEnd = script.connection.isAtEnd
    #expect(octets.isEmpty)
    #expect(isAtEnd == call.isAtEnd)
    let told = script.connection.info.state
    #expect(told == call.state)
    // None of these calls says anything to the peer but SEND.
    script.expectNothing()
    script.send(3)
    if call.sendsAtOnce {
      let sent = script.next()
      #expect(sent?.length == 3)
    }
    script.expectNothing()
    script.expect(state: call.state)
  }
}
