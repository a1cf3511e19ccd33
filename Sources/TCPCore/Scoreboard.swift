import DequeModule
import Octets
import Wire

/// Everything between SND.UNA and SND.NXT, segment by segment: when it left and what became of it.
///
/// Invariants: 1. The segments lie end to end, in ascending order. 2. The sums are those of the
/// segments' marks. 3. There are never more than ``limit`` segments, or one for each
/// ``octetsApart`` outstanding octets if that is more. 4. Neighbours that the peer has are one
/// segment, unless a record ends between them. 5. No segment before ``lostFrom`` is to go again.
/// 6. Each segment before ``onceFrom`` was sent again, is lost, or is with the peer. 7. Each segment
/// that was sent again and may count as lost once more has its copy among ``copies``.
///
/// So no acknowledgment costs a walk over all that is under way: 4 bounds what a SACK block passes,
/// 5 to 7 say where to look for losses.
///
/// The sums follow RFC 6675's pipe: in flight is what was sent, less what has arrived, less what is
/// lost, and once more what was sent again.
struct Scoreboard {
  /// The most segments kept apart; beyond, neighbours are joined and a SACK of a part is not noted.
  static var limit: Int { 8192 }
  /// With so many octets for each on average, there may be more: the send buffer bounds them then.
  static var octetsApart: Int { 512 }

  /// The segments, oldest first.
  private(set) var segments: Deque<SentSegment> = []
  /// Octets that the peer has selectively acknowledged.
  private(set) var sackedOctets = 0
  /// Octets that are thought to be lost, sent again or not.
  private(set) var lostOctets = 0
  /// Octets that were sent again and not yet acknowledged or lost once more.
  private(set) var againOctets = 0
  /// Octets that duplicate acknowledgments stand for where there is no SACK. RFC 6582.
  var duplicateOctets = 0 {
    didSet { if duplicateOctets == 0 { duplicates = 0 } }
  }
  /// How many of them came.
  var duplicates = 0
  /// The end of the highest segment that was selectively acknowledged since the last reset.
  private(set) var highestSACKed: SequenceNumber?
  /// Packets that the peer has selectively acknowledged.
  private(set) var sackedPackets = 0

  /// Where what is to go again may begin.
  private var lostFrom = SequenceNumber(0)
  /// Where what was sent once, and is neither lost nor with the peer, may begin.
  var onceFrom = SequenceNumber(0)
  /// What was sent again, in the order of sending; what became of it since is told by the segments.
  var copies: Deque<SentCopy> = []

  /// What is marked as lost is remembered until ``takeLosses()``.
  var keepsLosses = false
  private var losses: [Loss] = []

  /// Octets that left together and are lost.
  struct Loss: Hashable {
    /// When they left.
    var sentAt: Instant
    /// How many.
    var octets: Int
  }

  /// What was marked as lost since the last call.
  mutating func takeLosses() -> [Loss] {
    defer { losses = [] }
    return losses
  }

  /// Whether nothing is under way.
  var isEmpty: Bool { segments.isEmpty }

  /// Octets sent and not acknowledged.
  var outstanding: Int {
    guard let first = segments.first, let last = segments.last else { return 0 }
    return first.start.distance(to: last.end)
  }

  /// Octets that are probably on their way. RFC 6675 section 2.
  var inFlight: Int {
    max(0, outstanding &- sackedOctets &- duplicateOctets &- lostOctets &+ againOctets)
  }

  // MARK: Sending

  /// New octets left, the last of them with PSH or not, or at the end of a record.
  mutating func sent(
    _ start: SequenceNumber, _ end: SequenceNumber, isPushed: Bool, endsRecord: Bool = false,
    at now: Instant
  ) {
    guard start.precedes(end) else { return }
    var marks: SentSegment.Marks = isPushed ? .pushed : []
    if endsRecord { marks.insert(.record) }
    if segments.isEmpty {
      lostFrom = start
      onceFrom = start
    } else if !hasRoom, let last = segments.last,
      last.marks.isSubset(of: [.pushed, .record])
    {
      segments[segments.count &- 1].end = end
      segments[segments.count &- 1].sentAt = now
      segments[segments.count &- 1].marks = marks
      return
    }
    segments.append(SentSegment(start: start, end: end, sentAt: now, marks: marks))
  }

  /// Octets left once more; says whether the last of them is to have PSH.
  mutating func sentAgain(
    _ start: SequenceNumber, _ end: SequenceNumber, at now: Instant
  ) -> Bool {
    var isPushed = false
    var index = place(of: start)
    split(index, at: start)
    if index < segments.count, segments[index].end.precedesOrEquals(start) { index &+= 1 }
    while index < segments.count, segments[index].start.precedes(end) {
      split(index, at: end)
      segments[index].sentAt = now
      if !segments[index].marks.contains(.again) { againOctets &+= segments[index].count }
      segments[index].marks.formUnion([.again, .everAgain])
      isPushed = segments[index].marks.contains(.pushed)
      index &+= 1
    }
    noteCopy(SentCopy(start: start, end: end, sentAt: now))
    return isPushed
  }

  // MARK: Acknowledgments

  /// SND.UNA moved to `edge`; `highest` is what had been selectively acknowledged before.
  mutating func acknowledge(
    to edge: SequenceNumber, highestBefore highest: SequenceNumber?, _ delivery: inout Delivery
  ) {
    while let first = segments.first, first.start.precedes(edge) {
      // Of a part the front is taken off, which needs no room: nothing below SND.UNA stays, at the
      // bound neither.
      var arrived = first
      let isPart = first.end.follows(edge)
      if isPart { arrived.end = edge }
      if !arrived.marks.contains(.sacked) {
        delivery.arrived(arrived, isSACK: false, highestSACKed: highest)
      } else if arrived.marks.contains(.everAgain) {
        delivery.hasRetransmitted = true
      }
      if isPart {
        arrived.packets = UInt32(
          UInt64(first.packets) * UInt64(arrived.count) / UInt64(first.count))
        segments[0].packets = first.packets &- arrived.packets
        segments[0].start = edge
      } else {
        segments.removeFirst()
      }
      clearSums(arrived)
    }
    if lostFrom.precedes(edge) { lostFrom = edge }
    if onceFrom.precedes(edge) { onceFrom = edge }
    if let known = highestSACKed, known.precedesOrEquals(edge) { highestSACKed = nil }
    if segments.isEmpty {
      duplicateOctets = 0
      if !copies.isEmpty { copies.removeAll() }
    }
  }

  /// The peer has what lies between two numbers; `size` is the segment size.
  mutating func sack(
    _ start: SequenceNumber, _ end: SequenceNumber, size: Int, highestBefore: SequenceNumber?,
    _ delivery: inout Delivery
  ) {
    guard let head = segments.first, let tail = segments.last else { return }
    let start = SequenceNumber.later(start, head.start)
    let end = SequenceNumber.earlier(end, tail.end)
    guard start.precedes(end) else { return }
    var index = place(of: start)
    let first = index
    var hasNews = false
    while index < segments.count, segments[index].start.precedes(end) {
      defer { index &+= 1 }
      guard !segments[index].marks.contains(.sacked) else { continue }
      guard isolate(&index, start, end, size) else { continue }
      hasNews = true
      segments[index].packets = UInt32(truncatingIfNeeded: segments[index].segments(of: size))
      let segment = segments[index]
      delivery.arrived(segment, isSACK: true, highestSACKed: highestBefore)
      clearSums(segment)
      segments[index].marks.subtract([.lost, .again])
      segments[index].marks.insert(.sacked)
      sackedOctets &+= segment.count
      sackedPackets &+= Int(segment.packets)
      highestSACKed = highestSACKed.map { .later($0, segment.end) } ?? segment.end
    }
    if hasNews { joinSACKed(max(first &- 1, 0)..<min(index &+ 1, segments.count)) }
  }

  /// Makes one of neighbours that the peer has.
  private mutating func joinSACKed(_ range: Range<Int>) {
    var last = range.lowerBound
    for index in range.dropFirst() {
      let next = segments[index]
      let known = segments[last]
      if known.marks.contains(.sacked), next.marks.contains(.sacked),
        !known.marks.contains(.record)
      {
        segments[last].end = next.end
        segments[last].packets &+= next.packets
        segments[last].marks.remove(.pushed)
        segments[last].marks.formUnion(next.marks)
      } else {
        last &+= 1
        if last < index { segments[last] = next }
      }
    }
    if last &+ 1 < range.upperBound { segments.removeSubrange(last &+ 1..<range.upperBound) }
  }

  /// Cuts a segment so that a part of it, in whole segments of `size`, lies within a range.
  ///
  /// Receivers acknowledge what was one packet as a whole, so less than that is not believed.
  /// - Returns: whether there is such a part; it is at `index` then.
  private mutating func isolate(
    _ index: inout Int, _ start: SequenceNumber, _ end: SequenceNumber, _ size: Int
  ) -> Bool {
    let first = segments[index].start
    if first.precedes(start) {
      let skipped = (first.distance(to: start) &+ size &- 1) / size &* size
      guard skipped < segments[index].count, (first + skipped).precedes(end),
        split(index, at: first + skipped)
      else { return false }
      index &+= 1
    }
    if segments[index].end.follows(end) {
      let covered = segments[index].start.distance(to: end) / size &* size
      guard covered > 0, split(index, at: segments[index].start + covered) else { return false }
    }
    return true
  }

  // MARK: Losses

  /// Marks a segment as lost, the copy that was sent last included.
  mutating func markLost(_ index: Int) {
    let segment = segments[index]
    guard !segment.marks.contains(.sacked) else { return }
    if keepsLosses, !segment.marks.contains(.lost) || segment.marks.contains(.again) {
      losses.append(Loss(sentAt: segment.sentAt, octets: segment.count))
    }
    if !segment.marks.contains(.lost) { lostOctets &+= segment.count }
    if segment.marks.contains(.again) { againOctets &-= segment.count }
    segments[index].marks.insert(.lost)
    segments[index].marks.remove(.again)
    lostFrom = .earlier(lostFrom, segment.start)
  }

  /// Without SACK: the first `size` octets are lost. RFC 6582 section 3.2.
  mutating func markHeadLost(_ size: Int) {
    guard let first = segments.first else { return }
    if first.count > size { split(0, at: first.start + size) }
    if !segments[0].marks.contains(.again) { markLost(0) }
  }

  /// Whether the segment that holds a number is lost and was not sent again since.
  func isLost(at number: SequenceNumber) -> Bool {
    let index = place(of: number)
    return index < segments.count && segments[index].mustGoAgain
  }

  /// What lies between two numbers is lost.
  mutating func markLost(from start: SequenceNumber, to end: SequenceNumber) {
    var index = place(of: start)
    while index < segments.count, segments[index].start.precedes(end) {
      if !segments[index].mustGoAgain { markLost(index) }
      index &+= 1
    }
  }

  /// Nothing counts as lost any more: it was all a mistake.
  mutating func unmarkLost() {
    for index in segments.indices { segments[index].marks.remove(.lost) }
    lostOctets = 0
    orderAnew()
  }

  /// The peer has thrown away what it selectively acknowledged (reneging). RFC 2018 section 8.
  mutating func forgetSACKs() {
    for index in segments.indices { segments[index].marks.remove(.sacked) }
    sackedOctets = 0
    sackedPackets = 0
    highestSACKed = nil
    orderAnew()
  }

  /// Forgets everything and its memory.
  mutating func removeAll() {
    segments = []
    copies = []
    sackedOctets = 0
    sackedPackets = 0
    lostOctets = 0
    againOctets = 0
    duplicateOctets = 0
    highestSACKed = nil
    if !losses.isEmpty { losses = [] }
  }

  /// The first stretch that is lost and was not sent again since; small ones joined up to `size`.
  mutating func firstLost(joining size: Int) -> SentSegment? {
    guard lostOctets > 0, let tail = segments.last else { return nil }
    var index = place(of: lostFrom)
    while index < segments.count, !segments[index].mustGoAgain { index &+= 1 }
    guard index < segments.count else {
      lostFrom = tail.end
      return nil
    }
    var stretch = segments[index]
    lostFrom = stretch.start
    index &+= 1
    while index < segments.count, segments[index].mustGoAgain, stretch.count < size,
      !segments[index &- 1].marks.contains(.record)
    {
      stretch.end = .earlier(segments[index].end, stretch.start + size)
      index &+= 1
    }
    return stretch
  }

  // MARK: Places

  /// Whether one segment more may be kept apart.
  private var hasRoom: Bool {
    segments.count < Self.limit || segments.count < outstanding / Self.octetsApart
  }

  /// The index of the segment that holds a number; the count when none does.
  func place(of number: SequenceNumber) -> Int {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low &+ high) / 2
      if segments[middle].end.precedesOrEquals(number) { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// Cuts a segment in two at a number inside it; false at the bound.
  @discardableResult
  private mutating func split(_ index: Int, at number: SequenceNumber) -> Bool {
    guard index < segments.count, segments[index].start.precedes(number),
      number.precedes(segments[index].end)
    else { return true }
    guard hasRoom else { return false }
    var tail = segments[index]
    tail.start = number
    segments[index].end = number
    segments[index].marks.subtract([.pushed, .record])
    segments.insert(tail, at: index &+ 1)
    return true
  }

  private mutating func clearSums(_ segment: SentSegment) {
    if segment.marks.contains(.sacked) {
      sackedOctets &-= segment.count
      sackedPackets &-= Int(segment.packets)
    }
    if segment.marks.contains(.lost) { lostOctets &-= segment.count }
    if segment.marks.contains(.again) { againOctets &-= segment.count }
  }
}

extension Scoreboard {
  /// Adds what is under way to a digest.
  func digest(into digest: inout StateDigest) {
    for segment in segments {
      digest.add(segment.start)
      digest.add(segment.end)
      digest.add(segment.sentAt)
      digest.add(Int(segment.marks.rawValue))
    }
    digest.add(duplicateOctets)
    digest.add(duplicates)
    digest.add(highestSACKed)
  }
}
