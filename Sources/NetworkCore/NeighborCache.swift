package import Octets
package import Wire

/// Hardware addresses of neighbours, and packets that wait for one. Source: RFC 826; RFC 1122 2.3.2.
///
/// ```text
///             a packet to send                an answer
///   unknown ────────────────────► asked for ────────────► fresh ◄──────────┐
///      ▲                              │                     │ a minute     │ an answer
///      │ no answer to three questions │                     ▼   a packet   │
///      └──────────────────────────────┴────────┐          stale ─────────► stale, asked for
///                                              └────────────────────────────┘
/// ```
///
/// Invariants: 1. Known neighbours, open questions, and the octets that wait are bounded. 2. A
/// neighbour is asked for once a second at most (RFC 1122 2.3.2.1). 3. A stale address is used
/// until nobody answers, so that a long conversation never stops for a question. 4. What the wire
/// says unasked creates an entry only if the caller allows it, and such an entry goes before one
/// that is in use.
package struct NeighborCache {
  /// Neighbours that are known at once.
  package static let limit = 512
  /// Questions that are open at once.
  package static let questionLimit = 256
  /// Octets that wait for one neighbour: the largest datagram, in fragments.
  package static let pendingPerNeighbor = 96 << 10
  /// Octets that wait for all.
  package static let pendingLimit = 1 << 20
  /// What a packet costs beside its octets.
  package static let packetCost = 64
  private static let questions = 3
  private static let questionInterval: Int64 = 1_000_000_000
  private static let lifetime: Int64 = 60_000_000_000

  private struct Known {
    var hardware: MACAddress
    var staleAt: Instant
    var isUsed: Bool
  }

  private struct Question {
    var asked: Int
    var deadline: Instant
    var pending: [[UInt8]] = []
    var held = 0
  }

  private var known: [IPv4Address: Known] = [:]
  private var open: [IPv4Address: Question] = [:]
  /// The last that was looked up, while it is fresh.
  private var recent: (address: IPv4Address, hardware: MACAddress, staleAt: Instant)?
  /// Octets that wait, with what their keeping costs.
  package private(set) var heldOctets = 0
  /// When ``deadlinePassed(at:)`` must be called; nil when no question is open.
  package private(set) var nextDeadline: Instant?

  /// Nobody is known.
  package init() {}

  /// What to do with a packet for a neighbour.
  package enum Resolution: Equatable {
    /// Send it there.
    case known(MACAddress)
    /// It waits, and the question must be sent if so said.
    case waiting(mustAsk: Bool)
    /// A packet was dropped: this one, or earlier ones that it took the place of.
    case dropped(ARPRule)
  }

  /// How many neighbours are known or asked for.
  package var count: Int { known.count + open.keys.count { known[$0] == nil } }

  /// The hardware address of a neighbour, if it is known.
  package mutating func lookUp(_ address: IPv4Address, at now: Instant) -> MACAddress? {
    if let recent, recent.address == address, recent.staleAt > now { return recent.hardware }
    guard let entry = known[address] else { return nil }
    if !entry.isUsed { known[address]?.isUsed = true }
    if entry.staleAt > now {
      recent = (address, entry.hardware, entry.staleAt)
    } else if open[address] == nil, open.count < Self.questionLimit {
      // RFC 1122 2.3.2.1: out of date. It is asked for at once, and used meanwhile.
      open[address] = Question(asked: 0, deadline: now)
      nextDeadline = min(nextDeadline ?? now, now)
    }
    return entry.hardware
  }

  /// Keeps a packet until the neighbour's address is known. An empty one only asks.
  package mutating func wait(
    for address: IPv4Address, packet: [UInt8], at now: Instant
  ) -> Resolution {
    if let hardware = lookUp(address, at: now) { return .known(hardware) }
    let isNew = open[address] == nil
    if isNew {
      guard open.count < Self.questionLimit else { return .dropped(.dropTableFull) }
      let deadline = now.advanced(byNanoseconds: Self.questionInterval)
      open[address] = Question(asked: 1, deadline: deadline)
      nextDeadline = min(nextDeadline ?? deadline, deadline)
    }
    let hasRoom = keep(packet, for: address)
    // A new question is asked even if its packet finds no room.
    return hasRoom || isNew ? .waiting(mustAsk: isNew) : .dropped(.dropQueueFull)
  }

  /// Learns an address. Only what was asked for, or spoke to us, makes a new entry.
  ///
  /// - Returns: the packets that waited for it; nil when nothing was kept.
  package mutating func learn(
    _ address: IPv4Address, _ hardware: MACAddress, mayCreate: Bool, at now: Instant
  ) -> [[UInt8]]? {
    guard !hardware.isGroup, hardware.rawValue != 0 else { return nil }
    let isAskedFor = open[address] != nil
    guard isAskedFor || mayCreate || known[address] != nil else { return nil }
    if known[address] == nil, known.count >= Self.limit { evict() }
    let isUsed = isAskedFor || known[address]?.isUsed ?? false
    known[address] = Known(
      hardware: hardware, staleAt: now.advanced(byNanoseconds: Self.lifetime), isUsed: isUsed)
    if recent?.address == address { recent = nil }
    return close(address)
  }

  /// Asks again, or gives up: who must be asked, and the packets that cannot be delivered.
  package mutating func deadlinePassed(
    at now: Instant
  ) -> (ask: [IPv4Address], undeliverable: [[UInt8]]) {
    guard let next = nextDeadline, next <= now else { return ([], []) }
    var ask: [IPv4Address] = []
    var undeliverable: [[UInt8]] = []
    for (address, question) in open where question.deadline <= now {
      if question.asked >= Self.questions {
        known[address] = nil
        if recent?.address == address { recent = nil }
        undeliverable += close(address)
      } else {
        open[address]?.asked += 1
        open[address]?.deadline = now.advanced(byNanoseconds: Self.questionInterval)
        ask.append(address)
      }
    }
    refreshDeadline()
    return (ask, undeliverable)
  }

  // MARK: Steps

  /// Puts a packet behind those that wait; false when others, or it, had to go for it.
  private mutating func keep(_ packet: [UInt8], for address: IPv4Address) -> Bool {
    guard var question = open.removeValue(forKey: address) else { return false }
    defer { open[address] = question }
    // One empty packet tells that somebody waits; more would tell nothing.
    if packet.isEmpty, !question.pending.isEmpty { return true }
    let cost = packet.count + Self.packetCost
    guard heldOctets + cost <= Self.pendingLimit else { return false }
    var hasRoom = true
    // RFC 1122 2.3.2.2: the latest should be saved, so the first go.
    while question.held + cost > Self.pendingPerNeighbor, !question.pending.isEmpty {
      let freed = question.pending.removeFirst().count + Self.packetCost
      question.held -= freed
      heldOctets -= freed
      hasRoom = false
    }
    question.held += cost
    heldOctets += cost
    question.pending.append(packet)
    return hasRoom
  }

  /// Ends a question and returns what waited for its answer.
  private mutating func close(_ address: IPv4Address) -> [[UInt8]] {
    guard let question = open.removeValue(forKey: address) else { return [] }
    heldOctets -= question.held
    refreshDeadline()
    return question.pending
  }

  /// Forgets the eighth that is used least and longest known, so that this is seldom called.
  private mutating func evict() {
    let oldest = known.sorted {
      $0.value.isUsed == $1.value.isUsed
        ? $0.value.staleAt < $1.value.staleAt : !$0.value.isUsed
    }
    for entry in oldest.prefix(Self.limit / 8) { known[entry.key] = nil }
    recent = nil
  }

  private mutating func refreshDeadline() {
    nextDeadline = open.values.lazy.map(\.deadline).min()
  }
}
