/// One chart of a sheet: a frame, two axes, a legend, and what is drawn in it.
struct Panel {
  /// An entry of a legend: a piece of line, or a letter as it is drawn.
  struct Key {
    var name: String
    var colour: String
    var dashes: String?
    var letter: String?

    init(_ name: String, _ colour: String, dashes: String? = nil, letter: String? = nil) {
      self.name = name
      self.colour = colour
      self.dashes = dashes
      self.letter = letter
    }

    /// Pixels that it takes, the gap behind it included.
    var width: Double { (letter == nil ? 28 : 14) + Double(name.count) * 6.8 + 20 }
  }

  /// A point in the chart's values.
  typealias Point = (time: Double, value: Double)

  static let width = 1000.0
  private static let margins = (left: 86.0, right: 24.0, top: 58.0, bottom: 48.0)

  let height: Double
  let x: Axis
  let y: Axis
  private(set) var svg = SVG()

  /// An empty chart with its axes; it grows where its legend needs a second row.
  init(
    _ title: String, height: Double = 360, times: ClosedRange<Double>, values: ClosedRange<Double>,
    _ label: String, _ unit: Axis.Unit, legend: [Key]
  ) {
    let m = Self.margins
    svg.words(title, m.left, 22, size: 15, isBold: true)
    var place = m.left
    var row = 44.0
    for entry in legend {
      if place + entry.width - 20 > Self.width - m.right {
        place = m.left
        row += 18
      }
      if let letter = entry.letter {
        svg.words(letter, place, row, colour: entry.colour, isBold: true)
        svg.words(entry.name, place + 14 + Double(letter.count - 1) * 8, row)
        place += Double(letter.count - 1) * 8
      } else {
        svg.line(place, row - 4, place + 22, row - 4, entry.colour, width: 3, dashes: entry.dashes)
        svg.words(entry.name, place + 28, row)
      }
      place += entry.width
    }
    let top = m.top + row - 44
    let height = height + row - 44
    self.height = height
    x = Axis("time (s)", .seconds, times, pixels: (m.left, Self.width - m.right))
    y = Axis(label, unit, values, pixels: (height - m.bottom, top))
    for tick in y.ticks(6) {
      let at = y.pixel(tick)
      svg.line(m.left, at, Self.width - m.right, at, "#e6e6e6")
      svg.words(y.text(tick), m.left - 8, at + 4, anchor: .end)
    }
    for tick in x.ticks(10) {
      let at = x.pixel(tick)
      svg.line(at, top, at, height - m.bottom, "#e6e6e6")
      svg.words(x.text(tick), at, height - m.bottom + 18, anchor: .middle)
    }
    svg.path(
      "M\(SVG.number(m.left)) \(SVG.number(top))V\(SVG.number(height - m.bottom))"
        + "H\(SVG.number(Self.width - m.right))", "#222")
    svg.words(x.label, Self.width - m.right, height - 10, anchor: .end)
    svg.words(y.label, 18, top, anchor: .end, isUpright: true)
  }

  /// Vertical bars; those that share a column of pixels and touch become one.
  mutating func bars(
    _ bars: [(time: Double, from: Double, to: Double)], _ colour: String, width: Double = 1.6
  ) {
    var columns: [Int: [(Int, Int)]] = [:]
    for bar in bars {
      let ends = [y.pixel(bar.from), y.pixel(bar.to)]
      let top = Int((ends.min() ?? 0).rounded(.down))
      let bottom = max(top + 1, Int((ends.max() ?? 0).rounded(.up)))
      columns[Int(x.pixel(bar.time).rounded()), default: []].append((top, bottom))
    }
    var data = ""
    for (column, spans) in columns.sorted(by: { $0.key < $1.key }) {
      var open: (Int, Int)?
      for span in spans.sorted(by: { $0 < $1 }) {
        if let known = open, span.0 <= known.1 {
          open = (known.0, max(known.1, span.1))
        } else {
          if let known = open { data += "M\(column) \(known.0)V\(known.1)" }
          open = span
        }
      }
      if let known = open { data += "M\(column) \(known.0)V\(known.1)" }
    }
    svg.path(data, colour, width: width)
  }

  /// A line of steps. In each column of pixels it keeps its first, its least, its largest and its last
  /// value, which is all that can be seen of it.
  mutating func steps(
    _ points: [Point], _ colour: String, width: Double = 1.4, dashes: String? = nil
  ) {
    guard let first = points.first else { return }
    var data = "M\(SVG.number(x.pixel(first.time))) \(SVG.number(y.pixel(first.value)))"
    var index = 1
    while index < points.count {
      let column = Int(x.pixel(points[index].time).rounded())
      var end = index
      var (least, largest) = (points[index].value, points[index].value)
      while end < points.count, Int(x.pixel(points[end].time).rounded()) == column {
        least = min(least, points[end].value)
        largest = max(largest, points[end].value)
        end += 1
      }
      data += "H\(SVG.number(x.pixel(points[index].time)))"
      if end - index > 2 {
        data += "V\(SVG.number(y.pixel(least)))V\(SVG.number(y.pixel(largest)))"
      } else if end - index == 2 {
        data += "V\(SVG.number(y.pixel(points[index].value)))"
      }
      data += "V\(SVG.number(y.pixel(points[end - 1].value)))"
      index = end
    }
    svg.path(data, colour, width: width, dashes: dashes)
  }

  /// Places that are apart enough to be told from each other, at most so many.
  private func thinned(_ points: [Point], cell: Double, limit: Int) -> [(x: Double, y: Double)] {
    var known: Set<[Int]> = []
    var places: [(x: Double, y: Double)] = []
    for point in points {
      let (px, py) = (x.pixel(point.time), y.pixel(point.value))
      guard known.count < limit, known.insert([Int(px / cell), Int(py / cell)]).inserted else {
        continue
      }
      places.append((px, py))
    }
    return places
  }

  /// Small crosses.
  mutating func crosses(_ points: [Point], _ colour: String) {
    var data = ""
    for (px, py) in thinned(points, cell: 4, limit: 4000) {
      data += "M\(Int(px) - 4) \(Int(py) - 4)l8 8M\(Int(px) + 4) \(Int(py) - 4)l-8 8"
    }
    svg.path(data, colour, width: 1.4)
  }

  /// Short strokes to the left.
  mutating func strokes(_ points: [Point], _ colour: String) {
    var data = ""
    for (px, py) in thinned(points, cell: 2, limit: 4000) {
      data += "M\(SVG.number(px)) \(SVG.number(py))h-4"
    }
    svg.path(data, colour, width: 1.4)
  }

  /// Dots.
  mutating func dots(_ points: [Point], _ colour: String) {
    var data = ""
    for (px, py) in thinned(points, cell: 2, limit: 4000) {
      data += "M\(SVG.number(px - 1.5)) \(SVG.number(py))h3"
    }
    svg.path(data, colour, width: 3)
  }

  /// A letter above, or below, each place.
  mutating func letters(_ text: String, _ points: [Point], _ colour: String, isBelow: Bool = false)
  {
    for (px, py) in thinned(points, cell: 12, limit: 300) {
      let floor = y.pixels.0 - 2
      svg.words(
        text, min(px + (px < Self.margins.left + 12 ? 4 : 0), Self.width - Self.margins.right - 2),
        min(isBelow ? py + 13 : py - 4, floor),
        anchor: px > Self.width - 60 ? .end : px < Self.margins.left + 12 ? .start : .middle,
        size: 11, colour: colour, isBold: true)
    }
  }
}
