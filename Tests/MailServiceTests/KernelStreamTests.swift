import Glibc
import MailService
import Testing

/// A listener of the kernel on 127.0.0.1, with room for few connections that nobody accepts.
private struct Doorway: ~Copyable {
  let descriptor: Int32
  let port: UInt16

  init(backlog: Int32) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isOpen = unsafe withUnsafeMutablePointer(to: &place) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe bind(descriptor, address, size) == 0 && listen(descriptor, backlog) == 0
          && getsockname(descriptor, address, &size) == 0
      }
    }
    try #require(isOpen)
    port = UInt16(bigEndian: place.sin_port)
  }

  deinit { _ = Glibc.close(descriptor) }

  /// Accepts a connection.
  func accept() -> Int32 { Glibc.accept(descriptor, nil, nil) }
}

@Suite("a stream over the kernel", .timeLimit(.minutes(1)))
struct KernelStreamTests {
  static let loopback: UInt32 = 0x7F00_0001

  @Test("cancelling ends a wait for octets, and the stream can be used again")
  func cancelledRead() async throws {
    let door = try Doorway(backlog: 1)
    let stream = try await KernelStream.connect(to: Self.loopback, port: door.port)
    let peer = door.accept()
    defer { _ = Glibc.close(peer) }
    for _ in 0..<3 {
      let reading = Task { try await stream.read(atMost: 10) }
      reading.cancel()
      await #expect(throws: CancellationError.self) { try await reading.value }
    }
    let reading = Task { try await stream.read(atMost: 10) }
    for _ in 0..<100 { await Task.yield() }
    reading.cancel()
    await #expect(throws: CancellationError.self) { try await reading.value }
    var octets: [UInt8] = [1, 2, 3]
    #expect(unsafe send(peer, &octets, 3, 0) == 3)
    #expect(try await stream.read(atMost: 10) == [1, 2, 3])
    try await stream.write([4, 5])
    #expect(unsafe recv(peer, &octets, 3, 0) == 2)
    #expect(octets == [4, 5, 3])
  }

  @Test("cancelling ends a write that the peer does not take")
  func cancelledWrite() async throws {
    let door = try Doorway(backlog: 1)
    let stream = try await KernelStream.connect(to: Self.loopback, port: door.port)
    let peer = door.accept()
    defer { _ = Glibc.close(peer) }
    let writing = Task { try await stream.write([UInt8](repeating: 7, count: 64 << 20)) }
    var octet: UInt8 = 0
    #expect(unsafe recv(peer, &octet, 1, 0) == 1)
    writing.cancel()
    await #expect(throws: CancellationError.self) { try await writing.value }
  }

  @Test("the end of the stream is an empty read, and a closed port is an error with its name")
  func endings() async throws {
    let port: UInt16
    do {
      let door = try Doorway(backlog: 1)
      port = door.port
      let stream = try await KernelStream.connect(to: Self.loopback, port: door.port)
      _ = Glibc.close(door.accept())
      #expect(try await stream.read(atMost: 10).isEmpty)
    }
    let error = await #expect(throws: KernelStreamError.self) {
      _ = try await KernelStream.connect(to: Self.loopback, port: port)
    }
    #expect(error?.error == ECONNREFUSED)
  }

  @Test("a connection that does not come about in time is a time-out, not an operation in progress")
  func connecting() async throws {
    // A queue that is full lets SYNs go unanswered.
    let door = try Doorway(backlog: 0)
    var held: [KernelStream] = []
    let error = await #expect(throws: KernelStreamError.self) {
      while held.count < 8 {
        held.append(
          try await KernelStream.connect(
            to: Self.loopback, port: door.port, within: .milliseconds(300)))
      }
    }
    #expect(error?.error == ETIMEDOUT)
    #expect(error?.description.hasSuffix("connection timed out") == true)
  }
}
