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
    let mark: Character =
      frame.fate == .heldBack ? "~" : frame.fate == .altered ? "≈" : "─"
    let arrow = arrow(
      frame.segment.parts, lane: lane, isFromClient: frame.sender == .client,
      isLost: !frame.fate.arrives, mark: mark)
    return "\(number) \(time) │" + arrow + "│"
  }

  /// The heads of both sides.
  public static func head(width: Int) -> String {
    let lane = max(width, 40) - margin
    let gap = String(repeating: " ", count: max(lane - 12, 1))
    return Columns.pad("", margin - 2) + "  client" + gap + "server"
  }

  /// An arrow from one side to the other, exactly so many columns wide, with its label.
  ///
  /// Parts of the label are left out whole, from the last, where they do not fit.
  package static func arrow(
    _ label: [String], lane: Int, isFromClient: Bool, isLost: Bool, mark: Character = "─"
  ) -> String {
    let most = max(lane - (isLost ? 7 : 6), 0)
    var parts = label
    while parts.count > 1, parts.joined(separator: " ").count > most { parts.removeLast() }
    let text = String(parts.joined(separator: " ").prefix(most))
    let room = lane - text.count - 5
    func rule(_ count: Int) -> String { String(repeating: mark, count: max(count, 0)) }
    func blank(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }
    switch (isFromClient, isLost) {
    case (true, false): return "── \(text) " + rule(room) + "▶"
    case (false, false): return "◀" + rule(room) + " \(text) ──"
    case (true, true): return "── \(text) " + rule(room / 2) + "✗" + blank(room - room / 2)
    case (false, true): return blank(room - room / 2) + "✗" + rule(room / 2) + " \(text) ──"
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
  package static func pad(_ text: String, _ count: Int, left: Bool = false) -> String {
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
