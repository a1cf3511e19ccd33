import Foundation
import ProgramRunner
import Testing

/// The exit codes of `postroad drill`, which scripts of others ask for.
@Suite("the command drill")
struct DrillCommandTests {
  static let good = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
  static let failing = good + "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 > S 0:0(0)\n"
  static let malformed = "0 socket(..., SOCK_STREAM\n"
  static let unsupported = "0 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3\n"

  /// Runs scripts that are written into a folder first.
  private func drill(_ scripts: [String], _ options: [String] = []) async throws -> Finished {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (index, script) in scripts.enumerated() {
      try Data(script.utf8).write(to: folder.appending(path: "\(index).pkt"))
    }
    return try await run(
      Places.program, ["drill", folder.path] + options, deadline: .seconds(60))
  }

  struct Ending: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let scripts: [String]
    let code: Int32
  }

  static let endings = [
    Ending(testDescription: "one passes", scripts: [good], code: 0),
    Ending(testDescription: "one fails", scripts: [good, failing], code: 1),
    Ending(testDescription: "one is unsupported", scripts: [good, unsupported], code: 2),
    Ending(testDescription: "unsupported and failing", scripts: [unsupported, failing], code: 1),
    Ending(testDescription: "one is malformed", scripts: [malformed], code: 64),
    Ending(testDescription: "malformed among others", scripts: [failing, malformed], code: 64),
    Ending(testDescription: "no script at all", scripts: [], code: 64),
  ]

  @Test("the worst of the scripts decides the exit code", arguments: endings)
  func exitCodes(_ ending: Ending) async throws {
    let done = try await drill(ending.scripts)
    #expect(done.status == ending.code, "\(done.output)\(done.errors)")
  }

  @Test("--explain says at each step what the stack decides, what it holds back among it")
  func explain() async throws {
    let script = Places.root.appending(
      path: "Tests/DrillTests/Scripts/nagle-and-delayed-ack/small-segment-waits.pkt"
    ).path
    let done = try await run(Places.program, ["drill", "--explain", script])
    #expect(done.status == 0)
    for part in [
      "sendSYNACK (RFC 9293", "· delays nagle: ",
      "sendLastData (RFC 9293 3.9.1.2), held back by nagle",
    ] { #expect(done.output.contains(part), "'\(part)':\n\(done.output)") }
    let json = try await run(Places.program, ["drill", "--explain", "--json", script])
    #expect(json.output.contains(#""decisions":[{"effect":"delays","name":"nagle""#))
    let plain = try await run(Places.program, ["drill", "--trace", script])
    #expect(plain.output.contains("sendSYNACK") && !plain.output.contains("·"))
  }

  @Test("a malformed script is told with its file and line")
  func malformedScript() async throws {
    let done = try await drill([Self.good + Self.malformed])
    #expect(
      done.output.contains("0.pkt:3: ") || done.output.contains("0.pkt:2: "), "\(done.output)")
  }

  @Test("a script that cannot be read is told as malformed, and the others run")
  func unreadableScript() async throws {
    let done = try await run(
      Places.program, ["drill", "/proc/self/mem", "/dev/stdin", "/dev/null"], input: Self.good,
      deadline: .seconds(60))
    #expect(done.status == 64)
    let lines = done.output.split(separator: "\n").map(String.init)
    let reason = "expected a file that can be read (input/output error)"
    #expect(lines.first == "error       /proc/self/mem:1: " + reason)
    #expect(lines.dropFirst().first == "pass        /dev/stdin")
    #expect(lines.last == "3 scripts: 1 pass, 0 fail, 0 unsupported, 2 error")
  }

  @Test("with --json every line is an object, and the last one counts")
  func json() async throws {
    let done = try await drill([Self.good, Self.failing], ["--json"])
    #expect(done.status == 1)
    var objects: [[String: Any]] = []
    for line in done.output.split(separator: "\n") {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      objects.append(try #require(object))
    }
    #expect(objects.count == 3)
    #expect(objects.map { $0["outcome"] as? String } == ["pass", "fail", nil])
    #expect(objects.last?["total"] as? Int == 2)
    #expect(objects.last?["fail"] as? Int == 1)
  }
}
