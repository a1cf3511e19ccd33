import Octets
import Wire

/// What one acknowledgment brought.
struct AcknowledgmentNews {
  /// Which segments have arrived.
  var delivery: Delivery
  /// The timestamp it echoes, if both ends use them.
  var echo: UInt32?
  /// Octets by which SND.UNA moved.
  var advance = 0
  /// It tells of nothing but that something came out of order.
  var isDuplicate = false
  /// It echoes a congestion mark. RFC 3168.
  var isEcho = false
  /// What it reports to have come twice. RFC 2883.
  var duplicate: SACKBlock?
  /// The end of the highest segment that had been selectively acknowledged before.
  var highestBefore: SequenceNumber?
}

// Where detection, recovery and congestion window meet. RFC 5681, RFC 6675, RFC 8985.
extension TCPConnection {
  private var isComplete: Bool { send.unacknowledged.followsOrEquals(recovery.recoveryPoint) }

  /// After every acknowledgment: what is lost, what is done about it, how the window moves.
  mutating func considerLosses(
    _ news: inout AcknowledgmentNews, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    recovery.releaseRetransmissions(isBehind: send.unacknowledged.follows(recovery.recoveryPoint))
    if let latest = news.delivery.latest {
      detection.arrived(latest, roundTrip: news.delivery.roundTrip)
    }
    if let reordered = news.delivery.reordered,
      let highest = scoreboard.highestSACKed ?? news.highestBefore
    {
      let size = max(send.maximumSegmentSize, 1)
      detection.sawReordering(degree: (reordered.distance(to: highest) &+ size &- 1) / size)
    }
    statistics.octetsDelivered &+= news.delivery.octets
    if news.isEcho { statistics.octetsDeliveredMarked &+= news.delivery.octets }
    if recovery.probeEnd != nil { probeAnswered(news, at: now, ledger: &ledger) }
    if let block = news.duplicate { duplicateReported(block) }
    let lostBefore = scoreboard.lostOctets
    if news.isEcho { congestionEchoed(at: now, ledger: &ledger) }
    let isQuiet =
      recovery.phase == .open && !news.delivery.hasSACKed && !news.isDuplicate
      && news.duplicate == nil
    if !isQuiet { react(&news, at: now, ledger: &ledger) }
    if congestion.isModelBased {
      modelAcknowledged(news.delivery.octets, latest: news.delivery.latest?.at, at: now)
    } else {
      moveWindow(
        delivered: news.delivery.octets, advance: news.advance, lostBefore: lostBefore, at: now,
        ledger: &ledger)
    }
    if news.advance > 0 || news.delivery.hasSACKed { scheduleLossProbe(at: now) }
  }

  /// The course of a recovery, step by step.
  private mutating func react(
    _ news: inout AcknowledgmentNews, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    countDuplicates(&news)
    switch recovery.phase {
    case .reduction:
      // Held until something sent after the reduction is acknowledged.
      if send.unacknowledged.follows(recovery.recoveryPoint) { endReduction(at: now, &ledger) }
    case .fast:
      if isComplete {
        if let reason = mistake(news) {
          undo(reason, at: now, &ledger)
        } else {
          endReduction(at: now, &ledger)
        }
      } else if news.advance > 0, recovery.answersOriginal(echo: news.echo),
        scoreboard.againOctets == 0
      {
        undo(.undoByTimestamp, at: now, &ledger)
      } else if recovery.isExplainedByDuplicates, news.duplicate != nil {
        undo(.undoByDuplicates, at: now, &ledger)
      } else if news.advance > 0, !receive.usesSACK {
        scoreboard.markHeadLost(send.maximumSegmentSize)
      }
    case .timeout: reactToTimeout(news, at: now, &ledger)
    case .open, .disorder:
      if recovery.isExplainedByDuplicates, news.duplicate != nil {
        undo(.undoByDuplicates, at: now, &ledger)
      }
    }
    if recovery.holdsRetransmissions { return }
    markLosses(at: now)
    guard !recovery.isRepairing else { return }
    if pathProbe.isOn, isLossOfProbe(at: now, ledger: &ledger) { return }
    if scoreboard.lostOctets > 0 {
      beginRecovery(&ledger)
    } else {
      recovery.setDisorder(scoreboard.sackedOctets > 0 || scoreboard.duplicateOctets > 0)
    }
  }

  /// Without SACK each duplicate stands for a segment that has left the network. RFC 6582.
  private mutating func countDuplicates(_ news: inout AcknowledgmentNews) {
    guard !receive.usesSACK else { return }
    let size = send.maximumSegmentSize
    if news.advance > 0 {
      let known = scoreboard.duplicateOctets
      news.delivery.octets = max(news.advance &- known, min(size, news.advance))
      scoreboard.duplicateOctets =
        recovery.phase == .fast ? max(0, known &- max(0, news.advance &- size)) : 0
    } else if news.isDuplicate, !isEchoOfRepair {
      let room = max(0, scoreboard.outstanding &- scoreboard.duplicateOctets &- size)
      scoreboard.duplicateOctets &+= min(size, room)
      news.delivery.octets = size
      // RFC 5681 section 3.2.
      let threshold = LossDetection.duplicateThreshold &* size
      let isEnough = scoreboard.duplicateOctets >= threshold || hasThirdDuplicate(size)
      if !recovery.isRepairing, isEnough { scoreboard.markHeadLost(size) }
    }
  }

  /// Without SACK the copies of a repair call forth duplicates that tell of no loss.
  ///
  /// Source: RFC 6582 section 3.2 step 1; after a time-out, section 4.
  private var isEchoOfRepair: Bool {
    recovery.phase == .timeout
      ? !send.next.follows(recovery.recoveryPoint)
      : recovery.phase != .fast && recovery.remembersPoint
        && !send.unacknowledged.follows(recovery.recoveryPoint)
  }

  /// With few small segments the third duplicate does not stand for three full ones.
  private mutating func hasThirdDuplicate(_ size: Int) -> Bool {
    scoreboard.duplicates &+= 1
    return scoreboard.duplicates >= LossDetection.duplicateThreshold
  }

  /// G in nanoseconds.
  var tick: Int64 {
    max(1_000_000, min(configuration.timerGranularity.wholeNanoseconds, 100_000_000))
  }

  /// RACK has its say, and its timer is set. RFC 8985 section 6.2 step 5.
  private mutating func markLosses(at now: Instant) {
    timers.reordering = .distantFuture
    guard receive.usesSACK else { return modelLost(at: now) }
    let wait = detection.markLosses(
      in: &scoreboard, at: now, isRecovering: recovery.isRepairing,
      minimumRoundTrip: roundTrip.minimum == .max ? 0 : roundTrip.minimum,
      smoothedRoundTrip: roundTrip.smoothedRoundTrip ?? 0)
    modelLost(at: now)
    guard wait > 0 else { return }
    let ticks = (wait &+ tick &- 1) / tick &+ 2
    timers.reordering = now.advanced(byNanoseconds: ticks &* tick)
  }

  // MARK: Beginning and end

  /// A loss is certain: the threshold is cut once, and repair begins.
  private mutating func beginRecovery(_ ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.enterRecovery, Int64(congestion.congestionWindow))
    let wasReducing = recovery.isReducing
    recovery.begin(
      .fast, from: send.unacknowledged, to: send.next, threshold: congestion.slowStartThreshold,
      window: congestion.congestionWindow)
    if !wasReducing { congestion.reduceThreshold(flight: outstanding) }
    windowWasCut()
    timers.lossProbe = .distantFuture
  }

  private mutating func endReduction(at now: Instant, _ ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.leaveRecovery)
    if recovery.phase == .reduction || recovery.mayUndo {
      congestion.setWindow(congestion.slowStartThreshold)
    }
    scoreboard.duplicateOctets = 0
    detection.recoveryEnded()
    recovery.end()
    modelRepaired(at: now)
  }

  /// The retransmission timer ran out. RFC 6298 section 5, RFC 5681 section 3.1, RFC 5682.
  mutating func beginTimeoutRecovery(at now: Instant) {
    let isFirst = recovery.phase != .timeout || isComplete
    if isFirst {
      let threshold = congestion.slowStartThreshold
      let window = congestion.congestionWindow
      if !recovery.isReducing { congestion.reduceThreshold(flight: outstanding) }
      recovery.begin(
        .timeout, from: send.unacknowledged, to: send.next, threshold: threshold, window: window)
      windowWasCut()
    }
    scoreboard.duplicateOctets = 0
    detection.markAllLost(in: &scoreboard, at: now)
    recovery.timedOut(to: send.next, isProbing: configuration.detectsSpuriousTimeouts)
    if congestion.isModelBased {
      modelLost(at: now)
      modelTimedOut(at: now)
    } else {
      congestion.setWindow(scoreboard.inFlight &+ send.maximumSegmentSize)
    }
    timers.lossProbe = .distantFuture
    timers.reordering = .distantFuture
  }

  /// An acknowledgment after a time-out. RFC 5682 section 3.1.
  private mutating func reactToTimeout(
    _ news: AcknowledgmentNews, at now: Instant, _ ledger: inout RuleLedger<TCPRule>
  ) {
    if news.advance > 0, let reason = mistake(news) { return undo(reason, at: now, &ledger) }
    if recovery.isProbingTimeout {
      if news.delivery.hasOriginal { return undo(.undoByProbe, at: now, &ledger) }
      if send.next.follows(recovery.recoveryPoint) {
        // Step 3a: the loss was real.
        if news.delivery.hasSACKed || news.isDuplicate { recovery.endProbing() }
      } else if news.advance > 0, !isComplete {
        // Step 2b: new data is sent instead, and what comes back decides.
        if send.next.precedes(endOfData), usableWindow > 0 {
          return recovery.holdRetransmissions(to: send.next)
        }
        recovery.endProbing()
      }
    }
    if isComplete {
      if let reason = mistake(news) { return undo(reason, at: now, &ledger) }
      ledger.note(.leaveRecovery)
      recovery.end()
      modelRepaired(at: now)
    }
  }

  // MARK: Undoing

  /// Why the reduction now looks like a mistake; nil when it doesn't.
  private func mistake(_ news: AcknowledgmentNews) -> TCPRule? {
    if recovery.answersOriginal(echo: news.echo) { return .undoByTimestamp }
    return recovery.isExplainedByDuplicates && recovery.firstRetransmissionStamp != nil
      ? .undoByDuplicates : nil
  }

  /// Nothing was lost: window and threshold are as before. RFC 4015 section 3.
  private mutating func undo(
    _ reason: TCPRule, at now: Instant, _ ledger: inout RuleLedger<TCPRule>
  ) {
    ledger.note(reason, Int64(recovery.prior.window))
    scoreboard.unmarkLost()
    scoreboard.duplicateOctets = 0
    congestion.undo(threshold: recovery.prior.threshold, window: recovery.prior.window)
    ecn.remove(.reduced)
    roundTrip.progressed()
    recovery.end(isDisorder: scoreboard.sackedOctets > 0)
    modelUndone(at: now)
    recovery.undone()
  }

  private mutating func duplicateReported(_ block: SACKBlock) {
    let count = block.left.distance(to: block.right)
    let segments = max(1, count / max(send.maximumSegmentSize, 1))
    statistics.duplicatesReported &+= UInt32(truncatingIfNeeded: segments)
    recovery.duplicateReported(block, segments: segments)
    detection.duplicateReported(send.unacknowledged, send.next)
  }

  // MARK: The window

  private mutating func moveWindow(
    delivered: Int, advance: Int, lostBefore: Int, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    if recovery.isReducing {
      let more = recovery.allowance(
        delivered: delivered, inFlight: scoreboard.inFlight,
        threshold: congestion.slowStartThreshold, segmentSize: send.maximumSegmentSize,
        hasProgress: advance > 0 && scoreboard.lostOctets <= lostBefore)
      guard delivered > 0 else { return }
      // RFC 6582 section 3.2 step 3: without SACK each partial acknowledgment lets a copy go.
      let isPartial = advance > 0 && !receive.usesSACK
      congestion.setWindow(
        scoreboard.inFlight &+ max(more, isPartial ? send.maximumSegmentSize : 0))
    } else if advance > 0 || delivered > 0 && detection.hasLongReordering {
      // Where the order changes often, what is selectively acknowledged is progress too.
      growWindow(max(delivered, 1), at: now, ledger: &ledger)
    }
  }

  /// More segments may count as lost now. RFC 8985 section 6.3.
  mutating func reorderingDeadlinePassed(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    timers.reordering = .distantFuture
    let before = scoreboard.inFlight
    markLosses(at: now)
    guard scoreboard.inFlight < before else { return }
    if !recovery.isRepairing {
      if !(pathProbe.isOn && isLossOfProbe(at: now, ledger: &ledger)) { beginRecovery(&ledger) }
    }
    if recovery.isReducing, !congestion.isModelBased {
      let more = recovery.allowance(
        delivered: send.maximumSegmentSize, inFlight: scoreboard.inFlight,
        threshold: congestion.slowStartThreshold, segmentSize: send.maximumSegmentSize,
        hasProgress: false)
      congestion.setWindow(scoreboard.inFlight &+ more)
    }
    timers.retransmit = retransmissionDeadline(at: now)
  }
}
