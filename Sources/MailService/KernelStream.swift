import Dispatch
import Glibc

/// Why a connection over the kernel's TCP failed.
public struct KernelStreamError: Error, CustomStringConvertible {
  /// What was tried.
  public let operation: String
  /// The number that the kernel gave.
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
/// server's thousands. A deadline on each operation stands in for cancellation.
public final class KernelStream: ByteStream {
  private let descriptor: Int32
  private let queue = DispatchQueue(label: "postroad.kernel-stream", attributes: .concurrent)
  /// Who is at the other end.
  public let peerName: String

  private init(descriptor: Int32, peerName: String) {
    self.descriptor = descriptor
    self.peerName = peerName
  }

  deinit { _ = Glibc.close(descriptor) }

  /// Connects to an IPv4 address, given in host byte order.
  /// - Parameter seconds: how long connecting, and later each read and write, may take.
  public static func connect(
    to address: UInt32, port: UInt16, seconds: Int = 300
  ) async throws -> KernelStream {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw KernelStreamError(operation: "make a socket", error: errno) }
    let octets = (0..<4).map { String(address >> (24 - 8 * $0) & 255) }.joined(separator: ".")
    let stream = KernelStream(descriptor: descriptor, peerName: octets)
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    try await stream.perform("connect to \(octets):\(port)") {
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = address.bigEndian
      return unsafe withUnsafePointer(to: &name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Int(
            Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)))
        }
      }
    }
    return stream
  }

  /// Reads what has arrived.
  public func read(atMost limit: Int) async throws -> [UInt8] {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { [self] in
        var failure: Int32 = 0
        let octets = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
          let got = Self.retrying { unsafe recv(descriptor, buffer.baseAddress, limit, 0) }
          if got < 0 { failure = errno }
          count = max(got, 0)
        }
        continuation.resume(
          with: failure == 0
            ? .success(octets) : .failure(KernelStreamError(operation: "read", error: failure)))
      }
    }
  }

  /// Writes all octets.
  public func write(_ octets: [UInt8]) async throws {
    try await perform("write") { [descriptor] in
      var written = 0
      while written < octets.count {
        let sent = unsafe octets.withUnsafeBytes { bytes in
          Self.retrying {
            unsafe Glibc.send(
              descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written,
              Int32(MSG_NOSIGNAL))
          }
        }
        guard sent > 0 else { return -1 }
        written += sent
      }
      return written
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

  private func perform(_ operation: String, _ body: @escaping @Sendable () -> Int) async throws {
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      queue.async {
        if body() < 0 {
          continuation.resume(throwing: KernelStreamError(operation: operation, error: errno))
        } else {
          continuation.resume()
        }
      }
    }
  }

  private static func retrying(_ body: () -> Int) -> Int {
    while true {
      let result = body()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}
