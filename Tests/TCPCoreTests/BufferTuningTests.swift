import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("Buffers that grow with the path")
struct BufferTuningTests {
  /// Octets a second over a link of 100 ms and without a rate, while both ends have these bounds.
  private static func goodput(_ change: (inout TCPConfiguration) -> Void) -> (Double, Pair.Limits) {
    var configuration = TCPConfiguration()
    configuration.sendBufferLimit = 64 * 1024
    configuration.receiveBufferLimit = 64 * 1024
    change(&configuration)
    var pair = Pair(
      faults: Faults(perOctet: 80), client: configuration, server: configuration)
    pair.delay = 50_000_000
    var received = 0
    var left = Int.max
    while pair.now < .start + .seconds(5), let more = pair.pour(&left) { received += more }
    let limits = Pair.Limits(
      send: pair.client.sendBuffer.limit,
      receive: pair.withServer { server, _ in server.receive.limit } ?? 0)
    return (Double(received) / 5, limits)
  }

  @Test("small buffers grow until the path is full; without growth they are what bounds it")
  func grows() {
    let (tuned, limits) = Self.goodput { _ in }
    // 64 KB in 100 ms are 650 kB/s; the path's window is 1.2 MB.
    #expect(tuned > 5_000_000, "\(tuned)")
    #expect(limits.send > 1_200_000 && limits.receive > 1_200_000)
    let (fixed, kept) = Self.goodput {
      $0.sendBufferMaximum = 0
      $0.tunesReceiveBuffer = false
    }
    #expect(fixed < 700_000, "\(fixed)")
    #expect(kept == Pair.Limits(send: 65_536, receive: 65_536))
  }

  @Test("growth ends at the bounds that the user has set")
  func bounds() {
    let (_, limits) = Self.goodput {
      $0.sendBufferMaximum = 300_000
      $0.receiveBufferMaximum = 200_000
    }
    #expect(limits.send <= 300_000 && limits.receive == 200_000, "\(limits)")
  }

  @Test(
    "a quarter of a buffer that is read within a round trip asks for more; slower reading does not")
  func pace() {
    var tuning = ReceiveTuning()
    var quick = 0
    var slow = 0
    for step in 1...100 as ClosedRange<Int64> {
      let now = Instant(nanoseconds: step * 10_000_000)
      if tuning.consumed(1000, of: 16_000, known: 50_000_000, at: now) { quick += 1 }
    }
    for step in 1...100 as ClosedRange<Int64> {
      let now = Instant(nanoseconds: 2_000_000_000 + step * 20_000_000)
      if tuning.consumed(1000, of: 16_000, known: 50_000_000, at: now) { slow += 1 }
    }
    #expect(quick == 25 && slow == 0)
  }

  @Test("what lies behind a gap takes room, so that less reading asks for more")
  func gap() {
    var tuning = ReceiveTuning()
    let apart = tuning.consumed(
      1000, of: 16_000, behind: 12_000, known: 50_000_000, at: Instant(nanoseconds: 10_000_000))
    let without = tuning.consumed(
      1000, of: 16_000, known: 50_000_000, at: Instant(nanoseconds: 20_000_000))
    #expect(apart && !without)
  }

  @Test("the peer's echo tells the round trip before our own measurement")
  func echo() {
    var tuning = ReceiveTuning()
    let first = tuning.consumed(4000, of: 16_000, known: nil, at: .start + .seconds(1))
    tuning.echoed(90)
    tuning.echoed(80)
    let second = tuning.consumed(4000, of: 16_000, known: 1, at: .start + .milliseconds(1080))
    tuning.echoed(80)
    let third = tuning.consumed(4000, of: 16_000, known: 1, at: .start + .milliseconds(1161))
    #expect([first, second, third] == [false, true, false])
  }
}

extension Pair {
  /// The bounds of the two buffers that a transfer goes through.
  struct Limits: Hashable {
    var send: Int
    var receive: Int
  }
}
