import Foundation
import ProgramRunner
import Testing

/// `postroad send --kernel` against servers on loopback that say what they were told to.
@Suite("send and what servers answer")
struct SendTests {
  struct Ending: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let replies: [String]
    let code: Int32
    /// What standard error has to say; empty for nothing at all.
    let said: String

    init(_ what: String, _ replies: [String], _ code: Int32, _ said: String) {
      (testDescription, self.replies, self.code, self.said) = (what, replies, code, said)
    }
  }

  static let begin = ["220 me", "250 hello"]
  static let endings = [
    Ending(
      "taken", begin + ["250 ok", "250 ok", "354 go", "250 kept", "221 bye"], 0, ""),
    Ending("refused at the door", ["554 not you"], 1, "554 not you"),
    Ending("busy at the door", ["421 later"], 75, "421 later"),
    Ending("sender refused", begin + ["550 no sender", "221 bye"], 1, "550 no sender"),
    Ending("recipient refused", begin + ["250 ok", "550 no such", "221 bye"], 1, "550 no such"),
    Ending("recipient later", begin + ["250 ok", "451 later", "221 bye"], 75, "451 later"),
    Ending("no data", begin + ["250 ok", "250 ok", "452 full", "221 bye"], 75, "452 full"),
    Ending(
      "message refused", begin + ["250 ok", "250 ok", "354 go", "554 spam", "221 bye"], 1,
      "554 spam"),
    Ending(
      "gone before the reply", begin + ["250 ok", "250 ok", "354 go"], 75, "<b@example.test>"),
    Ending(
      "no mail server", ["SSH-2.0-other"], 75,
      "does not speak SMTP (greeting): a line does not begin with a reply code"),
    Ending("silent", [], 75, "<b@example.test>"),
  ]

  @Test("the exit code and one sentence a recipient tell it", arguments: endings)
  func ends(_ ending: Ending) async throws {
    let server = try ScriptedServer(ending.replies)
    let done = try await run(
      Places.program,
      [
        "send", "--from", "a@example.net", "--to", "b@example.test", "--server",
        "127.0.0.1:\(server.port)", "--kernel", "--hostname", "me.example.net",
      ], input: "Subject: x\n\n.dot\n", deadline: .seconds(60))
    #expect(done.status == ending.code, "\(done.errors)\(server.heard)")
    #expect(ending.code == 0 || done.errors.contains(ending.said), "\(done.errors)")
    #expect(
      done.errors.split(separator: "\n").count == (ending.code == 0 ? 0 : 1), "\(done.errors)")
    if ending.code == 0 {
      #expect(server.heard.contains("Subject: x\r\n\r\n..dot\r\n.\r\n"), "\(server.heard)")
    }
  }

  struct Journey: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let hello: String
    let message: String
    let code: Int32
    /// What the server hears, and what standard error says.
    let heard: String
    let said: String
  }

  static let longLine = String(repeating: "x", count: 999)
  static let journeys = [
    Journey(
      testDescription: "lines end in LF", hello: "250-me\r\n250 SIZE", message: "a: b\n\nx\n",
      code: 0, heard: "a: b\r\n\r\nx\r\n.\r\n", said: ""),
    Journey(
      testDescription: "the size is that of the message as it travels",
      hello: "250-me\r\n250 SIZE", message: "a: b\n\n.x\r\ny", code: 0,
      heard: "MAIL FROM:<a@example.net> SIZE=15\r\n", said: ""),
    Journey(
      testDescription: "the last line has no end", hello: "250 me", message: "a: b\r\n\r\nx",
      code: 0, heard: "a: b\r\n\r\nx\r\n.\r\n", said: ""),
    Journey(
      testDescription: "a CR alone never leaves", hello: "250 me", message: "a: b\n\nx\r.\ry\n",
      code: 0, heard: "\r\nx\r\n..\r\ny\r\n.\r\n", said: ""),
    Journey(
      testDescription: "a line is longer than may be", hello: "250 me",
      message: "a: b\n\n\(longLine)\n", code: 0, heard: "\r\n\(longLine)\r\n.\r\n",
      said: "note: line 3 of the message is longer than the 998 octets"),
    Journey(
      testDescription: "a line is as long as may be", hello: "250 me",
      message: "a: b\r\n\r\n\(longLine.dropLast())\r\n", code: 0,
      heard: "\r\n\(longLine.dropLast())\r\n.\r\n", said: ""),
    Journey(
      testDescription: "octets above 127 are taken", hello: "250-me\r\n250 8BITMIME",
      message: "a: b\n\n\u{E4}\n", code: 0, heard: "MAIL FROM:<a@example.net> BODY=8BITMIME\r\n",
      said: ""),
    Journey(
      testDescription: "octets above 127 are not taken", hello: "250 me",
      message: "a: b\n\n\u{E4}\n", code: 1, heard: "QUIT\r\n", said: "octets above 127"),
    Journey(
      testDescription: "the message is too big by its line ends", hello: "250-me\r\n250 SIZE 11",
      message: "a: b\n\nxy\n", code: 1, heard: "QUIT\r\n", said: "larger than the 11 octets"),
  ]

  @Test("a message arrives as the standard has it, or the reason is said", arguments: journeys)
  func travels(_ journey: Journey) async throws {
    let rest =
      journey.code == 0 ? ["250 ok", "250 ok", "354 go", "250 kept", "221 bye"] : ["221 bye"]
    let server = try ScriptedServer(["220 me", journey.hello] + rest)
    let done = try await run(
      Places.program,
      [
        "send", "--from", "a@example.net", "--to", "b@example.test", "--server",
        "127.0.0.1:\(server.port)", "--kernel", "--hostname", "me.example.net",
      ], input: journey.message, deadline: .seconds(60))
    #expect(done.status == journey.code, "\(done.errors)\(server.heard)")
    #expect(server.heard.contains(journey.heard), "\(server.heard)")
    #expect(
      journey.said.isEmpty ? done.errors.isEmpty : done.errors.contains(journey.said),
      "\(done.errors)")
  }

  @Test("of several recipients the worst decides, and each has its sentence")
  func several() async throws {
    let server = try ScriptedServer(
      Self.begin + ["250 ok", "250 ok", "550 b", "451 c", "354 go", "250 kept", "221 bye"])
    let done = try await run(
      Places.program,
      [
        "send", "--from", "", "--to", "a@example.test", "--to", "b@example.test", "--to",
        "c@example.test", "--server", "127.0.0.1:\(server.port)", "--kernel",
      ], input: "x\n", deadline: .seconds(60))
    #expect(done.status == 1)
    #expect(server.heard.contains("MAIL FROM:<>"), "\(server.heard)")
    #expect(!done.errors.contains("<a@example.test>"), "\(done.errors)")
    #expect(done.errors.contains("<b@example.test>") && done.errors.contains("<c@example.test>"))
  }
}
