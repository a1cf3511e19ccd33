// The charts of a connection.
extension Flow {
  private enum Colour {
    static let data = "#1f5fa8"
    static let again = "#c62828"
    static let acknowledgment = "#2e7d32"
    static let window = "#b07d00"
    static let block = "#7b3fa0"
    static let threshold = "#e07b00"
  }

  /// The time-sequence graph: what one side sends as bars, what the other acknowledges and offers as
  /// lines.
  func timeSequence() -> Panel {
    let sender = sender
    var top = 1
    for segment in segments where segment.side == sender {
      top = max(top, segment.sequence + segment.length)
    }
    var acknowledged: [(time: Double, value: Double)] = []
    var offered: [(time: Double, value: Double)] = []
    var blocks: [(time: Double, from: Double, to: Double)] = []
    for segment in segments where segment.side != sender {
      guard let number = segment.acknowledgment, !segment.isLost else { continue }
      acknowledged.append((segment.time, Double(number)))
      offered.append((segment.time, Double(number + segment.window)))
      for block in segment.blocks {
        blocks.append((segment.time, Double(block.lowerBound), Double(block.upperBound)))
      }
    }
    // A window far above all data would press the data to the ground.
    let near = offered.filter { $0.value <= Double(top) * 1.25 }
    let highest = near.map(\.value).max() ?? 0
    let sent = segments.filter { $0.side == sender && ($0.length > 0 || !$0.flags.isEmpty) }
    func bars(_ isCopy: Bool) -> [(time: Double, from: Double, to: Double)] {
      sent.filter { $0.isCopy == isCopy }.map {
        ($0.time, Double($0.sequence), Double($0.sequence + max($0.length, 1)))
      }
    }
    var legend: [(String, String, String?)] = [
      ("segment", Colour.data, nil), ("sent again", Colour.again, nil),
      ("acknowledged", Colour.acknowledgment, nil),
    ]
    if !near.isEmpty { legend.append(("window's edge", Colour.window, nil)) }
    if !blocks.isEmpty { legend.append(("SACK block", Colour.block, nil)) }
    let lost = sent.filter(\.isLost)
    if !lost.isEmpty { legend.append(("× lost", Colour.again, nil)) }
    var panel = Panel(
      "Sequence numbers from \(name(sender))", height: 460, times: times,
      values: 0...max(Double(top) * 1.03, highest), "sequence number (octets)", .octets,
      legend: legend)
    if !near.isEmpty { panel.steps(offered, Colour.window) }
    panel.steps(acknowledged, Colour.acknowledgment)
    panel.bars(blocks, Colour.block, width: 2.4)
    panel.bars(bars(false), Colour.data)
    panel.bars(bars(true), Colour.again, width: 2.2)
    panel.crosses(lost.map { ($0.time, Double($0.sequence + $0.length)) }, Colour.again)
    return panel
  }

  /// The congestion window and the threshold.
  func congestion() -> Panel? {
    guard !states.isEmpty else { return nil }
    let thresholds = states.compactMap { state in
      state.slowStartThreshold.map { (time: state.time, value: Double($0)) }
    }
    let windows = states.map { (time: $0.time, value: Double($0.congestionWindow)) }
    let highest = max(
      windows.map(\.value).max() ?? 1, thresholds.map(\.value).max() ?? 0)
    var legend: [(String, String, String?)] = [("congestion window", Colour.data, nil)]
    if !thresholds.isEmpty { legend.append(("slow-start threshold", Colour.threshold, "6 4")) }
    var panel = Panel(
      "Congestion window of \(client)", height: 300, times: times, values: 0...highest * 1.05,
      "octets", .octets, legend: legend)
    panel.steps(prolonged(thresholds), Colour.threshold, width: 1.6, dashes: "6 4")
    panel.steps(prolonged(windows), Colour.data, width: 1.8)
    return panel
  }

  /// The retransmission time-out.
  func timeout() -> Panel? {
    guard !states.isEmpty else { return nil }
    let timeouts = states.map { (time: $0.time, value: $0.retransmissionTimeout) }
    var panel = Panel(
      "Retransmission time-out of \(client)", height: 240, times: times,
      values: 0...(timeouts.map(\.value).max() ?? 1) * 1.05, "milliseconds", .milliseconds,
      legend: [("time-out", Colour.again, nil)])
    panel.steps(prolonged(timeouts), Colour.again, width: 1.8)
    return panel
  }

  /// What holds to the end is drawn to the end.
  private func prolonged(_ points: [(time: Double, value: Double)]) -> [(
    time: Double, value: Double
  )] {
    guard let last = points.last, last.time < times.upperBound else { return points }
    return points + [(times.upperBound, last.value)]
  }

  /// What was sent and what was acknowledged, in each of about a hundred parts of the time.
  func throughput() -> Panel {
    let (sender, times) = (sender, times)
    let parts = max(1, min(100, segments.count / 3))
    let step = max((times.upperBound - times.lowerBound) / Double(parts), 1e-6)
    var sent = [Double](repeating: 0, count: parts)
    var taken = [Double](repeating: 0, count: parts)
    var known = 1
    for segment in segments where segment.time.isFinite {
      let part = min(parts - 1, max(0, Int((segment.time - times.lowerBound) / step)))
      if segment.side == sender {
        sent[part] += Double(segment.length)
      } else if let number = segment.acknowledgment, !segment.isLost, number > known {
        taken[part] += Double(number - known)
        known = number
      }
    }
    func rates(_ octets: [Double]) -> [(time: Double, value: Double)] {
      octets.enumerated().map { (times.lowerBound + Double($0) * step, $1 * 8 / step) }
        + [(times.upperBound, (octets.last ?? 0) * 8 / step)]
    }
    let highest = (sent + taken).max() ?? 1
    var panel = Panel(
      "Throughput from \(name(sender)), in steps of \(Axis.decimal((step * 1e4).rounded() / 1e4)) s",
      height: 300, times: times, values: 0...max(highest * 8 / step * 1.05, 1), "bit/s",
      .bitsPerSecond,
      legend: [("sent", Colour.data, nil), ("acknowledged", Colour.acknowledgment, nil)])
    panel.steps(rates(sent), Colour.data, width: 1.6)
    panel.steps(rates(taken), Colour.acknowledgment, width: 1.6)
    return panel
  }
}
