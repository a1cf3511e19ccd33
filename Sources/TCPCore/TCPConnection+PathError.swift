package import Octets
package import Wire

// ICMP errors: RFC 9293 section 3.9.2.2, with the checks of RFC 5927.
extension TCPConnection {
  /// An ICMP error quotes a segment of this connection, with this sequence number.
  package mutating func pathError(
    _ error: TCPPathError, quoting sequence: SequenceNumber, at now: Instant,
    ledger: inout RuleLedger<TCPRule>
  ) {
    guard state != .closed, state != .timeWait else { return ledger.note(.badICMP) }
    // RFC 5927 section 4.1: only what is outstanding can have caused an error.
    guard send.unacknowledged.precedesOrEquals(sequence), sequence.precedes(send.next) else {
      return ledger.note(.badICMP)
    }
    switch error {
    case .fragmentationNeeded(let mtu):
      guard configuration.believesPathMTU else { return ledger.note(.badICMP, Int64(mtu)) }
      reducePathMTU(mtu, at: now, ledger: &ledger)
    case .unreachable(let code):
      statistics.lastUnreachable = code
      // RFC 9293 3.9.2.2 SHLD-26 with RFC 5927 section 5.2: hard in the handshake only.
      if (2...4).contains(code), state == .synSent {
        ledger.note(.hardICMP, Int64(code))
        return finish(.unreachable)
      }
      soft(Int64(code), ledger: &ledger)
    case .timeExceeded:
      statistics.lastUnreachable = 255
      soft(0, ledger: &ledger)
    case .parameterProblem: soft(0, ledger: &ledger)
    }
  }

  /// RFC 9293 3.9.2.2 MUST-56: never a reason to abort. SHLD-25: the user may know.
  private mutating func soft(_ code: Int64, ledger: inout RuleLedger<TCPRule>) {
    ledger.note(.softICMP, code)
    reportSoftError()
  }

  /// Something went wrong that may pass. RFC 9293 3.9.1.8 MUST-47; SHLD-20: not everybody wants it.
  mutating func reportSoftError() {
    if configuration.reportsSoftErrors { events.insert(.softError) }
  }

  /// The path takes packets up to `mtu` only: smaller segments from here on. RFC 1191 section 6.4.
  package mutating func reducePathMTU(
    _ mtu: Int, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    guard mtu >= 68, mtu < pathMTU else { return ledger.note(.badICMP, Int64(mtu)) }
    ledger.note(.pathMTUReduced, Int64(mtu))
    pathMTU = mtu
    pathProbe.bounded(by: UInt16(clamping: mtu))
    updateSegmentSize()
    // A SYN was too large for its data: it goes again without, at once. RFC 7413 section 4.1.3.1.
    if state == .synSent, fastOpen.octetsInSYN > 0 { pending.insert(.syn) }
    guard outstanding > 0, state.isSynchronized else { return }
    // What was outstanding was dropped for its size, not for congestion: again, and no back-off.
    detection.markAllLost(in: &scoreboard, at: .distantFuture)
    recovery.repair(from: send.unacknowledged, to: send.next)
    timers.lossProbe = .distantFuture
  }
}
