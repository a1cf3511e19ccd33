import Wire

/// In what segments differ that mean the same.
extension Comparer {
  /// The longer it was quiet before, the less a moment matters.
  private func isLate(_ one: Segment, _ other: Segment) -> Bool {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] < one.time { low = middle + 1 } else { high = middle }
    }
    let quiet = low > 0 ? one.time &- times[low - 1] : 0
    return abs(one.time &- other.time) > max(tolerance, quiet / 16)
  }

  func aspects(_ theirs: [Segment], _ ours: [Segment]) -> [Aspect] {
    guard let one = theirs.first, let other = ours.first, let last = theirs.last,
      let otherLast = ours.last
    else { return [] }
    var aspects: [Aspect] = []
    if isLate(one, other) { aspects.append(.time) }
    let isSplit =
      theirs.count > 1 || ours.count > 1
      || one.hasText && (one.sequence != other.sequence || one.end != other.end)
    let isReset = one.flags.contains(.rst)
    if isSplit, !isReset { aspects.append(.split) }
    let (flags, otherFlags) = (last.flags, otherLast.flags)
    if flags != otherFlags { aspects.append(.flags) }
    if isReset {
      if one.sequence != other.sequence { aspects.append(.number) }
      if let number = one.acknowledgment, let otherNumber = other.acknowledgment,
        number != otherNumber
      {
        aspects.append(.acknowledgment)
      }
      return aspects
    }
    if windowDiffers(last, otherLast) { aspects.append(.window) }
    if !isSplit, one.acknowledgment != other.acknowledgment { aspects.append(.acknowledgment) }
    if !isSplit, one.blocks != other.blocks { aspects.append(.sack) }
    if one.flags.contains(.ack), echoDiffers(one.options.timestamps, other.options.timestamps) {
      aspects.append(.echo)
    }
    if optionsDiffer(one, other) { aspects.append(.options) }
    if one.codepoint != other.codepoint { aspects.append(.ecn) }
    return aspects
  }

  /// Less than two segments are no difference, but whether the window is closed is.
  private func windowDiffers(_ one: Segment, _ other: Segment) -> Bool {
    guard one.flags.contains(.ack) == other.flags.contains(.ack) else { return false }
    if (one.window == 0) != (other.window == 0) { return true }
    let edge = (one.acknowledgment ?? 0) &+ one.window
    let otherEdge = (other.acknowledgment ?? 0) &+ other.window
    return abs(edge &- otherEdge) >= 2 * max(segmentSize, 536)
  }

  /// Echoes of what the peer sent at nearly the same time are the same.
  private func echoDiffers(_ one: TCPTimestamps?, _ other: TCPTimestamps?) -> Bool {
    guard let one, let other, one.echo != other.echo else { return false }
    guard let time = stamps[one.echo], let otherTime = stamps[other.echo] else { return true }
    return abs(time &- otherTime) > tolerance
  }

  private func optionsDiffer(_ one: Segment, _ other: Segment) -> Bool {
    let (mine, yours) = (one.options, other.options)
    if (mine.timestamps == nil) != (yours.timestamps == nil) { return true }
    guard one.flags.contains(.syn) else { return false }
    return mine.maximumSegmentSize != yours.maximumSegmentSize
      || mine.windowScale != yours.windowScale || mine.sackPermitted != yours.sackPermitted
      || (mine.fastOpen == nil) != (yours.fastOpen == nil)
  }
}
