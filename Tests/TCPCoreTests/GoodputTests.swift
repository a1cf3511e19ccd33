import Octets
import TCPCore
import Testing
import Wire

/// How fast a long transfer is on a lossy path, against what the theory of Reno promises.
@Suite("Goodput on lossy paths")
struct GoodputTests {
  struct Path: Sendable, CustomTestStringConvertible {
    var loss: Double
    var congestion: CongestionAlgorithm
    var usesSACK = true
    var superSegments = false
    var octets = 2_000_000
    /// Octets a second that are expected at least.
    var least: Double
    var testDescription: String {
      "loss \(loss), \(congestion), SACK \(usesSACK), super \(superSegments)"
    }
  }

  /// Seconds that the octets take at 100 Mbit/s and 20 ms of round trip.
  private static func time(_ path: Path, seed: UInt64) -> (seconds: Double, timeouts: UInt64) {
    var configuration = TCPConfiguration()
    configuration.congestion = path.congestion
    configuration.usesSACK = path.usesSACK
    var pair = Pair(
      seed: seed, faults: Faults(loss: path.loss, superSegments: path.superSegments, perOctet: 80),
      client: configuration, server: configuration)
    var left = path.octets
    var received = 0
    while received < path.octets, let more = pair.pour(&left) { received += more }
    return (Double(pair.now.nanoseconds) / 1e9, pair.ledger.count(.retransmissionTimeout))
  }

  // 1.22 MSS / (RTT sqrt(p)), the formula of Mathis and others, is 880 kB/s at 1 % and 395 kB/s at
  // 5 %, of which time-outs take their part.
  @Test(
    "long transfers come near the theory",
    arguments: [
      Path(loss: 0.01, congestion: .reno, least: 900_000),
      Path(loss: 0.01, congestion: .cubic, least: 950_000),
      Path(loss: 0.01, congestion: .reno, usesSACK: false, least: 800_000),
      Path(loss: 0.001, congestion: .reno, least: 5_000_000),
      Path(loss: 0.001, congestion: .cubic, least: 5_000_000),
      Path(loss: 0.05, congestion: .cubic, least: 310_000),
      // BBR does not take chance for congestion: 12 MB/s is all that the link carries.
      Path(loss: 0, congestion: .bbr, octets: 20_000_000, least: 11_000_000),
      Path(loss: 0.01, congestion: .bbr, octets: 20_000_000, least: 10_000_000),
      Path(loss: 0.03, congestion: .bbr, octets: 20_000_000, least: 9_000_000),
      Path(loss: 0.05, congestion: .bbr, octets: 20_000_000, least: 7_000_000),
      Path(loss: 0.03, congestion: .bbr, superSegments: true, octets: 20_000_000, least: 9_000_000),
      Path(loss: 0, congestion: .cubic, superSegments: true, least: 7_000_000),
    ])
  func goodput(_ path: Path) {
    var seconds = 0.0
    var timeouts: UInt64 = 0
    for seed in 1...4 as ClosedRange<UInt64> {
      let run = Self.time(path, seed: seed)
      seconds += run.seconds
      timeouts += run.timeouts
    }
    let goodput = 4 * Double(path.octets) / seconds
    #expect(goodput >= path.least, "\(timeouts) time-outs")
  }
}
