import Octets
import Simulation
import Stack
import TCPCore
import Wire

/// One connection of our own stack over a link with faults: what is said in turn, and to whom.
struct Session {
  /// What one end says when it has heard all that was said before.
  private struct Turn {
    var isClient: Bool
    var octets: [UInt8]
  }

  private let client: SocketAddress
  private let server: SocketAddress
  private var turns: [Turn] = []
  private var conditions = LinkConditions()
  private let seed: UInt64
  /// One that is cut off by a reset.
  private let isGivenUp: Bool

  init(number: Int, _ kilobytes: Int, _ random: inout RandomSource) {
    seed = random.next()
    isGivenUp = number % 50 == 7
    let port = [5001, 5001, 5001, 5001, 5001, 5001, 80, 80, 80, 25][number % 10] as UInt16
    // The ports of 200 clients come round, so that some are used again in a long capture.
    client = SocketAddress(
      IPv4Address(198, 18, 1, UInt8(1 + number % 200)),
      Port(UInt16(1025 + number / 200 % 60_000)))
    server = SocketAddress(IPv4Address(198, 18, 0, UInt8(1 + number / 7 % 16)), Port(port))
    conditions.delay = .microseconds(Int64.random(in: 200...40_000, using: &random))
    conditions.jitter = .microseconds(Int64.random(in: 0...500, using: &random))
    conditions.rate = Int.random(in: 5_000_000...200_000_000, using: &random)
    conditions.loss = [0, 0, 0, 0.002, 0.01, 0.03][Int.random(in: 0..<6, using: &random)]
    conditions.reordering = [0, 0, 0, 0, 0.01, 0.05][Int.random(in: 0..<6, using: &random)]
    conditions.duplication = number % 40 == 0 ? 0.01 : 0
    // Many small ones and a few large ones: ten times more with each of three steps.
    var size = kilobytes * 300
    for _ in 0..<2 where Int.random(in: 0..<10, using: &random) == 0 { size *= 10 }
    size = Int.random(in: size / 4...size * 7 / 4, using: &random)
    switch port {
    case 25: mail(size)
    case 80: page(size)
    default: number % 4 == 0 ? interactive(size) : bulk(size, isUp: number % 5 == 0)
    }
  }

  private mutating func say(_ text: String, _ isClient: Bool, filler: Int = 0) {
    let line = "The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
    var octets = Array(text.utf8)
    while octets.count < text.utf8.count + filler { octets += line.utf8 }
    turns.append(Turn(isClient: isClient, octets: octets))
  }

  private mutating func mail(_ size: Int) {
    say("220 mx.example.test ESMTP\r\n", false)
    for line in [
      "EHLO client.example.net", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.test>",
    ] {
      say(line + "\r\n", true)
      say("250 OK\r\n", false)
    }
    say("DATA\r\n", true)
    say("354 go on\r\n", false)
    say("Subject: one of many\r\n\r\n", true, filler: size)
    say(".\r\n", true)
    say("250 it is on the disk\r\n", false)
    say("QUIT\r\n", true)
    say("221 bye\r\n", false)
  }

  private mutating func page(_ size: Int) {
    say("GET /page HTTP/1.1\r\nHost: www.example.test\r\nAccept: */*\r\n\r\n", true)
    let body = (size + 73) / 74 * 74
    say(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body)\r\n\r\n", false,
      filler: size)
  }

  private mutating func interactive(_ size: Int) {
    for _ in 0..<min(size / 400 + 2, 200) {
      say("another question\n", true)
      say("the answer, which is longer: ", false, filler: 300)
    }
  }

  private mutating func bulk(_ size: Int, isUp: Bool) {
    say("a request of some kind\n", true, filler: isUp ? size : 200)
    say("its answer\n", false, filler: isUp ? 100 : size)
  }

  /// What is seen before the server: nanoseconds from the beginning, and packets.
  func frames() throws -> [(Int64, [UInt8])] {
    var world = World(seed: seed)
    world.recordsFrames = true
    let link = world.addLink(conditions)
    let hosts = [client, server].map { end in
      let host = world.addHost("host")
      world.attach(
        host, to: link,
        as: InterfaceConfiguration(
          name: "link", addresses: [IPv4Prefix(end.address, length: 15)]))
      return host
    }
    let listener = try world[hosts[1]].listen(at: server)
    let caller = try world[hosts[0]].connect(to: server, from: client, at: world.now)
    var state = (turn: 0, sent: 0, heard: 0, called: SocketID?.none, isClosed: false)
    world.run(until: .start + .seconds(60)) { (world: inout World) throws(Never) in
      let now = world.now
      if state.called == nil { state.called = try? world[hosts[1]].accept(listener) }
      guard let called = state.called else { return false }
      while state.turn < turns.count {
        let turn = turns[state.turn]
        let (from, to) = turn.isClient ? (hosts[0], hosts[1]) : (hosts[1], hosts[0])
        let (mouth, ear) = turn.isClient ? (caller, called) : (called, caller)
        while state.sent < turn.octets.count {
          let part = turn.octets.span.extracting(
            state.sent..<min(state.sent + 16_384, turn.octets.count))
          let taken = (try? world[from].send(mouth, part, at: now)) ?? 0
          state.sent += taken
          if taken < part.count { break }
        }
        while world[to].receivable(ear) > 0 {
          state.heard += (try? world[to].receive(ear, at: now) { ($0.count, $0.count) }) ?? 0
        }
        guard state.heard == turn.octets.count else { return false }
        (state.turn, state.sent, state.heard) = (state.turn + 1, 0, 0)
      }
      if !state.isClosed {
        state.isClosed = true
        if isGivenUp {
          world[hosts[0]].abort(caller, at: now)
        } else {
          world[hosts[0]].closeSending(caller, at: now)
          world[hosts[1]].closeSending(called, at: now)
        }
      }
      return world[hosts[1]].state(called) == .closed && world.framesUnderWay == 0
    }
    return world.takeFrames().compactMap { frame -> (Int64, [UInt8])? in
      let time = frame.sender == hosts[1] ? frame.sentAt : frame.arrivesAt
      return time.map { ($0.nanoseconds, frame.octets) }
    }
  }
}
