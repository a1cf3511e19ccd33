import Analysis
import Testing

@testable import postroad

/// How the demo is drawn and told.
@Suite("the ladder")
struct LadderTests {
  private static func step(_ label: [String], said: [DialogueLine] = []) -> LadderStep {
    LadderStep(
      time: .milliseconds(20), isFromClient: true, label: label, said: said,
      sentence: "all that the user has given goes out", source: "RFC 9293 3.9.1.2")
  }

  @Test("a label is told in whole parts, on any terminal", arguments: 72...140)
  func labels(_ width: Int) {
    let renderer = LadderRenderer(width: width, hasColours: false)
    let label = ["FIN,PSH,ACK", "seq 123456", "ack 7654321", "len 99999"]
    for isLost in [false, true] {
      var step = Self.step(label)
      step.isLost = isLost
      let arrow = renderer.draw(step)[0]
      let told = label.prefix { arrow.contains($0) }
      #expect(told.count >= 2, "\(arrow)")
      #expect(arrow.contains(told.joined(separator: " ") + " "), "\(arrow)")
      #expect(!arrow.contains("len") || arrow.contains("len 99999 "), "\(arrow)")
    }
  }

  @Test("no line is wider than the terminal, and the rails are straight", arguments: 72...140)
  func width(_ width: Int) {
    let renderer = LadderRenderer(width: width, hasColours: false)
    let text = String(repeating: "a long line ", count: 20) + String(repeating: "x", count: 200)
    let lines = renderer.draw(
      Self.step(["PSH,ACK", "seq 1"], said: [.init(speaker: .server, text: text)]))
    let rails = Set(
      lines.map { line in
        line.lastIndex(of: "│").map { line.distance(from: line.startIndex, to: $0) }
      })
    #expect(rails.count == 1)
    for line in lines { #expect(line.count <= width, "\(line)") }
  }

  @Test("the section of a document stays in one line")
  func sections() {
    for width in 20...60 {
      let lines = LadderRenderer.wrap("a reason", source: "RFC 9293 3.9.1.2", width: width)
      #expect(lines.contains { $0.contains("(RFC 9293 3.9.1.2)") }, "\(lines)")
    }
  }

  @Test("a reason is told again only where nothing else is told")
  func reasons() {
    var step = Self.step(["ACK"])
    let renderer = LadderRenderer(width: 100, hasColours: false)
    #expect(renderer.draw(step).contains { $0.contains("all that the user") })
    step.isReasonKnown = true
    #expect(!renderer.draw(step).contains { $0.contains("all that the user") })
  }

  private static func line(_ speaker: DialogueLine.Speaker, _ text: String) -> DialogueLine {
    DialogueLine(speaker: speaker, text: text)
  }

  @Test("every part of a dialogue has its meaning, and the 250 after the mail another one")
  func meanings() throws {
    var story = MailStory()
    func source(_ lines: DialogueLine...) -> String? { story.tell(lines)?.source }
    #expect(source() == nil)
    #expect(source(Self.line(.server, "220 post.example.test")) == "RFC 5321 3.1")
    #expect(source(Self.line(.client, "EHLO me.example.net")) == "RFC 5321 4.1.1.1")
    #expect(
      source(Self.line(.server, "250-hello"), Self.line(.server, "250 SIZE")) == "RFC 5321 3.2")
    #expect(
      source(Self.line(.client, "MAIL FROM:<>"), Self.line(.client, "DATA")) == "RFC 2920 3.1")
    #expect(source(Self.line(.client, "MAIL FROM:<>")) == "RFC 5321 4.1.1.2")
    #expect(source(Self.line(.server, "250 2.1.0 fine")) == "RFC 5321 4.2")
    #expect(source(Self.line(.server, "354 go on")) == "RFC 5321 4.1.1.4")
    #expect(source(Self.line(.client, "(end of message, 9 octets)")) == "RFC 5321 4.5.2")
    #expect(source(Self.line(.server, "250 2.0.0 kept")) == "RFC 5321 6.1")
    #expect(source(Self.line(.client, "QUIT")) == "RFC 5321 4.1.1.10")
    #expect(source(Self.line(.server, "221 bye")) == "RFC 5321 4.1.1.10")
  }
}
