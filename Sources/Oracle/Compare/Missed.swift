import Wire

/// Text that the captured end has sent and the capture has not.
struct Missed {
  private var captured = Coverage()
  private let acknowledged: Int

  init(_ theirs: [Segment], acknowledged: Int) {
    self.acknowledged = acknowledged
    for segment in theirs where segment.hasText && !segment.flags.contains(.rst) {
      captured.insert(segment.sequence..<segment.end)
    }
  }

  func reasons(_ ours: Segment) -> [Explanation] {
    guard ours.hasText, ours.end <= acknowledged, ours.end <= captured.end,
      !captured.contains(ours.sequence..<ours.end)
    else { return [] }
    return [
      Explanation(
        name: "notCaptured",
        sentence: "the peer acknowledges it: that end has sent it, too, and it was not captured",
        source: "RFC 9293 3.4")
    ]
  }
}
