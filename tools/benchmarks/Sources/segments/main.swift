import CCount
import Glibc
import Octets
import Stack
import TCPCore
import Wire

// Two stacks in one process, frames handed across by hand: what a segment costs without any device.

/// Keeps frames in one block of memory that is made once.
struct Wire: FrameSink {
  var octets = [UInt8](repeating: 0, count: 4 << 20)
  var ends: [(end: Int, facts: OffloadFacts)] = []
  var used = 0

  init() { ends.reserveCapacity(4096) }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let length = header.count + payload.count + tail.count
    guard used + length <= octets.count, ends.count < 4096 else { return false }
    let start = used
    var span = octets.mutableSpan
    span.copy(from: header, at: start)
    span.copy(from: payload, at: start + header.count)
    span.copy(from: tail, at: start + header.count + payload.count)
    used += length
    ends.append((used, offload))
    return true
  }

  mutating func clear() {
    used = 0
    ends.removeAll(keepingCapacity: true)
  }
}

/// Hands every frame of a wire to a stack.
func deliver(
  _ wire: borrowing Wire, to stack: inout Stack, on interface: InterfaceID, at now: Instant
) {
  var start = 0
  for index in wire.ends.indices {
    let (end, facts) = wire.ends[index]
    stack.frameArrived(
      wire.octets.span.extracting(start..<end), offload: facts, on: interface, at: now)
    start = end
  }
}

/// A client and a server, and the frames between them.
struct Pair: ~Copyable {
  var client: Stack
  var server: Stack
  let clientSide: InterfaceID
  let serverSide: InterfaceID
  var toServer = Wire()
  var toClient = Wire()
  var now = Instant.start
  var frames = 0

  init(_ offload: OffloadCapabilities) {
    var configuration = StackConfiguration()
    configuration.tcp.noDelay = true
    client = Stack(configuration: configuration, random: .seeded(1))
    server = Stack(configuration: configuration, random: .seeded(2))
    clientSide = client.addInterface(
      InterfaceConfiguration(
        name: "client", addresses: [IPv4Prefix(IPv4Address(198, 18, 0, 1), length: 24)],
        offload: offload))
    serverSide = server.addInterface(
      InterfaceConfiguration(
        name: "server", addresses: [IPv4Prefix(IPv4Address(198, 18, 0, 2), length: 24)],
        offload: offload))
  }

  /// Lets all frames cross that are ready to.
  mutating func exchange() {
    now = now + .microseconds(10)
    if let deadline = client.nextDeadline, deadline <= now { client.deadlinePassed(at: now) }
    if let deadline = server.nextDeadline, deadline <= now { server.deadlinePassed(at: now) }
    client.transmit(on: clientSide, into: &toServer, at: now)
    server.transmit(on: serverSide, into: &toClient, at: now)
    frames += toServer.ends.count + toClient.ends.count
    deliver(toServer, to: &server, on: serverSide, at: now)
    deliver(toClient, to: &client, on: clientSide, at: now)
    toServer.clear()
    toClient.clear()
  }

  mutating func echo(_ socket: SocketID) throws -> Int {
    let now = now
    return try server.forward(from: socket, to: socket, at: now)
  }

  mutating func readAtClient(_ socket: SocketID) throws -> Int {
    let now = now
    return try client.receive(socket, at: now) { octets in (octets.count, octets.count) }
  }

  mutating func readAtServer(_ socket: SocketID) throws -> Int {
    let now = now
    return try server.receive(socket, at: now) { octets in (octets.count, octets.count) }
  }

  mutating func drainEvents() {
    while client.nextEvent() != nil {}
    while server.nextEvent() != nil {}
  }
}

struct NoConnection: Error {}

func measure(_ name: String, _ offload: OffloadCapabilities, turns: Int, isEcho: Bool) throws {
  var pair = Pair(offload)
  let listener = try pair.server.listen(at: SocketAddress(.any, 7))
  let near = try pair.client.connect(
    to: SocketAddress(IPv4Address(198, 18, 0, 2), 7), at: pair.now)
  for _ in 0..<4 { pair.exchange() }
  guard let far = try pair.server.accept(listener) else { throw NoConnection() }
  let chunk = [UInt8](repeating: 0x61, count: isEcho ? 64 : 256 * 1024)
  var octets = 0
  func turn(_ pair: inout Pair) throws {
    let now = pair.now
    _ = try pair.client.send(near, chunk.span, at: now)
    pair.exchange()
    if isEcho {
      _ = try pair.echo(far)
      pair.exchange()
      octets += try pair.readAtClient(near)
    } else {
      octets += try pair.readAtServer(far)
    }
    pair.drainEvents()
  }
  for _ in 0..<2000 { try turn(&pair) }
  pair.frames = 0
  octets = 0
  let allocations = count_allocations()
  let retains = count_retains()
  let clock = ContinuousClock()
  let elapsed = try clock.measure { for _ in 0..<turns { try turn(&pair) } }
  let frames = Double(max(pair.frames, 1))
  let nanoseconds = Double(elapsed.wholeNanoseconds)
  let fields = [
    "ns_per_frame=\(Int(nanoseconds / frames))",
    "allocations_per_frame=\(Double(count_allocations() - allocations) / frames)",
    "retains_per_frame=\(Double(count_retains() - retains) / frames)",
    "octets_per_frame=\(Int(Double(octets) / frames))",
  ]
  let padding = String(repeating: " ", count: max(0, 35 - name.count))
  print(name + padding + fields.joined(separator: " "))
}

/// Connections one after the other: opened, one octet echoed, closed by both sides.
func measureConnections(_ turns: Int) throws {
  var pair = Pair(offload)
  let listener = try pair.server.listen(at: SocketAddress(.any, 7))
  let octet: [UInt8] = [0x61]
  func turn(_ pair: inout Pair) throws {
    let now = pair.now
    let near = try pair.client.connect(to: SocketAddress(IPv4Address(198, 18, 0, 2), 7), at: now)
    pair.exchange()
    pair.exchange()
    _ = try pair.client.send(near, octet.span, at: now)
    pair.exchange()
    guard let far = try pair.server.accept(listener) else { throw NoConnection() }
    _ = try pair.echo(far)
    pair.exchange()
    _ = try pair.readAtClient(near)
    pair.client.close(near, at: now)
    pair.exchange()
    pair.server.close(far, at: now)
    pair.exchange()
    pair.exchange()
    pair.drainEvents()
  }
  for _ in 0..<turns { try turn(&pair) }
  print("connections", turns, "frames", pair.frames)
}

// segments [TURNS [echo|connect]]: one measure alone, for a profiler.
let turns = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 20_000 : 20_000
let offload = OffloadCapabilities(checksum: true, segmentation: true)
if CommandLine.arguments.count > 2 {
  if CommandLine.arguments[2] == "connect" {
    try measureConnections(turns)
  } else {
    try measure("segments, echo, offload", offload, turns: turns, isEcho: true)
  }
  exit(0)
}
try measure("segments, bulk, 1500", .none, turns: turns / 10, isEcho: false)
try measure("segments, bulk, offload", offload, turns: turns, isEcho: false)
try measure("segments, echo of 64 octets", .none, turns: turns * 5, isEcho: true)
// Counting retains slows everything, so the times above are taken without.
count_retains_start()
final class Probe {}
let probe = Probe()
let before = count_retains()
var kept = (0..<100).map { _ in probe }
kept.removeAll()
guard count_retains() - before >= 100 else {
  fatalError("retains are not counted: the numbers below would mean nothing")
}
try measure("retains, bulk, 1500", .none, turns: turns / 10, isEcho: false)
try measure("retains, bulk, offload", offload, turns: turns, isEcho: false)
try measure("retains, echo of 64 octets", .none, turns: turns * 5, isEcho: true)
