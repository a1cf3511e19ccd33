import Octets
import Testing
import Wire

@testable import Analysis

@Suite("Connections that are followed together")
struct FollowedConnectionsTests {
  private struct Listener: ~Copyable {
    var traffic = RandomTraffic(seed: 1)
    var analyzer = CaptureAnalyzer()
    var followed: FollowedConnections
    var number = 0
    var told = Told()
    var outcomes: [StreamFollower.Outcome?] = []

    init(room: Int = 1000) { followed = FollowedConnections(room: room) }

    /// A segment, of whose payload the capture has kept so much.
    mutating func hear(
      _ connection: Int, _ side: Int, seq: UInt32, ack: UInt32, _ text: String, kept: Int = .max
    ) {
      number += 1
      let payload = Array(text.utf8)
      let frame = traffic.segment(connection, side, seq: seq, ack: ack, .ack, 1000, payload)
      let octets = Array(frame.octets.dropLast(max(payload.count - kept, 0)))
      let finding = analyzer.frameArrived(
        octets.span, wireLength: frame.octets.count, link: .rawIP, number: number, time: 0)
      guard let finding, let heard = followed.hear(finding, in: octets.span, of: analyzer) else {
        return
      }
      told.append(heard.told)
      outcomes.append(heard.outcome)
    }
  }

  @Test("a mail of which the capture kept only a part of a segment is not taken for whole")
  func cut() {
    var listener = Listener()
    listener.hear(1, 1, seq: 1, ack: 1, "220 post.example.test\r\n")
    listener.hear(1, 0, seq: 1, ack: 24, "DATA\r\n")
    listener.hear(1, 1, seq: 24, ack: 7, "354 go\r\n")
    listener.hear(1, 0, seq: 7, ack: 32, "some text\r\n", kept: 4)
    listener.hear(1, 0, seq: 18, ack: 32, "more\r\n.\r\n")
    listener.hear(1, 1, seq: 32, ack: 27, "250 kept\r\n")
    let kinds = listener.told.mail.map(\.kind)
    #expect(kinds.contains(.missing(7)))
    #expect(kinds.contains(.octets(Array("some".utf8))))
    #expect(kinds.contains(.octets(Array("more\r\n".utf8))))
    #expect(kinds.contains(.ended(problem: "7 octets are not in the capture")))
    #expect(kinds.contains(.answered(isAccepted: true, reply: "250 kept")))
  }

  @Test("what waits in all of them together is bounded; the next hole is given up then")
  func room() {
    var listener = Listener(room: 100)
    let text = String(repeating: "x", count: 30)
    for connection in 1...8 {
      listener.hear(connection, 1, seq: 1, ack: 1, "220 x\r\n")
      listener.hear(connection, 1, seq: 18, ack: 1, text)
      #expect(listener.followed.heldOctets == min(connection, 3) * 30)
    }
    let expected: [StreamFollower.Outcome?] =
      Array(repeating: .outOfOrder(missing: 10), count: 3)
      + Array(repeating: .tooMuchHeld, count: 5)
    let held = listener.outcomes.enumerated().filter { $0.offset % 2 == 1 }
    #expect(held.map(\.element) == expected)
    let holes = listener.told.lines.filter { $0.text == "(10 octets are not in the capture)" }
    #expect(holes.count == 5)
  }

  @Test("a line of a message is shown as it went over the wire, a command as it is")
  func onWire() {
    let message = DialogueLine(speaker: .client, text: ".dot", isMessage: true)
    #expect(message.textOnWire == "..dot")
    #expect(DialogueLine(speaker: .client, text: ".dot").textOnWire == ".dot")
    #expect(DialogueLine(speaker: .client, text: "x.", isMessage: true).textOnWire == "x.")
  }
}
