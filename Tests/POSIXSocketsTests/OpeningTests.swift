import POSIXSockets
import Testing
import Wire

@Suite("socket, bind, listen, accept, connect")
struct OpeningTests {
  @Test("descriptors are the lowest free numbers, from 3 on")
  func numbers() throws {
    let hosts = Hosts()
    #expect(try hosts.server.socket(type: 1) == .done(3))
    #expect(try hosts.server.socket(type: 2) == .done(4))
    #expect(try hosts.server.epollCreate(size: 1) == .done(5))
    #expect(try hosts.server.close(4) == .done(0))
    #expect(try hosts.server.socket(type: 1) == .done(4))
    #expect(try hosts.server.close(4) == .done(0))
    #expect(try hosts.server.close(4) == .failed(.badDescriptor))
  }

  @Test("a process runs out of descriptors at 1,024")
  func limit() throws {
    let hosts = Hosts()
    for number in 3..<1024 { #expect(try hosts.server.socket(type: 1) == .done(number)) }
    #expect(try hosts.server.socket(type: 1) == .failed(.tooManyDescriptors))
  }

  @Test(
    "kinds of sockets that there are not",
    arguments: [
      (99, 1, 0, Errno.familyNotSupported), (2, 1, 17, .protocolNotSupported),
      (2, 2, 6, .protocolNotSupported), (2, 5, 0, .typeNotSupported), (2, 77, 0, .invalidArgument),
    ])
  func kinds(domain: Int, type: Int, number: Int, error: Errno) throws {
    let hosts = Hosts()
    #expect(try hosts.server.socket(domain: domain, type: type, protocol: number) == .failed(error))
  }

  @Test("what cannot be had is thrown, not answered")
  func unsupported() throws {
    let hosts = Hosts()
    #expect(throws: UnsupportedCall(what: "socket(AF_INET6)")) {
      try hosts.server.socket(domain: 10, type: 1)
    }
    #expect(throws: UnsupportedCall(what: "socket(SOCK_RAW)")) { try hosts.server.socket(type: 3) }
  }

  @Test("a blocking connect waits for the handshake, and accept for a connection")
  func blocking() throws {
    let hosts = Hosts()
    let listener = try hosts.number(hosts.server.socket(type: 1))
    let end = SocketAddress(serverAddress, 80)
    #expect(try hosts.server.bind(listener, to: .ipv4(end)) == .done(0))
    #expect(try hosts.server.listen(listener, backlog: 5) == .done(0))
    let socket = try hosts.number(hosts.client.socket(type: 1))
    var peer: SocketAddress?
    #expect(try hosts.server.accept(listener, peer: &peer) == .pending)
    let (result, after) = try hosts.finish { try $0.client.connect(socket, to: .ipv4(end)) }
    #expect(result == .done(0))
    #expect(after == .milliseconds(20))
    let accepted = try hosts.finish { try $0.server.accept(listener, peer: &peer) }
    #expect(accepted.result == .done(4) && accepted.after == .milliseconds(10))
    var name: SocketAddress?
    #expect(try hosts.client.getsockname(socket, into: &name) == .done(0))
    #expect(name == peer)
    #expect(try hosts.client.getpeername(socket, into: &name) == .done(0) && name == end)
    #expect(try hosts.server.getsockname(4, into: &name) == .done(0) && name == end)
    #expect(try hosts.client.connect(socket, to: .ipv4(end)) == .failed(.isConnected))
  }

  @Test("a connect that does not block: in progress, already, done, connected")
  func nonBlocking() throws {
    let hosts = Hosts()
    let (_, _, _) = try hosts.connect()
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    let socket = try hosts.number(hosts.client.socket(type: 1 | 0o4000))
    #expect(try hosts.client.connect(socket, to: target) == .failed(.inProgress))
    #expect(try hosts.client.connect(socket, to: target) == .failed(.alreadyInProgress))
    #expect(try hosts.client.polled(socket, [.input, .output]) == [])
    #expect(try hosts.client.reading(socket, 1).result == .failed(.wouldBlock))
    #expect(try hosts.client.write(socket, [1]) == .failed(.wouldBlock))
    var name: SocketAddress?
    #expect(try hosts.client.getpeername(socket, into: &name) == .failed(.notConnected))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.client.polled(socket, [.input, .output]) == .output)
    #expect(try hosts.client.option(socket, 1, 4) == 0)
    #expect(try hosts.client.connect(socket, to: target) == .done(0))
    #expect(try hosts.client.connect(socket, to: target) == .failed(.isConnected))
  }

  @Test("where nobody listens, connect is refused, and may be tried again")
  func refused() throws {
    let hosts = Hosts()
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 81))
    let socket = try hosts.number(hosts.client.socket(type: 1))
    for _ in 0..<2 {
      let (result, after) = try hosts.finish { try $0.client.connect(socket, to: target) }
      #expect(result == .failed(.connectionRefused) && after == .milliseconds(20))
    }
    // A socket that does not block learns it by SO_ERROR, once.
    let other = try hosts.number(hosts.client.socket(type: 1 | 0o4000))
    _ = try hosts.client.connect(other, to: target)
    hosts.wait(.milliseconds(20))
    #expect(try hosts.client.polled(other, .output) == [.output, .error, .hangUp])
    #expect(try hosts.client.option(other, 1, 4) == 111)
    #expect(try hosts.client.option(other, 1, 4) == 0)
  }

  @Test("SO_SNDTIMEO bounds a blocking connect, which then goes on")
  func connectTimeout() throws {
    let hosts = Hosts()
    hosts.passes = { _, _ in false }
    let socket = try hosts.number(hosts.client.socket(type: 1))
    let value = OptionValue.time(seconds: 2, microseconds: 500_000)
    #expect(try hosts.client.setsockopt(socket, level: 1, name: 21, value: value) == .done(0))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    let (result, after) = try hosts.finish { try $0.client.connect(socket, to: target) }
    #expect(result == .failed(.inProgress) && after == .milliseconds(2500))
  }

  @Test("TCP_SYNCNT bounds the tries: after them, ETIMEDOUT")
  func synRetries() throws {
    let hosts = Hosts()
    hosts.passes = { _, _ in false }
    let socket = try hosts.number(hosts.client.socket(type: 1))
    #expect(try hosts.client.setsockopt(socket, level: 6, name: 7, value: .int(2)) == .done(0))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    let (result, after) = try hosts.finish { try $0.client.connect(socket, to: target) }
    // 1 s, 2 s and 4 s.
    #expect(result == .failed(.timedOut) && after == .seconds(7))
  }

  @Test("addresses that do not suit")
  func addresses() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.server.socket(type: 1))
    let strange = SocketAddress(IPv4Address(198, 51, 100, 1), 80)
    #expect(try hosts.server.bind(socket, to: .null) == .failed(.badAddress))
    #expect(try hosts.server.bind(socket, to: .other(family: 1)) == .failed(.familyNotSupported))
    #expect(try hosts.server.bind(socket, to: .ipv4(strange)) == .failed(.addressNotAvailable))
    #expect(try hosts.server.connect(socket, to: .null) == .failed(.badAddress))
    #expect(try hosts.server.connect(socket, to: .ipv4(strange)) == .failed(.networkUnreachable))
    let end = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    #expect(try hosts.server.bind(socket, to: end) == .done(0))
    #expect(try hosts.server.bind(socket, to: end) == .failed(.invalidArgument))
    let other = try hosts.number(hosts.server.socket(type: 1))
    #expect(try hosts.server.bind(other, to: end) == .failed(.addressInUse))
    let any = AddressArgument.ipv4(SocketAddress(.any, 80))
    #expect(try hosts.server.bind(other, to: any) == .failed(.addressInUse))
    #expect(try hosts.server.bind(9, to: end) == .failed(.badDescriptor))
    #expect(try hosts.server.bind(0, to: end) == .failed(.notSocket))
  }

  @Test("a bind to port 0 chooses a port, and so does listen without bind")
  func ephemeral() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.server.socket(type: 1))
    #expect(try hosts.server.listen(socket, backlog: 1) == .done(0))
    var name: SocketAddress?
    _ = try hosts.server.getsockname(socket, into: &name)
    #expect((name?.port.rawValue ?? 0) >= 49_152)
    #expect(try hosts.server.option(socket, 1, 30) == 1)
  }

  @Test("TIME-WAIT keeps a port, unless SO_REUSEADDR is on")
  func reuse() throws {
    let hosts = Hosts()
    let (listener, server, client) = try hosts.connect()
    _ = try hosts.server.close(server)
    hosts.wait(.milliseconds(20))
    _ = try hosts.client.close(client)
    hosts.wait(.milliseconds(20))
    _ = try hosts.server.close(listener)
    let end = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    let socket = try hosts.number(hosts.server.socket(type: 1))
    #expect(try hosts.server.bind(socket, to: end) == .failed(.addressInUse))
    #expect(try hosts.server.setsockopt(socket, level: 1, name: 2, value: .int(1)) == .done(0))
    #expect(try hosts.server.bind(socket, to: end) == .done(0))
  }

  @Test("accept without a listener, without a stream, without a connection")
  func acceptErrors() throws {
    let hosts = Hosts()
    var peer: SocketAddress?
    let socket = try hosts.number(hosts.server.socket(type: 1 | 0o4000))
    #expect(try hosts.server.accept(socket, peer: &peer) == .failed(.invalidArgument))
    _ = try hosts.server.listen(socket, backlog: 1)
    #expect(try hosts.server.accept(socket, peer: &peer) == .failed(.wouldBlock))
    #expect(try hosts.server.accept(socket, peer: &peer, flags: 1) == .failed(.invalidArgument))
    let datagram = try hosts.number(hosts.server.socket(type: 2))
    #expect(try hosts.server.accept(datagram, peer: &peer) == .failed(.notSupported))
    #expect(try hosts.server.listen(datagram, backlog: 1) == .failed(.notSupported))
    #expect(try hosts.server.reading(socket, 1).result == .failed(.notConnected))
    #expect(try hosts.server.write(socket, [1]) == .failed(.brokenPipe))
  }

  @Test("SO_RCVTIMEO bounds a blocking accept")
  func acceptTimeout() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.server.socket(type: 1))
    _ = try hosts.server.listen(socket, backlog: 1)
    let value = OptionValue.time(seconds: 0, microseconds: 300_000)
    _ = try hosts.server.setsockopt(socket, level: 1, name: 20, value: value)
    var peer: SocketAddress?
    let (result, after) = try hosts.finish { try $0.server.accept(socket, peer: &peer) }
    #expect(result == .failed(.wouldBlock) && after == .milliseconds(300))
  }

  @Test("connect to AF_UNSPEC resets the connection and makes the socket new")
  func disconnect() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(try hosts.client.connect(client, to: .unspecified) == .done(0))
    #expect(try hosts.client.option(client, 1, 4) == 104)
    var name: SocketAddress?
    #expect(try hosts.client.getpeername(client, into: &name) == .failed(.notConnected))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.reading(server, 1).result == .failed(.connectionReset))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    #expect(try hosts.finish { try $0.client.connect(client, to: target) }.result == .done(0))
  }

  @Test("with TCP_DEFER_ACCEPT a connection is accepted with its first data, or after the time")
  func deferAccept() throws {
    for sendsData in [true, false] {
      let hosts = Hosts()
      let listener = try hosts.number(hosts.server.socket(type: 1 | 0o4000))
      let end = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
      _ = try hosts.server.bind(listener, to: end)
      #expect(try hosts.server.setsockopt(listener, level: 6, name: 9, value: .int(2)) == .done(0))
      // Counted in retransmissions, it reads as 1, 3, 7, ... seconds.
      #expect(try hosts.server.option(listener, 6, 9) == 3)
      _ = try hosts.server.listen(listener, backlog: 5)
      let socket = try hosts.number(hosts.client.socket(type: 1))
      #expect(try hosts.finish { try $0.client.connect(socket, to: end) }.result == .done(0))
      hosts.wait(.milliseconds(900))
      var peer: SocketAddress?
      #expect(try hosts.server.accept(listener, peer: &peer) == .failed(.wouldBlock))
      if sendsData { _ = try hosts.client.write(socket, [1]) } else { hosts.wait(.seconds(3)) }
      hosts.wait(.milliseconds(30))
      #expect(try hosts.server.accept(listener, peer: &peer) == .done(4))
    }
  }
}
