import ArgumentParser
import Drill
import Foundation
import Octets

/// Writes how scripts ran to standard output, as text or as JSON, and counts.
struct DrillOutput {
  let isJSON: Bool
  let draws: Bool
  let explains: Bool
  private var counts: [String: Int] = [:]
  private var total = 0
  private let encoder: JSONEncoder

  private struct ReportObject: Encodable {
    struct DifferenceObject: Encodable {
      let field: String
      let expected: String
      let seen: String
    }
    struct RuleObject: Encodable {
      let name: String
      let source: String
      let sentence: String
    }
    struct StepObject: Encodable {
      let time: Double
      let kind: String
      let text: String
      let line: Int?
      let rule: String?
      let decisions: [DecisionObject]?
    }
    struct DecisionObject: Encodable {
      let effect: String
      let name: String
      let source: String
      let sentence: String
    }
    let file: String
    let outcome: String
    let events: Int
    let seconds: Double
    var line: Int?
    var message: String?
    var text: String?
    var expected: String?
    var seen: String?
    var expectedFrom: Double?
    var expectedTo: Double?
    var seenAt: Double?
    var differences: [DifferenceObject]?
    var rule: RuleObject?
    var steps: [StepObject]?
    var warnings: [String]?
  }

  private struct TotalObject: Encodable {
    let total: Int
    let pass: Int
    let fail: Int
    let unsupported: Int
    let error: Int
  }

  init(isJSON: Bool, draws: Bool, explains: Bool = false) {
    self.isJSON = isJSON
    self.explains = explains
    self.draws = draws
    encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  }

  /// What the program ends with; nil when every script passed.
  var exitCode: ExitCode? {
    if counts["error"] != nil { return ExitCode(64) }
    if counts["fail"] != nil { return ExitCode(1) }
    return counts["unsupported"] != nil ? ExitCode(2) : nil
  }

  mutating func tell(_ report: ScriptReport) throws {
    var report = report
    if !explains {
      // They may have been kept for a capture only.
      report.steps.removeAll { $0.kind == .timer }
      for index in report.steps.indices { report.steps[index].decisions = [] }
    }
    counts[report.outcome.name, default: 0] += 1
    total += 1
    if isJSON { return try tellJSON(report) }
    var lines: [String] = draws ? report.ladder : []
    lines.append(report.line)
    lines += report.explanation
    lines += report.warnings.map { "  tolerated         \($0)" }
    if draws { lines.append("") }
    try put(lines)
  }

  /// Says how many there were.
  func finish() throws {
    func count(_ name: String) -> Int { counts[name] ?? 0 }
    guard !isJSON else {
      return try encode(
        TotalObject(
          total: total, pass: count("pass"), fail: count("fail"),
          unsupported: count("unsupported"), error: count("error")))
    }
    try put([
      "\(total) script\(total == 1 ? "" : "s"): \(count("pass")) pass, \(count("fail")) fail,"
        + " \(count("unsupported")) unsupported, \(count("error")) error"
    ])
  }

  private func tellJSON(_ report: ScriptReport) throws {
    func seconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1e6 }
    var object = ReportObject(
      file: report.file, outcome: report.outcome.name, events: report.eventsDone,
      seconds: seconds(report.duration))
    switch report.outcome {
    case .passed: break
    case .unsupported(let position, let what):
      object.line = position.line
      object.message = what
    case .faulty(let error):
      object.line = error.position.line
      object.message = "expected \(error.expected)" + (error.found.map { ", found \($0)" } ?? "")
    case .failed(let failure):
      object.line = failure.position.line
      object.message = failure.sentence
      object.text = failure.text
      object.expected = failure.expected
      object.seen = failure.seen
      object.expectedFrom = failure.expectedTime.map { seconds($0.lowerBound) }
      object.expectedTo = failure.expectedTime.map { seconds($0.upperBound) }
      object.seenAt = failure.seenTime.map(seconds)
      object.differences = failure.differences.map {
        .init(field: $0.field, expected: $0.expected, seen: $0.seen)
      }
      object.rule = failure.rule.map {
        .init(name: $0.name, source: $0.source, sentence: $0.sentence)
      }
    }
    if draws {
      object.steps = report.steps.map { step in
        .init(
          time: seconds(step.time), kind: step.kind.rawValue, text: step.text, line: step.line,
          rule: step.rule?.name,
          decisions: step.decisions.isEmpty
            ? nil
            : step.decisions.map {
              .init(
                effect: $0.effect.rawValue, name: $0.name, source: $0.source,
                sentence: $0.sentence)
            })
      }
    }
    if !report.warnings.isEmpty { object.warnings = report.warnings }
    try encode(object)
  }

  private func encode(_ object: some Encodable) throws {
    try put([UInt8](encoder.encode(object)) + [10])
  }
}
