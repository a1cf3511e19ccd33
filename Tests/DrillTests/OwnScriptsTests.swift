import Foundation
import Testing

@testable import Drill

/// The scripts under `Scripts`, by theme.
enum OwnScripts {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Scripts").path

  /// Their names, as `theme/what-it-shows.pkt`.
  static let names: [String] = {
    let found = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return found.filter { $0.hasSuffix(".pkt") }.sorted()
  }()

  static func text(of name: String) throws -> [UInt8] {
    [UInt8](try #require(FileManager.default.contents(atPath: "\(folder)/\(name)")))
  }

  static func script(_ name: String) throws -> Script {
    try Script(parsing: text(of: name), file: name)
  }

  static var settings: RunSettings {
    var settings = RunSettings()
    settings.isStrict = true
    return settings
  }
}

@Suite("our scripts")
struct OwnScriptsTests {
  @Test("there are scripts to run")
  func presence() { #expect(OwnScripts.names.count > 100) }

  @Test("a script passes, and its first comment names the requirement", arguments: OwnScripts.names)
  func passes(name: String) throws {
    let first = String(decoding: try OwnScripts.text(of: name).prefix(60), as: UTF8.self)
    #expect(first.hasPrefix("// RFC "), "the first comment names a requirement")
    let report = try OwnScripts.script(name).run(OwnScripts.settings)
    #expect(
      report.outcome.name == "pass",
      "\((report.explanation + [report.line]).joined(separator: "\n"))")
  }

  @Test("with one field of one expected packet altered a script fails", arguments: OwnScripts.names)
  func mutantsFail(name: String) throws {
    let script = try OwnScripts.script(name)
    // What a script can tell only passes when it runs; a failing one is told above.
    guard script.run(OwnScripts.settings).outcome.name == "pass" else { return }
    for index in script.events.indices {
      for mutation in Mutation.allCases {
        guard let altered = mutation.apply(to: script.events[index]) else { continue }
        var mutant = script
        mutant.events[index] = altered
        let outcome = mutant.run(OwnScripts.settings).outcome.name
        #expect(outcome == "fail", "line \(script.events[index].line), \(mutation): \(outcome)")
      }
    }
  }
}
