import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("The congestion window: RFC 5681, 6928, 3465, 9438")
struct CongestionTests {
  private static let size = 1000

  private static func controller(
    _ algorithm: CongestionAlgorithm, _ change: (inout TCPConfiguration) -> Void = { _ in }
  ) -> CongestionController {
    var configuration = TCPConfiguration()
    configuration.congestion = algorithm
    change(&configuration)
    return CongestionController(configuration, segmentSize: size)
  }

  @Test(
    "the initial window",
    arguments: [[1460, 14_600], [536, 5360], [9000, 18_000], [1000, 10_000]])
  func initial(_ sizes: [Int]) {
    var controller = Self.controller(.reno)
    controller.setSegmentSize(sizes[0], isBeforeData: true)
    #expect(controller.congestionWindow == sizes[1])
  }

  @Test(
    "slow start doubles the window in a round trip", .requirement("RFC 9293 MUST-19"),
    .requirement("RFC 9293 MAY-18"), arguments: CongestionAlgorithm.allCases)
  func slowStart(_ algorithm: CongestionAlgorithm) {
    var controller = Self.controller(algorithm)
    for _ in 0..<10 { controller.acknowledged(1000, roundTrip: 1, at: .start) }
    #expect(controller.congestionWindow == 20_000)
    // A super-acknowledgment counts as what it acknowledges.
    controller.acknowledged(20_000, roundTrip: 1, at: .start)
    #expect(controller.congestionWindow == 40_000)
  }

  @Test("Reno grows by a segment in a round trip, whatever the acknowledgments' number")
  func reno() {
    for step in [500, 1000, 5000] {
      var controller = Self.controller(.reno)
      controller.lossDetected(flight: 20_000)
      #expect(controller.congestionWindow == 10_000)
      for _ in 0..<10 {
        let window = controller.congestionWindow
        var acknowledged = 0
        while acknowledged < window {
          controller.acknowledged(step, roundTrip: 1, at: .start)
          acknowledged += step
        }
      }
      #expect((19_000...21_000).contains(controller.congestionWindow))
    }
  }

  @Test("CUBIC is back at its window after K, and flat there")
  func cubic() {
    var controller = Self.controller(.cubic)
    // To 100 segments, then a loss.
    controller.acknowledged(90_000, roundTrip: 1, at: .start)
    #expect(controller.congestionWindow == 100_000)
    controller.lossDetected(flight: 100_000)
    #expect(controller.congestionWindow == 100_000 * 717 / 1024)
    // K = cbrt(100 * 0.3 / 0.4) = 4.2 s. With a round trip of 100 ms:
    var now = Instant.start
    var atPlateau = 0
    var before = 0
    for round in 0..<84 {
      var acknowledged = 0
      let window = controller.congestionWindow
      while acknowledged < window {
        controller.acknowledged(2000, roundTrip: 100_000_000, at: now)
        acknowledged += 2000
      }
      now = now.advanced(byNanoseconds: 100_000_000)
      if round == 20 { before = controller.congestionWindow }
      if round == 42 { atPlateau = controller.congestionWindow }
    }
    #expect((85_000...100_000).contains(before))
    #expect((97_000...103_000).contains(atPlateau))
    // As far again, and it grows as it had come.
    #expect((120_000...145_000).contains(controller.congestionWindow))
  }

  @Test("CUBIC is no slower than Reno where windows are small")
  func friendly() {
    var cubic = Self.controller(.cubic)
    cubic.lossDetected(flight: 10_000)
    var now = Instant.start
    for _ in 0..<100 {
      var acknowledged = 0
      let window = cubic.congestionWindow
      while acknowledged < window {
        cubic.acknowledged(1000, roundTrip: 1_000_000, at: now)
        acknowledged += 1000
      }
      now = now.advanced(byNanoseconds: 1_000_000)
    }
    // In 0.1 s the cubic curve alone would not have moved.
    #expect(cubic.congestionWindow > 40_000)
  }

  @Test("a second loss below the last window gives way faster (fast convergence)")
  func fastConvergence() {
    var controller = Self.controller(.cubic)
    controller.acknowledged(90_000, roundTrip: 1, at: .start)
    controller.lossDetected(flight: 100_000)
    controller.lossDetected(flight: 70_000)
    #expect((49_000...49_050).contains(controller.congestionWindow))
    // W_max is 59.5 instead of 70 segments, K cbrt(10.5 / 0.4) = 3 s: six round trips of 0.5 s.
    var now = Instant.start
    for _ in 0..<6 {
      var acknowledged = 0
      let window = controller.congestionWindow
      while acknowledged < window {
        controller.acknowledged(2000, roundTrip: 500_000_000, at: now)
        acknowledged += 2000
      }
      now = now.advanced(byNanoseconds: 500_000_000)
    }
    #expect((56_000...63_000).contains(controller.congestionWindow))
  }

  @Test(
    "reductions never go below two segments, time-outs to one",
    arguments: CongestionAlgorithm.allCases)
  func floor(_ algorithm: CongestionAlgorithm) {
    var controller = Self.controller(algorithm)
    for _ in 0..<20 { controller.lossDetected(flight: 1000) }
    #expect(controller.congestionWindow == 2000)
    controller.reduceThreshold(flight: 1000)
    controller.setWindow(0)
    #expect(controller.congestionWindow == 1000)
    #expect(controller.slowStartThreshold == 2000)
    #expect(controller.isInSlowStart)
  }

  @Test("after idleness the window is the initial one, and grows fast to where it was")
  func idle() {
    var controller = Self.controller(.cubic)
    controller.acknowledged(90_000, roundTrip: 1, at: .start)
    controller.lossDetected(flight: 100_000)
    controller.restartAfterIdle()
    #expect(controller.congestionWindow == 10_000)
    #expect(controller.slowStartThreshold >= 50_000)
  }

  @Test("a connection restarts after idleness")
  func idleConnection() {
    var script = Script.established(Agreement().with { $0.windowScale = 4 })
    script.inject(.ack, seq: 1, ack: 1, window: 65_535)
    var place = 0
    for _ in 0..<4 {
      place += script.send(script.connection.info.congestionWindow, from: place)
      _ = script.all()
      script.inject(.ack, seq: 1, ack: 1 + place, window: 65_535)
    }
    let busy = script.connection.info.congestionWindow
    #expect(busy > 100_000)
    script.wait(.seconds(5))
    script.send(100, from: place)
    let restarted = script.connection.info.congestionWindow
    #expect(restarted == 14_600)
  }

  @Test("a window that was not used does not grow (RFC 7661)")
  func unused() {
    var script = Script.established()
    var place = 0
    for _ in 0..<100 {
      script.send(100, from: place)
      _ = script.all()
      place += 100
      script.inject(.ack, seq: 1, ack: 1 + place)
    }
    let window = script.connection.info.congestionWindow
    #expect(window == 14_600)
  }
}

extension CongestionController {
  /// A loss whose repair is over at once.
  fileprivate mutating func lossDetected(flight: Int) {
    reduceThreshold(flight: flight)
    setWindow(slowStartThreshold)
  }
}
