import Octets

/// Deadlines of connections, the first on top; one entry for each connection at most.
///
/// An entry moves up at once when its connection's deadline becomes earlier. When it becomes later,
/// the entry stays: it is looked at when it is due, and put back. So the timers that every segment
/// restarts cost nothing, and the heap never holds more than there are connections.
struct DeadlineHeap {
  private struct Entry {
    var deadline: Instant
    var handle: SlabHandle
  }

  private static var absent: Int32 { -1 }

  private var entries: [Entry] = []
  /// Where the entry of each place of the slab is.
  private var positions: [Int32] = []

  /// The first deadline; a stale one is early, never late.
  var first: Instant? { entries.first?.deadline }
  /// Entries held.
  var count: Int { entries.count }

  /// Sees to it that a connection is looked at no later than at its deadline.
  mutating func schedule(_ handle: SlabHandle, at deadline: Instant) {
    let index = Int(handle.index)
    while positions.count <= index { positions.append(Self.absent) }
    var position = Int(positions[index])
    if position < 0 {
      position = entries.count
      entries.append(Entry(deadline: deadline, handle: handle))
      positions[index] = Int32(truncatingIfNeeded: position)
    } else {
      guard deadline < entries[position].deadline else { return }
      entries[position].deadline = deadline
    }
    siftUp(position)
  }

  /// Takes the first entry if it is due: whose it was.
  mutating func popIfDue(at now: Instant) -> SlabHandle? {
    guard let top = entries.first, top.deadline <= now else { return nil }
    remove(at: 0)
    return top.handle
  }

  /// Forgets a connection.
  mutating func remove(_ handle: SlabHandle) {
    let index = Int(handle.index)
    guard index < positions.count, positions[index] >= 0 else { return }
    remove(at: Int(positions[index]))
  }

  private mutating func remove(at position: Int) {
    positions[Int(entries[position].handle.index)] = Self.absent
    let last = entries.removeLast()
    guard position < entries.count else { return }
    place(last, at: position)
    siftDown(position)
    siftUp(position)
  }

  private mutating func place(_ entry: Entry, at position: Int) {
    entries[position] = entry
    positions[Int(entry.handle.index)] = Int32(truncatingIfNeeded: position)
  }

  private mutating func siftUp(_ start: Int) {
    let entry = entries[start]
    var child = start
    while child > 0 {
      let parent = (child &- 1) / 2
      guard entry.deadline < entries[parent].deadline else { break }
      place(entries[parent], at: child)
      child = parent
    }
    if child != start { place(entry, at: child) }
  }

  private mutating func siftDown(_ start: Int) {
    let entry = entries[start]
    var parent = start
    while true {
      var least = 2 &* parent &+ 1
      guard least < entries.count else { break }
      let right = least &+ 1
      if right < entries.count, entries[right].deadline < entries[least].deadline { least = right }
      guard entries[least].deadline < entry.deadline else { break }
      place(entries[least], at: parent)
      parent = least
    }
    if parent != start { place(entry, at: parent) }
  }
}
