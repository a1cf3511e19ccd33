import Simulation

/// A packet as a line of a ladder: number, time, client, arrow, server.
public enum LadderLine {
  /// Columns in front of the lane.
  static let margin = 16

  /// The line of a packet, exactly so many columns wide (40 or more).
  public static func text(_ frame: RecordedFrame, width: Int) -> String {
    let lane = max(width, 40) - margin - 2
    let number = Columns.pad("\(frame.ordinal)", 5, left: true)
    let time = Columns.pad(clock(frame.sentAt), 9, left: true)
    return "\(number) \(time) │" + arrow(frame, lane) + "│"
  }

  /// The heads of both sides.
  public static func head(width: Int) -> String {
    let lane = max(width, 40) - margin
    let gap = String(repeating: " ", count: max(lane - 12, 1))
    return Columns.pad("", margin - 2) + "  client" + gap + "server"
  }

  private static func arrow(_ frame: RecordedFrame, _ lane: Int) -> String {
    var words = frame.segment.description.split(separator: " ").map(String.init)
    // Parts are left out whole, from the last, where they do not fit.
    while words.count > 1, words.joined(separator: " ").count > lane - 8 { words.removeLast() }
    let label = String(words.joined(separator: " ").prefix(lane - 8))
    let room = lane - label.count - 5
    let isLost = !frame.fate.arrives
    let mark = frame.fate == .heldBack ? "~" : frame.fate == .altered ? "≈" : "─"
    func rule(_ count: Int) -> String { String(repeating: mark, count: max(count, 0)) }
    func blank(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }
    switch (frame.sender, isLost) {
    case (.client, false): return "── \(label) " + rule(room) + "▶"
    case (.server, false): return "◀" + rule(room) + " \(label) ──"
    case (.client, true): return "── \(label) " + rule(room / 2) + "✗" + blank(room - room / 2)
    case (.server, true): return blank(room - room / 2) + "✗" + rule(room / 2) + " \(label) ──"
    }
  }

  /// Seconds with milliseconds.
  public static func clock(_ time: Duration) -> String {
    let (seconds, attoseconds) = time.components
    let digits = String(attoseconds / 1_000_000_000_000_000 + 1000).dropFirst()
    return "\(seconds).\(digits) s"
  }
}

/// Text in columns.
package enum Columns {
  /// Exactly so many columns: cut off, or filled with blanks.
  static func pad(_ text: String, _ count: Int, left: Bool = false) -> String {
    let gap = String(repeating: " ", count: max(count - text.count, 0))
    return left ? gap + text.prefix(max(count, 0)) : text.prefix(max(count, 0)) + gap
  }

  /// Breaks a text between words; a word too long for a line is cut.
  ///
  /// - Parameter keepsSpaces: blanks in a row stay as they are; else one stands for all.
  package static func wrap(_ text: String, width: Int, keepsSpaces: Bool = false) -> [String] {
    let width = max(width, 1)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: !keepsSpaces) {
      var rest = word
      if !line.isEmpty, line.count + 1 + rest.count > width {
        lines.append(line)
        line = ""
      }
      while rest.count > width {
        lines.append(String(rest.prefix(width)))
        rest = rest.dropFirst(width)
      }
      line = line.isEmpty ? String(rest) : line + " " + rest
    }
    if !line.isEmpty || lines.isEmpty { lines.append(line) }
    return lines
  }
}
