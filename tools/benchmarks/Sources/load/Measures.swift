import CEpoll
import Glibc

/// Opens `count` connections and waits until each is established.
func open(_ target: Target, _ count: Int) -> [Int32] {
  var sockets: [Int32] = []
  let poller = Poller()
  var pending = 0
  var established = 0
  let deadline = now() + 60_000_000_000
  while established < count {
    while sockets.count < count, pending < 128 {
      let socket = target.connect()
      poller.add(socket, writable | UInt32(EPOLLONESHOT.rawValue), tag: sockets.count)
      sockets.append(socket)
      pending += 1
    }
    poller.wait(1000) { tag, _ in
      var error: Int32 = 0
      var length = socklen_t(4)
      getsockopt(sockets[tag], SOL_SOCKET, SO_ERROR, &error, &length)
      guard error == 0 else { fail("connect: \(String(cString: strerror(error)))") }
      pending -= 1
      established += 1
    }
    if now() > deadline { fail("only \(established) of \(count) connections after 60 s") }
  }
  return sockets
}

/// The kernel sends to a discarding server: octets until the server has acknowledged all of them.
func measureSink(_ target: Target, seconds: Double, connections: Int) {
  let sockets = open(target, connections)
  let poller = Poller()
  for (tag, socket) in sockets.enumerated() { poller.add(socket, writable, tag: tag) }
  let chunk = [UInt8](repeating: 0x61, count: 256 * 1024)
  var sent = 0
  let start = now()
  let end = start + Int64(seconds * 1e9)
  while now() < end {
    poller.wait(100) { tag, _ in
      let count = Glibc.send(sockets[tag], chunk, chunk.count, Int32(MSG_NOSIGNAL))
      if count > 0 { sent += count } else if errno != EAGAIN { fail("send failed") }
    }
  }
  // The last octet has arrived when the server, having read our end, has sent its own.
  for socket in sockets {
    shutdown(socket, Int32(SHUT_WR))
    let flags = fcntl(socket, F_GETFL)
    _ = fcntl(socket, F_SETFL, flags & ~O_NONBLOCK)
  }
  var octet: UInt8 = 0
  for socket in sockets where recv(socket, &octet, 1, 0) != 0 { fail("no orderly end of stream") }
  let elapsed = Double(now() - start) / 1e9
  print("gbit_per_s=\(Double(sent) * 8 / elapsed / 1e9) octets=\(sent)")
}

/// An endless source sends to the kernel.
func measureSource(_ target: Target, seconds: Double, connections: Int) {
  let sockets = open(target, connections)
  let poller = Poller()
  for (tag, socket) in sockets.enumerated() { poller.add(socket, readable, tag: tag) }
  var chunk = [UInt8](repeating: 0, count: 256 * 1024)
  var received = 0
  let start = now()
  let end = start + Int64(seconds * 1e9)
  while now() < end {
    poller.wait(100) { tag, _ in
      let count = recv(sockets[tag], &chunk, chunk.count, 0)
      if count > 0 { received += count } else if count == 0 { fail("the source ended") }
    }
  }
  let elapsed = Double(now() - start) / 1e9
  for socket in sockets { reset(socket) }
  print("gbit_per_s=\(Double(received) * 8 / elapsed / 1e9) octets=\(received)")
}

/// Closes a connection by RST, so that no TIME-WAIT is left.
func reset(_ socket: Int32) {
  var abrupt = linger(l_onoff: 1, l_linger: 0)
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
  close(socket)
}

/// Ping-pong on each connection, every octet compared.
func measureEcho(_ target: Target, seconds: Double, connections: Int, size: Int) {
  let sockets = open(target, connections)
  let poller = Poller()
  var sentAt = [Int64](repeating: 0, count: connections)
  var received = [Int](repeating: 0, count: connections)
  var samples: [Int64] = []
  samples.reserveCapacity(4_000_000)
  let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
  var buffer = [UInt8](repeating: 0, count: size)
  for (tag, socket) in sockets.enumerated() {
    poller.add(socket, readable, tag: tag)
    sentAt[tag] = now()
    guard Glibc.send(socket, message, size, 0) == size else { fail("send failed") }
  }
  let start = now()
  let end = start + Int64(seconds * 1e9)
  while now() < end {
    poller.wait(100) { tag, _ in
      let count = recv(sockets[tag], &buffer, size - received[tag], 0)
      guard count > 0 else { fail("an echo connection ended") }
      guard buffer[0..<count] == message[received[tag]..<(received[tag] + count)] else {
        fail("an echo differs from what was sent")
      }
      received[tag] += count
      guard received[tag] == size else { return }
      received[tag] = 0
      let time = now()
      samples.append(time - sentAt[tag])
      sentAt[tag] = time
      guard Glibc.send(sockets[tag], message, size, 0) == size else { fail("send failed") }
    }
  }
  let elapsed = Double(now() - start) / 1e9
  for socket in sockets { reset(socket) }
  samples.sort()
  print(
    "per_s=\(Double(samples.count) / elapsed) p50_us=\(Double(percentile(samples, 0.5)) / 1e3)"
      + " p99_us=\(Double(percentile(samples, 0.99)) / 1e3)")
}

/// Connect, one octet echoed, FIN both ways; at most `limit` connections, for ports are few.
func measureConnect(_ target: Target, seconds: Double, parallel: Int, limit: Int) {
  var sockets = [Int32](repeating: -1, count: parallel)
  let poller = Poller()
  var started = 0
  var finished = 0
  func begin(_ tag: Int) {
    sockets[tag] = target.connect()
    started += 1
    poller.add(sockets[tag], writable, tag: tag)
  }
  let start = now()
  let end = start + Int64(seconds * 1e9)
  for tag in 0..<parallel { begin(tag) }
  var octet: UInt8 = 0x62
  var open = parallel
  while open > 0 {
    if now() > end + 20_000_000_000 { fail("connections did not end") }
    var next: [Int] = []
    poller.wait(100) { tag, events in
      let socket = sockets[tag]
      if events & writable != 0, events & readable == 0 {
        guard Glibc.send(socket, &octet, 1, Int32(MSG_NOSIGNAL)) == 1 else {
          fail("a connection was refused")
        }
        poller.set(socket, readable, tag: tag)
        return
      }
      let count = recv(socket, &octet, 1, 0)
      if count == 1 { shutdown(socket, Int32(SHUT_WR)); return }
      guard count == 0 else { fail("a connection was reset") }
      close(socket)
      finished += 1
      next.append(tag)
    }
    for tag in next {
      if now() < end, started < limit { begin(tag) } else { open -= 1 }
    }
  }
  let elapsed = Double(now() - start) / 1e9
  print("per_s=\(Double(finished) / elapsed) connections=\(finished)")
}

/// Opens connections and holds them until standard input ends.
func holdIdle(_ target: Target, count: Int) {
  let sockets = open(target, count)
  print("held=\(sockets.count)")
  fflush(nil)
  while getchar() != EOF {}
  for socket in sockets { reset(socket) }
}
