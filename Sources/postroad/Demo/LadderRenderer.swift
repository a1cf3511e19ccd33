import Analysis
import Foundation
import Laboratory
import Octets
import TCPCore

/// Draws steps as a ladder: time, client, arrow, server, and the dialogue beside it.
///
/// ```text
///   0.000 s │── SYN seq 0 ───────────────────────▶│
///           │   an active open asks for ...       │
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
    case clientState = "36;1"
    case serverState = "32;1"
  }

  /// Columns in all.
  let width: Int
  /// Whether marks are written.
  let hasColours: Bool

  private let timeWidth = 9
  private var laneWidth: Int { min(max(width * 46 / 100, 37), 60) }
  private var textWidth: Int { max(width - timeWidth - laneWidth - 3, 12) }

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
    let room = max(laneWidth + 2 - client.count - server.count, 1)
    let names =
      blank(timeWidth) + mark(client, .client) + blank(room) + mark(server, .server)
    return [names, gap]
  }

  /// A line in which nothing happens.
  var gap: String { rail("", lane: blank(laneWidth)) }

  /// A change of state, at the side of the host that changes.
  func draw(_ change: StateChange) -> String {
    let text = "\(change.from.rawValue) → \(change.to.rawValue)"
    let line = Columns.pad(text, laneWidth - 2, left: !change.isClient)
    return rail("", lane: mark(" \(line) ", change.isClient ? .clientState : .serverState))
  }

  /// A step: the arrow, the reason below, the dialogue beside.
  func draw(_ step: LadderStep) -> [String] {
    var lanes = [arrow(step)]
    if !step.isReasonKnown {
      let sentence = (step.rule.map { "\($0): " } ?? "") + step.sentence
      for line in Self.wrap(sentence, source: step.source, width: laneWidth - 6) {
        lanes.append(blank(3) + mark(Columns.pad(line, laneWidth - 3), .faint))
      }
    }
    if step.isLost {
      lanes.insert(blank(3) + mark(Columns.pad("lost on the way", laneWidth - 3), .lost), at: 1)
    }
    var texts: [String] = []
    for line in step.said {
      let speaker = line.speaker == .client ? "C: " : "S: "
      for (index, part) in Self.wrap(line.textOnWire, width: textWidth - 3).enumerated() {
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
        row == 0 ? LadderLine.clock(step.time) : "",
        lane: row < lanes.count ? lanes[row] : blank(laneWidth),
        text: row < texts.count ? texts[row] : "")
    }
  }

  /// What a host decides, on its own side: beside the left rail the client's, the server's beside its.
  func draw(_ decision: RuleExplanation, byClient: Bool) -> [String] {
    let indent = byClient ? 1 : laneWidth / 3
    let lines = Self.wrap(
      "\(decision.effect) \(decision.name): \(decision.sentence)", source: decision.source,
      width: laneWidth - indent - 3)
    return lines.enumerated().map { index, line in
      let text = blank(indent) + (index == 0 ? "· " : "  ") + line
      return rail("", lane: mark(Columns.pad(text, laneWidth), byClient ? .client : .server))
    }
  }

  /// Marks a text, if colours are wanted.
  func mark(_ text: String, _ mark: Mark) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(mark.rawValue)m\(text)\u{1B}[0m" : text
  }

  private func arrow(_ step: LadderStep) -> String {
    let colour: Mark =
      step.isLost
      ? .lost : step.isRetransmission ? .again : step.isFromClient ? .client : .server
    let line = LadderLine.arrow(
      step.label, lane: laneWidth, isFromClient: step.isFromClient, isLost: step.isLost)
    return mark(line, colour)
  }

  private func rail(_ time: String, lane: String, text: String = "") -> String {
    // From a hundred seconds on there is no room for the unit.
    let time = time.count < timeWidth ? time : String(time.dropLast(2))
    let left = mark("│", .client)
    let right = mark("│", .server)
    let line = Columns.pad(time, timeWidth - 1, left: true) + " " + left + lane + right
    return text.isEmpty ? line : line + " " + text
  }

  private func blank(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }

  private static func mark(of speaker: DialogueLine.Speaker) -> Mark {
    speaker == .client ? .client : .server
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
