import Octets
import Wire

/// What a connection does about losses: when a repair begins and ends, how fast it goes, and
/// whether it was all a mistake.
///
/// It knows neither which segments are lost nor how a window grows. Source: RFC 5681, RFC 6675;
/// RFC 6937 (the rate), RFC 5682 (F-RTO), RFC 4015 and RFC 3708 (undoing), RFC 8985 section 7 (TLP).
struct Recovery {
  /// What is being done.
  enum Phase: UInt8, Hashable {
    /// Nothing is known to be amiss.
    case open
    /// Something arrived out of order; perhaps there is a loss.
    case disorder
    /// The window is being reduced, though nothing is lost.
    case reduction
    /// Acknowledgments told of a loss: it is repaired.
    case fast
    /// The timer ran out: all is repaired from the beginning.
    case timeout
  }

  /// What is being done.
  private(set) var phase = Phase.open
  /// SND.MAX when it began; it is over when that is acknowledged.
  private(set) var recoveryPoint = SequenceNumber(0)
  /// ``recoveryPoint`` is of late, so that numbers can be compared with it.
  private(set) var remembersPoint = false

  // MARK: Undoing

  /// ssthresh and cwnd before the reduction.
  private(set) var prior = (threshold: Int.max, window: 0)
  /// Whether a reduction can still turn out a mistake.
  private(set) var mayUndo = false
  /// SND.UNA when the reduction began.
  private(set) var undoMarker = SequenceNumber(0)
  /// Segments sent again that no duplicate report has come back for.
  private(set) var unexplained = 0
  /// Our clock when the first segment of this recovery was sent again, for Eifel. RFC 3522.
  private(set) var firstRetransmissionStamp: UInt32?
  /// It is being found out whether the time-out was spurious. RFC 5682.
  private(set) var isProbingTimeout = false
  /// Until the next acknowledgment only new data is sent.
  private(set) var holdsRetransmissions = false

  // MARK: Proportional rate reduction. RFC 6937 section 3.

  private var delivered = 0
  private var sent = 0

  // MARK: Tail loss probe. RFC 8985 section 7.

  /// TLP.end_seq: SND.NXT when the probe left; nil when none is out.
  private(set) var probeEnd: SequenceNumber?
  /// The probe was a copy, so that an acknowledgment tells of a loss it repaired.
  private(set) var probeIsCopy = false

  /// Whether losses are being repaired.
  var isRepairing: Bool { phase == .fast || phase == .timeout }

  /// Whether the rate is set by what is delivered, not by the congestion controller.
  var isReducing: Bool { phase == .fast || phase == .reduction }

  // MARK: Beginning

  /// Something arrived out of order, or everything is in order again.
  mutating func setDisorder(_ isDisorder: Bool) {
    guard phase == .open || phase == .disorder else { return }
    phase = isDisorder ? .disorder : .open
  }

  /// A reduction begins, with repair or without.
  mutating func begin(
    _ next: Phase, from unacknowledged: SequenceNumber, to point: SequenceNumber,
    threshold: Int, window: Int
  ) {
    if phase == .open || phase == .disorder || next == .timeout {
      prior = (threshold, window)
    }
    phase = next
    recoveryPoint = point
    remembersPoint = true
    mayUndo = next != .reduction
    undoMarker = unacknowledged
    unexplained = 0
    firstRetransmissionStamp = nil
    delivered = 0
    sent = 0
    isProbingTimeout = false
    probeEnd = nil
  }

  /// The timer ran out: what was sent up to here is repaired, and watched if `isProbing`.
  mutating func timedOut(to point: SequenceNumber, isProbing: Bool) {
    phase = .timeout
    recoveryPoint = point
    remembersPoint = true
    isProbingTimeout = isProbing
    holdsRetransmissions = false
    probeEnd = nil
  }

  /// Everything goes again for another reason than congestion: no window is touched.
  mutating func repair(from unacknowledged: SequenceNumber, to point: SequenceNumber) {
    timedOut(to: point, isProbing: false)
    undoMarker = unacknowledged
    mayUndo = false
  }

  /// RFC 5682 section 2.1 step 2b: new data goes out, and what comes back decides.
  mutating func holdRetransmissions(to point: SequenceNumber) {
    recoveryPoint = point
    holdsRetransmissions = true
  }

  /// The next acknowledgment has come; `isBehind`: for more than the recovery was about.
  mutating func releaseRetransmissions(isBehind: Bool) {
    holdsRetransmissions = false
    if isBehind, !isRepairing { remembersPoint = false }
  }

  /// The loss was real, or nothing more can be learnt.
  mutating func endProbing() { isProbingTimeout = false }

  // MARK: The course

  /// Octets were sent again; `stamp` is our clock for timestamps.
  mutating func sentAgain(_ octets: Int, segments: Int, stamp: UInt32) {
    if mayUndo { unexplained &+= segments }
    if firstRetransmissionStamp == nil { firstRetransmissionStamp = stamp }
    if isReducing { sent &+= octets }
  }

  /// New octets were sent.
  mutating func sentNew(_ octets: Int) {
    if isReducing { sent &+= octets }
  }

  /// The peer reports a segment that it had already. RFC 2883, RFC 3708.
  mutating func duplicateReported(_ block: SACKBlock, segments: Int) {
    guard mayUndo, unexplained > 0, block.right.follows(undoMarker) else { return }
    unexplained = max(0, unexplained &- segments)
  }

  /// Whether every copy was in vain, so that the originals had arrived. RFC 3708 section 3.
  var isExplainedByDuplicates: Bool { mayUndo && unexplained == 0 }

  /// Whether the acknowledgment answers what was sent before anything was sent again. RFC 3522.
  func answersOriginal(echo: UInt32?) -> Bool {
    guard mayUndo, let echo, echo != 0, let first = firstRetransmissionStamp else { return false }
    return Int32(bitPattern: echo &- first) < 0
  }

  /// How much more may be in flight after an acknowledgment. RFC 6937 section 3.1.
  ///
  /// - Parameters: all in octets; `hasProgress` is SND.UNA having moved without a new loss.
  mutating func allowance(
    delivered octets: Int, inFlight: Int, threshold: Int, segmentSize: Int, hasProgress: Bool
  ) -> Int {
    guard octets > 0 else { return 0 }
    delivered &+= octets
    let room = threshold &- inFlight
    var more: Int
    if room < 0 {
      // Rounded up to whole segments, so that the first acknowledgment lets one go.
      let share = Double(threshold) * Double(delivered) / Double(max(prior.window, 1))
      more = Int((share / Double(segmentSize)).rounded(.up)) &* segmentSize &- sent
      more = max(more, 0)
    } else {
      more = max(delivered &- sent, octets)
      // RFC 6937bis: slow start rather than conservation when nothing more was lost.
      if hasProgress { more &+= segmentSize }
      more = min(room, more)
    }
    // The first segment of a repair goes out in any case.
    return max(more, sent == 0 ? segmentSize : 0)
  }

  /// It is over.
  ///
  /// Reports of duplicates may still come, and undo it.
  mutating func end(isDisorder: Bool = false) {
    phase = isDisorder ? .disorder : .open
    isProbingTimeout = false
    holdsRetransmissions = false
    firstRetransmissionStamp = nil
  }

  /// A mistake was undone, and cannot be once more.
  mutating func undone() { mayUndo = false }

  // MARK: Tail loss probe

  /// A probe leaves.
  mutating func probe(to end: SequenceNumber, isCopy: Bool) {
    probeEnd = end
    probeIsCopy = isCopy
  }

  /// The probe is answered.
  mutating func endProbe() { probeEnd = nil }
}

extension Recovery {
  /// Adds what is done about losses to a digest.
  func digest(into digest: inout StateDigest) {
    digest.add(Int(phase.rawValue))
    digest.add(recoveryPoint)
    digest.add(remembersPoint)
    digest.add(prior.threshold)
    digest.add(prior.window)
    digest.add(mayUndo)
    digest.add(undoMarker)
    digest.add(unexplained)
    digest.add(Int(firstRetransmissionStamp ?? 0))
    digest.add(isProbingTimeout)
    digest.add(holdsRetransmissions)
    digest.add(delivered)
    digest.add(sent)
    digest.add(probeEnd)
    digest.add(probeIsCopy)
  }
}
