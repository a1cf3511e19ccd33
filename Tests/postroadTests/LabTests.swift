import Foundation
import ProgramRunner
import Testing

/// `postroad lab` at the command line.
@Suite("the laboratory's exercises")
struct LabTests {
  /// A folder that is gone afterwards.
  private func inFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "postroad-lab-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.path)
  }

  @Test("every exercise that is listed can be started, and is not passed at first")
  func start() async throws {
    let list = try await run(Places.program, ["lab", "list"])
    #expect(list.status == 0)
    let names = list.output.split(separator: "\n").compactMap { $0.split(separator: " ").first }
    #expect(names.count == 11)
    for name in names {
      try await inFolder { folder in
        let started = try await run(
          Places.program, ["lab", "start", String(name), "--into", folder])
        #expect(started.status == 0, "\(started.errors)")
        let checked = try await run(Places.program, ["lab", "check", String(name), folder])
        #expect(checked.status == 1)
        #expect(checked.output.hasPrefix("not yet: "))
        #expect(checked.output.split(separator: "\n").count == 1)
        let hint = try await run(
          Places.program, ["lab", "check", String(name), folder, "--hint"])
        #expect(hint.output.contains("\nhint: "))
        let again = try await run(Places.program, ["lab", "start", String(name), "--into", folder])
        #expect(again.status == 1 && again.errors.contains("is there already"))
      }
    }
  }

  @Test("a handshake typed at the prompt is saved, and passes the check")
  func handshake() async throws {
    try await inFolder { folder in
      _ = try await run(Places.program, ["lab", "start", "handshake", "--into", folder])
      let typed = try await run(
        Places.program, ["lab", "try", "handshake", "--save", folder + "/answer.txt"],
        input: "SYN seq=7\nACK seq=8 ack=2178931448 data=\"hello\"\n\n")
      #expect(typed.output.contains("SYN,ACK seq=2178931447 ack=8"))
      let checked = try await run(Places.program, ["lab", "check", "handshake", folder])
      #expect(checked.status == 0, "\(checked.output)")
      #expect(checked.output.hasPrefix("passed: "))
    }
  }

  @Test("what is not there is said in one sentence, with exit code 64")
  func wrongUsage() async throws {
    for arguments in [
      ["lab", "nonsense"], ["lab", "check", "nonsense"], ["lab", "start", "nonsense"],
      ["lab", "check", "dots", "/nonexistent"], ["lab", "try", "dots"],
    ] {
      let done = try await run(Places.program, arguments)
      #expect(done.status == 64, "\(arguments): \(done.errors)")
      #expect(done.errors.hasPrefix("error: "))
      #expect(done.output.isEmpty)
    }
  }
}
