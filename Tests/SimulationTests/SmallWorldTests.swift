import Simulation
import TCPCore
import Testing

/// All that can happen to two connections in worlds that are small enough. `tools/explore` visits the
/// worlds whole; here the exploration stops after some thousand states of each.
@Suite("Small worlds, explored")
struct SmallWorldTests {
  @Test(
    "whatever happens, no octet is lost, nothing is stuck, and both ends reach CLOSED",
    arguments: SmallWorldRules.catalogue)
  func all(_ rules: SmallWorldRules) {
    var exploration = Exploration(rules, limit: 1500)
    let report = exploration.run()
    #expect(report.violation == nil, "\(report.description)")
    #expect(report.states > 300, "\(report.description)")
    #expect(report.steps > report.states)
  }

  @Test("an octet changed on the way is noticed, and the shortest way to it is told")
  func corruption() throws {
    var rules = SmallWorldRules(name: "a network that changes octets")
    rules.left.writes = [2]
    rules.network.corruptions = 1
    rules.network.drops = 1
    var exploration = Exploration(rules)
    let report = exploration.run()
    #expect(report.violation == "right got octet 1 changed")
    // Opening takes two steps to the SYN,ACK's arrival, then write, and the text arrives.
    let steps = report.path.filter { !$0.hasPrefix("    ") }
    #expect(steps.count == 5, "\(report.description)")
    let last = try #require(steps.last)
    #expect(last.contains("right gets, changed on the way, [P.] seq 4294967295 +2"))
  }

  @Test("a world without timers is found to stand still after one loss")
  func standstill() {
    var rules = SmallWorldRules(name: "no timers")
    rules.network.hasTimers = false
    rules.network.drops = 1
    var exploration = Exploration(rules)
    let report = exploration.run()
    #expect(report.violation == "nothing can happen any more, and an end is not CLOSED")
    let steps = report.path.filter { !$0.hasPrefix("    ") }
    // The SYN,ACK is lost when the one who opened has gone.
    #expect(steps.count == 4, "\(report.description)")
  }

  @Test("a world without faults is explored whole, twice the same")
  func whole() {
    let reports = (1...2).map { _ in
      var exploration = Exploration(SmallWorldRules(name: "no faults"))
      return exploration.run()
    }
    #expect(reports[0].isWhole && reports[0].violation == nil, "\(reports[0].description)")
    #expect(reports[0].endings > 0 && reports[0].states > 20)
    #expect(reports[0].states == reports[1].states && reports[0].steps == reports[1].steps)
  }
}
