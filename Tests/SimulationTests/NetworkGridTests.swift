import Foundation
import Simulation
import TCPCore
import Testing

/// The table of `tools/networks`, against what the code does now.
///
/// Here run the cells that take few segments; all of them with POSTROAD_NETWORKS=all, which wants a
/// release build. `tools/networks --check` compares to the last digit; here only what got worse fails.
@Suite("The grid of networks")
struct NetworkGridTests {
  struct Cell: Sendable, CustomTestStringConvertible {
    var trial: NetworkTrial
    var testDescription: String { trial.key }
  }

  static let page = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Networks/Networks.md")

  static func table() throws -> [String: NetworkMeasures] {
    let text = try String(contentsOf: page, encoding: .utf8)
    return Dictionary(
      text.split(separator: "\n").compactMap { NetworkGrid.read(row: String($0)) },
      uniquingKeysWith: { first, _ in first })
  }

  static let bounded: [Cell] = {
    let isWhole = ProcessInfo.processInfo.environment["POSTROAD_NETWORKS"] == "all"
    return NetworkGrid.trials.filter { isWhole || $0.cost < 9000 }.map { Cell(trial: $0) }
  }()

  @Test("no cell is worse than the table says", arguments: bounded)
  func cell(_ cell: Cell) throws {
    let known = try #require(try Self.table()[cell.trial.key])
    let now = cell.trial.run()
    for complaint in Self.regressions(from: known, to: now) {
      Issue.record("\(complaint); now \(NetworkGrid.row(cell.trial, now))")
    }
  }

  /// What got worse, beyond the table's last digit and a little.
  static func regressions(from old: NetworkMeasures, to new: NetworkMeasures) -> [String] {
    var complaints: [String] = []
    if new.share < old.share * 0.97 - 0.001 { complaints.append("goodput was \(old.share)") }
    if new.retransmitted > old.retransmitted * 1.1 + 0.003 {
      complaints.append("\(old.retransmitted) was sent again")
    }
    if new.spurious > old.spurious + old.spurious / 10 + 3 {
      complaints.append("\(old.spurious) were spurious")
    }
    if new.timeouts > old.timeouts + 2 { complaints.append("\(old.timeouts) time-outs there were") }
    if old.shares.count > 1, new.fairness < old.fairness - 0.05 {
      complaints.append("fairness was \(old.fairness)")
    }
    return complaints
  }

  @Test("the table has every cell of the grid, and no other")
  func isWhole() throws {
    let keys = try Self.table().keys.sorted()
    #expect(keys == NetworkGrid.trials.map(\.key).sorted())
    #expect(Set(keys).count == NetworkGrid.trials.count)
    #expect(Self.bounded.count >= 12)
  }

  @Test("a row is read as it was written, and a worse one is noticed")
  func reading() throws {
    let trial = try #require(NetworkGrid.trials.first { $0.names == "bbr + reno" })
    let row = "| \(trial.path) | bbr + reno | 61.5% + 33.0% | 2.1% | 7 | 1 | 0.92 |"
    let (key, old) = try #require(NetworkGrid.read(row: row))
    #expect(key == trial.key)
    #expect(NetworkGrid.row(trial, old) == row)
    #expect(Self.regressions(from: old, to: old).isEmpty)
    var worse = old
    worse.shares = [0.7, 0.2]
    worse.retransmitted = 0.03
    worse.spurious = 11
    worse.timeouts = 4
    #expect(Self.regressions(from: old, to: worse).count == 5)
  }

  @Test("a policer lets its rate pass, and no more than its burst at once")
  func policer() {
    var conditions = LinkConditions()
    conditions.policer = Policer(rate: 8_000_000, burst: 3000)
    var trial = NetworkTrial("policer", megabits: 20, roundTrip: 20, senders: [.reno])
    trial.policed = 0.25
    let policed = trial.run()
    // Of 5 Mbit/s: 1,448 of 1,500 octets are text.
    #expect(policed.share > 0.5 && policed.share < 0.966, "\(policed)")
    #expect("\(conditions)".contains("policed to 8000000 bit/s, 3000"))
  }

  @Test("jitter without order reorders segments, and jitter with order does not")
  func jitter() {
    var trial = NetworkTrial("jitter", megabits: 10, roundTrip: 20, senders: [.reno])
    let calm = trial.run()
    trial.jitter = 10
    let restless = trial.run()
    #expect(calm.spurious == 0)
    #expect(restless.spurious > 0 || restless.share < calm.share, "\(restless) after \(calm)")
  }
}
