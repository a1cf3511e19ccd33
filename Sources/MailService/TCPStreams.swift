public import Sockets
import Stack
import Synchronization
import Wire

/// A TCP connection of our own stack, as a stream.
extension TCPStream: ByteStream {
  /// The peer's address.
  public var peerName: String { "\(remoteAddress.address)" }
}

/// A listener's connections, as streams.
public final class TCPListenerSource: ByteStreamSource {
  private let listener: TCPListener
  private let isStopped = Mutex(false)

  /// A source that accepts from a listener.
  public init(_ listener: TCPListener) { self.listener = listener }

  /// The next connection; nil after ``stop()``, or when the host is stopped.
  public func nextStream() async throws -> TCPStream? {
    do {
      return try await listener.accept()
    } catch SocketError.hostStopped {
      return nil
    } catch {
      if isStopped.withLock({ $0 }) { return nil }
      throw error
    }
  }

  /// Stops listening.
  public func stop() async {
    isStopped.withLock { $0 = true }
    await listener.close()
  }
}
