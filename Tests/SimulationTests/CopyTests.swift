import Foundation
import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

/// A world is copied amid whatever happens in it, and both go on alike, or each its own way.
@Suite("copies of a world")
struct CopyTests {
  /// Two users amid a transfer on a bad link, as far as it has come.
  private struct Session: ~Copyable {
    var world: World
    var caller: StreamUser
    var called: StreamUser
    let listener: SocketID
    var frames: [TracedFrame] = []

    init(seed: UInt64, configure: (inout StackConfiguration) -> Void = { _ in }) throws {
      var conditions = LinkConditions()
      conditions.delay = .milliseconds(10)
      conditions.rate = 20_000_000
      conditions.loss = 0.05
      conditions.duplication = 0.05
      conditions.reordering = 0.1
      conditions.jitter = .milliseconds(3)
      var configuration = StackConfiguration()
      configure(&configuration)
      var world = World.pair(seed: seed, conditions: conditions, configuration: configuration)
      world.recordsFrames = true
      let (client, server) = (world.client, world.server)
      let listener = try world[server].listen(at: SocketAddress(.any, 25))
      let socket = try world[client].connect(
        to: SocketAddress(IPv4Address(192, 0, 2, 2), 25), at: world.now)
      self.world = world
      self.listener = listener
      caller = StreamUser(
        host: client, outgoing: Pattern(seed: 1), incoming: Pattern(seed: 2), toSend: 60_000,
        toReceive: 40_000, chunk: 3000)
      called = StreamUser(
        host: server, outgoing: Pattern(seed: 2), incoming: Pattern(seed: 1), toSend: 40_000,
        toReceive: 60_000, chunk: 3000)
      caller.socket = socket
    }

    init(copying other: borrowing Session) {
      world = other.world.copy()
      (caller, called, listener) = (other.caller, other.called, other.listener)
      frames = other.frames
    }

    var isOver: Bool { caller.isContent && called.isContent }

    mutating func step() {
      if called.socket == nil { called.socket = try? world[world.server].accept(listener) }
      caller.act(in: &world)
      called.act(in: &world)
      _ = world.step()
      frames += world.takeFrames()
    }

    /// Every packet and when it was sent, to the end.
    mutating func finish() -> [TracedFrame] {
      for _ in 0..<20_000 where !isOver { step() }
      #expect(isOver && caller.firstWrong == nil && called.firstWrong == nil)
      return frames
    }
  }

  @Test("a copy made at any moment goes on as the world would have", arguments: 0..<12)
  func sameFuture(seed: UInt64) throws {
    var random = RandomSource.seeded(seed)
    let algorithm = CongestionAlgorithm.allCases[Int(seed) % CongestionAlgorithm.allCases.count]
    var session = try Session(seed: seed) {
      $0.tcp.congestion = algorithm
      $0.tcp.ecn = seed % 2 == 0 ? .always : $0.tcp.ecn
    }
    var copies = 0
    var straight = try Session(seed: seed) {
      $0.tcp.congestion = algorithm
      $0.tcp.ecn = seed % 2 == 0 ? .always : $0.tcp.ecn
    }
    let expected = straight.finish()
    while !session.isOver, copies < 2000 {
      session.step()
      guard Int.random(in: 0..<12, using: &random) == 0 else { continue }
      copies += 1
      var copy = Session(copying: session)
      let frames = copy.finish()
      #expect(frames == expected, "seed \(seed), copy \(copies)")
    }
    #expect(copies > 2)
    // The many futures have left the world itself alone.
    #expect(session.finish() == expected)
  }

  @Test("a copy goes its own way where something else is done to it")
  func otherFuture() throws {
    var session = try Session(seed: 3)
    for _ in 0..<40 { session.step() }
    var other = Session(copying: session)
    other.world.intervenes = { $0.ordinal % 9 == 0 ? .drop : nil }
    let seen = session.frames.count
    let (one, two) = (session.finish(), other.finish())
    #expect(one.prefix(seen) == two.prefix(seen))
    #expect(one != two)
  }

  /// A type that cannot be copied by the language, and the file that copies it.
  struct Source: Sendable, CustomTestStringConvertible {
    var type: String
    var file: String
    var copy: String
    /// Properties that hold no state.
    var spare: Set<String> = ["inPlace"]
    var testDescription: String { type }
  }

  static let sources = [
    Source(
      type: "TCPConnection", file: "TCPCore/TCPConnection.swift",
      copy: "TCPCore/TCPConnection+Copy.swift"),
    Source(
      type: "Stack", file: "Stack/Stack.swift", copy: "Stack/Stack+Copy.swift",
      spare: ["inPlace", "scratch"]),
    Source(type: "ConnectionSlot", file: "Stack/Stack.swift", copy: "Stack/Stack+Copy.swift"),
    Source(
      type: "World", file: "Simulation/World.swift", copy: "Simulation/World+Copy.swift"),
    Source(
      type: "SimulatedHost", file: "Simulation/World.swift", copy: "Simulation/World+Copy.swift"),
    Source(
      type: "IPv4Reassembler", file: "NetworkCore/IPv4Reassembler.swift",
      copy: "NetworkCore/IPv4Reassembler.swift"),
  ]

  @Test("no stored property is forgotten where a type is copied by hand", arguments: sources)
  func complete(_ source: Source) throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
    func read(_ file: String) throws -> String {
      try String(contentsOf: sources.appending(path: file), encoding: .utf8)
    }
    let text = try read(source.file)
    let start = try #require(text.range(of: "struct \(source.type): ~Copyable {"))
    let body = try #require(text[start.upperBound...].components(separatedBy: "\n}").first)
    // What is stored stands at the first level of the type, and no brace opens a body behind its name.
    let stored = body.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("  "), !line.hasPrefix("   "), !line.hasSuffix("{") else { return nil }
      let words = line.split(separator: " ").map(String.init)
      guard let place = words.firstIndex(where: { $0 == "var" || $0 == "let" }),
        !words.contains("{"), !words.contains("func"), !words.contains("static"),
        place + 1 < words.count
      else { return nil }
      return words[place + 1].trimmingCharacters(in: .init(charactersIn: ":"))
    }
    #expect(stored.count >= 3, "\(stored)")
    let copy = try read(source.copy)
    for name in stored where !source.spare.contains(name) {
      let isThere = ["other.\(name)", "$0.\(name)", " = \(name)", "limits: \(name)"].contains {
        copy.contains($0)
      }
      #expect(isThere, "\(source.type).\(name) is not copied in \(source.copy)")
    }
  }
}
