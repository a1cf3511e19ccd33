import DequeModule

public import Wire

/// A datagram that waits for its reader.
public struct ReceivedDatagram: Hashable, Sendable {
  /// Who sent it.
  public var source: SocketAddress
  /// To which address of ours.
  public var destination: SocketAddress
  /// What it carries.
  public var octets: [UInt8]

  /// A datagram from its parts.
  package init(source: SocketAddress, destination: SocketAddress, octets: [UInt8]) {
    self.source = source
    self.destination = destination
    self.octets = octets
  }
}

/// What a UDP socket holds: a bounded queue. Source: RFC 768; RFC 1122 section 4.1.
package struct UDPSocketState {
  /// The end it is bound to; 0.0.0.0 takes datagrams to any address of ours.
  package let local: SocketAddress
  /// The only peer it takes datagrams from, if it is connected.
  package var remote: SocketAddress?
  private var queue: Deque<ReceivedDatagram> = []
  private var octets = 0
  private let limit: Int

  /// A socket whose queue holds so many octets.
  package init(local: SocketAddress, limit: Int = 256 * 1024) {
    self.local = local
    self.limit = limit
  }

  /// Whether nothing waits.
  package var isEmpty: Bool { queue.isEmpty }

  /// Puts a datagram in the queue; false when it is full.
  package mutating func deliver(_ datagram: ReceivedDatagram) -> Bool {
    // Each datagram costs something, be it empty.
    guard octets + datagram.octets.count + 64 <= limit else { return false }
    octets += datagram.octets.count + 64
    queue.append(datagram)
    return true
  }

  /// The next datagram, if any.
  package mutating func next() -> ReceivedDatagram? {
    guard let first = queue.popFirst() else { return nil }
    octets -= first.octets.count + 64
    return first
  }
}
