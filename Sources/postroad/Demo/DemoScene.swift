import NetworkCore
import Octets
import Stack
import TCPCore
import Wire

/// What the two hosts do with each other.
protocol DemoScene {
  /// What happened, in numbers, for the summary.
  var outcome: String { get }
  /// Does what can be done now, on both hosts.
  mutating func act(in world: inout DemoWorld) throws(SocketError)
  /// Whether nothing more is to come but waiting.
  func isOver(in world: borrowing DemoWorld) -> Bool
  /// When somebody does something of their own accord again; nil when they only react.
  var nextAct: Instant? { get }
  /// The client's connection whose inner state is drawn.
  var observed: SocketID? { get }
}

extension DemoScene {
  var nextAct: Instant? { nil }
  var observed: SocketID? { nil }
}

/// A datagram larger than the link takes, and the same back: both travel as fragments.
struct FragmentScene: DemoScene {
  private var sender: SocketID?
  private var echo: SocketID?
  private var came = 0
  private let size = 4000

  var outcome: String { "a datagram of \(size) octets went there and \(came) octets came back" }

  mutating func act(in world: inout DemoWorld) throws(SocketError) {
    let now = world.now
    if echo == nil {
      echo = try world.server.bindUDP(at: SocketAddress(DemoWorld.serverAddress, 7))
      let socket = try world.client.bindUDP(at: SocketAddress(DemoWorld.clientAddress, 40_007))
      sender = socket
      let octets = [UInt8](patternOf: size)
      try world.client.send(
        socket, octets.span, to: SocketAddress(DemoWorld.serverAddress, 7), at: now)
    }
    if let echo, let datagram = try world.server.receiveDatagram(echo) {
      try world.server.send(echo, datagram.octets.span, to: datagram.source, at: now)
    }
    if let sender, let datagram = try world.client.receiveDatagram(sender) {
      came = datagram.octets.count
    }
  }

  func isOver(in world: borrowing DemoWorld) -> Bool { came > 0 }
}

extension [UInt8] {
  /// So many octets of a pattern that shows where each belongs.
  fileprivate init(patternOf count: Int) {
    self = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 8) }
  }
}

/// A connection to a port where nobody listens.
struct RefusedScene: DemoScene {
  private var socket: SocketID?
  private var refused = false

  var outcome: String { refused ? "the connection was refused" : "nothing was decided" }

  mutating func act(in world: inout DemoWorld) throws(SocketError) {
    guard let socket else {
      self.socket = try world.client.connect(
        to: SocketAddress(DemoWorld.serverAddress, 25), at: world.now)
      return
    }
    refused = world.client.closeReason(socket) == .refused
  }

  func isOver(in world: borrowing DemoWorld) -> Bool { refused }
}
