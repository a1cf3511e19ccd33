import Octets
import POSIXSockets
import Testing
import Wire

@Suite("the error queue: zero copy, and the times of sending")
struct ErrorQueueTests {
  /// The next report, or the error.
  private func report(_ hosts: Hosts, _ fd: Int) throws -> (CallResult, MessageHeader) {
    var message = MessageHeader(vectors: [IOVector(count: 0)])
    message.wantsControl = true
    let result = try hosts.client.recvmsg(fd, into: &message, flags: .errorQueue)
    return (result, message)
  }

  private func zeroCopied(_ first: UInt32, _ last: UInt32) -> [ControlMessage] {
    let error = ExtendedError(errno: 0, origin: 5, code: 1, info: first, data: last)
    return [ControlMessage(level: 0, type: 11, data: .extendedError(error))]
  }

  @Test("writes with MSG_ZEROCOPY are reported when they are acknowledged, neighbours together")
  func zeroCopy() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    #expect(try hosts.client.setsockopt(client, level: 1, name: 60, value: .int(1)) == .done(0))
    let epoll = try hosts.number(hosts.client.epollCreate(size: 1))
    let event = EpollEvent(events: [.input, .edgeTriggered], data: 1)
    _ = try hosts.client.epollControl(epoll, operation: 1, client, event)
    var events: [EpollEvent] = []
    for _ in 0..<2 {
      #expect(try hosts.client.send(client, text(100), flags: .zeroCopy) == .done(100))
    }
    #expect(try report(hosts, client).0 == .failed(.wouldBlock))
    hosts.wait(.milliseconds(30))
    #expect(
      try hosts.client.epollWait(epoll, into: &events, maximum: 1, milliseconds: 0) == .done(1))
    #expect(events == [EpollEvent(events: .error, data: 1)])
    #expect(
      try hosts.client.epollWait(epoll, into: &events, maximum: 1, milliseconds: 0) == .done(0))
    #expect(try hosts.client.polled(client, .input) == .error)
    let (result, message) = try report(hosts, client)
    #expect(result == .done(0) && message.flags == .errorQueue)
    #expect(message.control == zeroCopied(0, 1))
    #expect(try hosts.client.polled(client, .input) == [])
    // Without the option the flag means nothing; a write of nothing has no name.
    _ = try hosts.client.send(client, [], flags: .zeroCopy)
    _ = try hosts.client.send(client, [1], flags: .zeroCopy)
    hosts.wait(.milliseconds(30))
    #expect(try report(hosts, client).1.control == zeroCopied(2, 2))
  }

  @Test("SO_TIMESTAMPING tells when the last octet of a write was sent and acknowledged")
  func timestamps() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    let bits = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9
    #expect(try hosts.client.setsockopt(client, level: 1, name: 37, value: .int(bits)) == .done(0))
    #expect(try hosts.client.option(client, 1, 37) == bits)
    let begin = hosts.now.nanoseconds
    // The initial window takes ten segments: the rest goes one round trip later.
    #expect(try hosts.client.write(client, text(20_000)) == .done(20_000))
    hosts.wait(.milliseconds(100))
    let expected: [(UInt32, Int64)] = [(1, 20), (0, 20), (2, 40)]
    for (info, milliseconds) in expected {
      let (result, message) = try report(hosts, client)
      #expect(result == .done(0) && message.flags == [.errorQueue, .truncated])
      let at = begin + milliseconds * 1_000_000
      let time = ControlData.timestamp(
        seconds: at / 1_000_000_000, nanoseconds: at % 1_000_000_000)
      let error = ExtendedError(errno: 42, origin: 4, info: info, data: 19_999)
      #expect(
        message.control == [
          ControlMessage(level: 1, type: 37, data: time),
          ControlMessage(level: 0, type: 11, data: .extendedError(error)),
        ])
    }
    #expect(try report(hosts, client).0 == .failed(.wouldBlock))
    #expect(throws: UnsupportedCall.self) {
      try hosts.client.setsockopt(client, level: 1, name: 37, value: .int(1))
    }
  }

  @Test("TCP_INQ tells with each message how much waits, and one for the end")
  func queueLength() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.setsockopt(client, level: 6, name: 36, value: .int(1))
    _ = try hosts.server.write(server, text(100))
    _ = try hosts.server.close(server)
    hosts.wait(.milliseconds(30))
    for (count, left) in [(60, 40), (40, 1)] {
      var message = MessageHeader(vectors: [IOVector(count: count)])
      message.wantsControl = true
      #expect(try hosts.client.recvmsg(client, into: &message, flags: []) == .done(count))
      #expect(message.control == [ControlMessage(level: 6, type: 36, data: .int(Int32(left)))])
    }
  }
}
