package import Octets
package import Wire

// What happens when nothing happens: RFC 9293 sections 3.8.3, 3.8.4, 3.8.6.1; RFC 6298.
extension TCPConnection {
  /// A deadline given by ``nextDeadline`` has passed.
  package mutating func deadlinePassed(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    if timers.close <= now { return closeDeadlinePassed(ledger: &ledger) }
    noteIfLimited()
    if timers.acknowledgment <= now {
      timers.acknowledgment = .distantFuture
      acknowledgeNow(.acknowledgeDelayed)
    }
    if timers.reordering <= now { reorderingDeadlinePassed(at: now, ledger: &ledger) }
    if timers.lossProbe <= now { lossProbeDeadlinePassed(at: now, ledger: &ledger) }
    if timers.retransmit <= now {
      timers.retransmit = .distantFuture
      retransmitDeadlinePassed(at: now, ledger: &ledger)
    }
    if timers.keepalive <= now { keepaliveDeadlinePassed(at: now, ledger: &ledger) }
    if timers.trim <= now { trim(at: now) }
    if timers.pacing <= now { timers.pacing = .distantFuture }
  }

  // MARK: Retransmission

  private mutating func retransmitDeadlinePassed(
    at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    switch state {
    case .synSent, .synReceived: return synDeadlinePassed(at: now, ledger: &ledger)
    case .listen, .timeWait, .closed: return
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck: break
    }
    let waiting = send.next.precedes(endOfData) || isClosing && send.next == endOfData
    if send.window == 0, outstanding > 0 || waiting {
      return persistDeadlinePassed(at: now, ledger: &ledger)
    }
    guard outstanding > 0 else {
      // RFC 9293 3.8.6.2.1: the override of silly-window avoidance.
      if waiting {
        send.overridesSillyWindow = true
        // What was said to follow has not: this is the end for now.
        pushesTail = true
      }
      return
    }
    // RFC 9293 3.8.3 MUST-20: R2.
    if now.nanoseconds(since: timers.unacknowledgedSince) >= retransmissionLimit {
      return giveUp(ledger: &ledger)
    }
    retransmissions &+= 1
    statistics.timeouts &+= 1
    ledger.note(.retransmissionTimeout, Int64(retransmissions))
    if retransmissions == configuration.retransmissionsBeforeAdvice {
      // RFC 9293 3.8.3 SHLD-9: R1.
      ledger.note(.roundTripAdvice)
      reportSoftError()
    }
    considerBlackHole(at: now, ledger: &ledger)
    beginTimeoutRecovery(at: now)
    // RFC 6298 (5.5), (5.6).
    roundTrip.backOff()
    timers.retransmit = retransmissionDeadline(at: now)
  }

  /// When the retransmission timer must run out if it is started now.
  ///
  /// The user's own time-out is kept to the moment, not rounded up to the next retransmission.
  func retransmissionDeadline(at now: Instant) -> Instant {
    let deadline = now.advanced(byNanoseconds: roundTrip.retransmissionTimeout)
    guard let limit = userTimeout else { return deadline }
    return max(min(deadline, timers.unacknowledgedSince + limit), now.advanced(byNanoseconds: 1))
  }

  /// The user's time-out, or R2, in nanoseconds.
  var retransmissionLimit: Int64 {
    if let limit = userTimeout { return limit.wholeNanoseconds }
    let limit = configuration.retransmissionLimit
    return (isOrphan ? min(limit, configuration.orphanLimit) : limit).wholeNanoseconds
  }

  private mutating func synDeadlinePassed(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    // RFC 9293 3.8.3 MUST-23: at least three minutes.
    let limit = (configuration.userTimeout ?? configuration.openLimit).wholeNanoseconds
    let mayRepeat = retransmissions < configuration.openRetransmissions.map { Int($0) } ?? .max
    if !mayRepeat || now.nanoseconds(since: timers.unacknowledgedSince) >= limit {
      return giveUp(ledger: &ledger)
    }
    retransmissions &+= 1
    if retransmissions == configuration.retransmissionsBeforeAdvice, !isPassive {
      // RFC 9293 3.8.3 MUST-22: R1 is told of a SYN as of data, where a user has asked for it.
      ledger.note(.roundTripAdvice)
      reportSoftError()
    }
    roundTrip.backOff()
    send.synSentAt = nil
    pending.insert(.syn)
    timers.retransmit = retransmissionDeadline(at: now)
  }

  /// R2, or the user's time-out: no more is sent. RFC 9293 sections 3.8.3 and 3.10.8.
  ///
  /// - Parameter tellsPeer: a reset goes out: the peer may be alive and deaf, and would wait for us.
  private mutating func giveUp(tellsPeer: Bool = false, ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.giveUp)
    finish(.timedOut)
    if tellsPeer { pending.insert(.reset) }
  }

  // MARK: A closed window

  /// The window has no room for what waits: the first probe comes after one RTO (SHLD-29).
  mutating func armPersist(at now: Instant) {
    guard timers.retransmit == .distantFuture else { return }
    if outstanding == 0 { timers.unacknowledgedSince = now }
    timers.retransmit = retransmissionDeadline(at: now)
  }

  private mutating func persistDeadlinePassed(
    at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    // RFC 9293 3.8.6.1 MUST-37: for as long as the probes are answered. RFC 9293 3.8.6 SHLD-17.
    // Silence counts only while there is something to be answered.
    let silence = now.nanoseconds(since: max(timers.lastHeard, timers.unacknowledgedSince))
    if timers.probes > 0, silence >= retransmissionLimit { return giveUp(ledger: &ledger) }
    // The user's own time-out asks for progress, not only for answers (RFC 9293 3.10.8); so does a
    // connection that nobody holds any more, or it could be kept for ever from outside.
    let patience = configuration.userTimeout ?? (isOrphan ? configuration.retransmissionLimit : nil)
    if let patience, timers.unacknowledgedSince + patience <= now {
      return giveUp(ledger: &ledger)
    }
    timers.probes &+= 1
    pending.insert(.probe)
    // SHLD-30: exponentially further apart.
    roundTrip.backOff()
    timers.retransmit = retransmissionDeadline(at: now)
  }

  // MARK: Keepalive. RFC 9293 section 3.8.4.

  /// Begins to count the quiet time.
  mutating func startKeepalive(at now: Instant) {
    guard let keepalive = configuration.keepalive else { return }
    timers.keepalive = now + keepalive.idle
  }

  private mutating func keepaliveDeadlinePassed(
    at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    timers.keepalive = .distantFuture
    guard let keepalive = configuration.keepalive, state.isSynchronized, state != .timeWait else {
      return
    }
    // RFC 9293 3.8.4 MUST-26: only if nothing is outstanding and nothing was heard for so long.
    let due = timers.lastHeard + keepalive.idle
    // What is under way, or waits for the window, has the other timers, and their patience.
    let isBusy = outstanding > 0 || send.next.precedes(endOfData)
    if isBusy || timers.keepaliveProbes == 0 && now < due {
      timers.keepaliveProbes = 0
      timers.keepalive = isBusy ? max(due, now + keepalive.interval) : due
      return
    }
    // MUST-29: several must go unanswered.
    if Int(timers.keepaliveProbes) >= keepalive.probes {
      return giveUp(tellsPeer: true, ledger: &ledger)
    }
    timers.keepaliveProbes &+= 1
    pending.insert(.keepalive)
    timers.keepalive = now + keepalive.interval
  }

  // MARK: The end

  /// TIME-WAIT begins, or begins anew. RFC 9293 3.6.1 MUST-13.
  mutating func startTimeWait(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.enterTimeWait)
    enter(.timeWait)
    timers.clear()
    timers.close = now + configuration.timeWait
    sendBuffer.removeAll()
    scoreboard.removeAll()
    if receiveBuffer.isEmpty { receiveBuffer.shrink() }
    events.formUnion([.readable, .writable])
  }

  /// Nobody will read what comes: FIN-WAIT-2 must not last for ever.
  mutating func startOrphanTimer(at now: Instant) {
    timers.close = now + configuration.orphanTimeout
  }

  /// The peer takes what is left so slowly that it only keeps the connection.
  mutating func orphanIsSlow(ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.orphanSlow, Int64(sendBuffer.count))
    finish(.timedOut)
    pending.insert(.reset)
  }

  private mutating func closeDeadlinePassed(ledger: inout RuleLedger<TCPRule>) {
    ledger.note(state == .timeWait ? .timeWaitOver : .orphanTimeout)
    finish(.finished)
  }

  /// Whether a SYN may take the place of this connection in TIME-WAIT.
  ///
  /// Source: RFC 9293 3.6.1 MAY-2; RFC 6191 section 2 with timestamps (SHLD-4).
  package func mayBeReplaced(
    by sequence: SequenceNumber, timestamp: UInt32?
  ) -> Bool {
    guard state == .timeWait else { return false }
    if receive.usesTimestamps, let timestamp {
      let age = Int32(bitPattern: timestamp &- receive.timestampRecent)
      if age != 0 { return age > 0 }
    }
    return sequence.follows(receive.next)
  }

  // MARK: Memory

  /// Looks in a second whether the buffers are still in use.
  mutating func considerTrim(at now: Instant) {
    guard timers.trim == .distantFuture else { return }
    timers.trim = now.advanced(byNanoseconds: 1_000_000_000)
  }

  private mutating func trim(at now: Instant) {
    timers.trim = .distantFuture
    guard now.nanoseconds(since: timers.lastHeard) >= 900_000_000 else {
      return considerTrim(at: now)
    }
    if sendBuffer.isEmpty { sendBuffer.shrink() }
    if scoreboard.isEmpty { scoreboard.removeAll() }
    if receiveBuffer.isEmpty, reassembly.isEmpty { receiveBuffer.shrink() }
  }
}
