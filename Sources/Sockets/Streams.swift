public import NetworkCore
import Stack
public import TCPCore
public import Wire

/// A TCP connection. One task may read and one may write at a time.
///
/// Reading makes room in the receive window; a reader that stops closes it. Writing waits while the
/// send buffer is full. When the last reference goes, the connection is closed.
public final class TCPStream: Sendable {
  private let host: NetworkHost
  private let socket: SocketID
  /// Our end.
  public let localAddress: SocketAddress
  /// The peer's end.
  public let remoteAddress: SocketAddress

  init(_ host: NetworkHost, _ socket: SocketID, _ ends: TCPEndpoints) {
    self.host = host
    self.socket = socket
    localAddress = ends.local
    remoteAddress = ends.remote
  }

  deinit { host.closeLater(socket) }

  /// Reads what has arrived, at most `limit` octets; waits for at least one.
  ///
  /// - Returns: the octets; empty at the end of the stream.
  /// - Throws: ``SocketError`` when the connection was reset or lost, `CancellationError`.
  public func read(atMost limit: Int = 65_536) async throws -> [UInt8] {
    try await host.read(socket, atMost: max(limit, 1))
  }

  /// Whether octets have arrived that were not read yet.
  public var hasInput: Bool { get async { await host.hasInput(socket) } }

  /// Lets `body` see received octets in place, and takes away as many as it says it consumed.
  ///
  /// Waits for at least one octet; the span is empty at the end of the stream.
  public func withReceived<Result: Sendable>(
    _ body: @Sendable (Span<UInt8>) -> (consumed: Int, result: Result)
  ) async throws -> Result {
    try await host.withReceived(socket, body)
  }

  /// Writes all octets; returns when the last is in the send buffer.
  public func write(_ octets: [UInt8]) async throws { try await host.write(socket, octets) }

  /// Says that nothing more will be written; the peer may still send.
  public func closeSending() async { await host.closeSending(socket) }

  /// Resets the connection.
  public func abort() async { await host.abort(socket) }

  /// Closes both directions: what was written still goes out.
  public func close() async { await host.close(socket) }

  /// What the connection knows of itself; nil when it is gone.
  public var info: TCPInfo? { get async { await host.info(socket) } }
}

/// Waits for connections to one end. When the last reference goes, it stops listening.
public final class TCPListener: Sendable {
  private let host: NetworkHost
  private let socket: SocketID
  /// Where it listens.
  public let localAddress: SocketAddress

  init(_ host: NetworkHost, _ socket: SocketID, _ local: SocketAddress) {
    self.host = host
    self.socket = socket
    localAddress = local
  }

  deinit { host.closeLater(socket) }

  /// The next connection; waits for one.
  public func accept() async throws -> TCPStream { try await host.accept(socket) }

  /// Stops listening: connections that were not accepted are reset.
  public func close() async { await host.close(socket) }
}

/// A UDP socket. When the last reference goes, it is closed.
public final class UDPSocket: Sendable {
  private let host: NetworkHost
  private let socket: SocketID

  init(_ host: NetworkHost, _ socket: SocketID) {
    self.host = host
    self.socket = socket
  }

  deinit { host.closeLater(socket) }

  /// The next datagram; waits for one.
  public func receive() async throws -> ReceivedDatagram {
    try await host.receiveDatagram(socket)
  }

  /// Sends a datagram of at most 65,507 octets.
  public func send(_ octets: [UInt8], to remote: SocketAddress) async throws {
    try await host.sendDatagram(socket, octets, to: remote)
  }

  /// Closes the socket.
  public func close() async { await host.close(socket) }
}
