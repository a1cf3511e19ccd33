import Frames
public import Octets
public import Stack
import Wire

/// Many hosts on links with faults, in virtual time: the same seed, the same world, octet by octet.
///
/// The owner adds hosts and links, then calls ``run(until:steps:_:)`` with what the hosts' users
/// do. Between steps every host is a ``Stack`` like any other: `world[client].connect(...)`.
///
/// Invariants: 1. Time never goes back. 2. Nothing depends on the order of hashing, on addresses or
/// on the clock of the machine. 3. After ``step()`` no host has output that it could send.
public struct World: ~Copyable {
  /// The time in this world.
  public internal(set) var now = Instant.start
  /// Frames are kept for ``takeFrames()``.
  public var recordsFrames = false
  /// What hosts that explain themselves decide is kept for ``takeDecisions()``; their own
  /// `takeExplanations()` has nothing then.
  public var recordsDecisions = false
  /// Frames that are lost because the owner wants it so.
  public var loses: ((TracedFrame) -> Bool)?
  /// What the owner does to a frame, whatever chance has decided; nil leaves it to chance.
  public var intervenes: ((TracedFrame) -> FrameIntervention?)?
  /// Frames sent so far.
  public internal(set) var frameCount = 0
  /// What became of them.
  public internal(set) var fates: [FrameFate: Int] = [:]

  var hosts = Slab<SimulatedHost>()
  var handles: [SlabHandle] = []
  var links: [Link] = []
  var flights = FlightQueue()
  var random: RandomSource
  var frames: [TracedFrame] = []
  var decisions: [HostDecision] = []

  /// A world without hosts.
  public init(seed: UInt64) { random = .seeded(seed) }

  // MARK: Building

  /// Adds a host without interfaces.
  public mutating func addHost(
    _ name: String, configuration: StackConfiguration = StackConfiguration()
  ) -> HostID {
    let stack = Stack(configuration: configuration, random: .seeded(random.next()))
    handles.append(hosts.insert(SimulatedHost(name: name, stack: stack)))
    return HostID(index: handles.count - 1)
  }

  /// Adds a link; whoever is attached hears what the others send.
  public mutating func addLink(_ conditions: LinkConditions = LinkConditions()) -> LinkID {
    links.append(Link(conditions))
    return LinkID(index: links.count - 1)
  }

  /// Gives a host an interface on a link.
  @discardableResult
  public mutating func attach(
    _ host: HostID, to link: LinkID, as configuration: InterfaceConfiguration
  ) -> InterfaceID {
    let interface = self[host].addInterface(configuration)
    let attachment = withHost(host.index) { $0.ports.count }
    let port = links[link.index].addPort(
      host: host.index, attachment: attachment, configuration.medium)
    withHost(host.index) {
      $0.ports.append(SimulatedHost.Attachment(interface: interface, link: link, port: port))
    }
    return interface
  }

  /// Changes what a link does from now on: for all, or for what one host sends.
  public mutating func setConditions(
    _ conditions: LinkConditions, of link: LinkID, from host: HostID? = nil
  ) {
    for index in links[link.index].ports.indices {
      if let host, links[link.index].ports[index].host != host.index { continue }
      links[link.index].ports[index].conditions = conditions
    }
    if host == nil { links[link.index].conditions = conditions }
  }

  /// A host, to be worked with in its place.
  public subscript(host: HostID) -> Stack {
    _read {
      guard let place = unsafe hosts.pointer(to: handles[host.index]) else {
        preconditionFailure("a host of another world")
      }
      yield unsafe place.pointee.stack
    }
    _modify {
      guard let place = unsafe hosts.pointer(to: handles[host.index]) else {
        preconditionFailure("a host of another world")
      }
      yield unsafe &place.pointee.stack
    }
  }

  /// A host's name.
  public func name(of host: HostID) -> String {
    unsafe hosts.pointer(to: handles[host.index])?.pointee.name ?? ""
  }

  /// All hosts.
  public var hostIDs: [HostID] { handles.indices.map { HostID(index: $0) } }

  func withHost<R>(_ index: Int, _ body: (inout SimulatedHost) -> R) -> R {
    guard let place = unsafe hosts.pointer(to: handles[index]) else {
      preconditionFailure("a host of another world")
    }
    return unsafe body(&place.pointee)
  }

  // MARK: Running

  /// Why ``run(until:steps:_:)`` came back.
  public enum Outcome: Hashable, Sendable {
    /// The users were content.
    case satisfied
    /// Nothing will happen any more unless a user does something.
    case idle
    /// The deadline came first.
    case deadline
    /// So many steps have been made.
    case exhausted
  }

  /// Lets time pass until the users are content, nothing is left to happen, or the deadline comes.
  ///
  /// - Parameter users: called before each step to do what the hosts' users do; true ends the run.
  @discardableResult
  public mutating func run<E: Error>(
    until deadline: Instant = .distantFuture, steps: Int = 10_000_000,
    _ users: (inout World) throws(E) -> Bool
  ) throws(E) -> Outcome {
    for _ in 0..<steps {
      if try users(&self) { return .satisfied }
      flush()
      guard let next = nextTime else {
        now = deadline == .distantFuture ? now : deadline
        return .idle
      }
      guard next <= deadline else {
        now = deadline
        return .deadline
      }
      _ = step()
    }
    return .exhausted
  }

  /// Lets time pass while no user does anything.
  @discardableResult
  public mutating func run(until deadline: Instant = .distantFuture) -> Outcome {
    run(until: deadline) { (_: inout World) throws(Never) in false }
  }

  /// The next thing happens; false when nothing is left to happen.
  public mutating func step() -> Bool {
    flush()
    guard let next = nextTime else { return false }
    now = max(now, next)
    while let flight = flights.popIfDue(at: now) {
      deliver(flight)
      if recordsDecisions { keepDecisions(of: flight.host, about: flight.ordinal) }
    }
    for index in handles.indices {
      let now = now
      withHost(index) { host in
        guard let deadline = host.stack.nextDeadline, deadline <= now else { return }
        host.stack.deadlinePassed(at: now)
      }
    }
    flush()
    return true
  }

  /// When the next thing happens; nil for never.
  public var nextTime: Instant? {
    var next = flights.first ?? .distantFuture
    for index in handles.indices {
      if let deadline = withHost(index, { $0.stack.nextDeadline }) { next = min(next, deadline) }
    }
    return next == .distantFuture ? nil : next
  }

  /// Frames under way.
  public var framesUnderWay: Int { flights.count }

  /// Every host sends what it has to send now.
  public mutating func flush() {
    for index in handles.indices {
      let ports = withHost(index) { $0.ports }
      if ports.isEmpty {
        var sink = CollectingSink()
        let now = now
        withHost(index) { $0.stack.transmit(on: .loopback, into: &sink, at: now) }
      }
      for port in ports {
        var sink = CollectingSink()
        let now = now
        withHost(index) { $0.stack.transmit(on: port.interface, into: &sink, at: now) }
        for frame in sink.frames {
          let link = links[port.link.index].ports[port.port].linkType
          FrameFinisher.finish(frame.octets.span, facts: frame.facts, link: link) { octets in
            launch([UInt8](copying: octets), frame.explanation, on: port)
          }
        }
      }
      if recordsDecisions { keepDecisions(of: index, about: nil) }
    }
  }

  private mutating func deliver(_ flight: Flight) {
    let now = now
    withHost(flight.host) { host in
      let interface = host.ports[flight.interface].interface
      host.stack.frameArrived(flight.octets.span, on: interface, at: now)
    }
  }

  /// Sends are told with their frames.
  private mutating func keepDecisions(of host: Int, about frame: Int?) {
    for explanation in withHost(host, { $0.stack.takeExplanations() })
    where explanation.effect != .sends {
      decisions.append(
        HostDecision(
          time: now, host: HostID(index: host), frame: frame, explanation: explanation))
    }
  }

  /// What hosts have decided since the last call, in order, if that is recorded.
  public mutating func takeDecisions() -> [HostDecision] {
    let taken = decisions
    decisions = []
    return taken
  }

  /// The frames sent since the last call, if they are recorded.
  public mutating func takeFrames() -> [TracedFrame] {
    let taken = frames
    frames = []
    return taken
  }
}

/// A host and where it is attached.
struct SimulatedHost: ~Copyable {
  struct Attachment {
    var interface: InterfaceID
    var link: LinkID
    var port: Int
  }

  let name: String
  var stack: Stack
  var ports: [Attachment] = []

  init(name: String, stack: consuming Stack, ports: [Attachment] = []) {
    self.name = name
    self.stack = stack
    self.ports = ports
  }
}
