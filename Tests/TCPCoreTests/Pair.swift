import Octets
import TCPCore
import Wire

/// What a link does to segments, each with its chance.
struct Faults: Sendable, CustomStringConvertible {
  var loss = 0.0
  var duplication = 0.0
  var reordering = 0.0
  var superSegments = false
  /// Nanoseconds that the link takes for an octet; 0 is a link without end.
  var perOctet: Int64 = 0
  /// Larger packets vanish on their way to the server, and nobody says so.
  var narrow: Int?
  var description: String {
    "loss \(loss), duplication \(duplication), reordering \(reordering), super \(superSegments)"
  }
}

/// Two connections over a faulty link in virtual time.
struct Pair: ~Copyable {
  struct Flying {
    var arrival: Instant
    var order: Int
    var toServer: Bool
    var octets: [UInt8]
  }

  var client: TCPConnection
  var server: TCPConnection?
  var now = Instant.start
  var flying: [Flying] = []
  var order = 0
  var random: RandomSource
  var faults: Faults
  var delay: Int64 = 10_000_000
  /// Until when each direction of the link is busy.
  private var busy = (toServer: Instant.start, toClient: Instant.start)
  var ledger = RuleLedger<TCPRule>()
  var serverConfiguration: TCPConfiguration
  /// Segments sent, in one line each.
  var log: [String] = []

  static let ends = TCPEndpoints(
    local: SocketAddress(IPv4Address(192, 0, 2, 1), 50_000),
    remote: SocketAddress(IPv4Address(192, 0, 2, 2), 25))

  init(
    seed: UInt64 = 1, faults: Faults = Faults(), mtu: Int = 1500,
    client configuration: TCPConfiguration = TCPConfiguration(),
    server serverConfiguration: TCPConfiguration = TCPConfiguration()
  ) {
    random = .seeded(seed)
    self.faults = faults
    self.serverConfiguration = serverConfiguration
    // Near the wrap, so that every test crosses it.
    client = TCPConnection(
      opening: Self.ends, initialSequence: SequenceNumber(0xFFFF_FF00), pathMTU: mtu,
      configuration: configuration, at: .start)
  }

  /// Both ends open at once.
  mutating func openServer() {
    server = TCPConnection(
      opening: TCPEndpoints(local: Self.ends.remote, remote: Self.ends.local),
      initialSequence: SequenceNumber(0x7FFF_FFF0), pathMTU: 1500,
      configuration: serverConfiguration, at: now)
  }

  private func limits() -> SegmentLimits {
    SegmentLimits(maximumPayload: faults.superSegments ? 60_000 : 0)
  }

  mutating func flush() {
    while let segment = client.nextSegment(limits: limits(), at: now, ledger: &ledger) {
      var octets: [UInt8] = []
      while octets.count < segment.payloadCount {
        octets += [UInt8](copying: client.payload(of: segment, from: octets.count))
      }
      launch(segment.header, octets, segment.rule, cutInto: segment.segmentSize, toServer: true)
    }
    guard var held = server.take() else { return }
    while let segment = held.nextSegment(limits: limits(), at: now, ledger: &ledger) {
      var octets: [UInt8] = []
      while octets.count < segment.payloadCount {
        octets += [UInt8](copying: held.payload(of: segment, from: octets.count))
      }
      launch(segment.header, octets, segment.rule, toServer: false)
    }
    server = consume held
  }

  /// What a host answers for a connection that it has forgotten.
  private mutating func refuse(_ view: borrowing TCPSegmentView, toServer: Bool) {
    guard let header = TCPReset.answer(to: view) else { return }
    launch(header, [], .resetNoConnection, toServer: toServer)
  }

  private mutating func launch(
    _ header: TCPHeader, _ payload: [UInt8], _ rule: TCPRule, cutInto size: UInt16 = 0,
    toServer: Bool
  ) {
    let octets = [UInt8](capacity: 60 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
    if log.count < 5000 {
      log.append(
        "\(now.nanoseconds / 1000) \(toServer ? ">" : "<") \(header.sequence)"
          + " +\(payload.count) ack \(header.acknowledgment)"
          + " flags \(header.flags.rawValue) win \(header.window) \(rule)")
    }
    let part = size > 0 ? min(Int(size), payload.count) : payload.count
    if toServer, 20 + header.length + part > faults.narrow ?? .max { return }
    let copies = Double.random(in: 0..<1, using: &random) < faults.duplication ? 2 : 1
    for _ in 0..<copies where Double.random(in: 0..<1, using: &random) >= faults.loss {
      var time = delay + queue(octets.count, toServer: toServer)
      if Double.random(in: 0..<1, using: &random) < faults.reordering {
        time += Int64.random(in: 0...30_000_000, using: &random)
      }
      order += 1
      flying.append(
        Flying(
          arrival: now.advanced(byNanoseconds: time), order: order, toServer: toServer,
          octets: octets))
    }
  }

  /// How long octets take to get onto the link, behind those that wait already.
  private mutating func queue(_ count: Int, toServer: Bool) -> Int64 {
    guard faults.perOctet > 0 else { return 0 }
    let free = toServer ? busy.toServer : busy.toClient
    let done = max(free, now).advanced(byNanoseconds: Int64(count) * faults.perOctet)
    if toServer { busy.toServer = done } else { busy.toClient = done }
    return done.nanoseconds(since: now)
  }

  /// Whether one end waits for what only a timer could bring about, and has none.
  mutating func isStuck() -> Bool {
    if client.lacksTimer { return true }
    return withServer { server, _ in server.lacksTimer } ?? false
  }

  /// Lets the next thing happen; false when nothing is left to wait for.
  mutating func step() -> Bool {
    flush()
    var next = Instant.distantFuture
    for segment in flying { next = min(next, segment.arrival) }
    if let deadline = client.nextDeadline { next = min(next, deadline) }
    if let held = server.take() {
      if let deadline = held.nextDeadline { next = min(next, deadline) }
      server = consume held
    }
    guard next != .distantFuture else { return false }
    now = max(now, next)
    let arrived = flying.filter { $0.arrival <= now }.sorted { $0.order < $1.order }
    flying.removeAll { $0.arrival <= now }
    for segment in arrived { deliver(segment) }
    if let deadline = client.nextDeadline, deadline <= now {
      client.deadlinePassed(at: now, ledger: &ledger)
    }
    if var held = server.take() {
      if let deadline = held.nextDeadline, deadline <= now {
        held.deadlinePassed(at: now, ledger: &ledger)
      }
      server = consume held
    }
    return true
  }

  private mutating func deliver(_ segment: Flying) {
    guard let view = try? TCPSegmentView(parsing: segment.octets.span) else { return }
    guard segment.toServer else {
      if client.isFinished { return refuse(view, toServer: true) }
      client.segmentArrived(view, at: now, ledger: &ledger)
      return
    }
    if server?.isFinished ?? false { return refuse(view, toServer: false) }
    if var held = server.take() {
      held.segmentArrived(view, at: now, ledger: &ledger)
      server = consume held
    } else if view.flags == [.syn] {
      server = TCPConnection(
        accepting: view,
        endpoints: TCPEndpoints(local: Self.ends.remote, remote: Self.ends.local),
        initialSequence: SequenceNumber(0x7FFF_FFF0), pathMTU: 1500,
        configuration: serverConfiguration, at: now)
    }
  }

  /// Works on the server, if there is one yet.
  mutating func withServer<R>(_ body: (inout TCPConnection, Instant) -> R) -> R? {
    guard var held = server.take() else { return nil }
    let result = body(&held, now)
    server = consume held
    return result
  }
}

/// Reads all that a connection has.
func readAll(_ connection: inout TCPConnection, at now: Instant) -> [UInt8] {
  var octets: [UInt8] = []
  while connection.receivedCount > 0 {
    let part = [UInt8](copying: connection.received)
    octets += part
    connection.consume(part.count, at: now)
  }
  return octets
}

extension TCPConnection {
  /// The next segment to send now, as a value; nil if there is none.
  mutating func nextSegment(
    limits: SegmentLimits, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) -> OutgoingSegment? {
    var segment = OutgoingSegment()
    return nextSegment(into: &segment, limits: limits, at: now, ledger: &ledger) ? segment : nil
  }
}

extension Pair {
  /// The client writes what fits of what is left, something happens, the server reads all there is.
  ///
  /// - Returns: octets read; nil when nothing will happen any more.
  mutating func pour(_ left: inout Int) -> Int? {
    let chunk = [UInt8](repeating: 7, count: 65_536)
    while left > 0, client.state == .established {
      let part = min(chunk.count, left)
      let taken = (try? client.send(chunk.span.extracting(first: part), at: now)) ?? 0
      left -= taken
      if taken < part { break }
    }
    guard step() else { return nil }
    return withServer { server, now in
      let count = server.receivedCount
      server.consume(count, at: now)
      return count
    } ?? 0
  }
}
