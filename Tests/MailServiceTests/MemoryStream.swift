import Logging
import MailService
import Synchronization

/// What a memory stream's peer may have done.
enum MemoryStreamError: Error { case aborted }

/// One direction of a memory stream: a bounded buffer, one reader, one writer.
private final class MemoryPipe: Sendable {
  struct State {
    var octets: [UInt8] = []
    var isClosed = false
    var isAborted = false
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var next = 0
  }

  static let capacity = 65_536
  let state = Mutex(State())

  func read(atMost limit: Int) async throws -> [UInt8] {
    while true {
      let got: [UInt8]? = try state.withLock {
        if $0.isAborted { throw MemoryStreamError.aborted }
        if $0.octets.isEmpty { return $0.isClosed ? [] : nil }
        let piece = Array($0.octets.prefix(limit))
        $0.octets.removeFirst(piece.count)
        return piece
      }
      if let got {
        wake()
        return got
      }
      try await wait { !$0.octets.isEmpty || $0.isClosed || $0.isAborted }
    }
  }

  func write(_ octets: [UInt8]) async throws {
    var rest = octets[...]
    while !rest.isEmpty {
      let count = try state.withLock {
        if $0.isAborted || $0.isClosed { throw MemoryStreamError.aborted }
        let count = min(rest.count, Self.capacity - $0.octets.count)
        $0.octets += rest.prefix(count)
        return count
      }
      rest = rest.dropFirst(count)
      wake()
      if !rest.isEmpty {
        try await wait { $0.octets.count < Self.capacity || $0.isAborted || $0.isClosed }
      }
    }
  }

  func end(abort: Bool) {
    state.withLock {
      $0.isClosed = true
      if abort { $0.isAborted = true }
    }
    wake()
  }

  private func wake() {
    let waiting = state.withLock { state in
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    waiting.forEach { $0.resume() }
  }

  private func wait(until isReady: @Sendable (State) -> Bool) async throws {
    let key = state.withLock {
      $0.next += 1
      return $0.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isNow = state.withLock {
          if isReady($0) || Task.isCancelled { return true }
          $0.waiting[key] = continuation
          return false
        }
        if isNow { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: key) }?.resume()
    }
    try Task.checkCancellation()
  }
}

/// A stream in memory, for driving sessions without a network.
final class MemoryStream: ByteStream {
  let peerName: String
  private let incoming: MemoryPipe
  private let outgoing: MemoryPipe

  private init(peerName: String, incoming: MemoryPipe, outgoing: MemoryPipe) {
    self.peerName = peerName
    self.incoming = incoming
    self.outgoing = outgoing
  }

  /// Two ends of one stream.
  static func pair(from peer: String = "192.0.2.10") -> (client: MemoryStream, server: MemoryStream)
  {
    let (up, down) = (MemoryPipe(), MemoryPipe())
    return (
      MemoryStream(peerName: "192.0.2.25", incoming: down, outgoing: up),
      MemoryStream(peerName: peer, incoming: up, outgoing: down)
    )
  }

  func read(atMost limit: Int) async throws -> [UInt8] { try await incoming.read(atMost: limit) }
  func write(_ octets: [UInt8]) async throws { try await outgoing.write(octets) }
  func closeSending() async throws { outgoing.end(abort: false) }
  func abort() async {
    outgoing.end(abort: true)
    incoming.end(abort: true)
  }
  func close() async {
    outgoing.end(abort: false)
    incoming.end(abort: false)
  }
}

/// Streams that a test makes one by one.
final class MemorySource: ByteStreamSource {
  private let streams: AsyncStream<MemoryStream>
  private let continuation: AsyncStream<MemoryStream>.Continuation

  init() { (streams, continuation) = AsyncStream<MemoryStream>.makeStream() }

  /// A new connection; the client's end.
  func connect(from peer: String = "192.0.2.10") -> MemoryStream {
    let (client, server) = MemoryStream.pair(from: peer)
    continuation.yield(server)
    return client
  }

  func nextStream() async throws -> MemoryStream? {
    for await stream in streams { return stream }
    try Task.checkCancellation()
    return nil
  }

  func stop() async { continuation.finish() }
}

extension Logger {
  /// Says nothing short of a disaster.
  static var quiet: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }
}
