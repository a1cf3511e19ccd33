import Octets
import Pictures
import Simulation
import Stack
import TCPCore
import Wire

/// Two hosts on one link in virtual time: a `World` with names for its two ends.
struct DemoWorld: ~Copyable {
  static let clientAddress = IPv4Address(192, 0, 2, 10)
  static let serverAddress = IPv4Address(192, 0, 2, 25)

  var world: World
  private let link: LinkID
  private let conditions: LinkConditions
  /// The inner state of the client's connection, each time that it changed.
  private(set) var states: [Flow.State] = []
  /// Who sends the mail.
  let clientHost: HostID
  /// Who keeps it.
  let serverHost: HostID

  /// A link of 10 Mbit/s and 20 ms that loses this part of the frames.
  init(loss: Double, seed: UInt64) {
    var world = World(seed: seed)
    world.recordsFrames = true
    world.recordsDecisions = true
    var configuration = StackConfiguration()
    configuration.explains = true
    clientHost = world.addHost("client", configuration: configuration)
    serverHost = world.addHost("server", configuration: configuration)
    var conditions = LinkConditions()
    conditions.delay = .milliseconds(20)
    conditions.rate = 10_000_000
    conditions.loss = loss
    let link = world.addLink(conditions)
    (self.link, self.conditions) = (link, conditions)
    world.attach(
      clientHost, to: link,
      as: InterfaceConfiguration(
        name: "client", addresses: [IPv4Prefix(Self.clientAddress, length: 24)]))
    world.attach(
      serverHost, to: link,
      as: InterfaceConfiguration(
        name: "server", addresses: [IPv4Prefix(Self.serverAddress, length: 24)]))
    self.world = world
  }

  var client: Stack {
    _read { yield world[clientHost] }
    _modify { yield &world[clientHost] }
  }

  var server: Stack {
    _read { yield world[serverHost] }
    _modify { yield &world[serverHost] }
  }

  /// The virtual time.
  var now: Instant { world.now }

  /// The link does to what the client sends as a scene of streams wants it.
  mutating func prepare(for scene: StreamScene) {
    if let change = scene.conditions {
      var conditions = conditions
      change(&conditions)
      world.setConditions(conditions, of: link, from: clientHost)
    }
    guard !scene.losses.isEmpty || !scene.lostAnswers.isEmpty else { return }
    let (sender, losses, lostAnswers) = (clientHost, scene.losses, scene.lostAnswers)
    var (count, answers) = (0, 0)
    world.loses = { frame in
      guard frame.sender == sender else {
        answers += 1
        return lostAnswers.contains(answers)
      }
      guard frame.octets.count > StreamScene.much else { return false }
      count += 1
      return losses.contains(count)
    }
  }

  /// Keeps the inner state of the client's connection whenever it has changed.
  private mutating func observe(_ socket: SocketID?) {
    guard let socket, let info = client.info(socket), info.state != .closed else { return }
    let threshold = info.slowStartThreshold
    let state = Flow.State(
      time: Double(now.nanoseconds) / 1e9, congestionWindow: info.congestionWindow,
      slowStartThreshold: threshold < 1 << 30 ? threshold : nil,
      retransmissionTimeout: Double(info.retransmissionTimeout.components.seconds) * 1000
        + Double(info.retransmissionTimeout.components.attoseconds) / 1e15)
    if let last = states.last, last.congestionWindow == state.congestionWindow,
      last.slowStartThreshold == state.slowStartThreshold,
      last.retransmissionTimeout == state.retransmissionTimeout
    {
      return
    }
    states.append(state)
  }

  /// Lets the scene play until it is over and nothing is under way any more.
  /// - Returns: false when it never is.
  mutating func play(_ scene: inout some DemoScene) throws(SocketError) -> Bool {
    for _ in 0..<100_000 {
      try scene.act(in: &self)
      world.flush()
      if scene.isOver(in: self) && world.framesUnderWay == 0 { return true }
      observe(scene.observed)
      if let next = scene.nextAct, (world.nextTime ?? .distantFuture) > next {
        world.run(until: next)
        continue
      }
      guard world.step() else { return false }
    }
    return false
  }
}
