import Octets
import Stack
import Wire

/// Two hosts on one link, in virtual time: the link delays, has a rate, and may lose frames.
///
/// The driver's loop: let both applications act, ``transmit()``, ``advance()``, again.
struct DemoWorld: ~Copyable {
  /// One of the two hosts.
  enum Side: Hashable { case client, server }

  private struct Flight {
    let arrival: Instant
    let to: Side
    let octets: [UInt8]
  }

  /// Takes what a stack sends, with the reason it gives.
  private struct Outlet: FrameSink {
    var frames: [(octets: [UInt8], reason: RuleExplanation?)] = []
    var reason: RuleExplanation?

    mutating func transmit(
      _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
    ) -> Bool {
      frames.append((Array(joining: header, payload, tail), reason))
      reason = nil
      return true
    }

    mutating func explain(_ explanation: RuleExplanation) { reason = explanation }
  }

  static let clientAddress = IPv4Address(192, 0, 2, 10)
  static let serverAddress = IPv4Address(192, 0, 2, 25)

  var client: Stack
  var server: Stack
  private let clientInterface: InterfaceID
  private let serverInterface: InterfaceID
  /// The virtual time.
  private(set) var now = Instant.start
  /// Every frame so far, lost ones too.
  private(set) var sent: [JourneyRecorder.Sent] = []

  private var flights: [Flight] = []
  private var free: [Side: Instant] = [.client: .start, .server: .start]
  private var random: RandomSource
  private let loss: Double
  private let delay = Duration.milliseconds(20)
  /// 10 Mbit/s.
  private let nanosecondsPerOctet: Int64 = 800

  init(loss: Double, seed: UInt64) {
    self.loss = loss
    random = RandomSource.seeded(seed)
    var configuration = StackConfiguration()
    configuration.explains = true
    client = Stack(configuration: configuration, random: .seeded(random.next()))
    server = Stack(configuration: configuration, random: .seeded(random.next()))
    clientInterface = client.addInterface(
      InterfaceConfiguration(
        name: "client", addresses: [IPv4Prefix(Self.clientAddress, length: 24)]))
    serverInterface = server.addInterface(
      InterfaceConfiguration(
        name: "server", addresses: [IPv4Prefix(Self.serverAddress, length: 24)]))
  }

  /// Puts everything on the link that the hosts have to send.
  mutating func transmit() {
    var fromClient = Outlet()
    client.transmit(on: clientInterface, into: &fromClient, at: now)
    for frame in fromClient.frames { put(frame.octets, frame.reason, from: .client) }
    var fromServer = Outlet()
    server.transmit(on: serverInterface, into: &fromServer, at: now)
    for frame in fromServer.frames { put(frame.octets, frame.reason, from: .server) }
  }

  /// Whether a frame is on its way.
  var isBusy: Bool { !flights.isEmpty }

  /// Goes on to the next arrival or deadline.
  /// - Returns: false when nothing would ever happen.
  mutating func advance() -> Bool {
    var next = Instant.distantFuture
    if let flight = flights.first { next = min(next, flight.arrival) }
    if let deadline = client.nextDeadline { next = min(next, deadline) }
    if let deadline = server.nextDeadline { next = min(next, deadline) }
    guard next < .distantFuture else { return false }
    now = max(now, next)
    client.deadlinePassed(at: now)
    server.deadlinePassed(at: now)
    while let flight = flights.first, flight.arrival <= now {
      flights.removeFirst()
      switch flight.to {
      case .client:
        client.frameArrived(flight.octets.span, offload: .none, on: clientInterface, at: now)
      case .server:
        server.frameArrived(flight.octets.span, offload: .none, on: serverInterface, at: now)
      }
    }
    return true
  }

  private mutating func put(_ octets: [UInt8], _ reason: RuleExplanation?, from side: Side) {
    let start = max(now, free[side] ?? now)
    let end = start.advanced(byNanoseconds: Int64(octets.count) * nanosecondsPerOctet)
    free[side] = end
    let isLost = loss > 0 && Double.random(in: 0..<1, using: &random) < loss
    sent.append(
      JourneyRecorder.Sent(
        time: start, isFromClient: side == .client, isLost: isLost, octets: octets,
        reason: reason.map { ($0.sentence, $0.source) }))
    guard !isLost else { return }
    let flight = Flight(
      arrival: end + delay, to: side == .client ? .server : .client, octets: octets)
    let place = flights.firstIndex { $0.arrival > flight.arrival } ?? flights.count
    flights.insert(flight, at: place)
  }
}
