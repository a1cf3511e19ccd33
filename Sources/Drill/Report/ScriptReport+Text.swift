import Octets

extension ScriptReport {
  /// One line: the outcome, the file, and why if it is not a pass.
  public var line: String {
    let name = outcome.name + String(repeating: " ", count: max(0, 11 - outcome.name.utf8.count))
    switch outcome {
    case .passed: return "\(name) \(file)"
    case .failed(let failure): return "\(name) \(failure.position): \(failure.sentence)"
    case .unsupported(let position, let what): return "\(name) \(position): \(what)"
    case .faulty(let error): return "\(name) \(error)"
    }
  }

  /// What a student reads when a script fails: the event, what was expected and what came, side by
  /// side, and the rule that the stack followed. Empty for other outcomes.
  public var explanation: [String] {
    guard case .failed(let failure) = outcome else { return [] }
    var lines = ["  the script says   \(failure.text)"]
    if let expected = failure.expected { lines.append("  expected          \(expected)") }
    if failure.expected != nil || failure.seen != nil {
      lines.append("  seen              \(failure.seen ?? "nothing")")
    }
    if let expected = failure.expectedTime {
      let from = Ladder.seconds(max(0, expected.lowerBound))
      lines.append("  expected at       \(from) to \(Ladder.seconds(expected.upperBound)) s")
    }
    if let seen = failure.seenTime { lines.append("  seen at           \(Ladder.seconds(seen)) s") }
    if !failure.differences.isEmpty {
      let width = failure.differences.map(\.field.count).max() ?? 0
      for difference in failure.differences {
        let field = Ladder.pad(difference.field, width)
        lines.append(
          "  differs           \(field)  expected \(difference.expected), seen \(difference.seen)")
      }
    }
    if let rule = failure.rule {
      lines.append("  sent because      \(rule.sentence) (\(rule.name), \(rule.source))")
    }
    return lines
  }

  /// The whole exchange: the peer at the left, the stack at the right.
  public var ladder: [String] { Ladder.lines(of: steps) }
}

/// Draws what happened between the script and the stack.
enum Ladder {
  private static let width = 58

  static func lines(of steps: [ScriptStep]) -> [String] {
    var lines = [
      "    seconds  line  " + pad("script (application and network)", width + 4) + "stack"
    ]
    for step in steps {
      let time = leftPad(seconds(step.time), 11)
      let line = leftPad(step.line.map(String.init) ?? "", 5)
      let text = step.text.split(whereSeparator: \.isNewline).map {
        $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }.joined(separator: "; ")
      let arrow: String
      switch step.kind {
      case .inbound: arrow = pad(text + " ", width, with: "-") + "->"
      case .outbound: arrow = "<-" + leftPad(" " + text, width, with: "-")
      case .call: arrow = pad(text, width + 2)
      case .command: arrow = pad("$ " + text, width + 2)
      case .code: arrow = pad("% " + text, width + 2)
      case .timer: arrow = pad("", width + 2)
      }
      var why = ""
      if let rule = step.rule {
        why = "  \(rule.name) (\(rule.source))"
        for delay in rule.heldBackBy { why += ", held back by \(delay.name)" }
      }
      if step.kind == .outbound, step.line == nil { why += "  [not in the script]" }
      if step.kind != .timer { lines.append(trimEnd("\(time) \(line)  \(arrow)\(why)")) }
      let start = step.kind == .timer ? time : leftPad("", time.count)
      for (index, decision) in step.decisions.enumerated() {
        let start = index == 0 ? start : leftPad("", time.count)
        lines.append("\(start)        · \(decision.effect) \(decision)")
      }
    }
    return lines
  }

  /// Microseconds as seconds.
  static func seconds(_ microseconds: Int64) -> String {
    let magnitude = microseconds.magnitude
    let fraction = "\(magnitude % 1_000_000)"
    return (microseconds < 0 ? "-" : "") + "\(magnitude / 1_000_000)."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }

  static func pad(_ text: String, _ width: Int, with filler: Character = " ") -> String {
    text + String(repeating: filler, count: max(0, width - text.count))
  }

  private static func leftPad(_ text: String, _ width: Int, with filler: Character = " ") -> String
  {
    String(repeating: filler, count: max(0, width - text.count)) + text
  }

  private static func trimEnd(_ text: String) -> String {
    var view = text[...]
    while view.last == " " { view = view.dropLast() }
    return String(view)
  }
}
