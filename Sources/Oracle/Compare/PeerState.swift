import Wire

/// What the peer had acknowledged and offered at each time.
struct PeerState {
  private var states: [(time: Int64, acknowledged: Int, window: Int)] = []

  init(_ segments: [Segment]) {
    var acknowledged = 0
    for segment in segments where !segment.flags.contains(.rst) {
      acknowledged = max(acknowledged, segment.acknowledgment ?? 0)
      states.append((segment.time, acknowledged, segment.window))
    }
  }

  /// The highest number that it has acknowledged.
  var last: Int { states.last?.acknowledged ?? 0 }

  func state(at time: Int64) -> (acknowledged: Int, window: Int) {
    var low = 0
    var high = states.count
    while low < high {
      let middle = (low + high) / 2
      if states[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return (0, .max) }
    return (states[low - 1].acknowledged, states[low - 1].window)
  }
}
