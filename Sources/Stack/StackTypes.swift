public import NetworkCore
public import Octets
public import TCPCore
public import Wire

/// An interface of a stack.
public struct InterfaceID: Hashable, Sendable {
  /// Its place; 0 is the loopback that every stack has.
  public let index: Int
  init(index: Int) { self.index = index }
  /// The host itself: what it sends to its own addresses goes round here.
  public static let loopback = InterfaceID(index: 0)
}

/// How an interface's frames begin.
public enum InterfaceMedium: Hashable, Sendable {
  /// With the IP header, as on a TUN device.
  case ip
  /// With an Ethernet header; this is our address.
  case ethernet(MACAddress)
}

/// What a stack must know of an interface.
public struct InterfaceConfiguration: Hashable, Sendable {
  /// A name for people.
  public var name: String
  /// How its frames begin.
  public var medium: InterfaceMedium
  /// Octets of the largest IP packet, 68...65,535.
  public var mtu: Int
  /// Our addresses on it, with their networks.
  public var addresses: [IPv4Prefix]
  /// What its device can do.
  public var offload: OffloadCapabilities

  /// A configuration from its parts.
  public init(
    name: String, medium: InterfaceMedium = .ip, mtu: Int = 1500, addresses: [IPv4Prefix],
    offload: OffloadCapabilities = .none
  ) {
    self.name = name
    self.medium = medium
    self.mtu = min(max(mtu, 68), 65_535)
    self.addresses = addresses
    self.offload = offload
  }
}

/// The bounds of a stack and the defaults of its connections.
public struct StackConfiguration: Hashable, Sendable {
  /// Connections in any state, TIME-WAIT included: the oldest of those make room for new ones.
  public var maximumConnections = 200_000
  /// Octets of memory that the buffers of all connections hold together; beyond, none grows, but each
  /// may have 2,048 octets either way.
  public var maximumBufferMemory = 256 << 20
  /// UDP sockets.
  public var maximumUDPSockets = 10_000
  /// Packets that wait for an interface, besides TCP's.
  public var maximumQueuedPackets = 1024
  /// Their octets.
  public var maximumQueuedOctets = 4 << 20
  /// ICMP errors sent a second. RFC 1812 section 4.3.2.8.
  public var icmpErrorsPerSecond = 100
  // Deviates from RFC 9293 3.9.2.1 MUST-51, MUST-53: off by default, as RFC 7126 4.3 has it, for
  // source routes lead round what protects a network.
  /// Connections may have source routes, our users' and those by which segments came.
  public var takesSourceRoutes = false
  /// How Fast Open is used (RFC 7413).
  public var fastOpen = FastOpenSettings()
  /// The configuration of connections that bring none of their own.
  public var tcp = TCPConfiguration()
  /// Every decision is reported, for people; costs time.
  public var explains = false

  /// The defaults.
  public init() {}
}

/// A listener, a connection or a UDP socket of one stack.
public struct SocketID: Hashable, Sendable {
  enum Kind: UInt8, Hashable, Sendable { case listener, connection, udp }
  let kind: Kind
  let handle: SlabHandle
  init(_ kind: Kind, _ handle: SlabHandle) {
    self.kind = kind
    self.handle = handle
  }

  /// Its kind as a number from 0 to 2, and its place among the sockets of that kind; later sockets
  /// may have the same.
  package var position: (kind: Int, place: Int) { (Int(kind.rawValue), Int(handle.index)) }
}

/// How a listener treats those who knock.
public struct ListenOptions: Hashable, Sendable {
  /// Established connections that may wait for ``Stack/accept(_:)``.
  public var backlog = 128
  /// Handshakes that may be under way. RFC 4987 says why this must be bounded.
  public var handshakes = 256
  /// When the queue of handshakes is full, SYNs are answered by cookies. RFC 4987 section 3.6.
  public var usesCookies = true
  /// How long a handshake without data may wait for some before it counts; nil waits for none.
  public var deferAccept: Duration?
  /// Connections whose data may be taken before their handshake has ended; 0 does without Fast Open.
  public var fastOpenQueue = 0
  /// The keys of its cookies, the one for new cookies first; where there are none, the host's.
  public var fastOpenKeys: [FastOpenKey] = []
  /// The configuration of its connections; nil takes the stack's.
  public var tcp: TCPConfiguration?

  /// The defaults.
  public init() {}
}

/// What a socket's owner may want to know.
public struct Readiness: OptionSet, Hashable, Sendable {
  /// The bits.
  public var rawValue: UInt16
  /// Readiness from its bits.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// The connection is established.
  @inlinable public static var connected: Readiness { Readiness(rawValue: 1) }
  /// There is something to read, or the end.
  @inlinable public static var readable: Readiness { Readiness(rawValue: 2) }
  /// There is room to write.
  @inlinable public static var writable: Readiness { Readiness(rawValue: 4) }
  /// The peer has closed its side.
  @inlinable public static var peerClosed: Readiness { Readiness(rawValue: 8) }
  /// The connection is over.
  @inlinable public static var closed: Readiness { Readiness(rawValue: 16) }
  /// Something went wrong that may pass.
  @inlinable public static var softError: Readiness { Readiness(rawValue: 32) }
  /// Urgent data was announced.
  @inlinable public static var urgent: Readiness { Readiness(rawValue: 64) }
  /// A listener has a connection to accept.
  @inlinable public static var acceptable: Readiness { Readiness(rawValue: 128) }
}

/// Something happened at a socket.
public struct StackEvent: Hashable, Sendable {
  /// Where.
  public let socket: SocketID
  /// What.
  public let readiness: Readiness
}

/// Why a command failed.
public enum SocketError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Another socket has the address and port.
  case addressInUse(SocketAddress)
  /// The address is not one of this host's.
  case addressNotAvailable(IPv4Address)
  /// No route leads to the address.
  case noRoute(IPv4Address)
  /// No connection can be made to such an address, or to port 0, nor a datagram be sent there.
  /// RFC 9293 3.9.1.1 MUST-46; RFC 1122 3.2.1.3.
  case invalidRemote(IPv4Address)
  /// Every ephemeral port is taken.
  case portsExhausted
  /// The stack holds as many sockets as it may.
  case limitReached
  /// The socket is not there any more, or is of another kind.
  case noSuchSocket
  /// The connection is over.
  case closed(TCPCloseReason)
  /// The sending side is closed.
  case sendingClosed
  /// The host that had the socket was stopped.
  case hostStopped
  /// The host takes no source routes: ``StackConfiguration/takesSourceRoutes``.
  case noSourceRoutes
  /// The datagram is longer than 65,507 octets.
  case messageTooLong(Int)

  /// What the core's refusal is to a socket's owner.
  init(_ error: TCPError) {
    switch error {
    case .sendingClosed: self = .sendingClosed
    case .closed(let reason): self = .closed(reason)
    }
  }

  /// A sentence for people.
  public var description: String {
    switch self {
    case .addressInUse(let address): "address \(address) is in use"
    case .addressNotAvailable(let address): "\(address) is not an address of this host"
    case .noRoute(let address): "no route to \(address)"
    case .invalidRemote(let address): "\(address) is not the address of one host, or the port is 0"
    case .portsExhausted: "no ephemeral port is free"
    case .limitReached: "too many sockets"
    case .noSuchSocket: "the socket is closed"
    case .closed(let reason): Self.sentence(reason)
    case .sendingClosed: "the sending side is closed"
    case .hostStopped: "the host was stopped"
    case .noSourceRoutes: "this host takes no source routes"
    case .messageTooLong(let count): "a datagram cannot carry \(count) octets"
    }
  }

  private static func sentence(_ reason: TCPCloseReason) -> String {
    switch reason {
    case .finished: "the connection is closed"
    case .reset: "the peer reset the connection"
    case .refused: "the peer refused the connection"
    case .aborted: "the connection was aborted"
    case .timedOut: "the peer did not answer in time"
    case .unreachable: "the peer cannot be reached"
    }
  }
}

/// Decisions between the Internet layer and the cores: which connection, and whether one may begin.
public enum StackRule: UInt8, ProtocolRule {
  case acceptHandshake, recycleTimeWait, recycleHandshake, refuseEarlyData
  case sendCookie, acceptCookie, takeSourceRoute
  case dropTCPMalformed, dropTCPChecksum, dropTCPToGroup, dropNoListener
  case dropSYNQueueFull, dropAcceptQueueFull, dropConnectionLimit, dropAwaitingData

  /// The document and section.
  public var source: String {
    switch self {
    case .acceptHandshake, .dropNoListener: "RFC 9293 3.10.7.1"
    case .recycleTimeWait: "RFC 9293 3.6.1"
    case .sendCookie, .acceptCookie: "RFC 4987 3.6"
    case .refuseEarlyData: "RFC 7413 4.2.2"
    case .takeSourceRoute: "RFC 9293 3.9.2.1"
    case .dropTCPMalformed: "RFC 9293 3.1"
    case .dropTCPChecksum: "RFC 9293 3.1 MUST-3"
    case .dropTCPToGroup: "RFC 9293 3.9.2.3 MUST-57"
    case .dropSYNQueueFull, .dropConnectionLimit, .recycleHandshake: "RFC 4987 3"
    case .dropAcceptQueueFull, .dropAwaitingData: "RFC 9293 3.9.1.2"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .acceptHandshake: "a listener takes the SYN"
    case .sendCookie: "too many handshakes are under way: the peer keeps this one's state for us"
    case .acceptCookie: "the ACK brings our cookie back: the handshake was real"
    case .takeSourceRoute: "the segment came by routers of the peer's choice: ours go back by them"
    case .recycleHandshake: "a handshake whose peer stays silent makes room for a new one"
    case .refuseEarlyData:
      "the cookie is not ours, or too many came early: the data must come again"
    case .recycleTimeWait: "the oldest connection in TIME-WAIT makes room for a new one"
    case .dropTCPMalformed: "the segment's header is cut off or impossible"
    case .dropTCPChecksum: "the segment's checksum is wrong"
    case .dropTCPToGroup: "TCP is for two: a segment to a group is dropped"
    case .dropNoListener: "no connection and no listener has this address and port"
    case .dropSYNQueueFull: "too many handshakes are under way; the SYN may come again"
    case .dropAcceptQueueFull: "the listener's user does not accept; the segment may come again"
    case .dropAwaitingData: "the listener wants data with the handshake; a bare ACK does not count"
    case .dropConnectionLimit: "this host has as many connections as it may"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .acceptHandshake, .acceptCookie: .accepts
    case .sendCookie: .sends
    case .recycleTimeWait, .recycleHandshake, .refuseEarlyData, .takeSourceRoute: .notes
    default: .drops
    }
  }
}

/// What a stack has counted: every rule that was followed.
public struct StackCounters: Sendable {
  /// The Internet layer.
  public internal(set) var ip = RuleLedger<IPRule>()
  /// ICMP.
  public internal(set) var icmp = RuleLedger<ICMPRule>()
  /// UDP.
  public internal(set) var udp = RuleLedger<UDPRule>()
  /// ARP.
  public internal(set) var arp = RuleLedger<ARPRule>()
  /// TCP.
  public internal(set) var tcp = RuleLedger<TCPRule>()
  /// Between them.
  public internal(set) var stack = RuleLedger<StackRule>()

  mutating func report(_ isReporting: Bool) {
    ip.isReporting = isReporting
    icmp.isReporting = isReporting
    udp.isReporting = isReporting
    arp.isReporting = isReporting
    tcp.isReporting = isReporting
    stack.isReporting = isReporting
  }
}
