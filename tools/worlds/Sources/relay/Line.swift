import Octets

/// What one direction of the relay does to packets.
struct LineConditions {
  /// Octets a second; 0 for no limit.
  var rate = 0.0
  /// Nanoseconds that a packet is under way.
  var delay: Int64 = 0
  /// Nanoseconds that may be added, each packet's its own: packets overtake each other.
  var jitter: Int64 = 0
  /// The chance that a packet is lost.
  var loss = 0.0
  /// Octets that may wait for their turn.
  var queue = Int.max
}

/// One direction: packets wait for their turn, are under way, or are lost.
///
/// Chance is drawn twice for each packet, needed or not, so that the same packet has the same fate
/// for the same seed. Times are nanoseconds.
struct Line {
  let conditions: LineConditions
  private var random: RandomSource
  private var busyUntil: Int64 = 0
  /// What is under way, from `first` on, the next to arrive first.
  private var packets: [(due: Int64, octets: [UInt8])] = []
  private var first = 0

  init(_ conditions: LineConditions, seed: UInt64) {
    self.conditions = conditions
    random = .seeded(seed)
  }

  /// When the next packet arrives.
  var nextDue: Int64? { first < packets.count ? packets[first].due : nil }

  /// A packet has come at the beginning of the line.
  mutating func enter(_ octets: Span<UInt8>, at now: Int64) {
    let isLost = Double.random(in: 0..<1, using: &random) < conditions.loss
    let late = Double.random(in: 0..<1, using: &random) * Double(conditions.jitter)
    let start = max(now, busyUntil)
    if conditions.rate > 0 {
      let waiting = Double(start - now) * conditions.rate / 1e9
      guard Int(waiting) + octets.count <= conditions.queue else { return }
      // What is lost on the way has taken its time on the link all the same.
      busyUntil = start + Int64(Double(octets.count) * 1e9 / conditions.rate)
    }
    guard !isLost else { return }
    let due = max(start, busyUntil) + conditions.delay + Int64(late)
    var copy: [UInt8] = []
    copy.reserveCapacity(octets.count)
    for index in octets.indices { copy.append(octets[index]) }
    var place = packets.count
    while place > first, packets[place - 1].due > due { place -= 1 }
    packets.insert((due, copy), at: place)
  }

  /// The next packet that has arrived.
  mutating func leave(at now: Int64) -> [UInt8]? {
    guard first < packets.count, packets[first].due <= now else { return nil }
    let octets = packets[first].octets
    packets[first].octets = []
    first += 1
    if first == packets.count {
      packets.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 4096 {
      packets.removeSubrange(0..<first)
      first = 0
    }
    return octets
  }
}
