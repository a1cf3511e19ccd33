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
  /// Each change of a connection's state, on either side.
  private(set) var changes: [StateChange] = []
  private var noted: SocketID?
  private var clientState = TCPState.closed
  private var serverState = TCPState.listen
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
    func milliseconds(_ time: Duration) -> Double { Double(time.wholeNanoseconds) / 1e6 }
    let threshold = info.slowStartThreshold
    let state = Flow.State(
      time: Double(now.nanoseconds) / 1e9, congestionWindow: info.congestionWindow,
      slowStartThreshold: threshold < 1 << 30 ? threshold : nil, outstanding: info.outstanding,
      retransmissionTimeout: milliseconds(info.retransmissionTimeout),
      smoothedRoundTrip: info.smoothedRoundTrip.map(milliseconds))
    if states.last?.isSame(as: state) == true { return }
    states.append(state)
  }

  /// Notes how the states of the connection have changed: both ends of the client's latest one.
  private mutating func noteStates(_ socket: SocketID?) {
    guard let socket else { return }
    if socket != noted { (noted, clientState, serverState) = (socket, .closed, .listen) }
    let own = client.connectionSummaries.first { $0.socket == socket }
    let state = own?.info.state ?? .closed
    if state != clientState {
      changes.append(StateChange(time: now, isClient: true, from: clientState, to: state))
      clientState = state
    }
    guard let own else { return }
    let other = server.connectionSummaries.last { $0.endpoints.remote == own.endpoints.local }
    guard let other, other.info.state != serverState else { return }
    changes.append(
      StateChange(time: now, isClient: false, from: serverState, to: other.info.state))
    serverState = other.info.state
  }

  /// Lets the scene play until it is over and nothing is under way any more.
  /// - Returns: false when it never is.
  mutating func play(_ scene: inout some DemoScene) throws(SocketError) -> Bool {
    for _ in 0..<100_000 {
      noteStates(scene.observed)
      try scene.act(in: &self)
      noteStates(scene.observed)
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
