import Wire

/// The two directions of one TCP connection, and the judgment of its frames.
struct Conversation {
  private var judge: Judge
  /// What the end with the lower address, or port, sends.
  private var up = Direction()
  private var down = Direction()

  init(stream: Int) { judge = Judge(stream: stream) }

  /// Whether a SYN begins another connection between the same ends.
  func isReplaced(by facts: TCPFacts) -> Bool {
    guard facts.opens else { return false }
    let known = (isUp(facts) ? up : down).initial
    return known != nil && known != facts.sequence
  }

  /// The shift of the window in a frame of this connection; 0 where it is not known.
  func windowShift(of facts: TCPFacts) -> Int {
    facts.flags.contains(.syn) ? 0 : max(Int((isUp(facts) ? up : down).scale), 0)
  }

  /// The numbers of a frame that was judged, counted from the two SYNs.
  func relative(_ facts: TCPFacts) -> (sequence: UInt32, acknowledgment: UInt32) {
    let (forward, reverse) = isUp(facts) ? (up.initial, down.initial) : (down.initial, up.initial)
    // Without the ACK flag the number stays as it is, with tshark.
    let base = facts.flags.contains(.ack) ? reverse ?? 0 : 0
    return (facts.sequence &- (forward ?? 0), facts.acknowledgment &- base)
  }

  private func isUp(_ facts: TCPFacts) -> Bool { facts.source < facts.destination }

  /// Judges a frame, and remembers it.
  mutating func frameArrived(
    _ facts: TCPFacts, number: Int, time: Int64, isReused: Bool
  ) -> FrameVerdict {
    isUp(facts)
      ? judge.judge(facts, number, time, isReused, &up, &down)
      : judge.judge(facts, number, time, isReused, &down, &up)
  }
}
