import Foundation
import ProgramRunner
import Testing

/// The table of requirements is made by a program; here it is shown that it tells no lies.
@Suite("tools/conformance")
struct ConformanceTests {
  /// A small repository in which everything is as it should be.
  static let sound: [String: String] = [
    "Tests/Conformance/RFC-9293.txt": """
    # two of them

    MUST-1 | 3.1 | one thing
    MUST-2 | 3.2 | another
    SHLD-1 | 3.4 | a third | refused: for a reason that is given

    """,
    "Tests/Conformance/Documents.txt": """
    # one

    9293 | what it is about

    """,
    "Sources/One/One.swift": """
    // RFC 9293 3.1 MUST-1: obeyed here.
    let one = 1
    // RFC 9293 3.2 MUST-2.
    let two = 2

    """,
    "Tests/OneTests/OneTests.swift": """
    @Suite("one")
    struct OneTests {
      @Test(
        "a sentence",
        .requirement("RFC 9293 MUST-1"))
      func sentence(number: Int) {}

      @Test func other() {}
    }

    """,
    "Tests/DrillTests/Scripts/theme/script.pkt": """
    // RFC 9293 3.2 MUST-2: as it says.
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3

    """,
    "README.md": """
    # One

    <!-- tools/conformance writes the next line. -->
    nothing yet

    The end.

    """,
    "results/tests.xml": """
    <testsuites><testsuite><testcase classname="OneTests.OneTests" name="sentence(number:)"/>
    <testcase classname="OneTests.OneTests" name="other()"/></testsuite></testsuites>

    """,
    "results/scripts.json": """
    {"file": "/x/Tests/DrillTests/Scripts/theme/script.pkt", "outcome": "pass"}

    """,
  ]
  static let page = "Sources/TCPCore/TCPCore.docc/Conformance.md"

  /// One alteration of what is sound, made before or after the table was written.
  struct Lie: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var file: String
    var from: String
    var to: String
    var complaint: String
    var isAfterwards = false
  }

  static let script = "Tests/DrillTests/Scripts/theme/script.pkt"
  static let test = "Tests/OneTests/OneTests.swift"
  static let data = "Tests/Conformance/RFC-9293.txt"
  static let documents = "Tests/Conformance/Documents.txt"
  static let lies = [
    Lie(
      testDescription: "a claimed requirement that no test bears", file: data,
      from: "# two of them", to: "MUST-\(3) | 3.3 | a claim",
      complaint: "MUST-\(3): claimed, but no test bears it"),
    Lie(
      testDescription: "a test that bears its number in a comment alone", file: test,
      from: "    .requirement", to: "    // .requirement",
      complaint: "MUST-\(1): claimed, but no test bears it"),
    Lie(
      testDescription: "a Swift test for what is not required", file: test, from: "MUST-\(1)",
      to: "MUST-\(99)", complaint: "OneTests.swift:5: there is no MUST-\(99)"),
    Lie(
      testDescription: "a script for what is not required", file: script, from: "MUST-\(2)",
      to: "MUST-\(2), SHLD-\(77)", complaint: "script.pkt:1: there is no SHLD-\(77)"),
    Lie(
      testDescription: "code that cites what is not required", file: "Sources/One/One.swift",
      from: "MUST-\(1)", to: "MAY-\(50)", complaint: "One.swift:1: there is no MAY-\(50)"),
    Lie(
      testDescription: "a claim that no code cites", file: "Sources/One/One.swift",
      from: "// RFC 9293 3.2 MUST-\(2).", to: "",
      complaint: "MUST-\(2): claimed, but no code cites it"),
    Lie(
      testDescription: "a citation of another section", file: script, from: "9293 3.2",
      to: "9293 3.1", complaint: "script.pkt:1: MUST-\(2) is not in section 3.1"),
    Lie(
      testDescription: "a test that failed", file: "results/tests.xml",
      from: "name=\"sentence(number:)\"/>",
      to: "name=\"sentence(number:)\"><failure message=\"no\"/></testcase>",
      complaint: "MUST-\(1): OneTests.OneTests/sentence (failed)"),
    Lie(
      testDescription: "a test that was skipped", file: "results/tests.xml",
      from: "name=\"sentence(number:)\"/>",
      to: "name=\"sentence(number:)\"><skipped/></testcase>",
      complaint: "MUST-\(1): OneTests.OneTests/sentence (skipped)"),
    Lie(
      testDescription: "a test that did not run", file: "results/tests.xml", from: "sentence",
      to: "sentences", complaint: "MUST-\(1): OneTests.OneTests/sentence (not run)"),
    Lie(
      testDescription: "a script that failed", file: "results/scripts.json", from: "pass",
      to: "fail", complaint: "MUST-\(2): theme/script.pkt (failed)"),
    Lie(
      testDescription: "a document that no script names", file: documents, from: "9293 | what",
      to: "9293 | what\n1 | and what", complaint: "RFC 1: no packet script names it"),
    Lie(
      testDescription: "a document whose script failed", file: "results/scripts.json",
      from: "pass", to: "fail", complaint: "RFC 9293: theme/script.pkt (failed)"),
    Lie(
      testDescription: "a document twice", file: documents, from: "9293 | what",
      to: "9293 | what\n9293 | what", complaint: "RFC 9293 stands there twice"),
    Lie(
      testDescription: "a refusal without a reason", file: data,
      from: "refused: for a reason that is given", to: "refused", complaint: "not a requirement"),
    Lie(
      testDescription: "a requirement twice", file: data, from: "SHLD-\(1)", to: "MUST-\(2)",
      complaint: "MUST-\(2) stands there twice"),
    Lie(
      testDescription: "a refused requirement that a test bears", file: script,
      from: "MUST-\(2):", to: "MUST-\(2), RFC 9293 3.4 SHLD-\(1):",
      complaint: "SHLD-\(1) is not claimed, yet theme/script.pkt bears it"),
    Lie(
      testDescription: "a table that somebody wrote by hand", file: page, from: "refused: for",
      to: "met: for", complaint: "is not what tools/conformance would write", isAfterwards: true),
    Lie(
      testDescription: "a summary that somebody wrote by hand", file: "README.md",
      from: "2 of 2 MUSTs", to: "3 of 3 MUSTs",
      complaint: "README.md is not what tools/conformance would write", isAfterwards: true),
  ]

  /// A repository in a folder of its own.
  private struct Repository {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString)")

    init() throws {
      for (name, text) in sound { try write(text, to: name) }
      try refreshResults()
    }

    func text(_ name: String) throws -> String {
      try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    func write(_ text: String, to name: String) throws {
      let place = folder.appending(path: name)
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: place)
    }

    /// The results are as new as anything else.
    func refreshResults() throws {
      for name in sound.keys where name.hasPrefix("results/") { try write(text(name), to: name) }
    }

    func conformance(_ options: String...) async throws -> Finished {
      let pages = folder.appending(path: page).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: pages, withIntermediateDirectories: true)
      return try await run(
        Places.root.appending(path: "tools/conformance").path,
        ["--root", folder.path, "--results", folder.appending(path: "results").path] + options,
        deadline: .seconds(60))
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
  }

  @Test("what is sound is written, and then found unchanged")
  func soundOnes() async throws {
    let repository = try Repository()
    defer { repository.remove() }
    let before = try await repository.conformance("--check")
    #expect(before.status == 1 && before.errors.contains("is not what"), "\(before.errors)")
    let written = try await repository.conformance()
    #expect(written.status == 0, "\(written.errors)")
    let table = try repository.text(Self.page)
    let row = "| one thing | `One/One.swift` | `OneTests.OneTests/sentence` | met |"
    #expect(table.contains(row), "\(table)")
    #expect(table.contains("| `theme/script.pkt` | met |"), "\(table)")
    #expect(table.contains("| refused: for a reason that is given |"), "\(table)")
    #expect(table.contains("| RFC 9293 | what it is about | `theme/script.pkt` |"), "\(table)")
    let readme = try repository.text("README.md")
    #expect(readme.contains("2 of 2 MUSTs are met; 0 of 1 SHLDs are met (1 is refused)"))
    #expect(readme.hasSuffix("\n\nThe end.\n") && !readme.contains("nothing yet"), "\(readme)")
    let after = try await repository.conformance("--check")
    #expect(after.status == 0, "\(after.errors)")
  }

  @Test("a lie is found", arguments: lies)
  func lie(_ lie: Lie) async throws {
    let repository = try Repository()
    defer { repository.remove() }
    func alter() throws {
      let text = try repository.text(lie.file)
      #expect(text.contains(lie.from))
      try repository.write(text.replacing(lie.from, with: lie.to), to: lie.file)
      try repository.refreshResults()
    }
    if !lie.isAfterwards { try alter() }
    // Writing the table anew is no way out.
    let written = try await repository.conformance()
    #expect(written.status == (lie.isAfterwards ? 0 : 1), "\(written.errors)")
    if lie.isAfterwards { try alter() }
    let checked = try await repository.conformance("--check")
    #expect(checked.status == 1)
    #expect(checked.errors.contains(lie.complaint), "\(checked.errors)")
  }

  @Test("results that are older than the code, or none at all, prove nothing")
  func oldResults() async throws {
    let repository = try Repository()
    defer { repository.remove() }
    _ = try await repository.conformance()
    let results = repository.folder.appending(path: "results")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
      ofItemAtPath: results.appending(path: "tests.xml").path)
    let old = try await repository.conformance("--check")
    #expect(old.status == 1 && old.errors.contains("tests.xml is older than the code"))
    try FileManager.default.removeItem(at: results)
    let none = try await repository.conformance("--check")
    #expect(none.status == 1 && none.errors.contains("no results in"), "\(none.errors)")
  }
}
