package import Octets
package import Wire

/// Hardware addresses of neighbours, and packets that wait for one. Source: RFC 826; RFC 1122 2.3.2.
///
/// Entries are bounded in number and age; questions are asked once a second, three times.
package struct NeighborCache {
  private static let limit = 512
  private static let pendingPerNeighbor = 8
  private static let questions = 3
  private static let questionInterval: Int64 = 1_000_000_000
  private static let lifetime: Int64 = 60_000_000_000

  private struct Entry {
    /// nil while the question is open.
    var hardware: MACAddress?
    var deadline: Instant
    var asked = 0
    var pending: [[UInt8]] = []
  }

  private var entries: [IPv4Address: Entry] = [:]
  /// When ``deadlinePassed(at:)`` must be called; nil when no question is open.
  package private(set) var nextDeadline: Instant?

  /// Nobody is known.
  package init() {}

  /// What to do with a packet for a neighbour.
  package enum Resolution {
    /// Send it there.
    case known(MACAddress)
    /// It waits, and the question must be sent if so said.
    case waiting(mustAsk: Bool)
    /// It was dropped.
    case dropped(ARPRule)
  }

  /// How many neighbours are known or asked for.
  package var count: Int { entries.count }

  /// The hardware address of a neighbour, if it is known and fresh.
  package mutating func lookUp(_ address: IPv4Address, at now: Instant) -> MACAddress? {
    guard let entry = entries[address], let hardware = entry.hardware else { return nil }
    guard entry.deadline > now else {
      entries[address] = nil
      return nil
    }
    return hardware
  }

  /// Keeps a packet until the neighbour's address is known.
  package mutating func wait(
    for address: IPv4Address, packet: [UInt8], at now: Instant
  ) -> Resolution {
    if let hardware = lookUp(address, at: now) { return .known(hardware) }
    if var entry = entries.removeValue(forKey: address) {
      defer { entries[address] = entry }
      guard entry.pending.count < Self.pendingPerNeighbor else {
        return .dropped(.dropQueueFull)
      }
      entry.pending.append(packet)
      return .waiting(mustAsk: false)
    }
    if entries.count >= Self.limit { evict(at: now) }
    guard entries.count < Self.limit else { return .dropped(.dropTableFull) }
    let deadline = now.advanced(byNanoseconds: Self.questionInterval)
    entries[address] = Entry(deadline: deadline, asked: 1, pending: [packet])
    nextDeadline = min(nextDeadline ?? deadline, deadline)
    return .waiting(mustAsk: true)
  }

  /// Learns an address. Only what was asked for, or spoke to us, makes a new entry.
  ///
  /// - Returns: the packets that waited for it.
  package mutating func learn(
    _ address: IPv4Address, _ hardware: MACAddress, mayCreate: Bool, at now: Instant
  ) -> [[UInt8]] {
    guard !hardware.isGroup, entries[address] != nil || mayCreate else { return [] }
    if entries[address] == nil, entries.count >= Self.limit {
      evict(at: now)
      guard entries.count < Self.limit else { return [] }
    }
    let waiting = entries[address]?.pending ?? []
    entries[address] = Entry(
      hardware: hardware, deadline: now.advanced(byNanoseconds: Self.lifetime))
    refreshDeadline()
    return waiting
  }

  /// Asks again, or gives up: who must be asked, and the packets that cannot be delivered.
  package mutating func deadlinePassed(
    at now: Instant
  ) -> (ask: [IPv4Address], undeliverable: [[UInt8]]) {
    guard let next = nextDeadline, next <= now else { return ([], []) }
    var ask: [IPv4Address] = []
    var undeliverable: [[UInt8]] = []
    for (address, entry) in entries where entry.hardware == nil && entry.deadline <= now {
      if entry.asked >= Self.questions {
        entries[address] = nil
        undeliverable += entry.pending
      } else {
        entries[address]?.asked += 1
        entries[address]?.deadline = now.advanced(byNanoseconds: Self.questionInterval)
        ask.append(address)
      }
    }
    refreshDeadline()
    return (ask, undeliverable)
  }

  private mutating func evict(at now: Instant) {
    entries = entries.filter { $0.value.hardware == nil || $0.value.deadline > now }
    guard entries.count >= Self.limit,
      let oldest = entries.filter({ $0.value.hardware != nil })
        .min(by: { $0.value.deadline < $1.value.deadline })
    else { return }
    entries[oldest.key] = nil
  }

  private mutating func refreshDeadline() {
    nextDeadline = entries.values.lazy.filter { $0.hardware == nil }.map(\.deadline).min()
  }
}
