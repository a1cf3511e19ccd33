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

  /// What a segment gave.
  struct Arrival {
    /// The part of its payload that is in order now.
    var fresh = 0..<0
    /// What had waited for that.
    var held: [UInt8] = []
    var remark: Remark?
  }

  /// Octets that came too early.
  private struct Piece {
    var sequence: SequenceNumber
    var count: Int
    /// Nothing where nobody wants them.
    var octets: [UInt8]
  }

  /// How many octets may wait for a hole to be filled.
  static let maximumHeld = 4 << 20

  private(set) var next: SequenceNumber?
  private var pieces: [Piece] = []
  /// Octets that wait.
  private(set) var heldCount = 0

  /// Hands in a segment.
  /// - Parameters:
  ///   - isWanted: whether somebody reads the octets; else they are only counted.
  ///   - limit: octets that may wait now.
  mutating func add(
    _ segment: borrowing TCPSegmentView, isWanted: Bool, limit: Int = maximumHeld
  ) -> Arrival {
    var begin = segment.sequence
    if segment.flags.contains(.syn) {
      begin += 1
      if next == nil { next = begin }
    }
    let count = segment.payload.count
    guard count > 0 else {
      if next == nil && !segment.flags.contains(.rst) { next = begin }
      return Arrival()
    }
    guard let expected = next else {
      next = begin + count
      return Arrival(fresh: 0..<count)
    }
    let ahead = expected.distance(to: begin)
    if ahead > 0 {
      let octets = isWanted ? Array(copying: segment.payload) : []
      pieces.append(Piece(sequence: begin, count: count, octets: octets))
      heldCount += count
      guard heldCount > min(limit, Self.maximumHeld) else {
        return Arrival(remark: .outOfOrder(missing: ahead))
      }
      stepOver()
      return Arrival(held: takeHeld(), remark: .tooMuchHeld)
    }
    guard count + ahead > 0 else { return Arrival(remark: .retransmission) }
    next = expected + (count + ahead)
    guard !pieces.isEmpty else { return Arrival(fresh: -ahead..<count) }
    return Arrival(fresh: -ahead..<count, held: takeHeld(), remark: .fillsHole)
  }

  /// The other side has acknowledged up to here: what is missing before will never come.
  mutating func acknowledged(upTo acknowledgment: SequenceNumber) -> (hole: Int, octets: [UInt8])? {
    guard let expected = next else {
      next = acknowledgment
      return nil
    }
    var ahead = expected.distance(to: acknowledgment)
    for piece in pieces {
      let distance = expected.distance(to: piece.sequence)
      if distance > 0 { ahead = min(ahead, distance) }
    }
    // One octet ahead may be the FIN; far ahead is nonsense.
    guard ahead > 1, ahead < 1 << 30 else { return nil }
    next = expected + ahead
    return (ahead, takeHeld())
  }

  private mutating func stepOver() {
    guard let expected = next else { return }
    let nearest = pieces.map(\.sequence).min {
      expected.distance(to: $0) < expected.distance(to: $1)
    }
    next = nearest ?? expected
  }

  /// What was held and now follows at once.
  private mutating func takeHeld() -> [UInt8] {
    var fresh: [UInt8] = []
    while let expected = next,
      let index = pieces.firstIndex(where: { $0.sequence.precedesOrEquals(expected) })
    {
      let piece = pieces.remove(at: index)
      heldCount -= piece.count
      let known = piece.sequence.distance(to: expected)
      guard known < piece.count else { continue }
      fresh += piece.octets.dropFirst(known)
      next = piece.sequence + piece.count
    }
    return fresh
  }
}
