import Analysis
import Wire

/// What each colour stands for, in all charts.
enum Colour {
  static let data = "#1f5fa8"
  static let again = "#c62828"
  static let acknowledgment = "#2e7d32"
  static let window = "#b07d00"
  static let block = "#7b3fa0"
  static let threshold = "#e07b00"
  static let overtaken = "#b5651d"
  static let quiet = "#7f8c8d"
}

// The charts of a connection.
extension Flow {
  /// The windows: the true congestion window and threshold where they are known, and what is under way.
  func windows() -> Panel? {
    states.isEmpty ? flight() : congestion()
  }

  private func congestion() -> Panel {
    let thresholds = states.compactMap { state in
      state.slowStartThreshold.map { (time: state.time, value: Double($0)) }
    }
    let windows = states.map { (time: $0.time, value: Double($0.congestionWindow)) }
    let underWay = states.map { (time: $0.time, value: Double($0.outstanding)) }
    let highest = (windows + thresholds + underWay).map(\.value).max() ?? 1
    var legend = [
      Panel.Key("congestion window", Colour.data),
      Panel.Key("octets under way", Colour.quiet),
    ]
    if !thresholds.isEmpty {
      legend.append(Panel.Key("slow-start threshold", Colour.threshold, dashes: "6 4"))
    }
    var panel = Panel(
      "Congestion window of \(client)", height: 300, times: times, values: 0...highest * 1.05,
      "octets", .octets, legend: legend)
    panel.steps(prolonged(underWay), Colour.quiet, width: 1.2)
    panel.steps(prolonged(thresholds), Colour.threshold, width: 1.6, dashes: "6 4")
    panel.steps(prolonged(windows), Colour.data, width: 1.8)
    return panel
  }

  /// What a capture can tell of the window: octets that are sent and not acknowledged.
  private func flight() -> Panel? {
    let sender = sender
    var (furthest, acknowledged) = (1, 1)
    var underWay: [Panel.Point] = []
    for segment in segments {
      if segment.side == sender {
        furthest = max(furthest, segment.end)
      } else if let number = segment.acknowledgment, number <= furthest {
        // What acknowledges more than was seen says nothing of what is under way.
        acknowledged = max(acknowledged, number)
      }
      underWay.append((segment.time, Double(furthest &- acknowledged)))
    }
    let highest = underWay.map(\.value).max() ?? 0
    guard highest > 0 else { return nil }
    let offered = segments.compactMap { segment -> Panel.Point? in
      segment.side == sender || segment.control.contains(.rst)
        ? nil : (segment.time, Double(segment.window))
    }
    // A window far above all that is used would press the rest to the ground.
    let isNear = offered.contains { $0.value <= highest * 3 }
    var legend = [Panel.Key("octets under way", Colour.data)]
    if isNear { legend.append(Panel.Key("window offered", Colour.window)) }
    let top = isNear ? offered.map(\.value).filter { $0 <= highest * 3 }.max() ?? 0 : 0
    var panel = Panel(
      "Octets under way from \(name(sender))", height: 300, times: times,
      values: 0...max(highest, top) * 1.05, "octets", .octets, legend: legend)
    if isNear { panel.steps(offered, Colour.window) }
    panel.steps(underWay, Colour.data, width: 1.6)
    return panel
  }

  /// Round trips as they were measured, and of our own runs the true time-out.
  func roundTrips() -> Panel? {
    let sender = sender
    let measured = segments.compactMap { segment -> Panel.Point? in
      guard segment.side != sender, !segment.isLost, let time = segment.roundTrip else {
        return nil
      }
      return (segment.time, time)
    }
    guard !measured.isEmpty || !states.isEmpty else { return nil }
    let timeouts = states.map { (time: $0.time, value: $0.retransmissionTimeout) }
    let smoothed = states.compactMap { state in
      state.smoothedRoundTrip.map { (time: state.time, value: $0) }
    }
    var legend: [Panel.Key] = []
    if !timeouts.isEmpty { legend.append(Panel.Key("time-out (RTO)", Colour.again)) }
    if !smoothed.isEmpty { legend.append(Panel.Key("smoothed (SRTT)", Colour.data)) }
    if !measured.isEmpty {
      legend.append(Panel.Key("round trip in the trace", Colour.acknowledgment, dashes: "3 5"))
    }
    let title =
      states.isEmpty
      ? "Round trips of what \(name(sender)) sent" : "Retransmission time-out of \(client)"
    let highest = (timeouts + smoothed + measured).map(\.value).max() ?? 1
    var panel = Panel(
      title, height: 240, times: times, values: 0...max(highest, 0.001) * 1.05, "milliseconds",
      .milliseconds, legend: legend)
    panel.dots(measured, Colour.acknowledgment)
    panel.steps(prolonged(smoothed), Colour.data, width: 1.6)
    panel.steps(prolonged(timeouts), Colour.again, width: 1.8)
    return panel
  }

  /// What holds to the end is drawn to the end.
  private func prolonged(_ points: [Panel.Point]) -> [Panel.Point] {
    guard let last = points.last, last.time < times.upperBound else { return points }
    return points + [(times.upperBound, last.value)]
  }

  /// What was sent and what was acknowledged, in each of at most a hundred parts of the time.
  func throughput() -> Panel {
    let (sender, times) = (sender, times)
    let wanted = Double(max(10, min(100, segments.count / 3)))
    let step = Axis.roundStep(
      atLeast: max((times.upperBound - times.lowerBound) / wanted, 1e-6))
    let parts = max(1, Int(((times.upperBound - times.lowerBound) / step).rounded(.up)))
    var sent = [Double](repeating: 0, count: parts)
    var taken = [Double](repeating: 0, count: parts)
    var known = 1
    for segment in segments where segment.time.isFinite {
      let part = min(parts - 1, max(0, Int((segment.time - times.lowerBound) / step)))
      if segment.side == sender {
        sent[part] += Double(segment.length)
      } else if let number = segment.acknowledgment, !segment.isLost, number > known {
        taken[part] += Double(number &- known)
        known = number
      }
    }
    func rates(_ octets: [Double]) -> [Panel.Point] {
      octets.enumerated().map { (times.lowerBound + Double($0) * step, $1 * 8 / step) }
        + [(times.upperBound, (octets.last ?? 0) * 8 / step)]
    }
    let highest = (sent + taken).max() ?? 1
    var panel = Panel(
      "Throughput from \(name(sender)), in steps of \(Axis.decimal(step)) s",
      height: 300, times: times, values: 0...max(highest * 8 / step * 1.05, 1), "bit/s",
      .bitsPerSecond,
      legend: [
        Panel.Key("sent", Colour.data), Panel.Key("acknowledged", Colour.acknowledgment),
      ])
    panel.steps(rates(sent), Colour.data, width: 1.6)
    panel.steps(rates(taken), Colour.acknowledgment, width: 1.6)
    return panel
  }
}
