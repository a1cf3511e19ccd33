public import Wire

/// The states of a connection. Source: RFC 9293 section 3.3.2.
public enum TCPState: String, CaseIterable, Hashable, Sendable {
  /// Waiting for a SYN; only listeners are in it.
  case listen = "LISTEN"
  /// A SYN was sent.
  case synSent = "SYN-SENT"
  /// A SYN was received and answered.
  case synReceived = "SYN-RECEIVED"
  /// Data flows both ways.
  case established = "ESTABLISHED"
  /// We have closed, the peer has not acknowledged that.
  case finWait1 = "FIN-WAIT-1"
  /// We have closed and the peer knows; it may still send.
  case finWait2 = "FIN-WAIT-2"
  /// The peer has closed; we may still send.
  case closeWait = "CLOSE-WAIT"
  /// Both have closed at once, and our FIN is not acknowledged.
  case closing = "CLOSING"
  /// Both have closed, the peer first, and our FIN is not acknowledged.
  case lastAck = "LAST-ACK"
  /// Both have closed; old segments are waited for.
  case timeWait = "TIME-WAIT"
  /// No connection.
  case closed = "CLOSED"

  /// Whether both ends have agreed on sequence numbers.
  @inlinable public var isSynchronized: Bool {
    switch self {
    case .listen, .synSent, .synReceived, .closed: false
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait: true
    }
  }

  /// Whether the user may still send.
  @inlinable public var maySend: Bool {
    switch self {
    case .synSent, .synReceived, .established, .closeWait: true
    case .listen, .finWait1, .finWait2, .closing, .lastAck, .timeWait, .closed: false
    }
  }

  /// Whether the peer may still send data that we take.
  @inlinable public var mayReceive: Bool {
    switch self {
    case .established, .finWait1, .finWait2: true
    case .listen, .synSent, .synReceived, .closeWait, .closing, .lastAck, .timeWait, .closed: false
    }
  }
}

/// Why a connection ended. RFC 9293 3.6 MUST-12: a normal close is told from an abort.
public enum TCPCloseReason: Hashable, Sendable {
  /// Both sides have closed.
  case finished
  /// The peer reset the connection.
  case reset
  /// The peer answered our SYN with a reset.
  case refused
  /// The user aborted.
  case aborted
  /// Nothing was acknowledged for too long.
  case timedOut
  /// The network said that the peer cannot be reached.
  case unreachable
}

/// What the user of a connection may want to know; gathered until taken.
public struct TCPEvents: OptionSet, Hashable, Sendable {
  /// The bits.
  public var rawValue: UInt16
  /// Events from their bits.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// The connection is established.
  @inlinable public static var connected: TCPEvents { TCPEvents(rawValue: 1) }
  /// There is something to read, or the end of the stream.
  @inlinable public static var readable: TCPEvents { TCPEvents(rawValue: 2) }
  /// There is room to write.
  @inlinable public static var writable: TCPEvents { TCPEvents(rawValue: 4) }
  /// The peer has closed its side.
  @inlinable public static var peerClosed: TCPEvents { TCPEvents(rawValue: 8) }
  /// The connection is over; see the close reason.
  @inlinable public static var closed: TCPEvents { TCPEvents(rawValue: 16) }
  /// Something went wrong that may pass: an ICMP error, or R1 reached (MUST-47).
  @inlinable public static var softError: TCPEvents { TCPEvents(rawValue: 32) }
  /// Urgent data was announced (MUST-32).
  @inlinable public static var urgent: TCPEvents { TCPEvents(rawValue: 64) }
}

/// The two ends of a connection, as this host sees them.
public struct TCPEndpoints: Hashable, Sendable {
  /// Ours.
  public var local: SocketAddress
  /// The peer's.
  public var remote: SocketAddress

  /// Both ends.
  @inlinable public init(local: SocketAddress, remote: SocketAddress) {
    self.local = local
    self.remote = remote
  }
}

/// Why a command was refused.
public enum TCPError: Error, Hashable, Sendable {
  /// The sending side is closed.
  case sendingClosed
  /// The connection is over.
  case closed(TCPCloseReason)
}
