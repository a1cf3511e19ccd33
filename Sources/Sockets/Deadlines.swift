import Stack

/// What was asked for did not come about in time.
public struct DeadlineExceeded: Error, Hashable, Sendable, CustomStringConvertible {
  /// How long it had.
  public let limit: Duration

  /// An error about this limit.
  public init(limit: Duration) { self.limit = limit }

  /// One sentence for people.
  public var description: String { "nothing came about within \(limit)" }
}

/// Runs `body`, which is cancelled when it takes longer than `limit`.
///
/// Every waiting of a stream, a listener or a socket ends by cancellation, so this bounds any of them:
/// `try await withDeadline(.seconds(5)) { try await stream.read() }`.
///
/// - Throws: ``DeadlineExceeded``, or what `body` throws.
public func withDeadline<Result: Sendable>(
  _ limit: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let result = first else {
      throw DeadlineExceeded(limit: limit)
    }
    return result
  }
}

extension TCPListener: AsyncSequence {
  /// The connections, one after another, until the listener is closed or the host stopped.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let listener: TCPListener

    /// The next connection; waits for one. Nil when the listener was closed or the host stopped.
    public mutating func next() async throws -> TCPStream? {
      do {
        return try await listener.accept()
      } catch SocketError.noSuchSocket, SocketError.hostStopped {
        return nil
      }
    }
  }

  /// What `for try await stream in listener` goes through.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listener: self) }
}
