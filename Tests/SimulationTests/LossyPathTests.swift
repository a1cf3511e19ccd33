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
    var world = World.pair(seed: 5, conditions: conditions, configuration: configuration)
    let (client, server) = (world.client, world.server)
    let listener = try world[server].listen(at: SocketAddress(.any, 25))
    var caller = StreamUser(
      host: client, outgoing: Pattern(seed: 1), incoming: Pattern(seed: 2), toSend: 0,
      toReceive: total, chunk: 5000)
    var called = StreamUser(
      host: server, outgoing: Pattern(seed: 2), incoming: Pattern(seed: 1), toSend: total,
      toReceive: 0, chunk: 5000)
    caller.socket = try world[client].connect(
      to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
    let outcome = world.run(until: .start + .seconds(600)) { (world: inout World) in
      if called.socket == nil { called.socket = try? world[server].accept(listener) }
      caller.act(in: &world)
      called.act(in: &world)
      return caller.isContent && called.isContent
    }
    #expect(outcome == .satisfied)
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
}
