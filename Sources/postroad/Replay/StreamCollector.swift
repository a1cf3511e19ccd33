import Octets
import Wire

/// One direction of a TCP connection in a capture: segments in, octets in order out.
///
/// Captures miss what the wire did not: a connection may begin in the middle, and octets that
/// were acknowledged may not be there. Such a hole is told and stepped over.
struct StreamCollector {
  /// What a segment turned out to be, for people who read along.
  enum Remark: Equatable {
    /// Every octet had been seen before.
    case retransmission
    /// It begins beyond what has been seen.
    case outOfOrder(missing: Int)
    /// It fills a hole: so many octets follow at once.
    case fillsHole
    /// Held back too much: the oldest hole is stepped over.
    case tooMuchHeld
  }

  /// How many octets may wait for a hole to be filled.
  static let maximumHeld = 4 << 20

  private(set) var next: SequenceNumber?
  private var held: [(sequence: SequenceNumber, octets: [UInt8])] = []
  private var heldCount = 0

  /// Hands in a segment.
  /// - Returns: the octets now in order, and what the segment was.
  mutating func add(_ segment: borrowing TCPSegmentView) -> (octets: [UInt8], remark: Remark?) {
    var begin = segment.sequence
    if segment.flags.contains(.syn) {
      begin += 1
      if next == nil { next = begin }
    }
    let octets = Array(copying: segment.payload)
    guard !octets.isEmpty else {
      if next == nil && !segment.flags.contains(.rst) { next = begin }
      return ([], nil)
    }
    guard let expected = next else {
      next = begin + octets.count
      return (octets, nil)
    }
    let ahead = expected.distance(to: begin)
    if ahead > 0 {
      held.append((begin, octets))
      heldCount += octets.count
      guard heldCount > Self.maximumHeld else { return ([], .outOfOrder(missing: ahead)) }
      stepOver()
      return (takeHeld(), .tooMuchHeld)
    }
    guard octets.count + ahead > 0 else { return ([], .retransmission) }
    var fresh = Array(octets.dropFirst(-ahead))
    next = expected + fresh.count
    let filled = !held.isEmpty
    fresh += takeHeld()
    return (fresh, filled ? .fillsHole : nil)
  }

  /// The other side has acknowledged up to here: what is missing before will never come.
  mutating func acknowledged(upTo acknowledgment: SequenceNumber) -> (hole: Int, octets: [UInt8])? {
    guard let expected = next else {
      next = acknowledgment
      return nil
    }
    // One octet ahead may be the FIN; far ahead is nonsense.
    let limit = held.map { expected.distance(to: $0.sequence) }.filter { $0 > 0 }.min()
    let ahead = min(expected.distance(to: acknowledgment), limit ?? .max)
    guard ahead > 1, ahead < 1 << 30 else { return nil }
    next = expected + ahead
    return (ahead, takeHeld())
  }

  private mutating func stepOver() {
    guard let expected = next else { return }
    let nearest = held.map(\.sequence).min { expected.distance(to: $0) < expected.distance(to: $1) }
    next = nearest ?? expected
  }

  /// What was held and now follows at once.
  private mutating func takeHeld() -> [UInt8] {
    var fresh: [UInt8] = []
    while let expected = next,
      let index = held.firstIndex(where: { $0.sequence.precedesOrEquals(expected) })
    {
      let piece = held.remove(at: index)
      heldCount -= piece.octets.count
      let known = piece.sequence.distance(to: expected)
      guard known < piece.octets.count else { continue }
      fresh += piece.octets.dropFirst(known)
      next = piece.sequence + piece.octets.count
    }
    return fresh
  }
}
