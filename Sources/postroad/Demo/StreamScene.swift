import Octets
import Simulation
import Stack
import TCPCore
import Wire

/// Streams between the two hosts, by a list of what their users do and when.
struct StreamScene: DemoScene {
  /// Who.
  enum Side { case client, server }

  /// What a user does.
  enum Act {
    /// Opens a connection, from this port if one is named.
    case connect(from: Port? = nil)
    /// Writes so many octets, as room comes.
    case write(Side, Int)
    /// Reads no more, or everything again.
    case reads(Side, Bool)
    /// Has said everything; what is still to be written goes first.
    case finish(Side)
    /// Forgets the connection.
    case abort(Side)
  }

  /// Where somebody listens for the capture.
  enum Ear {
    /// Before frames are lost.
    case middle
    /// At the server: what the client sends is heard when it arrives.
    case server
    /// At the client: what the server sends is heard when it arrives.
    case client
  }

  /// One end of the connection that is spoken of.
  private struct End {
    var socket: SocketID?
    var unwritten = 0
    var isReading = true
    var isFinishing = false
    var received = 0
  }

  /// What is done, in the order of time.
  var acts: [(at: Duration, what: Act)]
  var clientTCP = TCPConfiguration()
  var serverTCP = TCPConfiguration()
  var fastOpen: FastOpenUse?
  /// Frames from the client with much in them that the link loses: the first is 1.
  var losses: Set<Int> = []
  /// Frames from the server that the link loses: the first is 1.
  var lostAnswers: Set<Int> = []
  /// Such frames that arrive and are missing in the capture.
  var unheard: Set<Int> = []
  var ear = Ear.middle
  /// Octets of a frame with much in it.
  static let much = 500

  /// What the link does to what the client sends.
  var conditions: ((inout LinkConditions) -> Void)?

  private var listener: SocketID?
  private var client = End()
  private var server = End()
  private var done = 0

  var outcome: String {
    "\(server.received) octets went to the server and \(client.received) to the client"
  }

  /// When somebody does something again.
  var nextAct: Instant? { done < acts.count ? Instant.start + acts[done].at : nil }
  /// The connection whose inner state is drawn: the client's.
  var observed: SocketID? { client.socket }

  init(_ acts: [(at: Duration, what: Act)]) { self.acts = acts }

  func isOver(in world: borrowing DemoWorld) -> Bool {
    guard done == acts.count, let one = client.socket else { return false }
    var states = [world.client.state(one)]
    if let other = server.socket { states.append(world.server.state(other)) }
    return states.allSatisfy { [.timeWait, .closed].contains($0) }
  }

  mutating func act(in world: inout DemoWorld) throws(SocketError) {
    let now = world.now
    let place = SocketAddress(DemoWorld.serverAddress, 7)
    if listener == nil {
      var options = ListenOptions()
      options.tcp = serverTCP
      options.fastOpenQueue = 8
      listener = try world.server.listen(at: place, options: options)
    }
    while done < acts.count, Instant.start + acts[done].at <= now {
      let what = acts[done].what
      done += 1
      switch what {
      case .connect(let port):
        (client, server) = (End(), End())
        client.socket = try world.client.connect(
          to: place, from: port.map { SocketAddress(DemoWorld.clientAddress, $0) },
          configuration: clientTCP, fastOpen: fastOpen, at: now)
      case .write(.client, let count): client.unwritten += count
      case .write(.server, let count): server.unwritten += count
      case .reads(.client, let isReading): client.isReading = isReading
      case .reads(.server, let isReading): server.isReading = isReading
      case .finish(.client): client.isFinishing = true
      case .finish(.server): server.isFinishing = true
      case .abort(.client): client.socket.map { world.client.abort($0, at: now) }
      case .abort(.server): server.socket.map { world.server.abort($0, at: now) }
      }
    }
    if let listener, let socket = try world.server.accept(listener) { server.socket = socket }
    Self.serve(&client, on: &world.client, at: now)
    Self.serve(&server, on: &world.server, at: now)
  }

  private static func serve(_ end: inout End, on stack: inout Stack, at now: Instant) {
    guard let socket = end.socket else { return }
    while end.isReading, stack.receivable(socket) > 0 {
      let count = try? stack.receive(socket, at: now) { ($0.count, $0.count) }
      guard let count, count > 0 else { break }
      end.received += count
    }
    if end.unwritten > 0 {
      let octets = [UInt8](repeating: 0x2E, count: min(end.unwritten, 65_536))
      end.unwritten -= (try? stack.send(socket, octets.span, at: now)) ?? 0
    }
    if end.isFinishing, end.unwritten == 0, stack.state(socket).isSynchronized {
      end.isFinishing = false
      stack.closeSending(socket, at: now)
    }
  }
}
