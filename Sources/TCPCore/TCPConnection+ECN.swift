import Octets
import Wire

/// Whether routers may mark segments instead of dropping them. Source: RFC 3168 section 6.1;
/// RFC 9293 3.8.2 SHLD-8.
public enum ECNUse: String, CaseIterable, Hashable, Sendable {
  /// Never.
  case off
  /// When the peer asks for it.
  case whenAsked
  /// Our SYNs ask for it too.
  case always
  /// Our SYNs ask for accurate feedback (RFC 9768), and so may the peer's.
  case accurate
}

/// What a connection knows of congestion marks. RFC 3168 section 6.1.
struct ECNState: OptionSet {
  var rawValue: UInt8
  /// Our SYN has asked for it.
  static var asked: ECNState { ECNState(rawValue: 1) }
  /// Both ends have agreed on it.
  static var agreed: ECNState { ECNState(rawValue: 2) }
  /// A segment came with CE, and no CWR since: our acknowledgments bear ECE.
  static var echoing: ECNState { ECNState(rawValue: 4) }
  /// The window was cut: the next new data bears CWR.
  static var reduced: ECNState { ECNState(rawValue: 8) }
  /// The peer has sent something that routers may mark.
  static var sawCapable: ECNState { ECNState(rawValue: 16) }
  /// What both have agreed on is accurate feedback. RFC 9768.
  static var counting: ECNState { ECNState(rawValue: 32) }
  /// Our SYN has asked for that.
  static var askedToCount: ECNState { ECNState(rawValue: 64) }
}

// Explicit congestion notification: RFC 3168 section 6.1.
extension TCPConnection {
  /// Whether both ends understand congestion marks.
  package var usesECN: Bool { ecn.contains(.agreed) }
  /// Whether the peer has sent something that routers may mark.
  package var sawECNCapable: Bool { ecn.contains(.sawCapable) }

  // MARK: The handshake. RFC 3168 section 6.1.1.

  /// What our SYN asks with.
  mutating func ecnQuestion(isFirst: Bool) -> TCPFlags {
    switch configuration.ecn {
    case .off, .whenAsked: return []
    case .always:
      // A path that drops such SYNs is tried once only. RFC 3168 section 6.1.1.1.
      guard isFirst else { return [] }
      ecn.insert(.asked)
      return [.ece, .cwr]
    case .accurate:
      // Twice, for a loss is the likelier cause. RFC 9768 section 3.1.4.1.
      guard retransmissions < 2 else { return [] }
      ecn.insert(.askedToCount)
      return [.ae, .cwr, .ece]
    }
  }

  /// What our SYN,ACK answers with.
  mutating func ecnAnswer() -> TCPFlags {
    if ecn.contains(.counting) { return countingAnswer() }
    return ecn.contains(.agreed) ? .ece : []
  }

  /// What the peer's SYN says of it.
  mutating func agreeOnECN(
    _ syn: borrowing TCPSegmentView, _ codepoint: ECNCodepoint, _ options: TCPOptions
  ) {
    let bits = Self.countBits(syn.flags)
    let both = syn.flags.intersection([.ece, .cwr])
    if syn.flags.contains(.ack) {
      if ecn.contains(.askedToCount) {
        return countingAnswered(bits, codepoint, options.accurateECN)
      }
      // Both would be our own bits in a mirror.
      if ecn.contains(.asked), both == .ece { ecn.insert(.agreed) }
    } else if configuration.ecn == .accurate, bits != 0, bits != 0b011 {
      agreeToCount(codepoint)
    } else if configuration.ecn != .off, both == [.ece, .cwr] {
      ecn.insert(.agreed)
    }
  }

  // MARK: The receiver. RFC 3168 section 6.1.3.

  /// New data came, with what the IP header says of its way.
  mutating func codepointArrived(
    _ codepoint: ECNCodepoint, _ flags: TCPFlags, ledger: inout RuleLedger<TCPRule>
  ) {
    guard ecn.contains(.agreed), !ecn.contains(.counting) else { return }
    if flags.contains(.cwr) {
      ecn.remove(.echoing)
      // Its window may be a single segment now: it must not wait for our delay.
      acknowledgeNow(.acknowledgeAtOnce)
    }
    switch codepoint {
    case .notECT:
      // Amid segments that may be marked it is a copy: the peer repairs, and needs answers.
      if ecn.contains(.sawCapable) { acknowledgments.quick = max(acknowledgments.quick, 2) }
    case .ect0, .ect1: ecn.insert(.sawCapable)
    case .ce:
      ecn.insert(.sawCapable)
      ledger.note(.congestionMarked)
      guard !ecn.contains(.echoing) else { return }
      ecn.insert(.echoing)
      acknowledgments.quick = max(acknowledgments.quick, 2)
      acknowledgeNow(.echoCongestion)
    }
  }

  // MARK: The sender. RFC 3168 section 6.1.2.

  /// An acknowledgment with ECE: the window is cut, as for a loss, at most once in a round trip.
  mutating func congestionEchoed(at now: Instant, ledger: inout RuleLedger<TCPRule>) {
    if congestion.isModelBased {
      // draft-ietf-ccwg-bbr leaves marks open: here they bound the model as losses do.
      modelNotesLoss(at: now)
      return windowWasCut()
    }
    guard recovery.phase == .open || recovery.phase == .disorder else { return }
    ledger.note(.congestionEchoed, Int64(congestion.congestionWindow))
    recovery.begin(
      .reduction, from: send.unacknowledged, to: send.next,
      threshold: congestion.slowStartThreshold, window: congestion.congestionWindow)
    congestion.reduceThreshold(flight: outstanding)
    windowWasCut()
  }

  /// However the window came to be cut, the peer is told, and ends its echo.
  mutating func windowWasCut() {
    if ecn.contains(.agreed), !ecn.contains(.counting) { ecn.insert(.reduced) }
  }

  /// New data may be marked; the first after a cut says so. RFC 3168 sections 6.1.4, 6.1.5: not
  /// acknowledgments, not what is sent again, not probes of the window.
  mutating func markCapable(_ segment: inout OutgoingSegment) {
    guard ecn.contains(.agreed), segment.payloadCount > 0 else { return }
    if let counts = markCounts.first, counts.forbidsCapable { return }
    segment.codepoint = .ect0
    guard ecn.contains(.reduced) else { return }
    ecn.remove(.reduced)
    segment.header.flags.insert(.cwr)
  }
}
