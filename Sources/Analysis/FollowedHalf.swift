import Octets
import Wire

/// One direction of a connection that is followed.
///
/// Invariant: what waits begins beyond ``next``, and is in the order of its beginnings.
struct FollowedHalf: Sendable {
  private struct Held {
    let start: Int64
    let serial: Int
    let count: Int
    /// Nothing where nobody reads them.
    let octets: [UInt8]
  }

  /// The next octet, counted from the SYN; unlike numbers on the wire it does not come round.
  private var next: Int64 = 0
  private var hasBegun = false
  private var held: [Held] = []
  private var serial = 0
  /// Up to where the other side has acknowledged what was not seen.
  private var announced: Int64 = 0
  private(set) var heldOctets = 0

  /// A number counted from the SYN, near the next octet.
  private func place(_ number: UInt32) -> Int64 {
    next &+ Int64(Int32(bitPattern: number &- UInt32(truncatingIfNeeded: next)))
  }

  /// The other side acknowledges: holes before that will not be filled any more.
  mutating func acknowledged(
    _ number: UInt32, _ facts: TCPFacts, fromFirst: Bool, to reader: inout some StreamReader
  ) {
    while let lowest = held.first,
      precedes(UInt32(truncatingIfNeeded: lowest.start), number)
    {
      let unseen = lowest.start &- max(next, announced)
      if hasBegun, unseen > 0 { reader.unseen(Int(unseen), fromFirst: fromFirst) }
      reader.missing(Int(lowest.start &- next), fromFirst: fromFirst)
      next = lowest.start
      takeHeld(fromFirst: fromFirst, to: &reader)
    }
    guard facts.flags.contains(.ack), !facts.flags.contains(.rst) else { return }
    let number = place(number)
    let seen = max(hasBegun ? next : max(next, 1), announced)
    // One octet ahead may be the FIN; far ahead is nonsense.
    guard number &- seen > 1, number &- seen < 1 << 30 else { return }
    announced = number
    reader.unseen(Int(number &- seen), fromFirst: fromFirst)
  }

  mutating func add(
    _ facts: TCPFacts, _ number: UInt32, _ payload: Span<UInt8>, _ limits: StreamFollower.Limits,
    fromFirst: Bool, to reader: inout some StreamReader
  ) -> StreamFollower.Outcome? {
    let sequence = facts.flags.contains(.syn) ? number &+ 1 : number
    if next == 0, !hasBegun { next = Int64(sequence) }
    guard !payload.isEmpty else { return nil }
    let start = place(sequence)
    guard start <= next else {
      hold(payload, from: start, isRead: reader.isReading)
      let missing = Int(start &- next)
      guard heldOctets > limits.octets || held.count > limits.segments else {
        return .outOfOrder(missing: missing)
      }
      giveUp(fromFirst: fromFirst, to: &reader)
      return .tooMuchHeld
    }
    let known = Int(next &- start)
    guard known < payload.count else { return .retransmission }
    hasBegun = true
    reader.read(payload.extracting(droppingFirst: known), fromFirst: fromFirst)
    if facts.length > payload.count {
      reader.cut(facts.length &- payload.count, fromFirst: fromFirst)
    }
    next &+= Int64(facts.length &- known)
    guard !held.isEmpty else { return nil }
    takeHeld(fromFirst: fromFirst, to: &reader)
    return .fillsHole
  }

  private mutating func hold(_ payload: Span<UInt8>, from start: Int64, isRead: Bool) {
    var index = held.count
    while index > 0, held[index &- 1].start > start { index &-= 1 }
    serial &+= 1
    let octets = isRead ? Array(copying: payload) : []
    held.insert(
      Held(start: start, serial: serial, count: payload.count, octets: octets), at: index)
    heldOctets &+= payload.count
  }

  /// Gives up the first hole.
  mutating func giveUp(fromFirst: Bool, to reader: inout some StreamReader) {
    guard let lowest = held.first else { return }
    reader.missing(Int(lowest.start &- next), fromFirst: fromFirst)
    next = lowest.start
    takeHeld(fromFirst: fromFirst, to: &reader)
  }

  /// Hands on what waited and now follows; of several the one that came first.
  private mutating func takeHeld(fromFirst: Bool, to reader: inout some StreamReader) {
    while let index = held.prefix(while: { $0.start <= next }).indices.min(by: {
      held[$0].serial < held[$1].serial
    }) {
      let piece = held.remove(at: index)
      heldOctets &-= piece.count
      let known = Int(next &- piece.start)
      guard known < piece.count else { continue }
      hasBegun = true
      if !piece.octets.isEmpty {
        reader.read(piece.octets.span.extracting(droppingFirst: known), fromFirst: fromFirst)
      }
      next &+= Int64(piece.count &- known)
    }
  }
}
