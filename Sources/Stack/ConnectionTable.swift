import Octets
import TCPCore
import Wire

/// Finds a connection by its four numbers: open addressing, linear probing, a keyed hash.
///
/// A lookup touches one cache line in the usual case and retains nothing.
struct ConnectionTable {
  private struct Entry {
    var addresses: UInt64 = 0
    var ports: UInt64 = 0
    /// An even generation, which no tenant of a slab has, marks a free entry.
    var handle = SlabHandle(index: 0, generation: 0)
    var isFree: Bool { handle.generation & 1 == 0 }
  }

  private var entries: [Entry] = Array(repeating: Entry(), count: 64)
  private let key: UInt64
  /// Connections in the table.
  private(set) var count = 0

  init(key: UInt64) { self.key = key | 1 }

  private func place(_ addresses: UInt64, _ ports: UInt64) -> Int {
    var mixed = (addresses ^ key) &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 32) ^ ports &* key) &* 0xD6E8_FEB8_6659_FD93
    return Int(truncatingIfNeeded: mixed >> 32) & (entries.count &- 1)
  }

  /// The connection between two ends, or nil.
  func find(_ ends: TCPEndpoints) -> SlabHandle? {
    let (addresses, ports) = ends.words
    var index = place(addresses, ports)
    while !entries[index].isFree {
      if entries[index].ports == ports, entries[index].addresses == addresses {
        return entries[index].handle
      }
      index = (index &+ 1) & (entries.count &- 1)
    }
    return nil
  }

  /// Adds a connection whose ends are not in the table.
  mutating func insert(_ ends: TCPEndpoints, _ handle: SlabHandle) {
    if count &* 2 >= entries.count { grow() }
    let (addresses, ports) = ends.words
    put(Entry(addresses: addresses, ports: ports, handle: handle))
    count &+= 1
  }

  private mutating func put(_ entry: Entry) {
    var index = place(entry.addresses, entry.ports)
    while !entries[index].isFree { index = (index &+ 1) & (entries.count &- 1) }
    entries[index] = entry
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: Entry(), count: old.count &* 2)
    for entry in old where !entry.isFree { put(entry) }
  }

  /// Takes a connection out; those behind it move up, so that no gap breaks a chain.
  mutating func remove(_ ends: TCPEndpoints) {
    let (addresses, ports) = ends.words
    let mask = entries.count &- 1
    var index = place(addresses, ports)
    while !entries[index].isFree {
      if entries[index].ports == ports, entries[index].addresses == addresses { break }
      index = (index &+ 1) & mask
    }
    guard !entries[index].isFree else { return }
    count &-= 1
    var gap = index
    var next = (gap &+ 1) & mask
    while !entries[next].isFree {
      let home = place(entries[next].addresses, entries[next].ports)
      if (next &- home) & mask >= (next &- gap) & mask {
        entries[gap] = entries[next]
        gap = next
      }
      next = (next &+ 1) & mask
    }
    entries[gap] = Entry()
  }
}
