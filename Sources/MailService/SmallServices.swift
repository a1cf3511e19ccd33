import NetworkCore
import Octets
public import Sockets
import Stack
import Synchronization
public import TCPCore
public import Wire

/// The small services that every stack is tried with.
public enum SmallService: String, CaseIterable, Hashable, Sendable {
  /// Every octet comes back. RFC 862.
  case echo
  /// Octets are thrown away. RFC 863.
  case discard
  /// The time in words, then the end. RFC 867.
  case daytime
  /// Characters without end. RFC 864.
  case chargen

  /// The port that the service is known by.
  public var port: Port {
    switch self {
    case .echo: 7
    case .discard: 9
    case .daytime: 13
    case .chargen: 19
    }
  }

  /// Serves on a host, over TCP and UDP.
  ///
  /// - Parameters:
  ///   - address: one of the host's, or 0.0.0.0 for all.
  ///   - configuration: of its TCP connections, which never wait for small segments here.
  ///   - daytime: the present time as daytime tells it, without the end of the line.
  public func start(
    on host: NetworkHost, at address: IPv4Address = .any,
    configuration: TCPConfiguration = TCPConfiguration(),
    daytime: @escaping @Sendable () -> String
  ) async throws -> Task<Void, Never> {
    var options = ListenOptions()
    options.backlog = 1024
    options.handshakes = 1024
    var tcp = configuration
    tcp.noDelay = true
    options.tcp = tcp
    let end = SocketAddress(address, port)
    let handler: any ConnectionHandler =
      switch self {
      case .echo: EchoHandler()
      case .discard: DiscardHandler()
      case .daytime: DaytimeHandler(daytime)
      case .chargen: CharacterHandler()
      }
    // Both or none: a socket closes with its last reference, connections would be served for ever.
    let socket = try await host.bindUDP(at: end)
    do {
      try await host.serve(at: end, options: options, handler: handler)
    } catch {
      await socket.close()
      throw error
    }
    let service = self
    // The task ends when it is cancelled or the host does; over TCP the service ends with the host.
    return Task { await service.serveDatagrams(socket, daytime) }
  }

  private func serveDatagrams(
    _ socket: UDPSocket, _ daytime: @Sendable () -> String
  ) async {
    while let datagram = try? await socket.receive() {
      // Never an answer to a service like these: two would talk for ever (CERT CA-1996-01).
      if datagram.source.port.rawValue < 20 { continue }
      let answer: [UInt8]
      switch self {
      case .echo: answer = datagram.octets
      case .discard: continue
      case .daytime: answer = Array((daytime() + "\r\n").utf8)
      case .chargen: answer = Array(CharacterHandler.pattern.prefix(74))
      }
      try? await socket.send(answer, to: datagram.source)
    }
  }
}

/// Echo over TCP: from the receive ring to the send ring in one copy.
private final class EchoHandler: ConnectionHandler {
  func connectionReady(
    _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant
  ) {
    do throws(SocketError) {
      _ = try stack.forward(from: socket, to: socket, at: now)
    } catch {
      return stack.close(socket, at: now)
    }
    if stack.isAtEnd(socket) { stack.close(socket, at: now) }
  }
}

/// Discard over TCP.
private final class DiscardHandler: ConnectionHandler {
  func connectionReady(
    _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant
  ) {
    while stack.receivable(socket) > 0 {
      _ = try? stack.receive(socket, at: now) { octets in (octets.count, ()) }
    }
    if stack.isAtEnd(socket) { stack.close(socket, at: now) }
  }
}

/// Daytime over TCP.
private final class DaytimeHandler: ConnectionHandler {
  private let daytime: @Sendable () -> String

  init(_ daytime: @escaping @Sendable () -> String) { self.daytime = daytime }

  func connectionReady(
    _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant
  ) {
    if readiness.contains(.connected) {
      _ = try? stack.send(socket, Array((daytime() + "\r\n").utf8).span, at: now)
      stack.closeSending(socket, at: now)
    }
    while stack.receivable(socket) > 0 {
      _ = try? stack.receive(socket, at: now) { octets in (octets.count, ()) }
    }
    if stack.isAtEnd(socket) { stack.close(socket, at: now) }
  }
}

/// Chargen over TCP: as much as the window takes, for as long as the peer wants it.
private final class CharacterHandler: ConnectionHandler {
  /// Lines of 72 characters, each a step further: 95 of them, then again.
  static let pattern: [UInt8] = {
    var octets: [UInt8] = []
    for line in 0..<95 {
      for column in 0..<72 { octets.append(UInt8(32 + (line + column) % 95)) }
      octets += [13, 10]
    }
    return octets
  }()

  /// The pattern many times over, so that one call fills a window.
  private static let block: [UInt8] = Array(repeatElement(pattern, count: 38).joined())

  /// Where in the pattern each connection is.
  private let places = Mutex<[SocketID: Int]>([:])

  func connectionReady(
    _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant
  ) {
    // What the peer sends is thrown away. RFC 864.
    while stack.receivable(socket) > 0 {
      _ = try? stack.receive(socket, at: now) { octets in (octets.count, ()) }
    }
    var place = places.withLock { $0[socket] } ?? 0
    var isOver = stack.isAtEnd(socket)
    while !isOver {
      do throws(SocketError) {
        let taken = try stack.send(
          socket, Self.block.span.extracting(droppingFirst: place), at: now)
        guard taken > 0 else { break }
        place = (place + taken) % Self.pattern.count
      } catch {
        isOver = true
      }
    }
    if isOver { stack.close(socket, at: now) }
    let next = isOver ? nil : place
    places.withLock { $0[socket] = next }
  }
}
