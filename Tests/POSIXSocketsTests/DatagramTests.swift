import POSIXSockets
import Testing
import Wire

@Suite("datagrams")
struct DatagramTests {
  /// A bound socket of the server's, and one of the client's.
  private func sockets(_ hosts: Hosts) throws -> (server: Int, client: Int, end: SocketAddress) {
    let end = SocketAddress(serverAddress, 53)
    let server = try hosts.number(hosts.server.socket(type: 2))
    _ = try hosts.server.bind(server, to: .ipv4(end))
    return (server, try hosts.number(hosts.client.socket(type: 2)), end)
  }

  @Test("datagrams keep their bounds, and tell who sent them")
  func bounds() throws {
    let hosts = Hosts()
    let (server, client, end) = try sockets(hosts)
    for count in [3, 0, 5] {
      #expect(
        try hosts.client.sendto(client, text(count), flags: [], to: .ipv4(end))
          == .done(count))
    }
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.counted(server, 0x541B) == 3)
    var buffer: [UInt8]? = []
    var source: SocketAddress?
    #expect(
      try hosts.server.recvfrom(server, into: &buffer, count: 9, flags: .peek, source: &source)
        == .done(3))
    #expect(source?.address == clientAddress && buffer == text(3))
    #expect(try hosts.server.reading(server, 2) == Reading(result: .done(2), octets: text(2)))
    #expect(try hosts.server.reading(server, 9).result == .done(0))
    #expect(
      try hosts.server.reading(server, 2, .truncated) == Reading(result: .done(5), octets: text(2)))
    #expect(try hosts.server.reading(server, 2, .dontWait).result == .failed(.wouldBlock))
  }

  @Test("a message that is cut off says so")
  func truncation() throws {
    let hosts = Hosts()
    let (server, client, end) = try sockets(hosts)
    _ = try hosts.client.sendto(client, text(9), flags: [], to: .ipv4(end))
    hosts.wait(.milliseconds(20))
    var message = MessageHeader(vectors: [IOVector(count: 4)])
    #expect(try hosts.server.recvmsg(server, into: &message, flags: []) == .done(4))
    #expect(message.flags == .truncated && message.vectors?[0].octets == text(4))
  }

  @Test("without a destination, with one that does not suit, and too long")
  func mistakes() throws {
    let hosts = Hosts()
    let (_, client, end) = try sockets(hosts)
    #expect(try hosts.client.write(client, [1]) == .failed(.destinationRequired))
    #expect(
      try hosts.client.sendto(client, text(65_508), flags: [], to: .ipv4(end))
        == .failed(.messageTooLong))
    #expect(
      try hosts.client.sendto(client, [1], flags: [], to: .other(family: 10))
        == .failed(.familyNotSupported))
    #expect(try hosts.client.send(client, [1], flags: .outOfBand) == .failed(.notSupported))
    let all = AddressArgument.ipv4(SocketAddress(IPv4Address(255, 255, 255, 255), 53))
    #expect(try hosts.client.sendto(client, [1], flags: [], to: all) == .failed(.permissionDenied))
    var name: SocketAddress?
    #expect(try hosts.client.getpeername(client, into: &name) == .failed(.notConnected))
  }

  @Test("a connected socket hears one peer, and learns when nobody is there")
  func connected() throws {
    let hosts = Hosts()
    let (server, client, end) = try sockets(hosts)
    #expect(try hosts.client.connect(client, to: .ipv4(end)) == .done(0))
    var name: SocketAddress?
    #expect(try hosts.client.getsockname(client, into: &name) == .done(0))
    #expect(name?.address == clientAddress && name?.port.rawValue != 0)
    #expect(try hosts.client.write(client, [1, 2]) == .done(2))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.reading(server, 9).octets == [1, 2])
    _ = try hosts.server.close(server)
    #expect(try hosts.client.write(client, [1]) == .done(1))
    hosts.wait(.milliseconds(30))
    #expect(try hosts.client.polled(client, [.output]) == [.output, .error])
    #expect(try hosts.client.write(client, [1]) == .failed(.connectionRefused))
    hosts.wait(.milliseconds(30))
    _ = try hosts.client.write(client, [1])
    hosts.wait(.milliseconds(30))
    var buffer: [UInt8]? = []
    #expect(try hosts.client.read(client, into: &buffer, count: 1) == .failed(.connectionRefused))
    #expect(try hosts.client.read(client, into: &buffer, count: 1) == .pending)
    #expect(try hosts.client.connect(client, to: .unspecified) == .done(0))
    #expect(try hosts.client.write(client, [1]) == .failed(.destinationRequired))
  }

  @Test("a blocking read waits for a datagram")
  func blocking() throws {
    let hosts = Hosts()
    let (server, client, end) = try sockets(hosts)
    var buffer: [UInt8]? = []
    #expect(try hosts.server.read(server, into: &buffer, count: 9) == .pending)
    _ = try hosts.client.sendto(client, [4], flags: [], to: .ipv4(end))
    let read = try hosts.finish { try $0.server.read(server, into: &buffer, count: 9) }
    #expect(read.result == .done(1) && read.after == .milliseconds(10) && buffer == [4])
  }
}
