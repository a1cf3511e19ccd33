import Octets
import Stack
public import TCPCore
import Wire

/// A bottleneck, and the senders that share it: one cell of the grid of networks.
public struct NetworkTrial: Sendable {
  /// Which part of the grid it belongs to.
  public var group: String
  /// Megabits a second.
  public var megabits: Double
  /// Milliseconds of round trip without a queue.
  public var roundTrip: Double
  /// What the bottleneck's queue holds, in bandwidth-delay products; four packets at least.
  public var queue = 1.0
  /// The part of the segments that chance loses.
  public var loss = 0.0
  /// Losses that come together.
  public var burstLoss: BurstLoss?
  /// Milliseconds that a segment may take longer, and so be overtaken.
  public var jitter = 0.0
  /// The part of the rate that a policer lets pass, with a burst of 50 ms of it.
  public var policed: Double?
  /// Who sends, each with one connection.
  public var senders: [CongestionAlgorithm]
  /// Where chance begins.
  public var seed: UInt64 = 1

  /// A path without faults, and a queue of one bandwidth-delay product.
  public init(
    _ group: String, megabits: Double, roundTrip: Double, senders: [CongestionAlgorithm] = []
  ) {
    self.group = group
    self.megabits = megabits
    self.roundTrip = roundTrip
    self.senders = senders
  }

  /// What can pass, in octets a second.
  private var capacity: Double { megabits * 125_000 * (policed ?? 1) }

  private var conditions: LinkConditions {
    var conditions = LinkConditions()
    conditions.delay = .nanoseconds(Int64(roundTrip * 500_000))
    conditions.rate = Int(megabits * 1_000_000)
    conditions.queueLimit = 64 << 20
    return conditions
  }

  /// What the senders' direction does; the acknowledgments' way is as wide, and without faults.
  private var bottleneck: LinkConditions {
    var conditions = conditions
    conditions.queueLimit = max(6000, Int(queue * megabits * 125 * roundTrip))
    conditions.loss = loss
    conditions.burstLoss = burstLoss
    conditions.jitter = .nanoseconds(Int64(jitter * 1_000_000))
    conditions.jitterReorders = jitter > 0
    if let policed {
      let rate = Int(megabits * 1_000_000 * policed)
      conditions.policer = Policer(rate: rate, burst: max(15_000, rate / 8 / 20))
    }
    return conditions
  }

  /// Half a second or ten round trips to begin with; then ten seconds or forty round trips, but no
  /// more than 300,000 full segments take.
  private var times: (begin: Instant, end: Instant) {
    let begin = max(0.5, roundTrip / 100)
    let most = 300_000 * 1500 / (megabits * 125_000)
    let length = min(max(10, roundTrip / 25), most)
    return (
      Instant(nanoseconds: Int64(begin * 1e9)), Instant(nanoseconds: Int64((begin + length) * 1e9))
    )
  }

  /// Lets the senders send, and measures.
  public func run() -> NetworkMeasures {
    var configuration = StackConfiguration()
    // Buffers must not be what bounds the senders.
    let room = Int(min(max(8 * capacity * roundTrip / 1000 * max(queue, 1), 4e6), 5e8))
    configuration.tcp.sendBufferMaximum = room
    configuration.tcp.receiveBufferMaximum = room
    var world = World.pair(seed: seed, conditions: conditions, configuration: configuration)
    let (client, server) = (world.client, world.server)
    world.setConditions(bottleneck, of: LinkID(index: 0), from: client)
    let target = SocketAddress(IPv4Address(192, 0, 2, 2), 9)
    guard let listener = try? world[server].listen(at: SocketAddress(.any, 9)) else {
      return NetworkMeasures()
    }
    var sending: [SocketID] = []
    for algorithm in senders {
      guard let socket = try? world[client].connect(to: target, at: world.now) else { continue }
      try? world[client].configure(socket, at: world.now) { $0.congestion = algorithm }
      sending.append(socket)
    }
    var receiving: [SocketID] = []
    let chunk = [UInt8](repeating: 7, count: 65_536)
    func users(_ world: inout World) -> Bool {
      let now = world.now
      while world[client].nextEvent() != nil {}
      while world[server].nextEvent() != nil {}
      for socket in sending {
        while (try? world[client].send(socket, chunk.span, at: now)) == chunk.count {}
      }
      if receiving.count < sending.count, let next = try? world[server].accept(listener) {
        receiving.append(next)
      }
      for socket in receiving {
        while world[server].receivable(socket) > 0 {
          guard (try? world[server].receive(socket, at: now) { ($0.count, ()) }) != nil else {
            break
          }
        }
      }
      return false
    }
    let times = times
    world.run(until: times.begin, steps: .max, users)
    let before = sending.map { world[client].details($0)?.statistics }
    world.run(until: times.end, steps: .max, users)
    let after = sending.map { world[client].details($0)?.statistics }
    return NetworkMeasures(
      before, after, seconds: Double(times.end.nanoseconds(since: times.begin)) / 1e9,
      capacity: capacity)
  }
}

/// What a trial has measured.
public struct NetworkMeasures: Hashable, Sendable {
  /// Each sender's part of what can pass, headers not counted.
  public var shares: [Double] = []
  /// The part of the octets that were sent again.
  public var retransmitted = 0.0
  /// Segments sent again that the peer had already, as it has reported (RFC 2883).
  public var spurious = 0
  /// Retransmission time-outs.
  public var timeouts = 0

  /// All senders' part.
  public var share: Double { shares.reduce(0, +) }

  /// Jain's index of fairness: 1 when all have the same, 1/n when one has all.
  ///
  /// Source: R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984.
  public var fairness: Double {
    let squares = shares.reduce(0) { $0 + $1 * $1 }
    return squares > 0 ? share * share / (Double(shares.count) * squares) : 0
  }

  init() {}

  init(
    _ before: [TCPStatistics?], _ after: [TCPStatistics?], seconds: Double, capacity: Double
  ) {
    var sent = 0
    var again = 0
    for (old, new) in zip(before, after) {
      guard let old, let new else {
        // The connection was given up.
        shares.append(0)
        continue
      }
      let arrived = new.octetsAcknowledged - old.octetsAcknowledged
      shares.append(Double(arrived) / seconds / capacity)
      // Both count from the beginning, so that slow start's losses are not hidden.
      sent += new.octetsSent
      again += new.octetsRetransmitted
      spurious += Int(new.duplicatesReported)
      timeouts += Int(new.timeouts)
    }
    retransmitted = sent > 0 ? Double(again) / Double(sent) : 0
  }
}
