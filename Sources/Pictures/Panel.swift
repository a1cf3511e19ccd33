/// One chart of a sheet: a frame, two axes, a legend, and what is drawn in it.
struct Panel {
  static let width = 1000.0
  private static let margins = (left: 86.0, right: 24.0, top: 58.0, bottom: 48.0)

  let height: Double
  let x: Axis
  let y: Axis
  private(set) var svg = SVG()

  /// An empty chart with its axes.
  init(
    _ title: String, height: Double = 360, times: ClosedRange<Double>, values: ClosedRange<Double>,
    _ label: String, _ unit: Axis.Unit, legend: [(name: String, colour: String, dashes: String?)]
  ) {
    self.height = height
    let m = Self.margins
    x = Axis("time (s)", .seconds, times, pixels: (m.left, Self.width - m.right))
    y = Axis(label, unit, values, pixels: (height - m.bottom, m.top))
    svg.words(title, m.left, 22, size: 15, isBold: true)
    var place = m.left
    for entry in legend {
      svg.line(place, 40, place + 22, 40, entry.colour, width: 3, dashes: entry.dashes)
      svg.words(entry.name, place + 28, 44)
      place += 28 + Double(entry.name.count) * 6.6 + 22
    }
    for tick in y.ticks(6) {
      let at = y.pixel(tick)
      svg.line(m.left, at, Self.width - m.right, at, "#e6e6e6")
      svg.words(y.text(tick), m.left - 8, at + 4, anchor: .end)
    }
    for tick in x.ticks(10) {
      let at = x.pixel(tick)
      svg.line(at, m.top, at, height - m.bottom, "#e6e6e6")
      svg.words(x.text(tick), at, height - m.bottom + 18, anchor: .middle)
    }
    svg.path(
      "M\(SVG.number(m.left)) \(SVG.number(m.top))V\(SVG.number(height - m.bottom))"
        + "H\(SVG.number(Self.width - m.right))", "#222")
    svg.words(x.label, Self.width - m.right, height - 10, anchor: .end)
    svg.words(y.label, 18, m.top, anchor: .end, isUpright: true)
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
    _ points: [(time: Double, value: Double)], _ colour: String, width: Double = 1.4,
    dashes: String? = nil
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

  /// Small crosses, one a place at most.
  mutating func crosses(_ points: [(time: Double, value: Double)], _ colour: String) {
    var known: Set<[Int]> = []
    var data = ""
    for point in points {
      let (px, py) = (Int(x.pixel(point.time).rounded()), Int(y.pixel(point.value).rounded()))
      guard known.count < 4000, known.insert([px / 4, py / 4]).inserted else { continue }
      data += "M\(px - 4) \(py - 4)l8 8M\(px + 4) \(py - 4)l-8 8"
    }
    svg.path(data, colour, width: 1.4)
  }
}
