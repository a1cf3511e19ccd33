import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("Pacing and BBR")
struct PacingTests {
  private static func configuration(
    _ change: (inout TCPConfiguration) -> Void
  ) -> TCPConfiguration {
    var configuration = TCPConfiguration()
    change(&configuration)
    return configuration
  }

  /// Sends a million octets at a configuration; how long it took, and the most that left in one
  /// millisecond once the connection had found its rate.
  private static func transfer(
    _ configuration: TCPConfiguration
  ) -> (seconds: Double, burst: Int) {
    var pair = Pair(client: configuration)
    var left = 1_000_000
    var received = 0
    var before = 0
    var millisecond: Int64 = 0
    var burst = 0
    var last = 0
    while received < 1_000_000, let more = pair.pour(&left) {
      received += more
      let counted = pair.client.statistics.octetsSent
      if pair.now.nanoseconds / 1_000_000 != millisecond {
        millisecond = pair.now.nanoseconds / 1_000_000
        before = last
      }
      last = counted
      // The first ten segments are not paced.
      if counted > 20_000 { burst = max(burst, counted - before) }
    }
    return (Double(pair.now.nanoseconds) / 1e9, burst)
  }

  @Test("a limit on the rate is kept, and segments are spread over time")
  func limit() {
    let paced = Self.transfer(Self.configuration { $0.maximumPacingRate = 1_000_000 })
    // A million octets at a million a second, but for the first ten segments.
    #expect((0.95...1.1).contains(paced.seconds), "\(paced.seconds)")
    #expect(paced.burst <= 3 * 1448, "\(paced.burst)")
    let free = Self.transfer(TCPConfiguration())
    #expect(free.seconds < 0.3)
    #expect(free.burst > 20 * 1448)
  }

  @Test("paced by the window, a transfer takes little longer and its bursts are small")
  func paced() {
    let paced = Self.transfer(Self.configuration { $0.isPaced = true })
    let free = Self.transfer(TCPConfiguration())
    #expect(paced.seconds < 1.5 * free.seconds, "\(paced.seconds), \(free.seconds)")
    #expect(paced.burst * 2 < free.burst, "\(paced.burst), \(free.burst)")
  }

  // MARK: The delivery rate

  private static func milliseconds(_ time: Int64) -> Instant {
    Instant(nanoseconds: time * 1_000_000)
  }

  @Test("the rate is what was delivered by the longer of sending and acknowledging")
  func rate() {
    var rate = DeliveryRate()
    rate.sent(1000, inFlight: 1000, at: Self.milliseconds(0))
    rate.sent(1000, inFlight: 2000, at: Self.milliseconds(1))
    rate.sent(1000, inFlight: 3000, at: Self.milliseconds(2))
    let first = rate.acknowledged(
      1000, latest: Self.milliseconds(0), minimumRoundTrip: 0, at: Self.milliseconds(10))
    #expect(first.rate == 100_000)
    #expect(first.roundTrip == 10_000_000)
    #expect(first.inFlightAtSend == 1000)
    let third = rate.acknowledged(
      2000, latest: Self.milliseconds(2), minimumRoundTrip: 0, at: Self.milliseconds(12))
    // 3,000 octets since the first left, acknowledged within 12 ms.
    #expect(third.delivered == 3000 && third.rate == 250_000)
    #expect(third.priorDelivered == 0)
  }

  @Test("an interval below the least round trip tells no rate")
  func tooShort() {
    var rate = DeliveryRate()
    rate.sent(1000, inFlight: 1000, at: Self.milliseconds(0))
    let sample = rate.acknowledged(
      1000, latest: Self.milliseconds(0), minimumRoundTrip: 20_000_000, at: Self.milliseconds(10))
    #expect(sample.rate == 0 && sample.delivered == 1000)
  }

  @Test("samples say when the user had too little to send, until that is delivered")
  func limited() {
    var rate = DeliveryRate()
    rate.limitedByApplication(inFlight: 0)
    rate.sent(1000, inFlight: 1000, at: Self.milliseconds(0))
    let first = rate.acknowledged(
      1000, latest: Self.milliseconds(0), minimumRoundTrip: 0, at: Self.milliseconds(10))
    #expect(first.isApplicationLimited)
    rate.sent(1000, inFlight: 1000, at: Self.milliseconds(10))
    let second = rate.acknowledged(
      1000, latest: Self.milliseconds(10), minimumRoundTrip: 0, at: Self.milliseconds(20))
    #expect(!second.isApplicationLimited)
  }

  @Test("what is lost is told with what was in flight when it left")
  func losses() {
    var rate = DeliveryRate()
    rate.sent(1000, inFlight: 1000, at: Self.milliseconds(0))
    rate.sent(1000, inFlight: 2000, at: Self.milliseconds(1))
    let sample = rate.foundLost(1000, sentAt: Self.milliseconds(1))
    #expect(sample?.inFlightAtSend == 2000 && sample?.lost == 1000)
    #expect(rate.foundLost(1000, sentAt: Self.milliseconds(7)) == nil)
    #expect(rate.lost == 2000)
  }

  @Test("departures are remembered within a bound")
  func bound() {
    var rate = DeliveryRate()
    for time in 0..<10_000 as Range<Int64> {
      rate.sent(1, inFlight: Int(time) + 1, at: Self.milliseconds(time))
    }
    #expect(rate.foundLost(1, sentAt: Self.milliseconds(1)) == nil)
    #expect(rate.foundLost(1, sentAt: Self.milliseconds(9_999)) != nil)
  }

  // MARK: BBR on a link without faults

  @Test("BBR finds the rate of a link and leaves its queue nearly empty; CUBIC fills it")
  func queue() {
    func run(_ congestion: CongestionAlgorithm) -> (rate: Double, roundTrip: Int64) {
      var pair = Pair(
        faults: Faults(perOctet: 800),
        client: Self.configuration {
          $0.congestion = congestion
          $0.leavesSlowStartEarly = false
        })
      var left = Int.max
      var received = 0
      var longest: Int64 = 0
      while pair.now < .start + .seconds(6), let more = pair.pour(&left) {
        guard pair.now > .start + .seconds(2) else { continue }
        received += more
        longest = max(longest, pair.client.roundTrip.smoothedRoundTrip ?? 0)
      }
      return (Double(received) / 4, longest)
    }
    let model = run(.bbr)
    // 1.25 MB/s with headers; 20 ms of round trip.
    #expect(model.rate > 1_050_000, "\(model.rate)")
    #expect(model.roundTrip < 60_000_000, "\(model.roundTrip)")
    let classic = run(.cubic)
    #expect(classic.roundTrip > 200_000_000, "\(classic.roundTrip)")
  }

  @Test("round trips as short as the least put off BBR's pauses; longer ones do not")
  func pauses() {
    func least(_ latest: Int64) -> Int {
      var model = BBR(window: 15_000, seed: 1, at: .start)
      var pauses = 0
      for step in 1...2000 as ClosedRange<Int64> {
        var sample = RateSample()
        sample.roundTrip = step == 1 ? 20_000_000 : latest
        var facts = BBR.Facts()
        facts.now = Instant(nanoseconds: step * 10_000_000)
        model.updateRoundTrip(sample, facts)
        if model.probeIsDue { pauses += 1 }
      }
      #expect(model.minimumRoundTrip == (pauses == 0 ? 20_000_000 : latest))
      return pauses
    }
    #expect(least(20_500_000) == 0)
    #expect(least(21_000_000) == 1)
  }

  @Test("the controller may change while the connection lives")
  func change() {
    var script = Script.established()
    script.connection.configure(at: script.now) { $0.congestion = .bbr }
    #expect(script.connection.congestion.isModelBased)
    let window = script.connection.congestion.congestionWindow
    script.connection.configure(at: script.now) { $0.congestion = .cubic }
    #expect(!script.connection.congestion.isModelBased)
    #expect(script.connection.congestion.congestionWindow == window)
  }
}
