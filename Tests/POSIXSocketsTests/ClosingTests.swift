import POSIXSockets
import Testing
import Wire

@Suite("close, shutdown, and how connections end")
struct ClosingTests {
  @Test("the peer's close: what was sent is read, then the end; writing still works, once")
  func endOfFile() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.write(client, [1])
    #expect(try hosts.client.close(client) == .done(0))
    hosts.wait(.milliseconds(20))
    #expect(
      try hosts.server.polled(server, [.input, .readHangUp, .output])
        == [.input, .readHangUp, .output])
    #expect(try hosts.server.reading(server, 9).octets == [1])
    for _ in 0..<2 { #expect(try hosts.server.reading(server, 9).result == .done(0)) }
    // The first write is answered by a reset: the peer has closed both ways.
    #expect(try hosts.server.write(server, [1]) == .done(1))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.option(server, 1, 4) == 32)
    #expect(try hosts.server.write(server, [1]) == .failed(.brokenPipe))
  }

  @Test("a reset is told once as ECONNRESET; then the end, and EPIPE")
  func reset() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    let linger = OptionValue.linger(isOn: true, seconds: 0)
    _ = try hosts.client.setsockopt(client, level: 1, name: 13, value: linger)
    #expect(try hosts.client.close(client) == .done(0))
    hosts.wait(.milliseconds(20))
    #expect(
      try hosts.server.polled(server, [.input, .output])
        == [.input, .output, .error, .hangUp])
    #expect(try hosts.server.reading(server, 9).result == .failed(.connectionReset))
    #expect(try hosts.server.reading(server, 9).result == .done(0))
    #expect(try hosts.server.write(server, [1]) == .failed(.brokenPipe))
    #expect(try hosts.server.polled(server, [.input]) == [.input, .hangUp])
    #expect(try hosts.server.close(server) == .done(0))
  }

  @Test("a write after a reset gets ECONNRESET first, then EPIPE")
  func writeAfterReset() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.server.write(server, [1])
    hosts.wait(.milliseconds(20))
    // Unread data: the close is a reset.
    _ = try hosts.client.close(client)
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.write(server, [1]) == .failed(.connectionReset))
    #expect(try hosts.server.write(server, [1]) == .failed(.brokenPipe))
  }

  @Test("shutdown of writing: the peer reads the end, and may go on writing")
  func halfClose() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(try hosts.client.shutdown(client, how: 1) == .done(0))
    #expect(try hosts.client.write(client, [1]) == .failed(.brokenPipe))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.reading(server, 9).result == .done(0))
    _ = try hosts.server.write(server, [7])
    hosts.wait(.milliseconds(20))
    #expect(try hosts.client.reading(client, 9).octets == [7])
    #expect(hosts.client.tcpInformation(client)?["tcpi_state"] == 5)
    #expect(try hosts.client.shutdown(client, how: 3) == .failed(.invalidArgument))
  }

  @Test("shutdown of reading: the end at once; data still comes while we may write")
  func readClose() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(try hosts.client.shutdown(client, how: 0) == .done(0))
    #expect(try hosts.client.reading(client, 9).result == .done(0))
    #expect(try hosts.client.polled(client, [.input, .readHangUp]) == [.input, .readHangUp])
    _ = try hosts.server.write(server, [7])
    hosts.wait(.milliseconds(20))
    #expect(try hosts.client.reading(client, 9).octets == [7])
    // With both sides shut, data is answered by a reset.
    #expect(try hosts.client.shutdown(client, how: 1) == .done(0))
    _ = try hosts.server.write(server, [8])
    hosts.wait(.milliseconds(40))
    #expect(try hosts.server.option(server, 1, 4) != 0)
  }

  @Test("shutdown of a listener ends its listening; of an attempt, the attempt")
  func shutdownOthers() throws {
    let hosts = Hosts()
    let (listener, _, _) = try hosts.connect()
    #expect(try hosts.server.shutdown(listener, how: 0) == .done(0))
    var peer: SocketAddress?
    #expect(try hosts.server.accept(listener, peer: &peer) == .failed(.invalidArgument))
    let socket = try hosts.number(hosts.client.socket(type: 1 | 0o4000))
    let target = AddressArgument.ipv4(SocketAddress(serverAddress, 80))
    _ = try hosts.client.connect(socket, to: target)
    #expect(try hosts.client.shutdown(socket, how: 2) == .done(0))
    #expect(try hosts.client.option(socket, 1, 4) == 104)
  }

  @Test("a lingering close waits until the peer has all, or for its time")
  func linger() throws {
    for arrives in [true, false] {
      let hosts = Hosts()
      let (_, server, client) = try hosts.connect()
      let linger = OptionValue.linger(isOn: true, seconds: 3)
      _ = try hosts.client.setsockopt(client, level: 1, name: 13, value: linger)
      var value: OptionValue? = .linger(isOn: false, seconds: 0)
      _ = try hosts.client.getsockopt(client, level: 1, name: 13, value: &value)
      #expect(value == linger)
      _ = try hosts.client.write(client, text(1000))
      hosts.passes = { side, _ in arrives || side == .client }
      let (result, after) = try hosts.finish { try $0.client.close(client) }
      #expect(result == .done(0))
      #expect(after == (arrives ? .milliseconds(20) : .seconds(3)))
      #expect(try hosts.client.close(client) == .failed(.badDescriptor))
      if arrives { #expect(try hosts.server.reading(server, 2000).octets == text(1000)) }
    }
  }

  @Test("a peer that falls silent: ETIMEDOUT after TCP_USER_TIMEOUT")
  func userTimeout() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    _ = try hosts.client.setsockopt(client, level: 6, name: 18, value: .int(5000))
    #expect(try hosts.client.option(client, 6, 18) == 5000)
    hosts.passes = { _, _ in false }
    _ = try hosts.client.write(client, [1])
    var buffer: [UInt8]? = []
    let (result, after) = try hosts.finish { try $0.client.read(client, into: &buffer, count: 1) }
    #expect(result == .failed(.timedOut) && after == .seconds(5))
  }

  @Test("keepalive notices a silent peer")
  func keepalive() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    for (level, name, value) in [(6, 4, 10), (6, 5, 2), (6, 6, 3), (1, 9, 1)] {
      let result = try hosts.client.setsockopt(client, level: level, name: name, value: .int(value))
      #expect(result == .done(0))
      #expect(try hosts.client.option(client, level, name) == value)
    }
    hosts.passes = { _, _ in false }
    var buffer: [UInt8]? = []
    let (result, after) = try hosts.finish { try $0.client.read(client, into: &buffer, count: 1) }
    #expect(result == .failed(.timedOut) && after == .seconds(16))
  }
}
