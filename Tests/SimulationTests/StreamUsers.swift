import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

/// Octets that can be told apart by their place, so that one lost, doubled or moved is noticed.
struct Pattern: Sendable {
  let seed: UInt64

  func octet(at place: Int) -> UInt8 {
    var mixed = (UInt64(truncatingIfNeeded: place) &+ seed) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 29
    return UInt8(truncatingIfNeeded: mixed &* 0xBF58_476D_1CE4_E5B9 >> 56)
  }

  func octets(from start: Int, count: Int) -> [UInt8] {
    (start..<(start + count)).map { octet(at: $0) }
  }
}

/// One end's user: sends a pattern, checks the other's, closes when it has sent all.
struct StreamUser {
  let host: HostID
  var socket: SocketID?
  let outgoing: Pattern
  let incoming: Pattern
  let toSend: Int
  let toReceive: Int
  var sent = 0
  var received = 0
  /// The place of the first octet that was wrong.
  var firstWrong: Int?
  var hasClosed = false
  var sawEnd = false
  var failure: SocketError?
  /// How it reads and writes: octets at once.
  var chunk: Int

  /// Whether everything was sent, received and closed.
  var isContent: Bool { sawEnd && hasClosed && sent == toSend && received == toReceive }

  /// Does what can be done now.
  mutating func act(in world: inout World) {
    guard let socket, failure == nil else { return }
    let now = world.now
    while world[host].nextEvent() != nil {}
    do throws(SocketError) {
      while sent < toSend {
        let part = outgoing.octets(from: sent, count: min(chunk, toSend - sent))
        let taken = try world[host].send(socket, part.span, at: now)
        sent += taken
        if taken < part.count { break }
      }
      if sent == toSend, !hasClosed, world[host].state(socket).isSynchronized {
        world[host].closeSending(socket, at: now)
        hasClosed = true
      }
      while world[host].receivable(socket) > 0 {
        let limit = chunk
        let part = try world[host].receive(socket, at: now) { octets in
          let count = min(octets.count, limit)
          return (count, [UInt8](copying: octets.extracting(first: count)))
        }
        for (offset, octet) in part.enumerated()
        where firstWrong == nil && octet != incoming.octet(at: received + offset) {
          firstWrong = received + offset
        }
        received += part.count
      }
      if world[host].isAtEnd(socket) { sawEnd = true }
    } catch {
      failure = error
    }
  }
}

/// A pair of hosts whose users have sent each other so many octets: the world as it is then.
func transfer(
  up: Int, down: Int, chunk: Int = 5000, seed: UInt64, conditions: LinkConditions,
  configuration: StackConfiguration, recordsFrames: Bool = false
) throws -> World {
  var world = World.pair(seed: seed, conditions: conditions, configuration: configuration)
  world.recordsFrames = recordsFrames
  let (client, server) = (world.client, world.server)
  let listener = try world[server].listen(at: SocketAddress(.any, 25))
  var caller = StreamUser(
    host: client, outgoing: Pattern(seed: 1), incoming: Pattern(seed: 2), toSend: up,
    toReceive: down, chunk: chunk)
  var called = StreamUser(
    host: server, outgoing: Pattern(seed: 2), incoming: Pattern(seed: 1), toSend: down,
    toReceive: up, chunk: chunk)
  caller.socket = try world[client].connect(
    to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
  let outcome = world.run(until: .start + .seconds(600)) { (world: inout World) in
    if called.socket == nil { called.socket = try? world[server].accept(listener) }
    caller.act(in: &world)
    called.act(in: &world)
    return caller.isContent && called.isContent
  }
  #expect(outcome == .satisfied)
  return world
}
