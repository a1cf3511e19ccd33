import Octets
import Wire

/// Says why our stack sends nothing where the captured end has sent something.
///
/// The nearest decision of the stack that fits comes first: what it held back, what it dropped. Where it
/// had nothing to decide, what it goes by is said.
struct Explainer {
  private let run: Run
  /// Nanoseconds in which a decision counts as made about the same thing.
  private let nearness: Int64 = 1_000_000_000

  init(_ run: Run) { self.run = run }

  /// What explains that only the captured end has sent a segment.
  func reasons(for segment: Segment, _ meaning: Pairing.Meaning) -> [Explanation] {
    if let over = ending(before: segment.time), !segment.flags.contains(.syn) {
      return [over, expectation(meaning)]
    }
    if case .acknowledgment(let number) = meaning, let later = later(number, segment) {
      return later
    }
    let names = Self.delaying(meaning)
    if let decision = nearest(to: segment.time, where: { names.contains($0.name) }) {
      let main = Explanation(decision)
      let also = expectation(meaning)
      return main.source == also.source ? [main] : [main, also]
    }
    return [expectation(meaning)]
  }

  /// Names of rules that keep our stack from sending such a thing.
  private static func delaying(_ meaning: Pairing.Meaning) -> Set<String> {
    switch meaning {
    case .first:
      [
        "nagle", "corked", "sillyWindow", "windowFull", "congestionLimited", "paced", "dropOldACK",
        "dropFutureACK",
      ]
    case .again: ["congestionLimited", "windowFull", "paced"]
    case .acknowledgment:
      [
        "delayACK", "challengeLimited", "dropUnexpected", "dropNoACK", "dropMissingTimestamp",
        "dropResetOutOfWindow", "dropTCPChecksum", "dropTCPMalformed", "dropForeignEcho",
        "dropBadResetInSYNSENT", "dropResetInTimeWait",
      ]
    case .open:
      ["dropTCPChecksum", "dropNoListener", "dropForeignEcho", "dropUnexpected", "dropFutureACK"]
    case .reset:
      ["dropUnexpected", "dropTCPChecksum", "dropUnacceptable", "dropResetOutOfWindow"]
    case .update, .probe: []
    }
  }

  private func nearest(
    to time: Int64, where fits: (RuleExplanation) -> Bool
  ) -> RuleExplanation? {
    // Decisions are in order of time.
    var low = 0
    var high = run.decisions.count
    while low < high {
      let middle = (low + high) / 2
      if run.decisions[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    var index = low - 1
    while index >= 0, run.decisions[index].time >= time &- nearness {
      if fits(run.decisions[index].explanation) { return run.decisions[index].explanation }
      index -= 1
    }
    return nil
  }

  /// Why our connection was over by then.
  private func ending(before time: Int64) -> Explanation? {
    let names: Set<String> = [
      "resetReceived", "giveUp", "hardICMP", "orphanTimeout", "timeWaitOver",
    ]
    let end = run.decisions.last {
      $0.time <= time && names.contains($0.explanation.name)
    }
    return end.map { Explanation($0.explanation) }
  }

  // MARK: Where nothing was decided

  private func expectation(_ meaning: Pairing.Meaning) -> Explanation {
    switch meaning {
    case .open:
      Explanation(
        name: "noSYN", sentence: "a SYN goes again only when its own timer has run out",
        source: "RFC 6298 5")
    case .reset:
      Explanation(
        name: "noReset",
        sentence: "a reset answers what belongs to no connection, or tells of an abort",
        source: "RFC 9293 3.5.2")
    case .probe:
      Explanation(
        name: "noProbe", sentence: "a closed window is probed, and silence broken, by a timer only",
        source: "RFC 9293 3.8.6.1")
    case .update:
      Explanation(
        name: "noWindowUpdate", sentence: "a window is told anew only when it has opened enough",
        source: "RFC 9293 3.8.6.2.2")
    case .first:
      Explanation(
        name: "notSent", sentence: "new data goes when both windows take it", source: "RFC 9293 3.7"
      )
    case .again:
      Explanation(
        name: "nothingLost",
        sentence: "octets go again when their timer runs out, or the peer's answers tell of a loss",
        source: "RFC 6298 5")
    case .acknowledgment:
      Explanation(
        name: "nothingToAcknowledge",
        sentence: "nothing came that asks for one more acknowledgment",
        source: "RFC 9293 3.10.7.4")
    }
  }

  /// What our stack acknowledges it by instead, and why that is sent.
  private func later(_ number: Int, _ segment: Segment) -> [Explanation]? {
    var low = 0
    var high = run.sent.count
    while low < high {
      let middle = (low + high) / 2
      if run.sent[middle].time < segment.time &- nearness {
        low = middle + 1
      } else {
        high = middle
      }
    }
    let fitting = run.sent[low...].first {
      ($0.acknowledgment ?? -1) >= number && !$0.flags.contains(.rst)
    }
    guard let fitting, let reached = fitting.acknowledgment else { return nil }
    let main: Explanation
    if reached > number {
      main = Explanation(
        name: "acknowledgedTogether",
        sentence: "our next acknowledgment, of \(reached), is for this and what came behind it",
        source: "RFC 9293 3.8.6.3")
    } else if fitting.hasText {
      main = Explanation(
        name: "acknowledgedWithText", sentence: "our acknowledgment rides on what we send",
        source: "RFC 9293 3.8.6.3")
    } else {
      return nil
    }
    return [main] + (fitting.rule.map { [Explanation($0)] } ?? [])
  }
}
