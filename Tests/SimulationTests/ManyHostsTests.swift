import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

@Suite("Worlds: repeatable, observable, with many hosts")
struct ManyHostsTests {
  private func faulty() -> LinkConditions {
    var conditions = LinkConditions()
    conditions.loss = 0.05
    conditions.reordering = 0.1
    conditions.duplication = 0.05
    conditions.corruption = 0.02
    conditions.jitter = .milliseconds(3)
    return conditions
  }

  /// A transfer of 50,000 octets each way; every frame of it.
  private func record(seed: UInt64, explains: Bool = false) throws -> [TracedFrame] {
    var configuration = StackConfiguration()
    configuration.explains = explains
    var world = try transfer(
      up: 50_000, down: 50_000, seed: seed, conditions: faulty(), configuration: configuration,
      recordsFrames: true)
    return world.takeFrames()
  }

  @Test("the same seed gives the same frames at the same times; another seed others")
  func deterministic() throws {
    let first = try record(seed: 7)
    let again = try record(seed: 7)
    let other = try record(seed: 8)
    #expect(first.count > 100)
    #expect(first.map(\.octets) == again.map(\.octets))
    #expect(first.map(\.sentAt) == again.map(\.sentAt))
    #expect(first.map(\.fate) == again.map(\.fate))
    #expect(first.map(\.octets) != other.map(\.octets))
  }

  @Test("every frame of a host that explains itself has its reason, and its fate is told")
  func explained() throws {
    let frames = try record(seed: 3, explains: true)
    #expect(frames.allSatisfy { $0.explanation != nil })
    #expect(frames.first?.explanation?.name == "sendSYN")
    #expect(frames.allSatisfy { $0.fate.arrives == ($0.arrivesAt != nil) })
    #expect(Set(frames.map(\.fate)).isSuperset(of: [.delivered, .lost, .duplicated]))
    #expect(frames.map(\.ordinal) == Array(1...frames.count))
  }

  @Test("the owner drops, delays or alters one frame, and the host is told no other thing")
  func interventions() throws {
    /// The frames of a handshake in which one frame meets an intervention.
    func handshake(_ chosen: Int, _ intervention: FrameIntervention) throws -> [TracedFrame] {
      var world = World.pair(seed: 1)
      world.recordsFrames = true
      world.intervenes = { $0.ordinal == chosen ? intervention : nil }
      let (client, server) = (world.client, world.server)
      _ = try world[server].listen(at: SocketAddress(.any, 25))
      let socket = try world[client].connect(
        to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
      world.run(until: .start + .seconds(10)) { (world: inout World) in
        world[client].state(socket) == .established
      }
      return world.takeFrames()
    }
    let dropped = try handshake(1, .drop)
    #expect(dropped[0].fate == .intercepted)
    #expect(dropped[1].sentAt == .start + .seconds(1))
    let late = try handshake(2, .delay(.milliseconds(300)))
    #expect(late[1].fate == .heldBack)
    #expect(late[1].arrivesAt == .start + .milliseconds(320))
    var broken = late[0].octets
    broken[20] ^= 1
    let altered = try handshake(1, .alter(broken))
    #expect(altered[0].fate == .altered)
    #expect(altered[0].octets == late[0].octets)
    // The checksum is wrong, so that the SYN comes again.
    #expect(altered[1].sentAt == .start + .seconds(1))
  }

  @Test("the owner of a world chooses what is lost: a lost SYN comes again after a second")
  func chosenLoss() throws {
    var world = World.pair(seed: 1)
    world.recordsFrames = true
    world.loses = { $0.ordinal == 1 }
    let (client, server) = (world.client, world.server)
    _ = try world[server].listen(at: SocketAddress(.any, 25))
    let socket = try world[client].connect(
      to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
    let outcome = world.run { (world: inout World) in
      world[client].state(socket) == .established
    }
    #expect(outcome == .satisfied)
    let frames = world.takeFrames()
    #expect(frames.first?.fate == .intercepted)
    #expect(frames.dropFirst().first?.sentAt == .start + .seconds(1))
    #expect(world.now == .start + .milliseconds(1020))
  }

  @Test("a link with a rate takes its time, and its queue is bounded")
  func rate() throws {
    var conditions = LinkConditions()
    conditions.rate = 8_000_000
    conditions.queueLimit = 3000
    var world = World.pair(seed: 1, conditions: conditions)
    world.recordsFrames = true
    let client = world.client
    let socket = try world[client].bindUDP(at: SocketAddress(.any, 9))
    let target = SocketAddress(IPv4Address(192, 0, 2, 2), 9)
    for _ in 0..<4 {
      try world[client].send(
        socket, [UInt8](repeating: 1, count: 972).span, to: target, at: world.now)
    }
    world.run()
    let frames = world.takeFrames().filter { $0.sender == client }
    #expect(frames.map(\.fate) == [.delivered, .delivered, .delivered, .queueFull])
    let arrivals = frames.compactMap(\.arrivesAt).map { ($0 - .start).wholeNanoseconds / 1000 }
    #expect(arrivals == [11_000, 12_000, 13_000])
  }

  @Test("a slow link that marks loses nothing: the senders slow down before its queue is full")
  func marks() throws {
    func run(_ ecn: ECNUse) throws -> (marked: Int, full: Int, echoes: Int) {
      var conditions = LinkConditions()
      conditions.rate = 8_000_000
      conditions.queueLimit = 100_000
      conditions.markingThreshold = 20_000
      var configuration = StackConfiguration()
      configuration.tcp.ecn = ecn
      var world = try transfer(
        up: 2_000_000, down: 0, seed: 5, conditions: conditions, configuration: configuration,
        recordsFrames: true)
      let client = world.client
      let frames = world.takeFrames()
      return (
        frames.filter(\.isMarked).count, frames.filter { $0.fate == .queueFull }.count,
        Int(world[client].counters.tcp.count(.congestionEchoed))
      )
    }
    let with = try run(.always)
    #expect(with.marked > 0 && with.echoes > 0)
    #expect(with.full == 0)
    let without = try run(.off)
    #expect(without.marked == 0 && without.echoes == 0)
    #expect(without.full > 0)
  }

  @Test("both ends close at once, on any link", arguments: 0..<200 as Range<UInt64>)
  func simultaneousClose(_ seed: UInt64) throws {
    var world = World.pair(seed: seed, conditions: seed % 4 == 0 ? LinkConditions() : faulty())
    let (client, server) = (world.client, world.server)
    let listener = try world[server].listen(at: SocketAddress(.any, 25))
    let near = try world[client].connect(
      to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
    var far: SocketID?
    let opened = world.run(until: .start + .seconds(300)) { (world: inout World) in
      if far == nil { far = try? world[server].accept(listener) }
      return far != nil && world[client].state(near) == .established
    }
    #expect(opened == .satisfied, "seed \(seed)")
    world[client].close(near, at: world.now)
    if let far { world[server].close(far, at: world.now) }
    world.run(until: .start + .seconds(2000))
    #expect(world.stuckConnections.isEmpty, "seed \(seed)")
    #expect(world[client].connectionCount == 0, "seed \(seed)")
    #expect(world[server].connectionCount == 0, "seed \(seed)")
  }

  @Test(
    "twelve hosts on one Ethernet, ten connections each, all octets right",
    arguments: 0..<4 as Range<UInt64>)
  func ethernet(_ seed: UInt64) throws {
    var world = World(seed: seed)
    let link = world.addLink(faulty())
    var hosts: [HostID] = []
    for number in UInt8(1)...12 {
      let host = world.addHost("host \(number)")
      world.attach(
        host, to: link,
        as: InterfaceConfiguration(
          name: "lan", medium: .ethernet(MACAddress(rawValue: 0x0200_0000_0000 | UInt64(number))),
          addresses: [IPv4Prefix(IPv4Address(192, 0, 2, number), length: 24)]))
      hosts.append(host)
    }
    let server = hosts[0]
    let listener = try world[server].listen(at: SocketAddress(.any, 25))
    var callers: [StreamUser] = []
    for (index, host) in hosts.dropFirst().enumerated() {
      for number in 0..<10 {
        let pattern = UInt64(index * 10 + number) * 2
        var user = StreamUser(
          host: host, outgoing: Pattern(seed: pattern), incoming: Pattern(seed: pattern),
          toSend: 4000, toReceive: 4000, chunk: 1000)
        user.socket = try world[host].connect(
          to: SocketAddress(IPv4Address(192, 0, 2, 1), 25), at: world.now)
        callers.append(user)
      }
    }
    // The server echoes, and closes after its peer.
    var open: [SocketID] = []
    let outcome = world.run(until: .start + .seconds(600)) { (world: inout World) in
      let now = world.now
      while let socket = try? world[server].accept(listener) { open.append(socket) }
      open.removeAll { socket in
        _ = try? world[server].forward(from: socket, to: socket, at: now)
        guard world[server].isAtEnd(socket) else { return false }
        world[server].close(socket, at: now)
        return true
      }
      var isDone = true
      for index in callers.indices where !callers[index].isContent {
        callers[index].act(in: &world)
        isDone = isDone && callers[index].isContent
      }
      return isDone
    }
    #expect(outcome == .satisfied, "seed \(seed)")
    for caller in callers {
      #expect(caller.firstWrong == nil && caller.failure == nil)
      if let socket = caller.socket { world[caller.host].close(socket, at: world.now) }
    }
    world.run(until: world.now + .seconds(3600))
    #expect(world.stuckConnections.isEmpty)
    for host in hosts { #expect(world[host].connectionSummaries.isEmpty, "seed \(seed)") }
  }
}
