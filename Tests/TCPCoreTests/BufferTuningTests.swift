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
    #expect(limits.send <= 300_000 && limits.receive == 200_000)
  }

  @Test("a slow reader needs no larger buffer")
  func slowReader() {
    var tuning = ReceiveTuning()
    var best = 0
    for step in 0..<1000 as Range<Int64> {
      let now = Instant(nanoseconds: step * 50_000_000)
      if let more = tuning.consumed(1000, known: 100_000_000, at: now) { best = max(best, more) }
    }
    #expect(best <= 3000)
  }

  @Test("what comes after a pause does not count as read in a round trip")
  func pause() {
    var tuning = ReceiveTuning()
    #expect(tuning.consumed(1000, known: 100_000_000, at: .start + .seconds(10)) == nil)
    #expect(tuning.consumed(500_000, known: 100_000_000, at: .start + .seconds(20)) == nil)
  }
}

extension Pair {
  /// The bounds of the two buffers that a transfer goes through.
  struct Limits: Hashable {
    var send: Int
    var receive: Int
  }
}
