import Wire

/// Which octets are lost, which may be sent now, and when a recovery is over.
///
/// It knows of sequence numbers and acknowledgments but not of windows or timers. With SACK it
/// follows RFC 6675; without, RFC 6582 (NewReno), where each duplicate acknowledgment stands for
/// one segment that has left the network.
struct LossRecovery {
  /// What the connection is doing about losses.
  enum Phase {
    /// Nothing is known to be lost.
    case none
    /// Duplicate acknowledgments told of a loss; over when `recoveryPoint` is acknowledged.
    case fastRecovery
    /// The timer ran out; all that was outstanding counts as lost.
    case timeout
  }

  /// DupThresh. RFC 6675 section 2.
  static let duplicateThreshold = 3

  /// What is being done.
  private(set) var phase = Phase.none
  /// SND.MAX when the recovery began; RecoveryPoint.
  private(set) var recoveryPoint = SequenceNumber(0)
  /// The highest number retransmitted in this recovery, plus one; HighRxt.
  private(set) var retransmittedTo = SequenceNumber(0)
  /// What is not selectively acknowledged below this number counts as lost.
  private(set) var lostEdge = SequenceNumber(0)
  /// What the peer has, above SND.UNA.
  private(set) var sacked = SequenceRanges(limit: 256)
  /// Duplicate acknowledgments in a row, or without SACK the segments known to have left.
  private(set) var duplicates = 0
  /// The first segment of a recovery goes out whatever the window says. RFC 6675 section 5 (4.3).
  private(set) var mustRetransmitFirst = false
  /// Nothing was sent again yet in this recovery.
  private(set) var isAtBeginning = false
  private var hasRescued = false
  /// `recoveryPoint` is recent enough to be compared with.
  private var remembersRecovery = false

  /// Octets that are probably on their way: RFC 6675 SetPipe, or RFC 6582's inflation turned round.
  func pipe(_ unacknowledged: SequenceNumber, _ next: SequenceNumber, segmentSize: Int) -> Int {
    let outstanding = unacknowledged.distance(to: next)
    guard outstanding > 0 else { return 0 }
    var left = sacked.octets
    if sacked.isEmpty, duplicates > 0 { left = min(duplicates &* segmentSize, outstanding) }
    guard phase != .none else { return max(0, outstanding &- left) }
    let lost = SequenceNumber.later(lostEdge, unacknowledged)
    let lostOctets = unacknowledged.distance(to: lost) &- sacked.octets(before: lost)
    let again = SequenceNumber.earlier(.later(retransmittedTo, unacknowledged), lost)
    let againOctets = unacknowledged.distance(to: again) &- sacked.octets(before: again)
    return max(0, outstanding &- left &- lostOctets &+ againOctets)
  }

  /// Takes a SACK block of an acceptable segment; whether it told anything new.
  mutating func sackArrived(
    _ block: SACKBlock, _ unacknowledged: SequenceNumber, _ next: SequenceNumber
  ) -> Bool {
    // A block below SND.UNA is a duplicate report (RFC 2883); one beyond SND.NXT a lie.
    guard block.left.precedes(block.right), block.right.precedesOrEquals(next),
      block.left.follows(unacknowledged)
    else { return false }
    return sacked.insert(block.left, block.right)
  }

  /// A duplicate acknowledgment arrived.
  mutating func duplicateArrived() {
    if phase != .timeout { duplicates &+= 1 }
  }

  /// Whether what is known now calls for fast retransmission. RFC 6675 section 5, RFC 6582 3.2.
  func shouldRecover(_ unacknowledged: SequenceNumber, segmentSize: Int) -> Bool {
    guard phase == .none else { return false }
    if duplicates >= Self.duplicateThreshold {
      // RFC 6582 section 3.2 step 1: duplicates that our own retransmissions caused don't count.
      return !sacked.isEmpty || !remembersRecovery || unacknowledged.follows(recoveryPoint)
    }
    guard let edge = sackedLossEdge(segmentSize) else { return false }
    return edge.follows(unacknowledged)
  }

  /// RFC 6675 IsLost: unSACKed octets below the result have DupThresh segments SACKed above them.
  private func sackedLossEdge(_ segmentSize: Int) -> SequenceNumber? {
    var above = 0
    var ranges = 0
    for range in sacked.ranges.reversed() {
      above &+= range.count
      ranges &+= 1
      if above > (Self.duplicateThreshold &- 1) &* segmentSize
        || ranges >= Self.duplicateThreshold
      {
        return range.start
      }
    }
    return nil
  }

  /// Fast recovery begins.
  mutating func begin(
    _ unacknowledged: SequenceNumber, _ next: SequenceNumber, segmentSize: Int
  ) {
    phase = .fastRecovery
    recoveryPoint = next
    retransmittedTo = unacknowledged
    lostEdge = unacknowledged
    mustRetransmitFirst = true
    isAtBeginning = true
    hasRescued = false
    updateLostEdge(unacknowledged, segmentSize)
  }

  /// The retransmission timer ran out: everything outstanding counts as lost.
  mutating func timedOut(_ unacknowledged: SequenceNumber, _ next: SequenceNumber) {
    phase = .timeout
    recoveryPoint = next
    retransmittedTo = unacknowledged
    lostEdge = next
    duplicates = 0
    mustRetransmitFirst = true
    // RFC 2018 section 8: the peer may have thrown away what it selectively acknowledged.
    sacked.removeAll()
  }

  /// SND.UNA moved; says whether a recovery ended by it.
  mutating func acknowledged(
    to unacknowledged: SequenceNumber, octets: Int, segmentSize: Int
  ) -> Bool {
    sacked.removeAll(before: unacknowledged)
    guard phase != .none else {
      duplicates = 0
      if unacknowledged.follows(recoveryPoint) { remembersRecovery = false }
      return false
    }
    if unacknowledged.followsOrEquals(recoveryPoint) {
      phase = .none
      remembersRecovery = unacknowledged == recoveryPoint
      duplicates = 0
      mustRetransmitFirst = false
      return true
    }
    // RFC 6582 section 3.2 step 3: a partial acknowledgment deflates by what left, less one.
    duplicates = max(0, duplicates &- max(0, octets / max(segmentSize, 1) &- 1))
    if retransmittedTo.precedes(unacknowledged) { retransmittedTo = unacknowledged }
    // Step 3 as well: the next hole is sent again whatever the window says.
    if phase == .fastRecovery, sacked.isEmpty, retransmittedTo == unacknowledged {
      mustRetransmitFirst = true
    }
    updateLostEdge(unacknowledged, segmentSize)
    return false
  }

  /// After new acknowledgments or SACK blocks in a recovery: what counts as lost now?
  mutating func updateLostEdge(_ unacknowledged: SequenceNumber, _ segmentSize: Int) {
    guard phase == .fastRecovery else { return }
    // Without SACK, and in any case at first: the segment at SND.UNA.
    var edge = SequenceNumber.earlier(unacknowledged + segmentSize, recoveryPoint)
    if !sacked.isEmpty {
      if let first = sacked.ranges.first { edge = .earlier(edge, first.start) }
      if let known = sackedLossEdge(segmentSize) { edge = .later(edge, known) }
    }
    lostEdge = .later(lostEdge, edge)
  }

  /// The next stretch to send again, or nil. RFC 6675 NextSeg rules 1, 3 and 4.
  ///
  /// - Parameter mayRescue: no new data can be sent, so that silence would follow.
  func nextRetransmission(
    _ unacknowledged: SequenceNumber, mayRescue: Bool
  ) -> SequenceRange? {
    guard phase != .none else { return nil }
    let start = SequenceNumber.later(retransmittedTo, unacknowledged)
    if let hole = sacked.firstHole(from: start, before: lostEdge) { return hole }
    guard mayRescue, phase == .fastRecovery, let highest = sacked.ranges.last else { return nil }
    // Rule 3: a hole below the highest SACKed octet that is not yet known to be lost.
    if let hole = sacked.firstHole(from: start, before: highest.start) { return hole }
    // Rule 4: once in a recovery, the outstanding octets above everything SACKed.
    guard !hasRescued, highest.end.precedes(recoveryPoint) else { return nil }
    var rescue = sacked.firstHole(from: highest.end, before: recoveryPoint)
    rescue?.isRescue = true
    return rescue
  }

  /// A stretch was sent again.
  mutating func retransmitted(
    _ start: SequenceNumber, _ end: SequenceNumber, isRescue: Bool = false
  ) {
    mustRetransmitFirst = false
    isAtBeginning = false
    if isRescue { hasRescued = true }
    retransmittedTo = .later(retransmittedTo, end)
  }
}
