import Octets
import TCPCore
import Testing
import Wire

/// One cell of the grid: an event in a state, and what RFC 9293 section 3.10.7 makes of it.
struct GridCell: Sendable, CustomTestStringConvertible {
  var event: String
  var state: TCPState
  var outcome: String
  var testDescription: String { "\(event) in \(state.rawValue): \(outcome)" }
}

/// Outcome of each event in each state: the state after it, where it changes, and the answer.
///
/// `=` the state stays; `-` no answer; `ack`, `rst`, `syn` what is answered. "edge" is RCV.NXT.
/// Data and FIN are those of a peer that has acknowledged what our side has sent, unless "old".
private let grid = """
  event            | SYN-SENT       | SYN-RECEIVED    | ESTABLISHED    | FIN-WAIT-1     | FIN-WAIT-2    | CLOSE-WAIT | CLOSING       | LAST-ACK   | TIME-WAIT
  rst at edge      | = -            | CLOSED -        | CLOSED -       | CLOSED -       | CLOSED -      | CLOSED -   | CLOSED -      | CLOSED -   | = -
  rst in window    | = -            | = syn           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  rst outside      | = -            | = -             | = -            | = -            | = -           | = -        | = -           | = -        | = -
  rst with data    | = -            | CLOSED -        | CLOSED -       | CLOSED -       | CLOSED -      | CLOSED -   | CLOSED -      | CLOSED -   | = -
  rst,ack          | CLOSED -       | CLOSED -        | CLOSED -       | CLOSED -       | CLOSED -      | CLOSED -   | CLOSED -      | CLOSED -   | = -
  syn in window    | SYN-RECEIVED syn | = syn         | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  syn outside      | SYN-RECEIVED syn | = syn         | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  syn,ack          | ESTABLISHED ack | = syn          | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  no flags         | = -            | = -             | = -            | = -            | = -           | = -        | = -           | = -        | = -
  ack              | = -            | ESTABLISHED -   | = -            | FIN-WAIT-2 -   | = -           | = -        | TIME-WAIT -   | CLOSED -   | = -
  old ack          | = rst          | = rst           | = -            | = -            | = -           | = -        | = -           | = -        | = -
  ancient ack      | = rst          | = rst           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  future ack       | = rst          | = rst           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  ack outside      | = -            | = syn           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  data             | = -            | ESTABLISHED -   | = -            | FIN-WAIT-2 -   | = -           | = -        | TIME-WAIT -   | CLOSED -   | = -
  data outside     | = -            | = syn           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  data before edge | = -            | = syn           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  fin              | = -            | CLOSE-WAIT ack  | CLOSE-WAIT ack | TIME-WAIT ack  | TIME-WAIT ack | = -        | TIME-WAIT -   | CLOSED -   | = -
  fin, old ack     | = rst          | = rst           | CLOSE-WAIT ack | CLOSING ack    | TIME-WAIT ack | = -        | = -           | = -        | = -
  fin again        | = -            | = syn           | = ack          | = ack          | = ack         | = ack      | = ack         | = ack      | = ack
  """

private let cells: [GridCell] = {
  let lines = grid.split(separator: "\n").map { line in
    line.split(separator: "|").map { String($0).trimmed }
  }
  guard let head = lines.first else { return [] }
  return lines.dropFirst().flatMap { line in
    zip(head, line).dropFirst().compactMap { name, outcome in
      TCPState(rawValue: name).map { GridCell(event: line[0], state: $0, outcome: outcome) }
    }
  }
}()

extension String {
  fileprivate var trimmed: String {
    var words: [Substring] = []
    for word in split(separator: " ") { words.append(word) }
    return words.joined(separator: " ")
  }
}

@Suite("Every event in every state, RFC 9293 3.10.7")
struct StateGridTests {
  @Test("an event in a state has the RFC's outcome", arguments: cells)
  func cell(_ cell: GridCell) throws {
    var script = Script.inState(cell.state)
    script.expect(state: cell.state)
    script.expectNothing()
    let edge = Script.theirs(in: cell.state)
    let ours = Script.ours(in: cell.state)
    let old = cell.state.isSynchronized ? 1 : 0
    switch cell.event {
    case "rst at edge": script.inject(.rst, seq: edge)
    case "rst in window": script.inject(.rst, seq: edge + 100)
    case "rst outside": script.inject(.rst, seq: edge + 1_000_000)
    case "rst with data": script.inject(.rst, seq: edge, length: 10)
    case "rst,ack": script.inject(.rstAck, seq: edge, ack: ours)
    case "syn in window": script.inject(.syn, seq: edge + 100)
    case "syn outside": script.inject(.syn, seq: edge - 100)
    case "syn,ack": script.inject(.synAck, seq: edge + 1, ack: ours)
    case "no flags": script.inject([], seq: edge, length: 5)
    case "ack": script.inject(.ack, seq: edge, ack: ours)
    case "old ack": script.inject(.ack, seq: edge, ack: old)
    case "ancient ack": script.inject(.ack, seq: edge, ack: -100_000)
    case "future ack": script.inject(.ack, seq: edge, ack: ours + 1)
    case "ack outside": script.inject(.ack, seq: edge + 1_000_000, ack: ours)
    case "data": script.inject(.ack, seq: edge, ack: ours, length: 10)
    case "data outside": script.inject(.ack, seq: edge + 1_000_000, ack: ours, length: 10)
    case "data before edge": script.inject(.ack, seq: edge - 10, ack: ours, length: 10)
    case "fin": script.inject(.finAck, seq: edge, ack: ours)
    case "fin, old ack": script.inject(.finAck, seq: edge, ack: old)
    case "fin again": script.inject(.finAck, seq: edge - 1, ack: ours)
    default: Issue.record("no such event: \(cell.event)")
    }
    let words = cell.outcome.split(separator: " ").map(String.init)
    try #require(words.count == 2)
    let expected = words[0] == "=" ? cell.state : try #require(TCPState(rawValue: words[0]))
    script.expect(state: expected)
    let answers = script.all()
    let names = answers.map { $0.flags.subtracting(.psh).names }
    switch words[1] {
    case "-": #expect(names.isEmpty)
    case "ack": #expect(names == ["."])
    case "rst": #expect(names == ["R"])
    case "syn": #expect(names == ["S."] || names == ["S"])
    default: Issue.record("no such answer: \(words[1])")
    }
    if expected == .closed {
      let deadline = script.connection.nextDeadline
      let isFinished = script.connection.isFinished
      #expect(deadline == nil)
      #expect(isFinished)
    }
  }

  @Test("the grid has every state that a connection can be in")
  func isWhole() {
    let states = Set(cells.map(\.state))
    #expect(states.count == 9)
    #expect(cells.count % 9 == 0 && cells.count > 150)
  }

  struct Command: Sendable, CustomTestStringConvertible {
    var state: TCPState
    var afterClose: TCPState
    var abortSendsReset: Bool
    var maySend: Bool
    var testDescription: String { state.rawValue }
  }

  /// RFC 9293 sections 3.10.2, 3.10.4 and 3.10.5.
  static let commands = [
    Command(state: .synSent, afterClose: .closed, abortSendsReset: false, maySend: true),
    Command(state: .synReceived, afterClose: .synReceived, abortSendsReset: true, maySend: true),
    Command(state: .established, afterClose: .finWait1, abortSendsReset: true, maySend: true),
    Command(state: .finWait1, afterClose: .finWait1, abortSendsReset: true, maySend: false),
    Command(state: .finWait2, afterClose: .finWait2, abortSendsReset: true, maySend: false),
    Command(state: .closeWait, afterClose: .lastAck, abortSendsReset: true, maySend: true),
    Command(state: .closing, afterClose: .closing, abortSendsReset: true, maySend: false),
    Command(state: .lastAck, afterClose: .lastAck, abortSendsReset: true, maySend: false),
    Command(state: .timeWait, afterClose: .timeWait, abortSendsReset: false, maySend: false),
  ]

  @Test("CLOSE, ABORT and SEND in a state", arguments: commands)
  func command(_ command: Command) {
    var closing = Script.inState(command.state)
    closing.connection.closeSending(at: closing.now)
    closing.expect(state: command.afterClose)

    var aborting = Script.inState(command.state)
    aborting.connection.abort(at: aborting.now)
    aborting.expect(closed: .aborted)
    if command.abortSendsReset {
      aborting.expect(.rstAck, seq: Script.ours(in: command.state), rule: .resetAbort)
    }
    aborting.expectNothing()
    let isFinished = aborting.connection.isFinished
    #expect(isFinished)

    var sending = Script.inState(command.state)
    let taken = sending.send(10)
    #expect(taken == (command.maySend ? 10 : -1))
  }
}
