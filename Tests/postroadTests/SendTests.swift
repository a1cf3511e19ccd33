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
