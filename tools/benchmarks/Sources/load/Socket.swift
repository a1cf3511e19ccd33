import CEpoll
import Glibc

/// Ends the program with a sentence; a load generator has nothing to clean up.
func fail(_ sentence: String) -> Never {
  let line = Array("load: \(sentence)\n".utf8)
  _ = write(2, line, line.count)
  exit(1)
}

/// Nanoseconds of the machine's steady clock.
func now() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Where the server listens.
struct Target {
  var address: sockaddr_in

  init(host: String, port: UInt16) {
    address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
      fail("\(host) is not an IPv4 address")
    }
  }

  /// A non-blocking socket on its way to the server.
  func connect() -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard socket >= 0 else { fail("socket: \(String(cString: strerror(errno)))") }
    var one: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var copy = address
    let result = withUnsafePointer(to: &copy) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 || errno == EINPROGRESS else {
      fail("connect: \(String(cString: strerror(errno)))")
    }
    return socket
  }
}

/// Sockets that wait, and what to do when one can go on.
final class Poller {
  private let descriptor = epoll_create1(0)
  private var events = [epoll_event](repeating: epoll_event(), count: 512)

  func add(_ socket: Int32, _ interest: UInt32, tag: Int) {
    change(EPOLL_CTL_ADD, socket, interest, tag)
  }
  func set(_ socket: Int32, _ interest: UInt32, tag: Int) {
    change(EPOLL_CTL_MOD, socket, interest, tag)
  }

  private func change(_ what: Int32, _ socket: Int32, _ interest: UInt32, _ tag: Int) {
    var event = epoll_event()
    event.events = interest
    event.data.u64 = UInt64(tag)
    guard epoll_ctl(descriptor, what, socket, &event) == 0 else {
      fail("epoll_ctl: \(String(cString: strerror(errno)))")
    }
  }

  /// Waits up to `milliseconds`, then calls `body` with the tag and the events of each ready socket.
  func wait(_ milliseconds: Int32, _ body: (Int, UInt32) -> Void) {
    let count = epoll_wait(descriptor, &events, Int32(events.count), milliseconds)
    guard count > 0 else { return }
    for index in 0..<Int(count) { body(Int(events[index].data.u64), events[index].events) }
  }
}

let readable = UInt32(EPOLLIN.rawValue)
let writable = UInt32(EPOLLOUT.rawValue)

/// The value below which `share` of the sorted samples lie.
func percentile(_ sorted: [Int64], _ share: Double) -> Int64 {
  guard !sorted.isEmpty else { return 0 }
  return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}
