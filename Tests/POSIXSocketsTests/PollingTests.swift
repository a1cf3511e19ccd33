import POSIXSockets
import Testing
import Wire

@Suite("poll and epoll")
struct PollingTests {
  @Test("poll waits for the first event, or for its time, and passes negative descriptors over")
  func waiting() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    var entries = [
      PollEntry(descriptor: -1, events: .input), PollEntry(descriptor: server, events: .input),
    ]
    let empty = try hosts.finish { try $0.server.poll(&entries, milliseconds: 250) }
    #expect(empty.result == .done(0) && empty.after == .milliseconds(250))
    #expect(try hosts.server.poll(&entries, milliseconds: -1) == .pending)
    _ = try hosts.client.write(client, [1])
    let full = try hosts.finish { try $0.server.poll(&entries, milliseconds: -1) }
    #expect(full.result == .done(1) && full.after == .milliseconds(10))
    #expect(entries.map(\.returned) == [[], .input])
    #expect(try hosts.server.polled(99, .input) == .invalid)
  }

  @Test("a listener is readable when a connection waits")
  func listener() throws {
    let hosts = Hosts()
    let (listener, _, _) = try hosts.connect()
    #expect(try hosts.server.polled(listener, .input) == [])
    let socket = try hosts.number(hosts.client.socket(type: 1))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    _ = try hosts.finish { try $0.client.connect(socket, to: target) }
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.polled(listener, .input) == .input)
  }

  @Test("a level-triggered epoll tells again, an edge-triggered one only news, a one-shot once")
  func epoll() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    let modes: [(PollEvents, again: Int, afterMore: Int)] = [
      ([], 1, 1), (.edgeTriggered, 0, 1), (.oneShot, 0, 0),
    ]
    for (mode, again, afterMore) in modes {
      let epoll = try hosts.number(hosts.server.epollCreate(size: 1))
      let event = EpollEvent(events: mode.union(.input), data: 42)
      #expect(try hosts.server.epollControl(epoll, operation: 1, server, event) == .done(0))
      var events: [EpollEvent] = []
      func wait() throws -> CallResult {
        try hosts.server.epollWait(epoll, into: &events, maximum: 8, milliseconds: 0)
      }
      #expect(try wait() == .done(0))
      _ = try hosts.client.write(client, [1])
      hosts.wait(.milliseconds(20))
      #expect(try wait() == .done(1))
      #expect(events == [EpollEvent(events: .input, data: 42)])
      #expect(try wait() == .done(again))
      _ = try hosts.client.write(client, [1])
      hosts.wait(.milliseconds(20))
      #expect(try wait() == .done(afterMore))
      #expect(try hosts.server.epollControl(epoll, operation: 3, server, event) == .done(0))
      #expect(try wait() == .done(1))
      #expect(try hosts.server.epollControl(epoll, operation: 2, server, nil) == .done(0))
      #expect(try wait() == .done(0))
      _ = try hosts.server.reading(server, 100)
    }
  }

  @Test("an edge-triggered epoll tells of room again after a write found none")
  func epollOutput() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    _ = try hosts.client.fcntl(client, command: 4, argument: 0o4000)
    let epoll = try hosts.number(hosts.client.epollCreate(size: 1))
    let event = EpollEvent(events: [.output, .edgeTriggered], data: 7)
    _ = try hosts.client.epollControl(epoll, operation: 1, client, event)
    var events: [EpollEvent] = []
    func wait() throws -> CallResult {
      try hosts.client.epollWait(epoll, into: &events, maximum: 8, milliseconds: 0)
    }
    #expect(try wait() == .done(1))
    #expect(try wait() == .done(0))
    _ = try hosts.client.write(client, text(200_000))
    #expect(try wait() == .done(0))
    hosts.wait(.milliseconds(100))
    #expect(try wait() == .done(1))
    #expect(try wait() == .done(0))
  }

  @Test("mistakes with epoll")
  func mistakes() throws {
    let hosts = Hosts()
    let (_, server, _) = try hosts.connect()
    #expect(try hosts.server.epollCreate(size: 0) == .failed(.invalidArgument))
    let epoll = try hosts.number(hosts.server.epollCreate(size: 1))
    let event = EpollEvent(events: .input, data: 0)
    #expect(
      try hosts.server.epollControl(epoll, operation: 1, 99, event) == .failed(.badDescriptor))
    #expect(try hosts.server.epollControl(epoll, operation: 2, server, nil) == .failed(.noEntry))
    #expect(try hosts.server.epollControl(epoll, operation: 1, server, nil) == .failed(.badAddress))
    #expect(try hosts.server.epollControl(epoll, operation: 1, server, event) == .done(0))
    #expect(try hosts.server.epollControl(epoll, operation: 1, server, event) == .failed(.exists))
    #expect(
      try hosts.server.epollControl(epoll, operation: 9, server, event)
        == .failed(.invalidArgument))
    #expect(
      try hosts.server.epollControl(server, operation: 1, server, event)
        == .failed(.invalidArgument))
    var events: [EpollEvent] = []
    #expect(
      try hosts.server.epollWait(epoll, into: &events, maximum: 0, milliseconds: 0)
        == .failed(.invalidArgument))
    #expect(
      try hosts.server.epollWait(server, into: &events, maximum: 1, milliseconds: 0)
        == .failed(.invalidArgument))
  }
}
