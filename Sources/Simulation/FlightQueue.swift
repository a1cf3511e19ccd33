import Octets

/// A frame under way to one port.
struct Flight {
  var arrival: Instant
  /// Breaks ties, so that the order never depends on chance.
  var ordinal: Int
  var host: Int
  var interface: Int
  var octets: [UInt8]

  func precedes(_ other: Flight) -> Bool {
    arrival == other.arrival ? ordinal < other.ordinal : arrival < other.arrival
  }
}

/// Frames under way, the next to arrive on top: a binary heap.
struct FlightQueue {
  private var flights: [Flight] = []

  var isEmpty: Bool { flights.isEmpty }
  var count: Int { flights.count }
  var first: Instant? { flights.first?.arrival }

  mutating func push(_ flight: Flight) {
    flights.append(flight)
    var child = flights.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard flights[child].precedes(flights[parent]) else { return }
      flights.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popIfDue(at now: Instant) -> Flight? {
    guard let top = flights.first, top.arrival <= now else { return nil }
    flights.swapAt(0, flights.count - 1)
    flights.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < flights.count && flights[child].precedes(flights[least]) {
        least = child
      }
      guard least != parent else { return top }
      flights.swapAt(parent, least)
      parent = least
    }
  }
}
