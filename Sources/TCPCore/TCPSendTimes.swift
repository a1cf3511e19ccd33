public import Octets
import Wire

/// How long a connection had something to send or unacknowledged, and what kept it from sending more.
/// RFC 4898 has such clocks as tcpEStatsPerfSndLimTimeRwin and its neighbours.
public struct TCPSendTimes: Hashable, Sendable {
  /// What sending waits for.
  enum Limit: UInt8 {
    /// Nothing is to be sent, and nothing unacknowledged.
    case nothing
    /// The network: the congestion window, or the peer's answer.
    case network
    /// The peer's window.
    case window
    /// Octets that the user could not write for want of room.
    case user
  }

  private var since = Instant.start
  private var network: Int64 = 0
  // Of window and user, once either was waited for: most connections stay small.
  private var holds: [Int64] = []
  private var limit = Limit.nothing
  /// The peer's window left no room for what was to be sent.
  var isWindowBound = false
  /// The last write was cut short.
  package var userLacksRoom = false

  init() {}

  /// From now on sending waits for something else.
  mutating func turn(to next: Limit, at now: Instant) {
    guard next != limit else { return }
    let time = now.nanoseconds(since: since)
    switch limit {
    case .nothing: break
    case .network: network &+= time
    case .window, .user:
      if holds.isEmpty { holds = [0, 0] }
      holds[limit == .window ? 0 : 1] &+= time
    }
    limit = next
    since = now
  }

  private var window: Int64 { holds.isEmpty ? 0 : holds[0] }
  private var user: Int64 { holds.isEmpty ? 0 : holds[1] }

  private func running(_ limits: [Limit], at now: Instant) -> Int64 {
    limits.contains(limit) ? max(0, now.nanoseconds(since: since)) : 0
  }

  /// While anything was to be sent or unacknowledged, the other two included.
  public func busy(at now: Instant) -> Duration {
    .nanoseconds(network &+ window &+ user &+ running([.network, .window, .user], at: now))
  }

  /// While the peer's window held back what was to be sent.
  public func windowLimited(at now: Instant) -> Duration {
    .nanoseconds(window &+ running([.window], at: now))
  }

  /// While the network would have taken more, but the send buffer had no room for it.
  public func bufferLimited(at now: Instant) -> Duration {
    .nanoseconds(user &+ running([.user], at: now))
  }
}

extension TCPConnection {
  /// Nothing more can be sent now: notes why.
  mutating func noteSendLimit(at now: Instant) {
    sendTimes.turn(to: sendLimit, at: now)
  }

  private var sendLimit: TCPSendTimes.Limit {
    guard !sendBuffer.isEmpty, state.isSynchronized else { return .nothing }
    guard scoreboard.inFlight &+ send.maximumSegmentSize <= congestion.congestionWindow else {
      return .network
    }
    if send.next.precedes(endOfData) { return sendTimes.isWindowBound ? .window : .network }
    return sendTimes.userLacksRoom ? .user : .network
  }
}
