public import Octets
import Wire

/// Why a frame was judged as it was, in sentences; made only for those who ask.
extension FrameVerdict {
  /// A sentence for each flag, and one for a flag that nearly was; empty where there is neither.
  public func explanation(of facts: TCPFacts) -> String {
    TextBuffer.string { writeExplanation(of: facts, to: &$0) }
  }

  /// Appends what ``explanation(of:)`` gives.
  public func writeExplanation(of facts: TCPFacts, to text: inout TextBuffer) {
    let begin = text.count
    var left = flags.rawValue
    while left != 0 {
      let flag = AnalysisFlags(rawValue: 1 << UInt16(left.trailingZeroBitCount))
      left &= left &- 1
      let mark = text.count
      if mark > begin { text.append("; ") }
      let sentence = text.count
      write(flag, facts, to: &text)
      if text.count == sentence { text.truncate(to: mark) }
    }
    let mark = text.count
    if mark > begin { text.append("; ") }
    let sentence = text.count
    writeNearMiss(facts, to: &text)
    if text.count == sentence { text.truncate(to: mark) }
  }

  private func write(_ flag: AnalysisFlags, _ facts: TCPFacts, to text: inout TextBuffer) {
    let end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.length)
    switch flag {
    case .zeroWindowProbe:
      text.append("zero window probe: one octet, the next in order, into a window of 0")
    case .zeroWindow:
      text.append("zero window: the sender of this frame can take nothing more")
    case .lostSegment:
      text.append("lost segment: ")
      text.append(decimal: facts.sequence &- evidence.next)
      text.append(" octets before this one, from ")
      text.append(decimal: evidence.next)
      text.append(" on, are not in the capture")
    case .keepAlive:
      text.append("keep-alive: ")
      text.append(decimal: facts.length)
      text.append(" octets at one number below the next, ")
      text.append(decimal: evidence.next)
    case .windowUpdate:
      text.append("window update: nothing new but the window, ")
      text.append(decimal: facts.window)
      text.append(" after ")
      if evidence.lastWindow == .max {
        text.append("none")
      } else {
        text.append(decimal: evidence.lastWindow)
      }
    case .windowFull:
      text.append("window full: it ends at ")
      text.append(decimal: end)
      text.append(", where the window ends that the peer offers with ")
      text.append(decimal: evidence.peerAcknowledgment)
    case .keepAliveACK:
      text.append("keep-alive ACK: the same once more, in answer to a keep-alive")
    case .zeroWindowProbeACK: text.append("zero window probe ACK: the window is still closed")
    case .duplicateACK:
      text.append("duplicate ACK: number ")
      text.append(decimal: duplicateNumber ?? 0)
      text.append(" that repeats frame ")
      text.append(decimal: duplicateOf ?? 0)
      text.append(", with the same window and no octets")
    case .ackLostSegment:
      text.append("ACKed lost segment: ")
      text.append(decimal: facts.acknowledgment)
      text.append(" is beyond ")
      text.append(decimal: evidence.peerHighest)
      text.append(", where what was captured without a gap ends")
    default: writeCopy(flag, end, to: &text)
    }
  }

  /// The sentences about octets that had been sent before, and about connections.
  private func writeCopy(_ flag: AnalysisFlags, _ end: UInt32, to text: inout TextBuffer) {
    switch flag {
    case .spuriousRetransmission:
      text.append("spurious retransmission: the peer had acknowledged up to ")
      text.append(decimal: evidence.peerAcknowledgment)
      text.append(", and this ends at ")
      text.append(decimal: end)
    case .fastRetransmission:
      text.append("fast retransmission: it begins where ")
      if evidence.peerDuplicates != Direction.mark {
        text.append(decimal: evidence.peerDuplicates)
        text.append(" ")
      }
      text.append("duplicate ACKs point, and comes ")
      text.append(milliseconds: evidence.sincePeer)
      text.append(" ms after the last")
    case .outOfOrder:
      text.append("out of order: it begins below ")
      text.append(decimal: evidence.next)
      text.append(", which was sent only ")
      text.append(milliseconds: evidence.sinceHighest)
      text.append(" ms before; the bound is ")
      text.append(milliseconds: evidence.reorderingTime)
      text.append(" ms")
    case .retransmission:
      guard flags.isDisjoint(with: [.spuriousRetransmission, .fastRetransmission]) else { return }
      text.append("retransmission: it begins below ")
      text.append(decimal: evidence.next)
      text.append(", which was sent ")
      text.append(milliseconds: evidence.sinceHighest)
      text.append(" ms before")
    case .reusedPorts:
      text.append("reused ports: a SYN between known ends with another initial number")
    default: break
    }
  }

  /// The flag of which all but one condition held.
  private func writeNearMiss(_ facts: TCPFacts, to text: inout TextBuffer) {
    if flags.contains(.retransmission), !flags.contains(.spuriousRetransmission),
      !flags.contains(.fastRetransmission)
    {
      guard evidence.sinceHighest >= 0 else {
        return text.append("nearly out of order: but the capture's clock went back")
      }
      guard evidence.peerAcknowledgment == facts.sequence, evidence.peerDuplicates > 0 else {
        text.append("nearly out of order: ")
        text.append(milliseconds: evidence.reorderingTime)
        return text.append(" ms would have been the bound")
      }
      guard evidence.peerDuplicates >= 2 else {
        return text.append("nearly a fast retransmission: one duplicate ACK was not enough")
      }
      text.append("nearly a fast retransmission: the last duplicate came ")
      text.append(milliseconds: evidence.sincePeer)
      return text.append(" ms ago, 20 ms are the bound")
    }
    let isBehind = evidence.next != 0 && precedes(facts.sequence, evidence.next)
    if flags.contains(.outOfOrder), isBehind {
      return text.append("nearly a retransmission: a little later it would have been one")
    }
    guard facts.length == 0, !facts.hasControl, facts.sequence == evidence.next else { return }
    if flags.contains(.windowUpdate) {
      return text.append("nearly a duplicate ACK: the window is another")
    }
    let isSame = facts.acknowledgment == evidence.lastAcknowledgment
    guard flags.isEmpty, UInt32(facts.window) == evidence.lastWindow, facts.window != 0 else {
      return
    }
    text.append(
      isSame
        ? "nearly a duplicate ACK: but the connection has a new option of Multipath TCP"
        : "nearly a duplicate ACK: it acknowledges something else than the last")
  }
}
