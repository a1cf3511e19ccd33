import DequeModule
import Octets
import Wire

// Tail loss probes: RFC 8985 section 7.
extension TCPConnection {
  /// Sets the probe's time anew. RFC 8985 section 7.2.
  mutating func scheduleLossProbe(at now: Instant) {
    timers.lossProbe = .distantFuture
    guard configuration.usesLossProbes, receive.usesSACK, recovery.probeEnd == nil,
      recovery.phase == .open || recovery.phase == .reduction, outstanding > 0,
      send.window > 0, state.isSynchronized
    else { return }
    var wait: Int64 = 1_000_000_000
    if let smoothed = roundTrip.smoothedRoundTrip {
      wait = 2 &* smoothed
      // A single segment may wait for the peer's delayed acknowledgment.
      let isSingle = outstanding <= send.maximumSegmentSize
      wait &+= isSingle ? TCPConfiguration.peerAcknowledgmentDelay : 2 &* tick
    }
    let time = now.advanced(byNanoseconds: wait)
    timers.lossProbe = timers.retransmit == .distantFuture ? time : min(time, timers.retransmit)
  }

  /// Nothing came back for two round trips: something new, or the last segment again.
  mutating func lossProbeDeadlinePassed(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    timers.lossProbe = .distantFuture
    guard outstanding > 0, recovery.probeEnd == nil else { return }
    // R2 and the user's time-out are kept by the retransmission timer.
    if timers.retransmit <= now,
      now.nanoseconds(since: timers.unacknowledgedSince) >= retransmissionLimit
    {
      return
    }
    pending.insert(.lossProbe)
    timers.retransmit = retransmissionDeadline(at: now)
  }

  /// RFC 8985 section 7.3, TLP_send_probe: new data beyond the congestion window, or the last copy.
  mutating func lossProbe(_ segment: inout OutgoingSegment, at now: Instant) -> Bool {
    pending.remove(.lossProbe)
    guard outstanding > 0, let last = scoreboard.segments.last else { return false }
    let size = send.maximumSegmentSize
    let left = send.next.distance(to: endOfData)
    // No segment carries octets of two records.
    let available = recordEnds.isEmpty ? left : min(octetsOfRecord() ?? left, left)
    if available > 0, usableWindow >= min(size, available) {
      let count = min(size, available)
      sendNew(
        &segment, count, endOfData, isClosing && count < usableWindow, isProbe: true, at: now)
      return true
    }
    guard !last.marks.contains(.sacked) else { return false }
    recovery.probe(to: send.next, isCopy: true)
    let start = last.count > size ? last.end - size : last.start
    sendAgain(&segment, start, last.end, .lossProbe, at: now)
    return true
  }

  /// RFC 8985 section 7.4: did the probe repair a loss?
  mutating func probeAnswered(
    _ news: AcknowledgmentNews, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    guard let end = recovery.probeEnd, send.unacknowledged.followsOrEquals(end) else { return }
    guard recovery.probeIsCopy else { return recovery.endProbe() }
    if let block = news.duplicate, block.right == end {
      // Both copies arrived: nothing was lost.
      return recovery.endProbe()
    }
    guard send.unacknowledged.follows(end) else {
      // A pure duplicate is the answer to the second copy.
      if news.advance == 0, !news.delivery.hasSACKed { recovery.endProbe() }
      return
    }
    // What was sent after the probe is acknowledged, and no duplicate was reported: a loss.
    recovery.endProbe()
    guard recovery.phase == .open || recovery.phase == .disorder else { return }
    ledger.note(.lossProbeRepaired)
    if congestion.isModelBased { modelNotesLoss(at: now) }
    congestion.reduceThreshold(flight: outstanding)
    congestion.setWindow(congestion.slowStartThreshold)
    windowWasCut()
  }
}
