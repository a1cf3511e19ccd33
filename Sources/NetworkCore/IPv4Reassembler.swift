package import Octets
package import Wire

/// Puts fragments together. Source: RFC 791 section 3.2; RFC 1122 section 3.3.2.
///
/// Any overlap but an exact repetition ends the whole datagram, and what of it comes later waits
/// for nothing: so nothing can be hidden from a filter (RFC 1858, RFC 3128), nor any arithmetic
/// be led astray. Datagrams, octets and time are bounded.
package struct IPv4Reassembler: ~Copyable {
  /// The bounds.
  package struct Limits: Hashable, Sendable {
    /// Datagrams that may wait at once.
    package var datagrams = 64
    /// Octets of all fragments that may wait.
    package var octets = 1 << 20
    /// How long a datagram may wait. RFC 1122 3.3.2: 60 to 120 s; here 30 s, as Linux has it.
    package var time: Duration = .seconds(30)

    /// The default bounds.
    package init() {}
  }

  /// What ties fragments together.
  package struct Key: Hashable, Sendable {
    /// The sender.
    package var source: IPv4Address
    /// The receiver.
    package var destination: IPv4Address
    /// The protocol.
    package var transport: IPProtocol
    /// The identification.
    package var identification: UInt16
  }

  /// A datagram in the making.
  private struct Partial {
    var octets: [UInt8] = []
    /// Ranges that have come, ascending and disjoint.
    var ranges: [Range<Int>] = []
    var covered = 0
    var total: Int?
    var deadline: Instant
    /// The header and first octets of fragment zero, for a time exceeded message.
    var quote: [UInt8] = []
    var isPoisoned = false
  }

  /// What became of a fragment.
  package enum Outcome {
    /// The datagram is whole: this is its payload.
    case whole([UInt8])
    /// It waits.
    case waiting
    /// It was dropped, with or without its datagram.
    case dropped(IPRule)
  }

  private var partials: [Key: Partial] = [:]
  private let limits: Limits
  /// Octets that wait.
  package private(set) var heldOctets = 0
  /// The first deadline; nil when nothing waits.
  package private(set) var nextDeadline: Instant?

  /// Nothing waits.
  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Datagrams that wait.
  package var count: Int { partials.count }

  /// A fragment arrived.
  package mutating func fragmentArrived(
    _ packet: borrowing IPv4PacketView, at now: Instant
  ) -> Outcome {
    let key = Key(
      source: packet.source, destination: packet.destination, transport: packet.transport,
      identification: packet.identification)
    let start = packet.fragmentOffset
    let end = start + packet.payload.count
    guard end <= 65_535 - packet.headerLength, packet.payload.count > 0 else {
      return .dropped(.dropFragmentTooLong)
    }
    if packet.moreFragments, packet.payload.count % 8 != 0 {
      return .dropped(.dropFragmentOddLength)
    }
    if partials[key] == nil {
      guard partials.count < limits.datagrams else { return .dropped(.dropFragmentLimit) }
      let deadline = now + limits.time
      partials[key] = Partial(deadline: deadline)
      nextDeadline = min(nextDeadline ?? deadline, deadline)
    }
    guard var partial = partials.removeValue(forKey: key) else { return .waiting }
    if partial.isPoisoned {
      partials[key] = partial
      return .dropped(.dropFragmentOverlap)
    }
    if partial.ranges.contains(start..<end), packet.moreFragments == (partial.total != end) {
      partials[key] = partial
      return .waiting
    }
    let overlaps = partial.ranges.contains { $0.overlaps(start..<end) }
    let contradicts =
      partial.total.map { end > $0 || !packet.moreFragments && end != $0 } ?? false
      || !packet.moreFragments && (partial.ranges.last?.upperBound ?? 0) > end
    if overlaps || contradicts {
      heldOctets -= partial.octets.count
      partial.octets = []
      partial.ranges = []
      partial.isPoisoned = true
      partials[key] = partial
      return .dropped(.dropFragmentOverlap)
    }
    let growth = max(0, end - partial.octets.count)
    guard heldOctets + growth <= limits.octets else {
      if !partial.ranges.isEmpty { partials[key] = partial }
      return .dropped(.dropFragmentLimit)
    }
    heldOctets += growth
    if growth > 0 { partial.octets.append(contentsOf: repeatElement(0, count: growth)) }
    var span = partial.octets.mutableSpan
    span.copy(from: packet.payload, at: start)
    let place = partial.ranges.firstIndex { $0.lowerBound > start } ?? partial.ranges.endIndex
    partial.ranges.insert(start..<end, at: place)
    partial.covered += end - start
    if !packet.moreFragments { partial.total = end }
    if start == 0 {
      partial.quote = [UInt8](
        copying: packet.octets.extracting(first: min(packet.octets.count, 548)))
    }
    // Disjoint ranges that add up to the total leave no hole.
    guard partial.covered == partial.total else {
      partials[key] = partial
      return .waiting
    }
    heldOctets -= partial.octets.count
    refreshDeadline()
    return .whole(partial.octets)
  }

  /// Throws away what has waited too long, and returns what each quotes of its fragment zero.
  package mutating func deadlinePassed(at now: Instant) -> [[UInt8]] {
    guard let next = nextDeadline, next <= now else { return [] }
    var quotes: [[UInt8]] = []
    for (key, partial) in partials where partial.deadline <= now {
      partials[key] = nil
      heldOctets -= partial.octets.count
      quotes.append(partial.quote)
    }
    refreshDeadline()
    return quotes
  }

  private mutating func refreshDeadline() {
    nextDeadline = partials.values.lazy.map(\.deadline).min()
  }
}
