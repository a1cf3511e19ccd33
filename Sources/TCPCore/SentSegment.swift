import Octets
import Wire

/// A stretch of sequence numbers that was sent at once, and what is known of its fate.
struct SentSegment: Hashable {
  /// The first number.
  var start: SequenceNumber
  /// The number behind the last; FIN counts as one.
  var end: SequenceNumber
  /// When it was last sent.
  var sentAt: Instant
  /// What is known of it.
  var marks: Marks = []
  /// How many packets of it the peer has selectively acknowledged, if it has.
  var packets: UInt32 = 0

  /// What may be known of a segment.
  struct Marks: OptionSet, Hashable {
    var rawValue: UInt8
    /// The peer has it. RFC 2018.
    static var sacked: Marks { Marks(rawValue: 1) }
    /// It is thought to be lost.
    static var lost: Marks { Marks(rawValue: 2) }
    /// It was sent again, and that copy is not thought to be lost.
    static var again: Marks { Marks(rawValue: 4) }
    /// It was sent more than once, so that its acknowledgment is ambiguous (Karn).
    static var everAgain: Marks { Marks(rawValue: 8) }
    /// It went out with PSH, which belongs to its last octet.
    static var pushed: Marks { Marks(rawValue: 16) }
    /// A record of the user's ends with it: it is not joined with what follows.
    static var record: Marks { Marks(rawValue: 32) }
  }

  /// Octets, FIN included.
  var count: Int { start.distance(to: end) }

  /// It is lost, and was not sent again since.
  var mustGoAgain: Bool { marks.contains(.lost) && !marks.contains(.again) }

  /// When it was last sent, among all that was.
  var departure: Departure { Departure(at: sentAt, end: end) }

  /// Segments of `size` octets that it fills.
  func segments(of size: Int) -> Int { max(1, (count &+ size &- 1) / max(size, 1)) }
}

/// The moment at which a segment left, as the order of sending has it. RFC 8985 section 4.
struct Departure: Hashable {
  /// When.
  var at: Instant
  /// The number behind its last: of what left at the same moment, the higher left later.
  var end: SequenceNumber

  /// RACK_sent_after. RFC 8985 section 6.2.
  func isLater(than other: Departure) -> Bool {
    at > other.at || at == other.at && end.follows(other.end)
  }
}

/// What one acknowledgment told about segments that were under way.
struct Delivery {
  /// SND.MAX when the last recovery began; what lies above was sent later.
  var recoveryPoint = SequenceNumber(0)
  /// The least round trip so far, in nanoseconds: a retransmission cannot be answered sooner.
  var minimumRoundTrip: Int64 = 0
  /// The time of arrival.
  var now = Instant.start

  /// Octets that are known to have arrived only now.
  var octets = 0
  /// Whether SACK blocks told anything new.
  var hasSACKed = false
  /// Of what arrived, that which had left last.
  var latest: Departure?
  /// The round trip of what arrived, the last that was looked at, in nanoseconds. RFC 8985 6.2.
  var roundTrip: Int64 = 0
  /// When the oldest and the newest segment left that are now acknowledged and were sent only once.
  var acknowledged: (oldest: Instant, newest: Instant)?
  /// The same for segments that are now selectively acknowledged.
  var sacked: (oldest: Instant, newest: Instant)?
  /// Something acknowledged had been sent more than once.
  var hasRetransmitted = false
  /// Something arrived that was sent only once, and before the recovery began. RFC 5682.
  var hasOriginal = false
  /// The lowest number that arrived late: sent only once, behind it something was SACKed before.
  var reordered: SequenceNumber?

  /// Takes note of a segment that is known to have arrived only now.
  mutating func arrived(_ segment: SentSegment, isSACK: Bool, highestSACKed: SequenceNumber?) {
    octets &+= segment.count
    if isSACK { hasSACKed = true }
    if segment.marks.contains(.everAgain) {
      if !isSACK { hasRetransmitted = true }
      // RFC 8985 section 6.2 step 2: too soon for the copy, so it was the original.
      guard now.nanoseconds(since: segment.sentAt) >= minimumRoundTrip else { return }
    } else {
      if isSACK {
        sacked = (min(sacked?.oldest ?? segment.sentAt, segment.sentAt), segment.sentAt)
      } else {
        acknowledged = (acknowledged?.oldest ?? segment.sentAt, segment.sentAt)
      }
      if segment.end.precedesOrEquals(recoveryPoint) { hasOriginal = true }
      if let highestSACKed, segment.start.precedes(highestSACKed) {
        reordered = reordered.map { .earlier($0, segment.start) } ?? segment.start
      }
    }
    roundTrip = now.nanoseconds(since: segment.sentAt)
    let departure = segment.departure
    if latest.map({ departure.isLater(than: $0) }) ?? true { latest = departure }
  }
}
