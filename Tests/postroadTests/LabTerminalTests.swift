import Foundation
import ProgramRunner
import Testing

extension Trait where Self == ConditionTrait {
  /// tmux plays the terminal.
  fileprivate static var needsTmux: Self {
    let places = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let isThere = places.contains { FileManager.default.isExecutableFile(atPath: "\($0)/tmux") }
    return .enabled(if: isThere, "tmux is not installed")
  }
}

/// A tmux server of its own, with one window in which a shell runs.
private struct Terminal {
  let socket = "postroad-\(UUID().uuidString.prefix(8))"

  @discardableResult
  func tmux(_ arguments: [String]) async throws -> Finished {
    // TMUX is emptied, for the tests may themselves run inside of one.
    try await run(
      "/usr/bin/env", ["tmux", "-u", "-L", socket, "-f", "/dev/null"] + arguments,
      environment: ["TMUX": "", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"],
      deadline: .seconds(60))
  }

  func begin(_ command: String, columns: Int = 80, rows: Int = 24) async throws {
    let begun = try await tmux([
      "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "-s", "lab", "/bin/sh",
    ])
    try #require(begun.status == 0, "\(begun.errors)")
    try await type("PS1='ready> '; stty -a | grep -c -- -icanon; \(command)")
    try await press("Enter")
  }

  func type(_ text: String) async throws { try await tmux(["send-keys", "-t", "lab", "-l", text]) }
  func press(_ keys: String...) async throws {
    try await tmux(["send-keys", "-t", "lab"] + keys)
  }

  func screen() async throws -> String {
    try await tmux(["capture-pane", "-t", "lab", "-p"]).output
  }

  /// The first screen with a text on it.
  func waitFor(_ text: String) async throws -> String {
    let end = ContinuousClock.now + .seconds(60)
    var screen = ""
    while ContinuousClock.now < end {
      screen = try await self.screen()
      if screen.contains(text) { return screen }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("'\(text)' did not appear:\n\(screen)")
    return screen
  }

  func end() async throws { try await tmux(["kill-server"]) }
}

/// `postroad lab` on a terminal.
@Suite("the laboratory on a terminal")
struct LabTerminalTests {
  private func inTerminal(
    columns: Int = 80, rows: Int = 24, _ options: String = "",
    _ body: (Terminal) async throws -> Void
  ) async throws {
    let terminal = Terminal()
    do {
      try await terminal.begin(
        "'\(Places.program)' lab \(options)", columns: columns, rows: rows)
      try await body(terminal)
    } catch {
      try? await terminal.end()
      throw error
    }
    try await terminal.end()
  }

  @Test("in 80 x 24: steps on and back, selects, drops, forks, views, and quits", .needsTmux)
  func dialogue() async throws {
    try await inTerminal { terminal in
      let first = try await terminal.waitFor("nothing was sent yet")
      #expect(first.contains("postroad lab · mail"))
      #expect(first.contains("q quit") || first.contains("? for the keys"))
      try await terminal.press("Right")
      _ = try await terminal.waitFor("client CLOSED → SYN-SENT")
      try await terminal.press("Right")
      let second = try await terminal.waitFor("SYN-RECEIVED")
      #expect(second.contains("SYN,ACK seq 0 ack 1"))
      try await terminal.press("Left")
      let back = try await terminal.waitFor("step 1 of")
      #expect(!back.contains("SYN,ACK seq 0 ack 1"))
      try await terminal.type("f")
      _ = try await terminal.waitFor("run 2 of 2")
      try await terminal.type("d")
      _ = try await terminal.waitFor("packet 1 is lost")
      try await terminal.press("Right")
      _ = try await terminal.waitFor("1.000 s")
      try await terminal.type("o")
      _ = try await terminal.waitFor("Total Length")
      try await terminal.type("c")
      _ = try await terminal.waitFor("# cwnd")
      try await terminal.type("e")
      _ = try await terminal.waitFor("SND.UNA")
      try await terminal.press("Up")
      _ = try await terminal.waitFor(">     1")
      try await terminal.type("q")
      let after = try await terminal.waitFor("ready> ")
      #expect(!after.contains("postroad lab ·"), "the other screen was not left")
      // Lines are edited and echoed again.
      try await terminal.type("stty -a | tr ';' '\\n' | grep -c -- ' icanon'; echo over")
      try await terminal.press("Enter")
      #expect(try await terminal.waitFor("\nover").contains("\n1\nover"))
    }
  }

  @Test(
    "a signal that ends it leaves the terminal as it was", .needsTmux, arguments: ["TERM", "INT"])
  func signals(signal: String) async throws {
    try await inTerminal { terminal in
      _ = try await terminal.waitFor("postroad lab · mail")
      let panes = try await terminal.tmux(["list-panes", "-t", "lab", "-F", "#{pane_pid}"])
      let shell = panes.output.split(separator: "\n").first.map(String.init) ?? ""
      let child = try await run("/bin/sh", ["-c", "cat /proc/\(shell)/task/\(shell)/children"])
      let process = try #require(child.output.split(separator: " ").first)
      _ = try await run("/bin/kill", ["-\(signal)", String(process)])
      let after = try await terminal.waitFor("ready> ")
      #expect(!after.contains("postroad lab ·"))
      try await terminal.type("stty -a | tr ';' '\\n' | grep -c -- ' icanon'; echo over")
      try await terminal.press("Enter")
      #expect(try await terminal.waitFor("\nover").contains("\n1\nover"))
    }
  }

  @Test("it follows the size of its window", .needsTmux)
  func resizing() async throws {
    try await inTerminal(columns: 120, rows: 40, "--scene lossy --seed 3") { terminal in
      _ = try await terminal.waitFor("postroad lab · lossy")
      try await terminal.press("End")
      try await terminal.tmux(["resize-window", "-t", "lab", "-x", "80", "-y", "24"])
      try await terminal.type("?")
      let small = try await terminal.waitFor("PgUp PgDn")
      #expect(small.split(separator: "\n").allSatisfy { $0.count <= 80 })
      try await terminal.tmux(["resize-window", "-t", "lab", "-x", "40", "-y", "10"])
      _ = try await terminal.waitFor("are needed")
      try await terminal.type("q")
    }
  }

  @Test("without a terminal one sentence is said, with exit code 64")
  func noTerminal() async throws {
    let done = try await run(Places.program, ["lab"])
    #expect(done.status == 64)
    #expect(done.output.isEmpty)
    #expect(done.errors.split(separator: "\n").count == 1)
    #expect(done.errors.contains("needs a terminal"))
  }
}
