import DequeModule
package import Octets
package import Wire

/// Puts fragments together. Source: RFC 791 section 3.2; RFC 1122 section 3.3.2.
///
/// Invariants: 1. The fragments of a datagram are disjoint and in ascending order; so they are the
/// whole as soon as their octets add up to the total. 2. Any overlap but an exact repetition ends
/// the datagram, and what of it comes later is dropped until its time is over: nothing can be
/// hidden from a filter (RFC 1858, RFC 3128), nor any arithmetic be led astray (RFC 5722 section
/// 4). 3. Each fragment is kept in a buffer of its own size: a fragment far behind costs no more
/// than one in front. 4. Datagrams, octets, fragments and time are bounded; at a bound the oldest
/// datagram makes room, and nobody may hold more than a quarter.
package struct IPv4Reassembler: ~Copyable {
  /// The bounds.
  package struct Limits: Hashable, Sendable {
    /// Datagrams that may wait at once.
    package var datagrams = 256
    /// Octets of all fragments that may wait, ``fragmentCost`` for each included.
    package var octets = 4 << 20
    /// Fragments of one datagram: 65,535 octets through an MTU of 148.
    package var fragments = 512
    /// The part of the bounds that one sender may use.
    package var share = 4
    /// How long a datagram may wait, from its first fragment.
    ///
    /// Deviates from RFC 1122 3.3.2 (60 to 120 s): at today's rates the identification repeats
    /// long before that (RFC 6864 section 5.2, RFC 4963).
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

  /// What became of a fragment.
  package enum Outcome: Equatable {
    /// The datagram is whole: this is its payload. ``wholeQuote`` has its header.
    case whole([UInt8])
    /// It waits.
    case waiting
    /// It was dropped, with or without its datagram.
    case dropped(IPRule)
  }

  /// What a fragment costs beside its octets.
  package static let fragmentCost = 96

  private struct Fragment {
    let start: Int
    let octets: [UInt8]
    var end: Int { start + octets.count }
    var cost: Int { octets.count + IPv4Reassembler.fragmentCost }
  }

  /// A datagram in the making.
  private struct Partial {
    var fragments: [Fragment] = []
    var covered = 0
    var held = 0
    var total: Int?
    let deadline: Instant
    let serial: UInt64
    /// The header of fragment zero.
    var header: [UInt8] = []
    var isPoisoned = false
    /// The codepoints of all fragments, a bit each.
    var codepoints: UInt8 = 0

    /// Fragment zero, as much of it as an error may quote.
    var quote: [UInt8] {
      guard !header.isEmpty, let first = fragments.first else { return [] }
      return header + first.octets.prefix(ICMPErrorPolicy.quoteLength - header.count)
    }
  }

  /// What one sender uses.
  private struct Use {
    var datagrams = 0
    var octets = 0
  }

  private var partials: [Key: Partial] = [:]
  /// Every datagram, oldest first; those that have gone are skipped when their turn comes.
  private var order: Deque<(key: Key, serial: UInt64)> = []
  private var uses: [IPv4Address: Use] = [:]
  private var serial: UInt64 = 0
  private var evicted = 0
  private let limits: Limits

  /// Octets that wait, with what their keeping costs.
  package private(set) var heldOctets = 0
  /// The first deadline; nil when nothing waits.
  package private(set) var nextDeadline: Instant?
  /// The datagram that was whole last, cut off behind what an error may quote.
  ///
  /// Header of fragment zero, as if it had never been fragmented (but DF, DSCP and options kept).
  package private(set) var wholeQuote: [UInt8] = []
  /// The codepoint of the datagram that was whole last. RFC 3168 section 5.3.
  package private(set) var wholeCodepoint = ECNCodepoint.notECT
  /// Fragments in which the datagram came that was whole last.
  package private(set) var wholeFragments = 0

  /// Nothing waits.
  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Another reassembler in the same state.
  package func copy() -> IPv4Reassembler {
    var other = IPv4Reassembler(limits: limits)
    other.partials = partials
    other.order = order
    other.uses = uses
    other.serial = serial
    other.evicted = evicted
    other.heldOctets = heldOctets
    other.nextDeadline = nextDeadline
    other.wholeQuote = wholeQuote
    other.wholeCodepoint = wholeCodepoint
    other.wholeFragments = wholeFragments
    return other
  }

  /// Datagrams that wait, those that are waited out included.
  package var count: Int { partials.count }

  /// Deadlines that are kept, those of datagrams that have gone included: bounded too.
  package var deadlineCount: Int { order.count }

  /// Datagrams thrown away since the last call because others needed their room.
  package mutating func takeEvicted() -> Int {
    defer { evicted = 0 }
    return evicted
  }

  /// A fragment arrived.
  package mutating func fragmentArrived(
    _ packet: borrowing IPv4PacketView, at now: Instant
  ) -> Outcome {
    let key = Key(
      source: packet.source, destination: packet.destination, transport: packet.transport,
      identification: packet.identification)
    let start = packet.fragmentOffset
    let end = start + packet.payload.count
    guard end <= 65_535 - packet.headerLength else { return .dropped(.dropFragmentTooLong) }
    guard !packet.payload.isEmpty else { return .dropped(.dropFragmentOddLength) }
    if packet.moreFragments, packet.payload.count % 8 != 0 {
      return .dropped(.dropFragmentOddLength)
    }
    defer { refreshDeadline() }
    let cost = packet.payload.count + Self.fragmentCost
    var partial: Partial
    if let known = partials.removeValue(forKey: key) {
      partial = known
    } else {
      guard let new = admit(key, at: now) else { return .dropped(.dropFragmentLimit) }
      partial = new
    }
    switch fit(packet, start..<end, in: partial) {
    case .fits(let place):
      guard partial.fragments.count < limits.fragments,
        makeRoom(octets: cost, for: key.source)
      else {
        settle(key, partial)
        return .dropped(.dropFragmentLimit)
      }
      let fragment = Fragment(start: start, octets: [UInt8](copying: packet.payload))
      partial.fragments.insert(fragment, at: place)
      partial.covered += end - start
      partial.codepoints |= 1 << packet.ecn.rawValue
      hold(cost, &partial, key.source)
      if !packet.moreFragments { partial.total = end }
      if start == 0 { partial.header = [UInt8](copying: packet.header) }
      guard partial.covered == partial.total else {
        partials[key] = partial
        return .waiting
      }
      return complete(key, partial)
    case .repeats:
      partials[key] = partial
      return .waiting
    case .overlaps:
      if !partial.isPoisoned { poison(&partial, key.source) }
      partials[key] = partial
      return .dropped(.dropFragmentOverlap)
    }
  }

  /// Throws away what has waited too long, and returns what each quotes of its fragment zero:
  /// nothing, if that has not come, for then no error may be sent (RFC 792).
  package mutating func deadlinePassed(at now: Instant) -> [[UInt8]] {
    var quotes: [[UInt8]] = []
    while let first = order.first {
      guard let partial = partials[first.key], partial.serial == first.serial else {
        order.removeFirst()
        continue
      }
      guard partial.deadline <= now else { break }
      order.removeFirst()
      partials[first.key] = nil
      release(partial, first.key.source)
      // A datagram that was ended by an overlap has been counted then.
      if !partial.isPoisoned { quotes.append(partial.quote) }
    }
    refreshDeadline()
    return quotes
  }

  // MARK: Steps

  private enum Fit {
    case fits(at: Int)
    case repeats
    case overlaps
  }

  /// How a fragment stands to those that are there.
  private func fit(
    _ packet: borrowing IPv4PacketView, _ range: Range<Int>, in partial: Partial
  ) -> Fit {
    if partial.isPoisoned { return .overlaps }
    let isLast = !packet.moreFragments
    var low = 0
    var high = partial.fragments.count
    while low < high {
      let middle = (low + high) / 2
      if partial.fragments[middle].start < range.lowerBound {
        low = middle + 1
      } else {
        high = middle
      }
    }
    if low < partial.fragments.count {
      let next = partial.fragments[low]
      if next.start == range.lowerBound, next.end == range.upperBound,
        isLast == (partial.total == range.upperBound),
        next.octets.span.elementsEqual(packet.payload)
      {
        return .repeats
      }
      if next.start < range.upperBound { return .overlaps }
      // Something lies behind what claims to be the last.
      if isLast { return .overlaps }
    }
    if low > 0, partial.fragments[low - 1].end > range.lowerBound { return .overlaps }
    // Behind the end. (A second end before it has the first one behind it.)
    if let total = partial.total, range.upperBound > total { return .overlaps }
    return .fits(at: low)
  }

  /// A place for a new datagram, made by throwing away the oldest if it must be.
  private mutating func admit(_ key: Key, at now: Instant) -> Partial? {
    let share = max(1, limits.datagrams / max(1, limits.share))
    if uses[key.source]?.datagrams ?? 0 >= share, !evict(from: key.source) { return nil }
    if partials.count >= limits.datagrams, !evict(from: nil) { return nil }
    serial &+= 1
    let partial = Partial(deadline: now + limits.time, serial: serial)
    order.append((key, serial))
    uses[key.source, default: Use()].datagrams += 1
    // Those that have gone must not outgrow those that wait.
    if order.count > 2 * limits.datagrams + 16 {
      order = order.filter { $0.serial == serial || partials[$0.key]?.serial == $0.serial }
    }
    return partial
  }

  /// Room for so many octets of a sender; false when even throwing away others makes none.
  private mutating func makeRoom(octets: Int, for source: IPv4Address) -> Bool {
    let share = limits.octets / max(1, limits.share)
    while (uses[source]?.octets ?? 0) + octets > share {
      guard evict(from: source) else { return false }
    }
    while heldOctets + octets > limits.octets {
      guard evict(from: nil) else { return false }
    }
    return true
  }

  /// Throws away the oldest datagram of a sender, or of all. The one being added to is not in
  /// ``partials`` then, so it is safe.
  private mutating func evict(from source: IPv4Address?) -> Bool {
    for entry in order where source == nil || entry.key.source == source {
      guard let partial = partials[entry.key], partial.serial == entry.serial else { continue }
      partials[entry.key] = nil
      release(partial, entry.key.source)
      if !partial.isPoisoned { evicted += 1 }
      return true
    }
    return false
  }

  /// Puts a datagram back to which nothing could be added; one without anything goes.
  private mutating func settle(_ key: Key, _ partial: Partial) {
    if partial.fragments.isEmpty {
      release(partial, key.source)
    } else {
      partials[key] = partial
    }
  }

  private mutating func complete(_ key: Key, _ partial: Partial) -> Outcome {
    release(partial, key.source)
    // The header of fragment zero may be longer than those of the others.
    guard partial.header.count + partial.covered <= 65_535 else {
      return .dropped(.dropFragmentTooLong)
    }
    guard let codepoint = Self.codepoint(ofAll: partial.codepoints) else {
      return .dropped(.dropFragmentCodepoint)
    }
    let payload = [UInt8](capacity: partial.covered) { output in
      for fragment in partial.fragments { output.append(copying: fragment.octets.span) }
    }
    wholeQuote = Self.quote(header: partial.header, payload: payload)
    wholeFragments = partial.fragments.count
    wholeCodepoint = codepoint
    return .whole(payload)
  }

  /// The codepoint of a whole from those of its parts; nil when they cannot be of one sender.
  ///
  /// Source: RFC 3168 section 5.3.
  private static func codepoint(ofAll set: UInt8) -> ECNCodepoint? {
    func has(_ codepoint: ECNCodepoint) -> Bool { set & 1 << codepoint.rawValue != 0 }
    // A mark on one part while another may not be marked: neither to believe nor to forget.
    if has(.ce) { return has(.notECT) ? nil : .ce }
    if has(.notECT) { return .notECT }
    return has(.ect0) ? .ect0 : .ect1
  }

  /// The beginning of a packet that was never fragmented.
  private static func quote(header: [UInt8], payload: [UInt8]) -> [UInt8] {
    var octets = header + payload.prefix(ICMPErrorPolicy.quoteLength - header.count)
    var span = octets.mutableSpan
    span.setUInt16(UInt16(truncatingIfNeeded: header.count + payload.count), at: 2)
    span[6] &= 0x40
    span[7] = 0
    span.setUInt16(0, at: 10)
    var sum = InternetChecksum()
    sum.add(octets.span.extracting(first: header.count))
    span = octets.mutableSpan
    span.setUInt16(sum.value, at: 10)
    return octets
  }

  private mutating func poison(_ partial: inout Partial, _ source: IPv4Address) {
    hold(-partial.held, &partial, source)
    partial.fragments = []
    partial.header = []
    partial.isPoisoned = true
  }

  private mutating func hold(_ cost: Int, _ partial: inout Partial, _ source: IPv4Address) {
    partial.held += cost
    heldOctets += cost
    uses[source]?.octets += cost
  }

  private mutating func release(_ partial: Partial, _ source: IPv4Address) {
    heldOctets -= partial.held
    uses[source]?.octets -= partial.held
    uses[source]?.datagrams -= 1
    if uses[source]?.datagrams == 0 { uses[source] = nil }
  }

  /// All wait equally long, so the oldest is due first.
  private mutating func refreshDeadline() {
    while let first = order.first {
      if let partial = partials[first.key], partial.serial == first.serial {
        nextDeadline = partial.deadline
        return
      }
      order.removeFirst()
    }
    nextDeadline = nil
  }
}
