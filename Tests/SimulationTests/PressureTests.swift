import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

@Suite("Worlds: a host with little memory for buffers")
struct PressureTests {
  @Test(
    "under pressure all transfers end all the same, octet for octet",
    arguments: 0..<8 as Range<UInt64>)
  func pressure(_ seed: UInt64) throws {
    var conditions = LinkConditions()
    conditions.loss = 0.02
    conditions.reordering = 0.1
    var configuration = StackConfiguration()
    configuration.maximumBufferMemory = 30_000
    var world = World.pair(seed: seed, conditions: conditions, configuration: configuration)
    let (client, server) = (world.client, world.server)
    let listener = try world[server].listen(at: SocketAddress(.any, 25))
    var near: [SocketID] = []
    for _ in 0..<6 {
      near.append(
        try world[client].connect(
          to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now))
    }
    let total = 60_000
    var far: [SocketID] = []
    var sent = [Int](repeating: 0, count: 6)
    var received = [Int](repeating: 0, count: 6)
    var isRight = true
    var most = 0
    let outcome = world.run(until: .start + .seconds(600)) { (world: inout World) in
      if let socket = try? world[server].accept(listener) { far.append(socket) }
      let now = world.now
      for index in near.indices where sent[index] < total {
        let octets = (sent[index]..<min(sent[index] + 9000, total)).map {
          UInt8(truncatingIfNeeded: $0 &* 7)
        }
        sent[index] += (try? world[client].send(near[index], octets.span, at: now)) ?? 0
      }
      for index in far.indices {
        while world[server].receivable(far[index]) > 0 {
          let place = received[index]
          let taken = try? world[server].receive(far[index], at: now) { octets in
            for offset in 0..<octets.count
            where octets[offset] != UInt8(truncatingIfNeeded: (place + offset) &* 7) {
              isRight = false
            }
            return (octets.count, octets.count)
          }
          received[index] += taken ?? 0
        }
      }
      most = max(most, world[client].bufferMemory)
      return received.allSatisfy { $0 == total }
    }
    #expect(outcome == .satisfied)
    #expect(isRight)
    // The bound, what one write may add, and the smallest rings.
    #expect(most <= 30_000 + 32_768 + 6 * 4096, "\(most)")
  }
}
