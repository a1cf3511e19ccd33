import NetworkCore
import Octets
import POSIXSockets
import Stack
import TCPCore
import Wire

let serverAddress = IPv4Address(192, 0, 2, 1)
let clientAddress = IPv4Address(192, 0, 2, 2)

/// Keeps frames.
private struct Frames: FrameSink {
  var frames: [[UInt8]] = []

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    frames.append([UInt8](joining: header, payload, tail))
    return true
  }
}

/// Two processes on two hosts, joined by a cable that takes ten milliseconds.
final class Hosts {
  enum Side: CaseIterable { case server, client }
  var server: POSIXProcess
  var client: POSIXProcess
  private let links: [Side: InterfaceID]
  private var flight: [(at: Instant, to: Side, frame: [UInt8])] = []
  private(set) var now = Instant.start
  /// What the cable does with a frame: false loses it.
  var passes: (Side, [UInt8]) -> Bool = { _, _ in true }
  static let delay = Duration.milliseconds(10)

  init(parameters: HostParameters = HostParameters()) {
    var stack = Stack(random: .seeded(1))
    let serverLink = stack.addInterface(Self.interface(serverAddress))
    server = POSIXProcess(stack: stack, parameters: parameters)
    var other = Stack(random: .seeded(2))
    let clientLink = other.addInterface(Self.interface(clientAddress))
    client = POSIXProcess(stack: other, parameters: parameters)
    links = [.server: serverLink, .client: clientLink]
  }

  private static func interface(_ address: IPv4Address) -> InterfaceConfiguration {
    InterfaceConfiguration(name: "cable", addresses: [IPv4Prefix(address, length: 24)])
  }

  /// What both have to send is on its way.
  private func flush() {
    for side in Side.allCases {
      guard let link = links[side] else { continue }
      var sink = Frames()
      if side == .server {
        server.stack.transmit(on: link, into: &sink, at: now)
      } else {
        client.stack.transmit(on: link, into: &sink, at: now)
      }
      let other: Side = side == .server ? .client : .server
      for frame in sink.frames where passes(other, frame) {
        flight.append((now + Self.delay, other, frame))
      }
    }
  }

  private func deliver() {
    let due = flight.filter { $0.at <= now }
    flight.removeAll { $0.at <= now }
    for (_, side, frame) in due {
      guard let link = links[side] else { continue }
      if side == .server {
        server.stack.frameArrived(frame.span, on: link, at: now)
      } else {
        client.stack.frameArrived(frame.span, on: link, at: now)
      }
    }
  }

  /// Goes to the next thing that happens before `end`; false when there is none.
  private func step(until end: Instant) -> Bool {
    flush()
    var next = flight.map(\.at).min() ?? .distantFuture
    next = min(next, server.nextDeadline ?? .distantFuture)
    next = min(next, client.nextDeadline ?? .distantFuture)
    guard next <= end else { return false }
    set(max(next, now))
    server.deadlinePassed()
    client.deadlinePassed()
    deliver()
    flush()
    return true
  }

  private func set(_ time: Instant) {
    now = time
    server.now = time
    client.now = time
  }

  /// Time passes.
  func wait(_ duration: Duration) {
    let end = now + duration
    // A blocked call's deadline stays until the call is repeated: time must pass all the same.
    var last = now
    var rounds = 0
    while step(until: end) {
      rounds = now == last ? rounds + 1 : 0
      last = now
      if rounds > 100 { break }
    }
    set(end)
    flush()
  }

  /// Repeats a call until it returns, for a hundred seconds at most; and how long that took.
  func finish(
    _ call: (Hosts) throws -> CallResult
  ) throws -> (result: CallResult, after: Duration) {
    let begin = now
    var result = try call(self)
    while result == .pending, now - begin < .seconds(100) {
      guard step(until: begin + .seconds(100)) else { break }
      result = try call(self)
    }
    flush()
    return (result, now - begin)
  }

  /// A connection: the server's listener and its end, and the client's end.
  func connect(
    port: Port = 80, options: (Hosts, Int) throws -> Void = { _, _ in }
  ) throws -> (listener: Int, server: Int, client: Int) {
    let listener = try number(server.socket(type: 1))
    _ = try server.bind(listener, to: .ipv4(SocketAddress(serverAddress, port)))
    try options(self, listener)
    _ = try server.listen(listener, backlog: 5)
    let socket = try number(client.socket(type: 1))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, port))
    _ = try finish { try $0.client.connect(socket, to: target) }
    wait(.milliseconds(30))
    var peer: SocketAddress?
    let accepted = try number(server.accept(listener, peer: &peer))
    return (listener, accepted, socket)
  }

  /// The number that a call returned, or -1.
  func number(_ result: CallResult) -> Int {
    guard case .done(let value) = result else { return -1 }
    return value
  }
}

/// What a call read.
struct Reading: Equatable {
  var result: CallResult
  var octets: [UInt8]
}

extension POSIXProcess {
  /// Reads into a buffer of so many octets.
  mutating func reading(
    _ fd: Int, _ count: Int, _ flags: MessageFlags = []
  ) throws -> Reading {
    var buffer: [UInt8]? = []
    let result = try recv(fd, into: &buffer, count: count, flags: flags)
    return Reading(result: result, octets: buffer ?? [])
  }

  /// An option that is a number.
  mutating func option(_ fd: Int, _ level: Int, _ name: Int) throws -> Int {
    var value: OptionValue? = .int(0)
    guard case .done = try getsockopt(fd, level: level, name: name, value: &value) else {
      return -1
    }
    return value?.int ?? -1
  }

  /// What `poll(2)` returns for one descriptor.
  mutating func polled(_ fd: Int, _ events: PollEvents) throws -> PollEvents {
    var entries = [PollEntry(descriptor: fd, events: events)]
    _ = try poll(&entries, milliseconds: 0)
    return entries[0].returned
  }

  /// What `ioctl(2)` stores.
  mutating func counted(_ fd: Int, _ request: Int) throws -> Int {
    var value = -1
    _ = try ioctl(fd, request: request, value: &value)
    return value
  }
}

/// Octets that differ, so that none can be taken for another.
func text(_ count: Int, from start: Int = 0) -> [UInt8] {
  (start..<start + count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
}
