import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("The end of slow start: RFC 9406")
struct SlowStartTests {
  /// One segment is acknowledged in each step; a round has as many as are given round trips.
  private struct Rounds {
    var watch = SlowStartWatch()
    var acknowledged = 0
    var next = 0
    let limit: Int
    /// The connection's least round trip, in milliseconds.
    let least: Int64

    init(limit: Int = 5, least: Int64 = 100) { (self.limit, self.least) = (limit, least) }

    /// The verdicts of a round whose round trips are these, in milliseconds.
    mutating func run(_ roundTrips: [Int64]) -> [SlowStartWatch.Verdict] {
      next = acknowledged + roundTrips.count * 2
      return roundTrips.map { milliseconds in
        acknowledged += 1
        watch.measured(milliseconds * 1_000_000)
        return watch.judge(
          unacknowledged: SequenceNumber(UInt32(acknowledged)),
          next: SequenceNumber(UInt32(acknowledged + roundTrips.count - 1)),
          least: least * 1_000_000,
          rounds: limit)
      }
    }
  }

  private static let flat = [Int64](repeating: 100, count: 12)
  private static let long = [Int64](repeating: 120, count: 12)

  @Test("as long as round trips stay as they are, nothing happens")
  func flat() {
    var rounds = Rounds()
    for _ in 0..<20 { #expect(rounds.run(Self.flat).allSatisfy { $0 == .slowStart }) }
  }

  @Test("eight longer samples make growth conservative, and five such rounds end it")
  func longer() {
    var rounds = Rounds()
    _ = rounds.run(Self.flat)
    let first = rounds.run(Self.long)
    #expect(
      first == Array(repeating: .slowStart, count: 8) + Array(repeating: .conservative, count: 4))
    for _ in 0..<4 { #expect(rounds.run(Self.long).allSatisfy { $0 == .conservative }) }
    #expect(rounds.run(Self.long).first == .leave)
  }

  @Test("shorter round trips again: it was jitter, and slow start goes on")
  func jitter() {
    var rounds = Rounds()
    _ = rounds.run(Self.flat)
    #expect(rounds.run(Self.long).last == .conservative)
    #expect(rounds.run(Self.flat).last == .slowStart)
    for _ in 0..<8 { #expect(rounds.run(Self.flat).allSatisfy { $0 == .slowStart }) }
  }

  @Test("with no conservative rounds it ends at once, as Linux has it")
  func atOnce() {
    var rounds = Rounds(limit: 0)
    _ = rounds.run(Self.flat)
    #expect(rounds.run(Self.long).firstIndex(of: .leave) == 8)
  }

  @Test(
    "the threshold is an eighth of the round trip, from 4 to 16 ms",
    arguments: [
      (20, 23, false), (20, 24, true), (64, 71, false), (64, 72, true), (400, 415, false),
      (400, 416, true),
    ] as [(Int64, Int64, Bool)])
  func threshold(before: Int64, after: Int64, isLonger: Bool) {
    var rounds = Rounds(least: before)
    _ = rounds.run([Int64](repeating: before, count: 12))
    let verdicts = rounds.run([Int64](repeating: after, count: 12))
    #expect(verdicts.contains(.conservative) == isLonger)
  }

  @Test("seven samples are not enough")
  func few() {
    var rounds = Rounds()
    _ = rounds.run(Self.flat)
    #expect(rounds.run([Int64](repeating: 200, count: 7)).allSatisfy { $0 == .slowStart })
  }
}
