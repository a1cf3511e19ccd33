import Glibc
import Synchronization

/// A mail server on loopback that answers what it was told to, one reply for each line it hears.
///
/// After a reply that begins with 354 it hears until the lone dot. It serves one connection, and
/// closes it when it has no more to say.
final class ScriptedServer: Sendable {
  /// Where it listens, on 127.0.0.1.
  let port: UInt16
  private let heardOctets = Mutex<[UInt8]>([])

  /// What it has heard.
  var heard: String { String(decoding: heardOctets.withLock { $0 }, as: UTF8.self) }

  init(_ replies: [String]) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port: UInt16? = unsafe withUnsafeMutablePointer(to: &place) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard unsafe bind(listener, address, size) == 0, listen(listener, 1) == 0,
          unsafe getsockname(listener, address, &size) == 0
        else { return nil }
        return unsafe UInt16(
          bigEndian: UnsafeRawPointer(address).load(fromByteOffset: 2, as: UInt16.self))
      }
    }
    guard let port else { throw NoSocket(error: errno) }
    self.port = port
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(listener: listener, replies: replies, to: self))
    _ = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
    pthread_detach(thread)
  }

  /// There is no socket to listen at.
  struct NoSocket: Error { let error: Int32 }

  private final class Work {
    let listener: Int32
    let replies: [String]
    let owner: ScriptedServer

    init(listener: Int32, replies: [String], to owner: ScriptedServer) {
      (self.listener, self.replies, self.owner) = (listener, replies, owner)
    }

    func run() {
      // Nobody waits for ever, whatever the client does.
      var limit = timeval(tv_sec: 30, tv_usec: 0)
      _ = unsafe setsockopt(
        listener, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      let connection = accept(listener, nil, nil)
      close(listener)
      guard connection >= 0 else { return }
      defer { close(connection) }
      _ = unsafe setsockopt(
        connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      var end = "\r\n"
      for (index, reply) in replies.enumerated() {
        if index > 0, !hear(connection, upTo: end) { return }
        end = reply.hasPrefix("354") ? "\r\n.\r\n" : "\r\n"
        let octets = Array((reply + "\r\n").utf8)
        _ = unsafe octets.withUnsafeBufferPointer {
          unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
      }
    }

    private func hear(_ connection: Int32, upTo end: String) -> Bool {
      var line: [UInt8] = []
      while !line.suffix(end.utf8.count).elementsEqual(end.utf8) {
        var octet: UInt8 = 0
        guard unsafe recv(connection, &octet, 1, 0) == 1 else { return false }
        line.append(octet)
      }
      owner.heardOctets.withLock { $0 += line }
      return true
    }
  }
}
