/// Text that becomes a drawing: elements of SVG 1.1, numbers rounded to a tenth of a pixel.
struct SVG {
  /// How a line or a text looks.
  enum Anchor: String {
    case start, middle, end
  }

  private(set) var text = ""

  /// Characters that mean something in XML stand for themselves; those that no document may hold are
  /// left out.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\t", "\n", "\r": escaped += " "
      default:
        let isAllowed = scalar.value >= 0x20 && scalar.value & 0xFFFE != 0xFFFE
        if isAllowed { escaped.unicodeScalars.append(scalar) }
      }
    }
    return escaped
  }

  /// A number as short as a tenth of a pixel needs.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let tenths = Int((max(-1e6, min(1e6, value)) * 10).rounded())
    return tenths % 10 == 0
      ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
  }

  mutating func open(_ name: String, _ attributes: String) { text += "<\(name) \(attributes)>\n" }
  mutating func close(_ name: String) { text += "</\(name)>\n" }
  mutating func add(_ other: SVG) { text += other.text }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, width: Double = 1,
    dashes: String? = nil
  ) {
    let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    text +=
      "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\""
      + " y2=\"\(Self.number(y2))\" stroke=\"\(colour)\" stroke-width=\"\(Self.number(width))\"\(dash)/>\n"
  }

  /// A path that is drawn and not filled; nothing for an empty one.
  mutating func path(_ data: String, _ colour: String, width: Double = 1, dashes: String? = nil) {
    guard !data.isEmpty else { return }
    let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    text +=
      "<path d=\"\(data)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(Self.number(width))\"\(dash)/>\n"
  }

  mutating func words(
    _ words: String, _ x: Double, _ y: Double, anchor: Anchor = .start, size: Int = 12,
    colour: String = "#222", isBold: Bool = false, isUpright: Bool = false
  ) {
    let turn = isUpright ? " transform=\"rotate(-90 \(Self.number(x)) \(Self.number(y)))\"" : ""
    text +=
      "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" font-size=\"\(size)\" fill=\"\(colour)\""
      + " text-anchor=\"\(anchor.rawValue)\"\(isBold ? " font-weight=\"bold\"" : "")\(turn)>"
      + "\(Self.escape(words))</text>\n"
  }
}
