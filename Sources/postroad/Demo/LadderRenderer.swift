import Foundation
import Laboratory
import Octets

/// Draws steps as a ladder: time, client, arrow, server, and the dialogue beside it.
///
/// ```text
///    0.000 s │── SYN  seq 0 ──────────────────────▶│
///            │   an active open asks for ...       │
/// ```
struct LadderRenderer {
  /// How text is marked; without colours nothing is.
  enum Mark: String {
    case client = "36"
    case server = "32"
    case lost = "31;1"
    case again = "33"
    case faint = "2"
    case strong = "1"
  }

  /// Columns in all.
  let width: Int
  /// Whether marks are written.
  let hasColours: Bool

  private let timeWidth = 10
  private var laneWidth: Int { min(max(width * 46 / 100, 38), 60) }
  private var textWidth: Int { max(width - timeWidth - laneWidth - 5, 12) }

  /// For the terminal that standard output is, or COLUMNS, or 100 columns.
  static func forStandardOutput() -> LadderRenderer {
    let isTerminal = isatty(STDOUT_FILENO) == 1
    var size = winsize()
    let known = unsafe isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0
    let environment = ProcessInfo.processInfo.environment
    let wanted = environment["COLUMNS"].flatMap { Int($0) } ?? 100
    let columns = known && size.ws_col > 0 ? Int(size.ws_col) : wanted
    let refused = !(environment["NO_COLOR"] ?? "").isEmpty
    return LadderRenderer(
      width: min(max(columns, 72), 140), hasColours: isTerminal && !refused)
  }

  /// The heads of the two columns.
  func head(client: String, server: String) -> [String] {
    let gap = max(laneWidth + 2 - client.count - server.count, 1)
    let names =
      blank(timeWidth) + mark(client, .client) + blank(gap) + mark(server, .server)
    return [names, rail("", lane: blank(laneWidth))]
  }

  /// A step: the arrow, the reason below, the dialogue beside.
  func draw(_ step: LadderStep) -> [String] {
    var lanes = [arrow(step)]
    if !step.isReasonKnown {
      let sentence = (step.rule.map { "\($0): " } ?? "") + step.sentence
      for line in Self.wrap(sentence, source: step.source, width: laneWidth - 6) {
        lanes.append(blank(3) + mark(pad(line, laneWidth - 3), .faint))
      }
    }
    if step.isLost {
      lanes.insert(blank(3) + mark(pad("lost on the way", laneWidth - 3), .lost), at: 1)
    }
    var texts: [String] = []
    for line in step.said {
      let speaker = line.speaker == .client ? "C: " : "S: "
      for (index, part) in Self.wrap(line.text, width: textWidth - 3).enumerated() {
        let text = (index == 0 ? speaker : "   ") + part
        let shown = part.isEmpty ? String(text.dropLast()) : text
        texts.append(line.isMessage ? shown : mark(shown, Self.mark(of: line.speaker)))
      }
    }
    if let meaning = step.meaning {
      let lines = Self.wrap(meaning.text, source: meaning.source, width: textWidth - 5)
      for (index, line) in lines.enumerated() {
        texts.append(mark((index == 0 ? "   · " : "     ") + line, .faint))
      }
    }
    let rows = max(lanes.count, texts.count)
    return (0..<rows).map { row in
      rail(
        row == 0 ? Self.clock(step.time) : "",
        lane: row < lanes.count ? lanes[row] : blank(laneWidth),
        text: row < texts.count ? texts[row] : "")
    } + [rail("", lane: blank(laneWidth))]
  }

  /// What a host decides, on its own side: beside the left rail the client's, the server's beside its.
  func draw(_ decision: RuleExplanation, byClient: Bool) -> [String] {
    let indent = byClient ? 1 : laneWidth / 3
    let lines = Self.wrap(
      "\(decision.effect) \(decision.name): \(decision.sentence)", source: decision.source,
      width: laneWidth - indent - 3)
    return lines.enumerated().map { index, line in
      let text = blank(indent) + (index == 0 ? "· " : "  ") + line
      return rail("", lane: mark(pad(text, laneWidth), byClient ? .client : .server))
    }
  }

  /// Marks a text, if colours are wanted.
  func mark(_ text: String, _ mark: Mark) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(mark.rawValue)m\(text)\u{1B}[0m" : text
  }

  private func arrow(_ step: LadderStep) -> String {
    let label = label(step)
    let room = laneWidth - label.count - 5
    let colour: Mark =
      step.isLost
      ? .lost : step.isRetransmission ? .again : step.isFromClient ? .client : .server
    let line: String
    switch (step.isFromClient, step.isLost) {
    case (true, false): line = "── \(label) " + rule(room) + "▶"
    case (false, false): line = "◀" + rule(room) + " \(label) ──"
    case (true, true):
      line = "── \(label) " + rule(room / 2) + "✗" + blank(room - room / 2)
    case (false, true):
      line = blank(room - room / 2) + "✗" + rule(room / 2) + " \(label) ──"
    }
    return mark(line, colour)
  }

  /// What a step is, as far as it fits: parts are left out whole, never cut, from the last.
  private func label(_ step: LadderStep) -> String {
    var parts = step.label
    let room = laneWidth - (step.isLost ? 7 : 6)
    while parts.count > 1, parts.joined(separator: " ").count > room { parts.removeLast() }
    return String(parts.joined(separator: " ").prefix(room))
  }

  private func rail(_ time: String, lane: String, text: String = "") -> String {
    let left = mark("│", .client)
    let right = mark("│", .server)
    let line = pad(time, timeWidth - 1, left: true) + " " + left + lane + right
    return text.isEmpty ? line : line + "  " + text
  }

  private func blank(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }
  private func rule(_ count: Int) -> String { String(repeating: "─", count: max(count, 0)) }

  private func pad(_ text: String, _ count: Int, left: Bool = false) -> String {
    let gap = blank(count - text.count)
    return left ? gap + text : text + gap
  }

  private static func mark(of speaker: DialogueReader.Speaker) -> Mark {
    speaker == .client ? .client : .server
  }

  /// Seconds with milliseconds.
  static func clock(_ time: Duration) -> String {
    let (seconds, attoseconds) = time.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    let digits = String(milliseconds + 1000).dropFirst()
    return "\(seconds).\(digits) s"
  }

  /// Breaks a sentence between words, and never within the section it stands on.
  static func wrap(_ sentence: String, source: String, width: Int) -> [String] {
    let kept = source.replacing(" ", with: "\u{A0}")
    return wrap("\(sentence) (\(kept))", width: width).map { $0.replacing("\u{A0}", with: " ") }
  }

  /// Breaks a text between words; what is told may have blanks in a row.
  static func wrap(_ text: String, width: Int) -> [String] {
    Columns.wrap(text, width: width, keepsSpaces: true)
  }
}
