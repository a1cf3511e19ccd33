import Analysis
import Octets
import Stack
import TCPCore
import Wire

/// Our stack in the place of one end of a captured connection, in virtual time.
///
/// The clock is the capture's. What the peer sent arrives when it arrived at the captured end (see
/// ``Arrivals``), what that end's user did is done when it was done (see ``CapturedUser``), and
/// between the two our stack's own timers run. Numbers are mapped both ways: the peer's are its own; those
/// by which it speaks of the captured end's octets and clock are shifted to ours.
///
/// The peer answers the captured end and not us, so it may speak of what we have not sent:
/// 1. An acknowledgment of more than we have sent is given as far as we have; the rest follows when we
///    have sent that, as long after as the peer took for the captured end's.
/// 2. Octets that the captured end has acknowledged and we have not got are supplied then.
struct StandIn: ~Copyable {
  /// Nanoseconds on our clock at the connection's first frame.
  private static let origin: Int64 = 1_000_000_000
  /// Nanoseconds after the last frame in which we may still send what the captured end has sent.
  private static let grace: Int64 = 1_000_000_000
  /// Octets that are supplied at most.
  static let mostSupplied = 64 << 20

  let connection: CapturedConnection
  let role: EndpointRole
  let arrivals: Arrivals
  let user: CapturedUser
  let settings: Settings
  var stack: Stack
  let interface: InterfaceID
  let ourPort: Port
  let peerPort: Port
  let mostSent: Int
  /// The numbers behind the last that the captured end and the peer have sent, and that of the peer's FIN.
  let ourMost: Int
  let peerMost: Int
  let peerFinish: Int?

  private(set) var now: Int64 = 0
  var listener: SocketID?
  var socket: SocketID?
  /// Our numbers, as last seen: the connection may be gone since.
  var numbers: TCPNumbers?
  var result = Run()
  /// Places of the peer's frames that have not been given yet, in order.
  var nextPlace = 0
  var unwritten = 0
  var announcesMore = false
  var finish: Bool?
  var readLimit: Int? = 1
  var hasRead = 1
  var hasReset = false
  /// The latest frame of the peer that was given.
  var latest: CapturedSegment?
  /// Acknowledgments of what we have not sent: the number, and how long the peer took for it.
  var owed: [(number: Int, after: Int64)] = []
  /// What routers will say, in order.
  var errors: ArraySlice<CapturedError>
  /// Acknowledgments that are on their way.
  var due: [(number: Int, at: Int64)] = []
  var stamps: StampTable

  init(
    _ connection: CapturedConnection, role: EndpointRole, settings: Settings, user: CapturedUser,
    arrivals: Arrivals
  ) {
    self.connection = connection
    self.role = role
    self.settings = settings
    self.user = user
    self.arrivals = arrivals
    stamps = StampTable(connection, role)
    errors = connection.errors(for: role)[...]
    let highest = connection.highest
    ourMost = connection.isUnseen(role) ? connection.acknowledged(of: role) : highest[role] ?? 0
    peerMost = highest[role.other] ?? 0
    peerFinish = connection.finish[role.other]
    var configuration = StackConfiguration()
    configuration.explains = true
    configuration.tcp = settings.tcp
    // A seed: the same capture gives the same report, always.
    stack = Stack(configuration: configuration, random: .seeded(9293))
    interface = stack.addInterface(
      InterfaceConfiguration(
        name: "capture", mtu: settings.mtu, addresses: [IPv4Prefix(PeerFrame.ours, length: 24)]))
    let own = role == .client ? connection.client.port : connection.server.port
    let others = role == .client ? connection.server.port : connection.client.port
    ourPort = Port(own == 0 ? 1 : own)
    peerPort = Port(others == 0 ? 1 : others)
    mostSent = 1000 + 4 * connection.segments.count
    if settings.listens {
      var options = ListenOptions()
      options.tcp = settings.tcp
      options.fastOpenQueue = settings.usesFastOpen ? 1 : 0
      listener = try? stack.listen(at: SocketAddress(PeerFrame.ours, ourPort), options: options)
    }
  }

  var instant: Instant { Instant(nanoseconds: Self.origin + now) }

  /// Plays the capture to its end.
  consuming func run() -> Run {
    let end = connection.segments.last?.segment.time ?? 0
    for entry in user.entries {
      pass(until: entry.time)
      follow(entry)
      if isOver { break }
    }
    pass(until: max(end, arrivals.times.max() ?? 0) &+ Self.grace)
    return result
  }

  var isOver: Bool { result.isCutShort }

  // MARK: Time

  private enum Event {
    case nothing, deadline, frame, answer, error
  }

  func arrival(_ place: Int) -> Int64 { arrivals.times[place] }

  /// Lets time pass: frames arrive, deadlines pass, until it is `time`.
  mutating func pass(until time: Int64) {
    while !isOver {
      skipOthers()
      var (next, event) = (time, Event.nothing)
      if nextPlace < connection.segments.count, arrival(nextPlace) <= next {
        (next, event) = (arrival(nextPlace), .frame)
      }
      if let first = due.first, first.at < next { (next, event) = (first.at, .answer) }
      if let first = errors.first, first.time &+ arrivals.distance < next {
        (next, event) = (first.time &+ arrivals.distance, .error)
      }
      if let deadline = stack.nextDeadline {
        let at = deadline.nanoseconds - Self.origin
        if at < next || at == next && event == .nothing { (next, event) = (at, .deadline) }
      }
      now = max(now, next)
      switch event {
      case .nothing: return
      case .deadline: stack.deadlinePassed(at: instant)
      case .frame:
        give(nextPlace)
        nextPlace += 1
      case .answer: answer(due.removeFirst().number)
      case .error: tell(errors.removeFirst())
      }
      settle()
    }
  }

  /// A router says something of what the captured end has sent.
  mutating func tell(_ error: CapturedError) {
    let packet = error.packet(shift: shift, ourPort: ourPort, peerPort: peerPort)
    stack.frameArrived(packet.span, on: interface, at: instant)
  }

  /// Frames of the captured end, and those that never arrived, are not given.
  mutating func skipOthers() {
    while nextPlace < connection.segments.count,
      connection.segments[nextPlace].sender == role || arrivals.lost.contains(nextPlace)
    {
      nextPlace += 1
    }
  }
}
