/// A plot in characters: points in a frame of two axes.
public struct CharacterPlot: Sendable {
  /// A point; later ones are drawn over earlier ones.
  public struct Point: Hashable, Sendable {
    /// Where it lies.
    public var x: Double
    /// How high.
    public var y: Double
    /// What is drawn.
    public var mark: Character

    /// A point from its parts.
    public init(_ x: Double, _ y: Double, _ mark: Character) {
      self.x = x
      self.y = y
      self.mark = mark
    }
  }

  /// What is plotted.
  public var title: String
  /// The points.
  public var points: [Point]
  /// Each value holds until the next of its mark, and to the end.
  public var holds = false
  /// The first moment of the axis; nil for that of the first point.
  public var begin: Double?
  /// The last moment of the axis; nil for that of the last point.
  public var end: Double?

  /// A plot of points.
  public init(title: String, points: [Point]) {
    self.title = title
    self.points = points
  }

  /// Exactly so many lines of at most so many columns: title, field, axis.
  public func lines(width: Int, height: Int) -> [String] {
    let label = 8
    let columns = max(width - label - 1, 1)
    let rows = max(height - 2, 1)
    let highest = max(points.map(\.y).filter(\.isFinite).max() ?? 0, 1)
    let times = points.map(\.x).filter(\.isFinite)
    let first = begin ?? times.min() ?? 0
    let latest = max(times.max() ?? 0, end ?? 0, first + 0.001)
    var field = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
    func column(_ x: Double) -> Int {
      Int(((x - first) / (latest - first) * Double(columns - 1)).rounded())
    }
    func draw(_ mark: Character, _ column: Int, _ y: Double) {
      let row = rows - 1 - Int((y / highest * Double(rows - 1)).rounded())
      if field.indices.contains(row), field[row].indices.contains(column) {
        field[row][column] = mark
      }
    }
    var held: [Character: Point] = [:]
    var marks: [Character] = []
    let shown = points.filter { $0.x.isFinite && $0.y.isFinite }
    if holds {
      for point in shown where !marks.contains(point.mark) { marks.append(point.mark) }
      for mark in marks {
        for point in shown where point.mark == mark {
          let start = held[mark].map { column($0.x) + 1 } ?? column(point.x)
          for place in start..<max(start, column(point.x)) {
            draw(mark, place, held[mark]?.y ?? 0)
          }
          draw(mark, column(point.x), point.y)
          held[mark] = point
        }
        guard let last = held[mark] else { continue }
        for place in column(last.x)..<columns { draw(mark, place, last.y) }
      }
    } else {
      for point in shown { draw(point.mark, column(point.x), point.y) }
    }
    var lines = [Columns.pad(title, width)]
    for row in 0..<rows {
      let text = row == 0 ? Self.short(highest) : row == rows - 1 ? "0" : ""
      lines.append(Columns.pad(text, label, left: true) + "│" + String(field[row]))
    }
    func clock(_ time: Double) -> String {
      LadderLine.clock(.milliseconds(Int(min(time, 1e9) * 1000)))
    }
    let begin = first > 0 ? " \(clock(first)) " : ""
    let time = clock(latest)
    let rule = String(repeating: "─", count: max(columns - time.count - begin.count - 1, 0))
    let axis = "└" + begin + rule + " " + time
    lines.append(Columns.pad("", label) + axis)
    return lines.prefix(max(height, 0)).map { String($0.prefix(width)) }
  }

  /// A number in few columns.
  private static func short(_ value: Double) -> String {
    let number = Int(min(value, 1e15))
    return number < 10_000_000 ? "\(number)" : "\(number / 1_000_000)M"
  }
}
