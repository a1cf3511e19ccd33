import Simulation
import TCPCore

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
    let latest = max(points.map(\.x).filter(\.isFinite).max() ?? 0, 0.001)
    var field = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
    for point in points where point.x.isFinite && point.y.isFinite {
      let column = Int((point.x / latest * Double(columns - 1)).rounded())
      let row = rows - 1 - Int((point.y / highest * Double(rows - 1)).rounded())
      if field.indices.contains(row), field[row].indices.contains(column) {
        field[row][column] = point.mark
      }
    }
    var lines = [Columns.pad(title, width)]
    for row in 0..<rows {
      let text = row == 0 ? Self.short(highest) : row == rows - 1 ? "0" : ""
      lines.append(Columns.pad(text, label, left: true) + "│" + String(field[row]))
    }
    let time = LadderLine.clock(.milliseconds(Int(latest * 1000)))
    let axis = "└" + String(repeating: "─", count: max(columns - time.count - 1, 0)) + " " + time
    lines.append(Columns.pad("", label) + axis)
    return lines.prefix(max(height, 0)).map { String($0.prefix(width)) }
  }

  /// A number in few columns.
  private static func short(_ value: Double) -> String {
    let number = Int(min(value, 1e15))
    return number < 10_000_000 ? "\(number)" : "\(number / 1_000_000)M"
  }
}

extension Recording {
  /// The sender's windows over time, up to a step: `#` cwnd, `-` ssthresh, `.` octets under way.
  public func windowPlot(of end: RunEnd, upTo step: Int) -> CharacterPlot {
    var points: [CharacterPlot.Point] = []
    for moment in moments.prefix(step + 1) {
      guard let info = moment[end].info, moment[end].state.isSynchronized else { continue }
      let x = moment.time / .seconds(1)
      if info.slowStartThreshold < 1 << 40 {
        points.append(.init(x, Double(info.slowStartThreshold), "-"))
      }
      points.append(.init(x, Double(info.outstanding), "."))
      points.append(.init(x, Double(info.congestionWindow), "#"))
    }
    return CharacterPlot(title: "\(end.rawValue): # cwnd  - ssthresh  . under way", points: points)
  }

  /// An end's numbers over time, up to a step: `o` sent, `R` again, `x` lost, `a` acknowledged.
  public func sequencePlot(of end: RunEnd, upTo step: Int) -> CharacterPlot {
    guard moments.indices.contains(step) else { return CharacterPlot(title: "", points: []) }
    let time = moments[step].time
    var acknowledged: [CharacterPlot.Point] = []
    var sent: [CharacterPlot.Point] = []
    for frame in frames.prefix(moments[step].sent.upperBound) {
      let x = frame.sentAt / .seconds(1)
      if frame.sender == end {
        guard frame.segment.count > 0 else { continue }
        let mark: Character =
          !frame.fate.arrives ? "x" : frame.segment.isRetransmission ? "R" : "o"
        sent.append(.init(x, Double(frame.segment.sequence), mark))
      } else if let number = frame.segment.acknowledgment, let arrival = frame.arrivesAt,
        arrival <= time
      {
        acknowledged.append(.init(arrival / .seconds(1), Double(number), "a"))
      }
    }
    return CharacterPlot(
      title: "\(end.rawValue): o sent  R again  x lost  a acknowledged",
      points: acknowledged + sent)
  }

  /// The end that sends most of the data: the one to plot.
  public var mainSender: RunEnd {
    let client = frames.reduce(0) { $0 + ($1.sender == .client ? $1.segment.count : 0) }
    let all = frames.reduce(0) { $0 + $1.segment.count }
    return client * 2 >= all ? .client : .server
  }
}
