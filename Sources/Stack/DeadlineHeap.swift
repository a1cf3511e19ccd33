import Octets

/// Deadlines of connections, the first on top.
///
/// An entry is not moved when its connection's deadline moves later: it is looked at when it is
/// due, and put back. So the timers that every segment restarts cost nothing.
struct DeadlineHeap {
  struct Entry {
    var deadline: Instant
    var handle: SlabHandle
  }

  private var entries: [Entry] = []

  /// The first deadline; a stale one is early, never late.
  var first: Instant? { entries.first?.deadline }
  /// Entries held, stale ones included.
  var count: Int { entries.count }

  mutating func push(_ deadline: Instant, _ handle: SlabHandle) {
    entries.append(Entry(deadline: deadline, handle: handle))
    var child = entries.count &- 1
    while child > 0 {
      let parent = (child &- 1) / 2
      guard entries[child].deadline < entries[parent].deadline else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the first entry if it is due.
  mutating func popIfDue(at now: Instant) -> Entry? {
    guard let top = entries.first, top.deadline <= now else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return top }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      let left = 2 &* parent &+ 1
      if left < entries.count, entries[left].deadline < entries[least].deadline { least = left }
      let right = left &+ 1
      if right < entries.count, entries[right].deadline < entries[least].deadline {
        least = right
      }
      guard least != parent else { return top }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
