import Analysis
import Wire

/// A ladder: time runs downwards, each segment is an arrow from one side to the other.
struct LadderChart {
  /// Segments that are drawn; a ladder of thousands shows nothing.
  static let limit = 80
  private static let row = 26.0
  private static let lanes = (left: 130.0, right: 560.0)

  let height: Double
  private(set) var svg = SVG()

  init(_ flow: Flow) {
    let shown = flow.segments.prefix(Self.limit)
    height = 74 + Self.row * Double(shown.count) + 20
    let part =
      shown.count < flow.segments.count
      ? ": the first \(shown.count) of \(flow.segments.count) segments"
      : ": \(shown.count) segments"
    svg.words("Ladder" + part, 20, 22, size: 15, isBold: true)
    svg.words(flow.client, Self.lanes.left, 50, anchor: .middle, isBold: true)
    svg.words(flow.server, Self.lanes.right, 50, anchor: .middle, isBold: true)
    for lane in [Self.lanes.left, Self.lanes.right] {
      svg.line(lane, 58, lane, height - 10, "#222", width: 1.4)
    }
    let start = flow.times.lowerBound
    for (index, segment) in shown.enumerated() {
      draw(segment, at: 74 + Self.row * Double(index), since: start)
    }
  }

  private mutating func draw(_ segment: Flow.Segment, at y: Double, since start: Double) {
    let isFromClient = segment.side == .client
    let colour =
      segment.isLost || Self.isAgain(segment)
      ? Colour.again : isFromClient ? Colour.data : Colour.acknowledgment
    let (from, to) =
      isFromClient ? (Self.lanes.left, Self.lanes.right) : (Self.lanes.right, Self.lanes.left)
    let end = segment.isLost ? from + (to - from) * 0.75 : to
    // It leans, as time goes on while it travels.
    let lean = segment.isLost ? 6.0 : 8.0
    svg.line(from, y, end, y + lean, colour, width: 1.3, dashes: segment.isLost ? "5 3" : nil)
    let back = isFromClient ? -8.0 : 8.0
    if segment.isLost {
      let (px, py) = (SVG.number(end - 5), SVG.number(y + lean - 5))
      svg.path("M\(px) \(py)l10 10M\(SVG.number(end + 5)) \(py)l-10 10", colour, width: 1.6)
    } else {
      svg.path(
        "M\(SVG.number(end + back)) \(SVG.number(y + lean - 4.5))L\(SVG.number(end))"
          + " \(SVG.number(y + lean))L\(SVG.number(end + back)) \(SVG.number(y + lean + 3.5))",
        colour, width: 1.3)
    }
    svg.words(
      Self.clock(segment.time - start), Self.lanes.left - 60,
      y + 4, anchor: .end, size: 11, colour: "#555")
    svg.words(
      Self.label(segment), (Self.lanes.left + Self.lanes.right) / 2, y - 2, anchor: .middle,
      size: 11, colour: colour)
    if let reason = segment.reason {
      svg.words(Self.cut(reason, 66), Self.lanes.right + 16, y + 6, size: 11, colour: "#555")
    }
  }

  /// Sent again because it may be lost, not to ask something.
  private static func isAgain(_ segment: Flow.Segment) -> Bool {
    segment.isCopy && segment.verdict.isDisjoint(with: [.zeroWindowProbe, .keepAlive])
  }

  /// Seconds with six decimals, one below the other.
  private static func clock(_ seconds: Double) -> String {
    let micro = seconds.isFinite ? Int((max(-1e9, min(1e9, seconds)) * 1e6).rounded()) : 0
    let digits = String(String(abs(micro) % 1_000_000 + 1_000_000).dropFirst())
    return "\(micro < 0 ? "-" : "")\(abs(micro) / 1_000_000).\(digits) s"
  }

  private static func label(_ segment: Flow.Segment) -> String {
    let names: [(TCPFlags, String)] = [(.syn, "SYN"), (.fin, "FIN"), (.rst, "RST")]
    var parts = names.filter { segment.control.contains($0.0) }.map(\.1)
    parts.append("seq \(segment.sequence)")
    if segment.length > 0 { parts.append("len \(segment.length)") }
    if let number = segment.acknowledgment { parts.append("ack \(number)") }
    if isAgain(segment) { parts.append("again") }
    if segment.verdict.contains(.outOfOrder), !segment.isCopy { parts.append("out of order") }
    if segment.verdict.contains(.zeroWindow) { parts.append("window 0") }
    return parts.joined(separator: "  ")
  }

  private static func cut(_ text: String, _ limit: Int) -> String {
    text.count <= limit ? text : text.prefix(limit - 1) + "…"
  }
}
