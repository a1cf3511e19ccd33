import DequeModule

/// The segments of one direction that were not acknowledged yet, in the order of the capture.
///
/// As long as they lie one behind the other, which is nearly always, acknowledgments take from the
/// front only; after a disorder the whole list is looked through until it is empty again.
struct UnacknowledgedList {
  /// The most segments that are kept.
  static var limit: Int { 10_000 }

  struct Segment {
    var frame: Int
    var time: Int64
    var start: UInt32
    var end: UInt32
  }

  private(set) var segments: Deque<Segment> = []
  private var isOrdered = true

  var isEmpty: Bool { segments.isEmpty }
  var oldest: Segment? { segments.first }

  mutating func append(_ segment: Segment) {
    if segments.count >= Self.limit { return }
    if let last = segments.last, precedes(segment.start, last.end) { isOrdered = false }
    segments.append(segment)
  }

  /// Takes away what is acknowledged.
  ///
  /// - Returns: the segment that ends exactly there; of several the one sent first.
  mutating func acknowledge(_ number: UInt32) -> Segment? {
    let exact =
      isOrdered && isNear(number) ? acknowledgeInOrder(number) : acknowledgeAnywhere(number)
    // Most connections of a capture are over: they shall not keep the room that they once needed.
    if segments.isEmpty { segments = [] }
    return exact
  }

  /// Whether all segments lie so near to a number that before and behind mean the same for each.
  private func isNear(_ number: UInt32) -> Bool {
    guard let first = segments.first, let last = segments.last else { return true }
    let quarter: UInt32 = 1 << 30
    let start = first.start &- quarter
    return last.end &- first.start < quarter && number &- start <= last.end &+ quarter &- start
  }

  private mutating func acknowledgeInOrder(_ number: UInt32) -> Segment? {
    var exact: Segment?
    while let first = segments.first {
      if first.end == number {
        exact = exact ?? first
      } else if precedes(number, first.end) {
        if precedes(first.start, number) { segments[0].start = number }
        break
      }
      segments.removeFirst()
    }
    return exact
  }

  private mutating func acknowledgeAnywhere(_ number: UInt32) -> Segment? {
    var exact: Segment?
    for index in segments.indices {
      if segments[index].end == number {
        exact = exact ?? segments[index]
      } else if precedes(segments[index].start, number), precedes(number, segments[index].end) {
        segments[index].start = number
      }
    }
    segments.removeAll { !precedes(number, $0.end) }
    if segments.isEmpty { isOrdered = true }
    return exact
  }

  /// Octets from the lowest to the highest number, those of one more segment included.
  ///
  /// Numbers are ordered as distances from the first number of the stream: what lies before that
  /// counts as far ahead.
  func span(with start: UInt32, _ end: UInt32, from base: UInt32) -> UInt32 {
    var low = start &- base
    var high = end &- base
    if let first = segments.first, let last = segments.last, isOrdered,
      first.start &- base <= last.end &- base
    {
      low = min(low, first.start &- base)
      high = max(high, last.end &- base)
    } else {
      for segment in segments {
        low = min(low, segment.start &- base)
        high = max(high, segment.end &- base)
      }
    }
    return high &- low
  }
}

/// Whether a sequence number lies before another, on the circle.
@inline(__always)
func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
  Int32(bitPattern: left &- right) < 0
}

/// Whether a sequence number lies before another or is the same; half the circle away it lies before.
@inline(__always)
func isAtOrBefore(_ left: UInt32, _ right: UInt32) -> Bool {
  Int32(bitPattern: left &- right) <= 0
}
