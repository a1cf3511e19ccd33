import Octets
import Simulation
import Stack
import TCPCore
import Wire

/// Sessions of our own stack over links with faults, as somebody on the server's side captures them.
enum WorldSessions {
  /// The frames of one session; `seed` decides what goes wrong.
  static func frames(seed: UInt64) throws -> [(time: Int64, octets: [UInt8])] {
    var random = RandomSource.seeded(seed)
    var conditions = LinkConditions()
    conditions.delay = .milliseconds(Int.random(in: 1...40, using: &random))
    conditions.loss = pick([0, 0, 0.01, 0.05, 0.1], &random)
    conditions.reordering = pick([0, 0, 0.05, 0.2], &random)
    conditions.duplication = pick([0, 0, 0.03], &random)
    var configuration = StackConfiguration()
    configuration.tcp.usesSACK = seed % 3 != 0
    configuration.tcp.usesTimestamps = seed % 2 == 0
    configuration.tcp.usesWindowScaling = seed % 5 != 0
    if seed % 7 == 0 {
      var keepalive = Keepalive()
      keepalive.idle = .seconds(1)
      keepalive.interval = .seconds(1)
      configuration.tcp.keepalive = keepalive
    }
    if seed % 4 == 0 { configuration.tcp.receiveBufferLimit = 4096 }
    configuration.tcp.receiveBufferMaximum = 0
    var world = World(seed: seed)
    world.recordsFrames = true
    let client = world.addHost("client", configuration: configuration)
    let server = world.addHost("server", configuration: configuration)
    let link = world.addLink(conditions)
    let near = IPv4Address(198, 18, 0, UInt8(seed % 250) + 2)
    let far = IPv4Address(198, 18, 0, 1)
    for (host, address) in [(client, near), (server, far)] {
      world.attach(
        host, to: link,
        as: InterfaceConfiguration(
          name: "tun0", addresses: [IPv4Prefix(address, length: 15)]))
    }
    let listener = try world[server].listen(at: SocketAddress(.any, 25))
    let caller = try world[client].connect(to: SocketAddress(far, 25), at: world.now)
    var session = Session(
      caller: caller, left: Int.random(in: 1...60_000, using: &random), pause: seed % 4 == 0)
    world.run(until: .start + .seconds(90)) { (world: inout World) throws(Never) in
      session.act(in: &world, client, server, listener)
      return session.isOver(in: world, server)
    }
    let epoch: Int64 = 1_600_000_000_000_000_000 + Int64(seed) * 200_000_000_000
    let seen = world.takeFrames().compactMap { frame -> (Int64, [UInt8])? in
      guard frame.sender == client else { return (frame.sentAt.nanoseconds, frame.octets) }
      return frame.arrivesAt.map { ($0.nanoseconds, frame.octets) }
    }
    return seen.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
      .map { (epoch + $0.element.0, $0.element.1) }
  }

  /// A client that sends and closes; a server that reads, perhaps only now and then.
  private struct Session {
    let caller: SocketID
    var left: Int
    let pause: Bool
    var called: SocketID?
    var hasClosed = false
    var readsAt = Instant.start

    mutating func act(
      in world: inout World, _ client: HostID, _ server: HostID, _ listener: SocketID
    ) {
      let now = world.now
      if called == nil { called = try? world[server].accept(listener) }
      while left > 0 {
        let part = [UInt8](repeating: 0x61, count: min(left, 3000))
        let taken = (try? world[client].send(caller, part.span, at: now)) ?? 0
        left -= taken
        if taken < part.count { break }
      }
      if left == 0, !hasClosed, world[client].state(caller).isSynchronized {
        world[client].closeSending(caller, at: now)
        hasClosed = true
      }
      guard let called, now >= readsAt else { return }
      if world[server].receivable(called) > 0 {
        _ = try? world[server].receive(called, at: now) { ($0.count, ()) }
        if pause { readsAt = now + .milliseconds(1500) }
      }
      if world[server].isAtEnd(called) { world[server].closeSending(called, at: now) }
    }

    func isOver(in world: borrowing World, _ server: HostID) -> Bool {
      guard let called else { return false }
      return hasClosed && world[server].state(called) == .closed
    }
  }
}
