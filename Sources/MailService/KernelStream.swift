import Dispatch
import Glibc
import Synchronization

/// Why a connection over the kernel's TCP failed.
public struct KernelStreamError: Error, CustomStringConvertible {
  /// What was tried.
  public let operation: String
  /// The number that the kernel gave; `ETIMEDOUT` when the time was over.
  public let error: Int32

  /// A sentence for people.
  public var description: String {
    guard let text = unsafe strerror(error) else { return "cannot \(operation)" }
    return unsafe "cannot \(operation): \(String(cString: text).lowercased())"
  }
}

/// A stream over the kernel's TCP: for reaching a server without a stack of our own.
///
/// Each operation waits on a thread of its own queue, which suits one client's connection, not a
/// server's thousands. Cancelling the task ends the waiting.
public final class KernelStream: ByteStream {
  private let descriptor: Int32
  private let queue = DispatchQueue(label: "postroad.kernel-stream", attributes: .concurrent)
  /// What wakes the one task that reads (or connects), and the one that writes.
  private let readerBell: Bell
  private let writerBell: Bell
  /// Who is at the other end.
  public let peerName: String

  private init(descriptor: Int32, peerName: String, bells: (Bell, Bell)) {
    self.descriptor = descriptor
    self.peerName = peerName
    (readerBell, writerBell) = bells
  }

  deinit { _ = Glibc.close(descriptor) }

  /// Connects to an IPv4 address, given in host byte order.
  /// - Parameter limit: how long connecting may take; reads and writes wait until they are cancelled.
  public static func connect(
    to address: UInt32, port: UInt16, within limit: Duration = .seconds(300)
  ) async throws -> KernelStream {
    let octets = (0..<4).map { String(address >> (24 - 8 * $0) & 255) }.joined(separator: ".")
    let operation = "connect to \(octets):\(port)"
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let bells = (try Bell(), try Bell())
    let descriptor = socket(AF_INET, Int32(kind), 0)
    guard descriptor >= 0 else { throw KernelStreamError(operation: "make a socket", error: errno) }
    let stream = KernelStream(descriptor: descriptor, peerName: octets, bells: bells)
    let deadline = ContinuousClock.now + limit
    try await stream.perform(operation, bells.0) { waiting in
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = address.bigEndian
      let result = unsafe withUnsafePointer(to: &name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if result == 0 { return }
      guard errno == EINPROGRESS || errno == EINTR else { throw waiting.failure(errno) }
      try waiting.wait(for: POLLOUT, until: deadline)
      var error: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else {
        throw waiting.failure(errno)
      }
      guard error == 0 else { throw waiting.failure(error) }
    }
    return stream
  }

  /// Reads what has arrived.
  public func read(atMost limit: Int) async throws -> [UInt8] {
    let limit = max(limit, 1)
    return try await perform("read", readerBell) { [descriptor] waiting in
      while true {
        try waiting.wait(for: POLLIN)
        var failure: Int32 = 0
        let octets = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
          let got = unsafe recv(descriptor, buffer.baseAddress, limit, 0)
          if got < 0 { failure = errno }
          count = max(got, 0)
        }
        if failure == 0 { return octets }
        guard failure == EAGAIN || failure == EINTR else { throw waiting.failure(failure) }
      }
    }
  }

  /// Writes all octets.
  public func write(_ octets: [UInt8]) async throws {
    try await perform("write", writerBell) { [descriptor] waiting in
      var written = 0
      while written < octets.count {
        try waiting.wait(for: POLLOUT)
        let sent = unsafe octets.withUnsafeBytes { bytes in
          unsafe Glibc.send(
            descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written,
            Int32(MSG_NOSIGNAL))
        }
        if sent > 0 {
          written += sent
        } else if errno != EAGAIN, errno != EINTR {
          throw waiting.failure(errno)
        }
      }
    }
  }

  /// Ends our direction.
  public func closeSending() async throws {
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Ends both directions at once.
  public func abort() async {
    _ = shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// Ends both directions; the descriptor goes with the last reference.
  public func close() async {
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  private func perform<Value: Sendable>(
    _ operation: String, _ bell: Bell, _ body: @escaping @Sendable (Waiting) throws -> Value
  ) async throws -> Value {
    let waiting = Waiting(descriptor: descriptor, operation: operation, bell: bell)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // The stream is held, so that nobody else gets the number of its descriptor meanwhile.
        queue.async { [self] in
          continuation.resume(with: Result { try body(waiting) })
          _ = self
        }
      }
    } onCancel: {
      waiting.cancel()
    }
  }
}

/// A pipe that ends a `poll` from another thread.
private final class Bell: Sendable {
  let hearing: Int32
  private let ringing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else {
      throw KernelStreamError(operation: "make a pipe", error: errno)
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (hearing, ringing) = (ends[0], ends[1])
  }

  deinit {
    _ = Glibc.close(hearing)
    _ = Glibc.close(ringing)
  }

  /// A pipe that is full rings already.
  func ring() {
    var octet: UInt8 = 0
    _ = unsafe Glibc.write(ringing, &octet, 1)
  }

  func clear() {
    var octets = [UInt8](repeating: 0, count: 64)
    _ = unsafe Glibc.read(hearing, &octets, octets.count)
  }
}

/// One operation's waiting. A bell may still ring for an operation that is over: so each looks for
/// itself whether it is the one that was cancelled.
private final class Waiting: Sendable {
  private let descriptor: Int32
  private let operation: String
  private let bell: Bell
  private let isCancelled = Atomic<Bool>(false)

  init(descriptor: Int32, operation: String, bell: Bell) {
    self.descriptor = descriptor
    self.operation = operation
    self.bell = bell
  }

  func cancel() {
    isCancelled.store(true, ordering: .releasing)
    bell.ring()
  }

  func failure(_ error: Int32) -> KernelStreamError {
    KernelStreamError(operation: operation, error: error)
  }

  /// Waits until the descriptor is ready.
  func wait(for events: Int32, until deadline: ContinuousClock.Instant? = nil) throws {
    while true {
      if isCancelled.load(ordering: .acquiring) { throw CancellationError() }
      var left: Int32 = -1
      if let deadline {
        let rest = max(.zero, ContinuousClock.now.duration(to: deadline))
        // Rounded up, so that it is not asked again and again in the last millisecond.
        left = Int32(clamping: Int64(rest / .milliseconds(1)) + 1)
        if rest == .zero { throw failure(ETIMEDOUT) }
      }
      var waited = [
        pollfd(fd: descriptor, events: Int16(events), revents: 0),
        pollfd(fd: bell.hearing, events: Int16(POLLIN), revents: 0),
      ]
      let count = unsafe poll(&waited, 2, left)
      if count < 0, errno != EINTR { throw failure(errno) }
      guard count > 0 else { continue }
      guard waited[1].revents != 0 else { return }
      bell.clear()
    }
  }
}
