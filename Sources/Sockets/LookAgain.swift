import Octets

/// Whether the device is asked for frames once more before the loop waits for it.
///
/// A peer that is there answers within moments, and to be woken for that takes both ends longer than
/// the answer does. So after frames the loop looks again for a while, as Linux does with `busy_poll`.
/// Where answers take longer, looking is in vain; so it goes on only while it mostly finds something,
/// and is tried again now and then.
struct LookAgain {
  private var credit = limit
  /// Until when the present looks go on; nil when none are under way.
  private var end: Instant?
  private var hasFrames = false
  private var turns = 0

  private static var limit: Int { 8 }
  /// A try among so many turns when the last ones were in vain.
  private static var period: Int { 32 }
  /// Nanoseconds for which it looks: what Linux suggests for `busy_poll`.
  private static var patience: Int64 { 50_000 }

  /// The last look found nothing, and another follows: whoever else wants the processor may have it.
  var isInVain: Bool { end != nil && !hasFrames }

  /// What the last look at the device found.
  mutating func found(_ frames: Int, at now: Instant) {
    hasFrames = frames > 0
    guard let end else { return }
    if hasFrames {
      credit = min(credit &+ 1, Self.limit)
      self.end = nil
    } else if now >= end {
      credit = max(credit &- 2, 0)
      self.end = nil
    }
  }

  /// Asked once a turn: whether to look again instead of waiting.
  mutating func isWorthIt(at now: Instant) -> Bool {
    if end != nil { return true }
    guard hasFrames else { return false }
    turns &+= 1
    guard credit > 0 || turns % Self.period == 0 else { return false }
    end = now.advanced(byNanoseconds: Self.patience)
    return true
  }
}
