import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

/// A network, the way two users use it, and where chance begins.
struct Journey: Sendable, CustomTestStringConvertible {
  var seeds: Range<UInt64>
  var conditions = LinkConditions()
  var mtu = 1500
  var up = 60_000
  var down = 40_000
  var chunk = 3000
  var configure: @Sendable (inout TCPConfiguration) -> Void = { _ in }
  var isEthernet = false
  var offload = OffloadCapabilities.none
  var opensFromBothEnds = false
  var name: String

  var testDescription: String { "\(name): \(conditions), MTU \(mtu), seeds \(seeds)" }
}

private func link(_ set: (inout LinkConditions) -> Void) -> LinkConditions {
  var conditions = LinkConditions()
  set(&conditions)
  return conditions
}

private let everything = link {
  $0.loss = 0.05
  $0.duplication = 0.05
  $0.reordering = 0.1
  $0.corruption = 0.02
  $0.jitter = .milliseconds(5)
}

private let journeys: [Journey] = [
  Journey(seeds: 0..<5, name: "a good link"),
  Journey(seeds: 0..<150, conditions: link { $0.loss = 0.01 }, name: "loss 1 %"),
  Journey(seeds: 0..<150, conditions: link { $0.loss = 0.05 }, name: "loss 5 %"),
  Journey(
    seeds: 0..<100, conditions: link { $0.loss = 0.05 }, mtu: 576, up: 30_000, down: 30_000,
    name: "loss 5 %, small packets"),
  Journey(
    seeds: 0..<100, conditions: link { $0.loss = 0.1 }, up: 30_000, down: 20_000,
    name: "loss 10 %"),
  Journey(
    seeds: 0..<150, conditions: link { $0.loss = 0.2 }, up: 20_000, down: 10_000,
    name: "loss 20 %"),
  Journey(
    seeds: 0..<100, conditions: link { $0.burstLoss = BurstLoss() }, up: 30_000, down: 30_000,
    name: "bursts of loss"),
  Journey(
    seeds: 0..<50,
    conditions: link {
      $0.rate = 2_000_000
      $0.queueLimit = 20_000
      $0.markingThreshold = 6000
      $0.loss = 0.01
    }, configure: { $0.ecn = .always }, name: "a slow link that marks"),
  Journey(seeds: 0..<100, conditions: link { $0.reordering = 0.2 }, name: "reordering"),
  Journey(seeds: 0..<100, conditions: link { $0.duplication = 0.2 }, name: "duplication"),
  Journey(seeds: 0..<100, conditions: link { $0.corruption = 0.05 }, name: "corruption"),
  Journey(seeds: 0..<150, conditions: everything, up: 30_000, down: 30_000, name: "everything"),
  Journey(
    seeds: 0..<100, conditions: everything, mtu: 576, up: 20_000, down: 20_000,
    name: "everything, small packets"),
  Journey(
    seeds: 0..<50, conditions: everything, up: 20_000, down: 20_000, isEthernet: true,
    name: "everything on Ethernet"),
  Journey(
    seeds: 0..<100, conditions: everything, up: 30_000, down: 30_000,
    configure: {
      $0.usesSACK = false
      $0.usesTimestamps = false
      $0.usesWindowScaling = false
      $0.congestion = .reno
    }, name: "everything, no options, Reno"),
  Journey(
    seeds: 0..<100, conditions: everything, up: 30_000, down: 30_000, chunk: 700,
    configure: {
      $0.sendBufferLimit = 4096
      $0.receiveBufferLimit = 4096
    }, name: "everything, tiny buffers"),
  Journey(
    seeds: 0..<50,
    conditions: link {
      $0.rate = 2_000_000; $0.queueLimit = 8000
    }, up: 200_000,
    down: 100_000, name: "a slow link with a short queue"),
  Journey(
    seeds: 0..<50, conditions: everything, up: 60_000, down: 30_000,
    offload: OffloadCapabilities(checksum: true, segmentation: true),
    name: "everything, super-segments"),
  Journey(
    seeds: 0..<100, conditions: everything, up: 10_000, down: 10_000, opensFromBothEnds: true,
    name: "everything, simultaneous open"),
  Journey(
    seeds: 0..<20,
    conditions: link {
      $0.pathMTU = 1000; $0.loss = 0.02
    }, up: 60_000,
    down: 60_000, name: "a narrow path"),
  Journey(
    seeds: 0..<100, conditions: everything, up: 0, down: 0, name: "only opening and closing"),
]

@Suite("Two hosts over a faulty link")
struct WorldTests {
  @Test(
    "every octet arrives once and in order, nothing is stuck, nothing is left", arguments: journeys)
  func journey(_ journey: Journey) throws {
    for seed in journey.seeds {
      let complaint = try run(journey, seed: seed)
      #expect(complaint == nil, "seed \(seed) of \(journey.name): \(complaint ?? "")")
      if complaint != nil { return }
    }
  }

  /// One run; a sentence about what went wrong, or nil.
  private func run(_ journey: Journey, seed: UInt64) throws -> String? {
    var configuration = StackConfiguration()
    configuration.tcp.sendBufferLimit = 20_000
    configuration.tcp.receiveBufferLimit = 16_000
    journey.configure(&configuration.tcp)
    var world = World.pair(
      seed: seed, conditions: journey.conditions, mtu: journey.mtu, configuration: configuration,
      isEthernet: journey.isEthernet, offload: journey.offload)
    let (client, server) = (world.client, world.server)
    let up = Pattern(seed: seed &* 2)
    let down = Pattern(seed: seed &* 2 &+ 1)
    var caller = StreamUser(
      host: client, outgoing: up, incoming: down, toSend: journey.up, toReceive: journey.down,
      chunk: journey.chunk)
    var called = StreamUser(
      host: server, outgoing: down, incoming: up, toSend: journey.down, toReceive: journey.up,
      chunk: journey.chunk)
    let near = SocketAddress(IPv4Address(192, 0, 2, 1), 4000)
    let far = SocketAddress(IPv4Address(192, 0, 2, 2), 25)
    var listener: SocketID?
    caller.socket = try world[client].connect(to: far, from: near, at: world.now)
    if journey.opensFromBothEnds {
      called.socket = try world[server].connect(to: near, from: far, at: world.now)
    } else {
      listener = try world[server].listen(at: SocketAddress(.any, 25))
    }
    var complaint: String?
    let outcome = world.run(
      until: Instant.start + .seconds(3600), steps: 200_000
    ) { (world: inout World) throws(Never) in
      if called.socket == nil, let listener { called.socket = try? world[server].accept(listener) }
      caller.act(in: &world)
      called.act(in: &world)
      world.flush()
      if let stuck = world.stuckConnections.first { complaint = "\(stuck)" }
      return complaint != nil || caller.failure != nil || called.failure != nil
        || caller.isContent && called.isContent
    }
    if let complaint { return complaint }
    guard outcome == .satisfied, caller.isContent, called.isContent else {
      return "\(outcome) at \(world.now.nanoseconds / 1_000_000) ms: caller \(caller) in "
        + "\(caller.socket.map { world[client].state($0).rawValue } ?? "-"), called \(called) in "
        + "\(called.socket.map { world[server].state($0).rawValue } ?? "-"); \(world.fates)"
    }
    if let wrong = caller.firstWrong ?? called.firstWrong { return "octet \(wrong) is wrong" }
    // Both users go; TIME-WAIT passes; nothing may be left.
    for user in [caller, called] {
      if let socket = user.socket { world[user.host].close(socket, at: world.now) }
    }
    world.run(until: world.now + .seconds(3600))
    if world.framesUnderWay > 0 { return "frames are under way an hour after the end" }
    for host in [client, server] {
      let left = world[host].connectionSummaries
      if !left.isEmpty {
        return "\(world.name(of: host)) still has \(left.map(\.info.state.rawValue))"
      }
      if world[host].nextDeadline != nil { return "\(world.name(of: host)) still waits" }
    }
    return nil
  }
}
