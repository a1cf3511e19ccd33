import Octets
public import TCPCore

/// A connection as its host sees it, for tests, simulations and status pages.
public struct ConnectionSummary: Hashable, Sendable, CustomStringConvertible {
  /// Which.
  public let socket: SocketID
  /// Both ends.
  public let endpoints: TCPEndpoints
  /// What it knows of itself.
  public let info: TCPInfo
  /// Where both directions are.
  public let numbers: TCPNumbers
  /// Octets that the user has given and the peer has not acknowledged.
  public let unacknowledgedOctets: Int
  /// Octets that the user has not read.
  public let unreadOctets: Int
  /// Whether it waits for something that only a timer can bring about, and has none: a mistake.
  public let lacksTimer: Bool

  /// A line for people.
  public var description: String {
    "\(endpoints.local) to \(endpoints.remote) \(info.state.rawValue), "
      + "\(unacknowledgedOctets) octets unacknowledged, \(unreadOctets) unread"
  }
}

extension Stack {
  /// Every connection, in the order of their places. Linear in the number there ever was.
  public var connectionSummaries: [ConnectionSummary] {
    var summaries: [ConnectionSummary] = []
    for index in 0..<connections.capacity {
      guard let handle = connections.handle(at: index),
        let slot = unsafe connections.pointer(to: handle)
      else { continue }
      unsafe summaries.append(
        ConnectionSummary(
          socket: SocketID(.connection, handle), endpoints: slot.pointee.connection.endpoints,
          info: slot.pointee.connection.info, numbers: slot.pointee.connection.numbers,
          unacknowledgedOctets: slot.pointee.connection.unacknowledgedOctets,
          unreadOctets: slot.pointee.connection.receivedCount,
          lacksTimer: slot.pointee.connection.lacksTimer))
    }
    return summaries
  }
}
