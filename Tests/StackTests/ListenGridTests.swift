import Octets
import Stack
import TCPCore
import Testing
import Wire

/// The eleventh row of the grid of states and segments: LISTEN, RFC 9293 3.10.7.2.
@Suite("Every kind of segment in LISTEN, RFC 9293 3.10.7.2")
struct ListenGridTests {
  struct Cell: Sendable, CustomTestStringConvertible {
    var flags: TCPFlags
    var text: Int
    var answer: TCPFlags?
    var opens = false
    var testDescription: String { "flags \(flags.rawValue), \(text) octets" }
  }

  /// First RST, then ACK, then SYN, then anything else.
  static let cells: [Cell] = [0, 1].flatMap { text in
    [
      Cell(flags: [], text: text, answer: nil),
      Cell(flags: .fin, text: text, answer: nil),
      Cell(flags: .urg, text: text, answer: nil),
      Cell(flags: .psh, text: text, answer: nil),
      Cell(flags: .rst, text: text, answer: nil),
      Cell(flags: [.rst, .ack], text: text, answer: nil),
      Cell(flags: [.rst, .syn], text: text, answer: nil),
      Cell(flags: .ack, text: text, answer: .rst),
      Cell(flags: [.syn, .ack], text: text, answer: .rst),
      Cell(flags: [.fin, .ack], text: text, answer: .rst),
      Cell(flags: [.urg, .ack], text: text, answer: .rst),
      Cell(flags: .syn, text: text, answer: [.syn, .ack], opens: true),
    ]
  }

  @Test("24 cells have the RFC's outcome, and the listener still listens", arguments: cells)
  func cell(_ cell: Cell) throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    let segment = Packet.tcp(
      cell.flags, sequence: SequenceNumber(0xFFFF_FFFF),
      acknowledgment: SequenceNumber(cell.flags.contains(.ack) ? 9 : 0),
      [UInt8](repeating: 7, count: cell.text))
    let answers = bench.arrive(segment).compactMap { Segment($0) }
    #expect(answers.map(\.flags) == (cell.answer.map { [$0] } ?? []))
    if cell.answer == .rst { #expect(answers.first?.sequence == SequenceNumber(9)) }
    if cell.opens { #expect(answers.first?.header.acknowledgment == SequenceNumber(0)) }
    #expect(bench.connectionCount == (cell.opens ? 1 : 0))
    // Whatever it was, the next SYN is welcome.
    let syn = Packet.tcp(from: SocketAddress(theirs, 5001), .syn)
    let welcome = bench.arrive(syn).compactMap { Segment($0) }
    #expect(welcome.map(\.flags) == [[.syn, .ack]])
  }
}
