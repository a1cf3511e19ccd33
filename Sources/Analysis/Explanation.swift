import Wire

/// Why a frame was judged as it was, in sentences; made only for those who ask.
extension FrameVerdict {
  /// A sentence for each flag, and one for a flag that nearly was; empty where there is neither.
  public func explanation(of facts: TCPFacts) -> String {
    let fired = AnalysisFlags.named.compactMap { pair -> String? in
      flags.contains(pair.flag) ? sentence(for: pair.flag, facts) : nil
    }
    return (fired + [nearMiss(facts)].compactMap { $0 }).joined(separator: "; ")
  }

  private func sentence(for flag: AnalysisFlags, _ facts: TCPFacts) -> String? {
    let end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.length)
    switch flag {
    case .zeroWindowProbe:
      return "zero window probe: one octet, the next in order, into a window of 0"
    case .zeroWindow: return "zero window: the sender of this frame can take nothing more"
    case .lostSegment:
      return "lost segment: \(facts.sequence &- evidence.next) octets before this one,"
        + " from \(evidence.next) on, are not in the capture"
    case .keepAlive:
      return "keep-alive: \(facts.length) octets at one number below the next, \(evidence.next)"
    case .windowUpdate:
      return "window update: nothing new but the window, \(facts.window) after"
        + " \(evidence.lastWindow == .max ? "none" : String(evidence.lastWindow))"
    case .windowFull:
      return "window full: it ends at \(end), where the window ends that the peer offers with"
        + " \(evidence.peerAcknowledgment)"
    case .keepAliveACK: return "keep-alive ACK: the same once more, in answer to a keep-alive"
    case .zeroWindowProbeACK: return "zero window probe ACK: the window is still closed"
    case .duplicateACK:
      return "duplicate ACK: number \(duplicateNumber ?? 0) that repeats frame"
        + " \(duplicateOf ?? 0), with the same window and no octets"
    case .ackLostSegment:
      return "ACKed lost segment: \(facts.acknowledgment) is beyond \(evidence.peerHighest), where"
        + " what was captured without a gap ends"
    case .spuriousRetransmission:
      return "spurious retransmission: the peer had acknowledged up to"
        + " \(evidence.peerAcknowledgment), and this ends at \(end)"
    case .fastRetransmission:
      return
        "fast retransmission: it begins where \(count(evidence.peerDuplicates)) point, and comes"
        + " \(milliseconds(evidence.sincePeer)) after the last"
    case .outOfOrder:
      return "out of order: it begins below \(evidence.next), which was sent only"
        + " \(milliseconds(evidence.sinceHighest)) before; the bound is"
        + " \(milliseconds(evidence.reorderingTime))"
    case .retransmission:
      guard flags.isDisjoint(with: [.spuriousRetransmission, .fastRetransmission]) else {
        return nil
      }
      return "retransmission: it begins below \(evidence.next), which was sent"
        + " \(milliseconds(evidence.sinceHighest)) before"
    case .reusedPorts:
      return "reused ports: a SYN between known ends with another initial number"
    default: return nil
    }
  }

  /// The flag of which all but one condition held.
  private func nearMiss(_ facts: TCPFacts) -> String? {
    let isBehind = evidence.next != 0 && precedes(facts.sequence, evidence.next)
    if flags.contains(.retransmission), !flags.contains(.spuriousRetransmission),
      !flags.contains(.fastRetransmission)
    {
      if evidence.peerAcknowledgment == facts.sequence, evidence.peerDuplicates > 0 {
        return evidence.peerDuplicates < 2
          ? "nearly a fast retransmission: one duplicate ACK was not enough"
          : "nearly a fast retransmission: the last duplicate came"
            + " \(milliseconds(evidence.sincePeer)) ago, 20 ms are the bound"
      }
      return
        "nearly out of order: \(milliseconds(evidence.reorderingTime)) would have been the bound"
    }
    if flags.contains(.outOfOrder), isBehind {
      return "nearly a retransmission: a little later it would have been one"
    }
    guard facts.length == 0, !facts.hasControl, facts.sequence == evidence.next else { return nil }
    let isSame = facts.acknowledgment == evidence.lastAcknowledgment
    if flags.contains(.windowUpdate) {
      return "nearly a duplicate ACK: the window is another"
    }
    if flags.isEmpty, !isSame, UInt32(facts.window) == evidence.lastWindow {
      return "nearly a duplicate ACK: it acknowledges something else than the last"
    }
    return nil
  }

  private func milliseconds(_ nanoseconds: Int64) -> String {
    let micro = nanoseconds / 1000
    let rest = String(micro.magnitude % 1000 + 1000).dropFirst()
    return "\(micro < 0 ? "-" : "")\(micro.magnitude / 1000).\(rest) ms"
  }

  private func count(_ duplicates: UInt32) -> String {
    duplicates == Direction.mark ? "duplicate ACKs" : "\(duplicates) duplicate ACKs"
  }
}
