import DequeModule
import Octets
import Wire

/// Numbers that were sent again, and when.
struct SentCopy: Hashable {
  /// The first number.
  var start: SequenceNumber
  /// The number behind the last.
  var end: SequenceNumber
  /// When they left.
  var sentAt: Instant
}

// The order of sending, in which RACK looks for losses. RFC 8985 section 6.2 step 5.
//
// What was sent once left in the order of its numbers, so a place among the segments is enough; what
// was sent again is kept in a queue beside them.
extension Scoreboard {
  /// Marks as lost what left before `latest` and of which `isLost` says so.
  ///
  /// It looks at what is neither lost nor with the peer, and at nothing else.
  mutating func markLost(sentBefore latest: Departure, where isLost: (SentSegment) -> Bool) {
    var index = place(of: onceFrom)
    while index < segments.count, !segments[index].wasSentOnce { index &+= 1 }
    onceFrom = index < segments.count ? segments[index].start : segments.last?.end ?? onceFrom
    while index < segments.count {
      let segment = segments[index]
      if segment.wasSentOnce {
        guard latest.isLater(than: segment.departure) else { break }
        if isLost(segment) { markLost(index) }
      }
      index &+= 1
    }
    while let first = copies.first, !isUnderWay(first) { copies.removeFirst() }
    for copy in copies {
      guard copy.sentAt <= latest.at else { break }
      index = place(of: copy.start)
      while index < segments.count, segments[index].start.precedes(copy.end) {
        let segment = segments[index]
        if segment.isUnderWay(as: copy), latest.isLater(than: segment.departure), isLost(segment) {
          markLost(index)
        }
        index &+= 1
      }
    }
  }

  /// Something was sent again.
  mutating func noteCopy(_ copy: SentCopy) {
    // What became of most copies is known before that of the first: no memory for them.
    if copies.count > 2 &* segments.count &+ 64 {
      copies = Deque(copies.filter { isUnderWay($0) })
    }
    copies.append(copy)
  }

  /// After marks were taken back: finds the order anew.
  mutating func orderAnew() {
    guard let head = segments.first else { return }
    onceFrom = head.start
    var again = segments.filter {
      $0.marks.contains(.everAgain) && !$0.mustGoAgain && !$0.marks.contains(.sacked)
    }
    again.sort { $1.departure.isLater(than: $0.departure) }
    copies = Deque(again.lazy.map { SentCopy(start: $0.start, end: $0.end, sentAt: $0.sentAt) })
  }

  /// Whether anything of a copy may still count as lost.
  private func isUnderWay(_ copy: SentCopy) -> Bool {
    var index = place(of: copy.start)
    while index < segments.count, segments[index].start.precedes(copy.end) {
      if segments[index].isUnderWay(as: copy) { return true }
      index &+= 1
    }
    return false
  }
}

extension SentSegment {
  /// It was sent once, and is neither lost nor with the peer.
  fileprivate var wasSentOnce: Bool { marks.isDisjoint(with: [.sacked, .lost, .everAgain]) }

  /// It was last sent as part of this copy, and is neither lost nor with the peer.
  fileprivate func isUnderWay(as copy: SentCopy) -> Bool {
    marks.contains(.everAgain) && !marks.contains(.sacked) && !mustGoAgain && sentAt == copy.sentAt
  }
}
