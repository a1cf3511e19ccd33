import Octets
import Wire

// Finding the path's limit without ICMP: packetization layer path MTU discovery. RFC 4821.
extension TCPConnection {
  /// Octets of IP and TCP headers in front of data.
  private var headersOfData: Int { 40 &+ networkOptions &+ (receive.usesTimestamps ? 12 : 0) }

  /// Octets of the largest packet of data that peer, link and user allow.
  private var packetCeiling: UInt16 {
    let segment = min(
      send.peerMaximumSegmentSize, Int(configuration.maximumSentSegmentSize ?? .max) &- 40)
    return UInt16(clamping: min(pathMTU, segment &+ 40))
  }

  private var mayProbePath: Bool {
    configuration.pathProbing != .never && configuration.forbidsFragments
  }

  /// The connection stands: with probing from the beginning, packets are small at first.
  mutating func beginPathProbing() {
    guard configuration.pathProbing == .always, mayProbePath else { return }
    pathProbe.begin(below: packetCeiling)
    updateSegmentSize()
  }

  /// The retransmission timer ran out: a probe is over, and the path may be a black hole.
  ///
  /// Every other time-out beyond the patience a smaller size is tried, each of them twice.
  mutating func considerBlackHole(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    if let probe = pathProbe.probe {
      if probe.start == send.unacknowledged {
        ledger.note(.pathProbeLost, Int64(probe.packet))
        pathProbe.failed(at: now)
      } else {
        pathProbe.wasInconclusive(at: now)
      }
    }
    // RFC 4821 section 7.7: full-sized packets vanish, and nobody says why.
    let beyond = retransmissions &- PathProbe.patience
    guard mayProbePath, beyond >= 0, beyond % 2 == 0 else { return }
    guard let head = scoreboard.segments.first else { return }
    let size = min(head.count, send.maximumSegmentSize) &+ headersOfData
    guard pathProbe.fallBack(from: UInt16(clamping: size)) else { return }
    updateSegmentSize()
    ledger.note(.pathBlackHole, Int64(send.maximumSegmentSize))
  }

  /// New data in one segment that is larger than all that is known to pass, if now is a good time.
  ///
  /// RFC 4821 section 7.4: enough must follow that its loss is noticed without a time-out, and
  /// nothing may be amiss that would make its loss ambiguous.
  mutating func pathProbeSegment(
    _ segment: inout OutgoingSegment, _ available: Int, _ room: Int, at now: Instant
  ) -> Bool {
    let size = send.maximumSegmentSize
    guard recovery.phase == .open, recordEnds.isEmpty, retransmissions == 0,
      let packet = pathProbe.next(below: packetCeiling, at: now)
    else { return false }
    let count = Int(packet) &- headersOfData
    let needed = count &+ (LossDetection.duplicateThreshold &+ 1) &* size
    guard count > size, available >= needed, usableWindow >= needed, room >= count,
      congestion.congestionWindow >= needed
    else { return false }
    let start = send.next
    sendNew(&segment, count, endOfData, false, at: now)
    // It is one packet, not several that would be joined again.
    segment.segmentSize = 0
    segment.header.flags.remove(.psh)
    segment.rule = .probePathMTU
    pathProbe.sent(PathProbe.Probe(start: start, end: send.next, packet: packet))
    return true
  }

  /// SND.UNA has moved: the probe may have arrived. RFC 4821 section 7.6.1.
  mutating func pathProbeAcknowledged(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    guard let probe = pathProbe.probe, send.unacknowledged.followsOrEquals(probe.end) else {
      return
    }
    ledger.note(.pathMTURaised, Int64(probe.packet))
    pathProbe.succeeded(at: now)
    updateSegmentSize()
  }

  /// Losses were found; whether all that is lost is the probe, which tells nothing of congestion.
  ///
  /// RFC 4821 section 7.6.2: it is repaired in segments that pass, and no window is cut.
  mutating func isLossOfProbe(at now: Instant, ledger: inout RuleLedger<TCPRule>) -> Bool {
    guard let probe = pathProbe.probe, scoreboard.isLost(at: probe.start) else { return false }
    scoreboard.markLost(from: probe.start, to: probe.end)
    guard scoreboard.lostOctets == probe.start.distance(to: probe.end) else {
      pathProbe.wasInconclusive(at: now)
      return false
    }
    ledger.note(.pathProbeLost, Int64(probe.packet))
    pathProbe.failed(at: now)
    recovery.repair(from: send.unacknowledged, to: send.next)
    timers.lossProbe = .distantFuture
    return true
  }
}
