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
  /// What a datagram costs beside its octets, be it empty.
  package static let datagramCost = 64

  /// The end it is bound to; 0.0.0.0 takes datagrams to any address of ours.
  package let local: SocketAddress
  /// The only peer it takes datagrams from, if it is connected.
  package var remote: SocketAddress? {
    // What another peer has refused is over.
    didSet { if remote != oldValue { isRefused = false } }
  }
  private var queue: Deque<ReceivedDatagram> = []
  private var octets = 0
  private let limit: Int
  private var isRefused = false

  /// A socket whose queue holds so many octets.
  package init(local: SocketAddress, limit: Int = 256 * 1024) {
    self.local = local
    self.limit = limit
  }

  /// Whether nothing waits.
  package var isEmpty: Bool { queue.isEmpty }

  /// Whether a datagram between these ends is for this socket.
  package func accepts(from sender: SocketAddress, at receiver: SocketAddress) -> Bool {
    receiver.port == local.port
      && (local.address.isUnspecified || local.address == receiver.address)
      && (remote == nil || remote == sender)
  }

  /// How well the socket fits a datagram that it ``accepts(from:at:)``: the highest gets it.
  package var specificity: Int {
    (remote == nil ? 0 : 2) + (local.address.isUnspecified ? 0 : 1)
  }

  /// Puts a datagram in the queue; false when it is full.
  package mutating func deliver(_ datagram: ReceivedDatagram) -> Bool {
    let cost = datagram.octets.count + Self.datagramCost
    guard octets + cost <= limit else { return false }
    octets += cost
    queue.append(datagram)
    return true
  }

  /// The next datagram, if any.
  package mutating func next() -> ReceivedDatagram? {
    guard let first = queue.popFirst() else { return nil }
    octets -= first.octets.count + Self.datagramCost
    return first
  }

  // MARK: Errors

  /// An ICMP error quotes a datagram of this socket to `remote`; true when its user is to know.
  ///
  /// RFC 1122 section 4.1.3.3 asks that errors reach the user. As elsewhere (Linux, BSD) only a
  /// connected socket hears, and only of a port where nobody listens: the other errors may pass,
  /// and without a connection any one peer could disturb the exchange with all.
  package mutating func errorArrived(_ kind: ICMPv4Kind, about peer: SocketAddress) -> Bool {
    guard remote == peer, case .unreachable(code: 3, _) = kind else { return false }
    isRefused = true
    return true
  }

  /// Whether the peer has refused since the last call.
  package mutating func takeRefusal() -> Bool {
    defer { isRefused = false }
    return isRefused
  }
}
