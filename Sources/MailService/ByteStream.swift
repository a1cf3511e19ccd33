/// A two-way stream of octets, such as a TCP connection: what mail sessions are driven over.
///
/// One task reads and one task writes at a time. Reading and writing wait as long as the peer lets
/// them; cancelling the task ends the waiting with an error and leaves the stream usable.
public protocol ByteStream: Sendable {
  /// Who is at the other end, for people and for trace headers.
  var peerName: String { get }

  /// Reads what has arrived, at most `limit` octets; waits for at least one.
  /// - Returns: the octets; empty at the end of the stream.
  func read(atMost limit: Int) async throws -> [UInt8]

  /// Whether octets are there to be read at once.
  var hasInput: Bool { get async }

  /// Writes all octets; waits while the peer does not take them.
  func write(_ octets: [UInt8]) async throws

  /// Says that nothing more will be written; reading goes on.
  func closeSending() async throws

  /// Gives the stream up at once.
  func abort() async

  /// Closes both directions in order.
  func close() async
}

extension ByteStream {
  /// A stream that cannot tell has none: its peer is greeted first.
  public var hasInput: Bool { false }
}

/// Where a server's streams come from, such as a TCP listener.
public protocol ByteStreamSource: Sendable {
  /// The streams that it hands out.
  associatedtype Stream: ByteStream

  /// The next stream; nil when there will be no more. Throws when the task is cancelled.
  func nextStream() async throws -> Stream?

  /// Takes no more.
  func stop() async
}
