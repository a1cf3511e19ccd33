import Wire

/// Which of our timestamps stands for which of the captured end's, for the peer echoes the latter.
///
/// The same segment sent the same time over has the same place in both; where we have not sent it, our
/// clock at the time when it was captured stands in.
struct StampTable {
  private struct Place: Hashable {
    var start: Int
    var count: Int
  }

  /// For each timestamp of the captured end the segment that it was first seen on.
  private var theirs: [UInt32: (time: Int64, place: Place?)] = [:]
  /// Ours, for each segment with text.
  private var ours: [Place: UInt32] = [:]
  private var counts: [Int: Int] = [:]
  /// Our clock in milliseconds, at some time.
  private var clock: (value: UInt32, time: Int64)?
  /// When each number of the captured end was first passed, in order.
  private var sent: [(end: Int, time: Int64)] = []

  init(_ connection: CapturedConnection, _ role: EndpointRole) {
    var counts: [Int: Int] = [:]
    for captured in connection.segments where captured.sender == role {
      let segment = captured.segment
      var place: Place?
      if segment.hasText {
        let count = counts[segment.sequence, default: 0]
        counts[segment.sequence] = count + 1
        place = Place(start: segment.sequence, count: count)
        if segment.end > (sent.last?.end ?? -1) { sent.append((segment.end, segment.time)) }
      }
      guard let stamp = segment.options.timestamps?.value else { continue }
      if theirs[stamp] == nil { theirs[stamp] = (segment.time, place) }
    }
  }

  /// We have sent a segment.
  mutating func sent(_ segment: Segment) {
    guard let stamp = segment.options.timestamps?.value else { return }
    clock = (stamp, segment.time)
    guard segment.hasText else { return }
    let count = counts[segment.sequence, default: 0]
    counts[segment.sequence] = count + 1
    ours[Place(start: segment.sequence, count: count)] = stamp
  }

  /// What TSecr must be for us; 0 stays 0.
  func ours(for echo: UInt32, at now: Int64) -> UInt32 {
    guard echo != 0, let clock else { return echo }
    // Of an end that was not captured it is the latest that the peer had heard.
    guard let (time, place) = theirs[echo] else { return theirs.isEmpty ? clock.value : echo }
    if let place, let stamp = ours[place] { return stamp }
    let elapsed = (min(time, now) &- clock.time) / 1_000_000
    return clock.value &+ UInt32(truncatingIfNeeded: elapsed)
  }

  /// When the captured end had first sent all before a number.
  func firstSent(before number: Int) -> Int64? {
    var low = 0
    var high = sent.count
    while low < high {
      let middle = (low + high) / 2
      if sent[middle].end < number { low = middle + 1 } else { high = middle }
    }
    return low < sent.count ? sent[low].time : nil
  }
}
