import Octets

/// What ties the fragments of a datagram together.
struct FragmentKey: Hashable {
  var source: UInt128
  var destination: UInt128
  var identification: UInt32
  var transport: UInt8
}

/// Puts fragments together as a reader of captures wants them: no clock, and what came first stays
/// where fragments overlap. A host is stricter; see `IPv4Reassembler`.
///
/// At its bounds the oldest datagram goes.
struct FragmentStore {
  static let maximumDatagrams = 1024
  static let maximumOctets = 16 << 20

  fileprivate struct Partial {
    var octets: [UInt8] = []
    /// What is there, in order and not touching.
    var ranges: [Range<Int>] = []
    var total: Int?
    var serial: Int
  }

  private var partials: [FragmentKey: Partial] = [:]
  private var serial = 0
  private var held = 0

  /// Datagrams that wait.
  var count: Int { partials.count }

  /// Hands in a fragment; gives the whole when it completes it.
  mutating func add(
    _ octets: Span<UInt8>, at start: Int, isLast: Bool, key: FragmentKey
  ) -> [UInt8]? {
    let end = start &+ octets.count
    guard end <= 65_535 else { return nil }
    makeRoom(octets.count, keeping: key)
    serial &+= 1
    var partial = partials.removeValue(forKey: key) ?? Partial(serial: serial)
    held &-= partial.octets.count
    if isLast, partial.total == nil { partial.total = end }
    if partial.octets.count < end {
      partial.octets.append(contentsOf: repeatElement(0, count: end &- partial.octets.count))
    }
    var place = start
    for range in partial.ranges where range.upperBound > place && range.lowerBound < end {
      if place < range.lowerBound { partial.copy(octets, from: start, place..<range.lowerBound) }
      place = range.upperBound
    }
    if place < end { partial.copy(octets, from: start, place..<end) }
    partial.insert(start..<end)
    if let total = partial.total, let first = partial.ranges.first, first.lowerBound == 0,
      first.upperBound >= total
    {
      return Array(partial.octets.prefix(total))
    }
    held &+= partial.octets.count
    partials[key] = partial
    return nil
  }

  private mutating func makeRoom(_ count: Int, keeping key: FragmentKey) {
    while partials.count >= Self.maximumDatagrams || held &+ 65_535 > Self.maximumOctets {
      guard
        let oldest = partials.filter({ $0.key != key }).min(by: {
          $0.value.serial < $1.value.serial
        })
      else { return }
      held &-= oldest.value.octets.count
      partials[oldest.key] = nil
    }
  }
}

extension FragmentStore.Partial {
  fileprivate mutating func copy(_ from: Span<UInt8>, from start: Int, _ range: Range<Int>) {
    for index in range { octets[index] = from[index &- start] }
  }

  fileprivate mutating func insert(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    var (low, high) = (range.lowerBound, range.upperBound)
    var others: [Range<Int>] = []
    for other in ranges {
      if other.upperBound < low || other.lowerBound > high {
        others.append(other)
      } else {
        (low, high) = (min(low, other.lowerBound), max(high, other.upperBound))
      }
    }
    others.append(low..<high)
    ranges = others.sorted { $0.lowerBound < $1.lowerBound }
  }
}
