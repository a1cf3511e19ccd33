import Octets
import Testing

@testable import Sockets

/// How long the loop looks for frames before it waits for them.
@Suite struct LookAgainTests {
  /// Plays one round: frames come, then looks of 10 µs each; the answer comes with the look of this
  /// number, or never. Says how many looks there were.
  private static func round(_ again: inout LookAgain, from start: Instant, answerAt: Int?) -> Int {
    var now = start
    var looks = 0
    again.found(1, at: now)
    while again.isWorthIt(at: now) {
      looks += 1
      now = now.advanced(byNanoseconds: 10_000)
      let frames = looks == answerAt ? 1 : 0
      again.found(frames, at: now)
      if frames > 0 { break }
    }
    return looks
  }

  @Test func looksOnUntilTheAnswerComes() {
    var again = LookAgain()
    for turn in 0..<100 {
      let start = Instant(nanoseconds: Int64(turn) * 1_000_000)
      let looks = Self.round(&again, from: start, answerAt: 3)
      #expect(looks == 3)
    }
  }

  @Test func looksForFiftyMicrosecondsAndNoLonger() {
    var again = LookAgain()
    let looks = Self.round(&again, from: .start, answerAt: nil)
    #expect(looks == 5)
  }

  @Test func givesUpWhereLookingIsInVainAndTriesAgainNowAndThen() {
    var again = LookAgain()
    var looks: [Int] = []
    for turn in 0..<200 {
      let start = Instant(nanoseconds: Int64(turn) * 1_000_000)
      looks.append(Self.round(&again, from: start, answerAt: nil))
    }
    // Four rounds use up the trust of the beginning; then one turn in 32 is a try.
    #expect(looks.prefix(4).allSatisfy { $0 == 5 })
    #expect(looks.dropFirst(4).filter { $0 > 0 }.count == 6)
    // A peer that answers again is trusted again, from the first try that finds it.
    var found = 0
    for turn in 200..<300 {
      let start = Instant(nanoseconds: Int64(turn) * 1_000_000)
      if Self.round(&again, from: start, answerAt: 2) == 2 { found += 1 }
    }
    #expect(found > 65)
  }

  @Test func givesWayOnlyAfterALookInVain() {
    var again = LookAgain()
    again.found(1, at: .start)
    let looks = again.isWorthIt(at: .start)
    #expect(looks)
    #expect(!again.isInVain)
    again.found(0, at: .start)
    #expect(again.isInVain)
    again.found(1, at: .start)
    #expect(!again.isInVain)
  }

  @Test func waitsAtOnceWhereNothingCame() {
    var again = LookAgain()
    again.found(0, at: .start)
    let looks = again.isWorthIt(at: .start)
    #expect(!looks)
  }
}
