/// Whether the device is asked for frames once more before the loop waits for it.
///
/// Under load the next frame has often come while the last one was answered, and asking at once saves
/// a system call. Where answers take longer than that, asking is in vain; so it goes on only while it
/// mostly finds something, and is tried again now and then.
struct LookAgain {
  private var credit = limit
  private var isSecondLook = false
  private var hasFrames = false
  private var turns = 0

  private static var limit: Int { 8 }
  /// A try among so many turns when the last ones were in vain.
  private static var period: Int { 32 }

  /// What the last look at the device found, when it was looked at.
  mutating func found(_ frames: Int, wasReadable: Bool) {
    hasFrames = frames > 0
    guard isSecondLook, wasReadable else { return }
    isSecondLook = false
    credit = frames > 0 ? min(credit &+ 1, Self.limit) : max(credit &- 2, 0)
  }

  /// Asked once a turn: whether to look again instead of waiting.
  var isWorthIt: Bool {
    mutating get {
      guard hasFrames else { return false }
      turns &+= 1
      isSecondLook = credit > 0 || turns % Self.period == 0
      return isSecondLook
    }
  }
}
