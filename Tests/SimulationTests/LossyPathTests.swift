import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

/// A long transfer from a server over a path that loses by chance, in worlds of two hosts.
@Suite("Worlds: what a controller makes of a lossy path")
struct LossyPathTests {
  /// Octets a second that a server sends, at 20 Mbit/s and 20 ms of round trip.
  private static func goodput(_ congestion: CongestionAlgorithm, loss: Double) throws -> Double {
    var conditions = LinkConditions()
    conditions.rate = 20_000_000
    conditions.queueLimit = 100_000
    conditions.loss = loss
    var configuration = StackConfiguration()
    configuration.tcp.congestion = congestion
    let total = 2_000_000
    let world = try transfer(
      up: 0, down: total, seed: 5, conditions: conditions, configuration: configuration)
    return Double(total) * 1e9 / Double(world.now.nanoseconds)
  }

  @Test("at 3 % of loss BBR still has most of the link, where CUBIC has a fraction")
  func bbr() throws {
    let model = try Self.goodput(.bbr, loss: 0.03)
    let classic = try Self.goodput(.cubic, loss: 0.03)
    // The link carries 2.4 MB/s.
    #expect(model > 1_600_000, "\(model)")
    #expect(classic < 1_000_000, "\(classic)")
  }

  @Test("on a long path that loses 3 %, BBR has nine tenths: no pause and no window bounds it")
  func long() {
    var trial = NetworkTrial("loss", megabits: 10, roundTrip: 300, senders: [.bbr])
    trial.loss = 0.03
    let measures = trial.run()
    #expect(measures.share > 0.9, "\(measures)")
  }
}
