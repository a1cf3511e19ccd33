import POSIXSockets
import Testing
import Wire

@Suite("reading and writing a stream")
struct StreamTests {
  @Test("what is written is read, in pieces of any size")
  func transfer() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    let sent = text(5000)
    #expect(try hosts.client.write(client, sent) == .done(5000))
    hosts.wait(.milliseconds(50))
    #expect(try hosts.server.counted(server, 0x541B) == 5000)
    var got: [UInt8] = []
    while got.count < 5000 {
      let reading = try hosts.server.reading(server, 777)
      guard case .done(let count) = reading.result, count > 0 else { break }
      got += reading.octets
    }
    #expect(got == sent)
    var buffer: [UInt8]? = []
    #expect(
      try hosts.server.recv(server, into: &buffer, count: 1, flags: .dontWait)
        == .failed(.wouldBlock))
  }

  @Test("a blocking read waits for data; a blocking write for room, and writes all")
  func blocking() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    var buffer: [UInt8]? = []
    #expect(try hosts.server.read(server, into: &buffer, count: 100) == .pending)
    _ = try hosts.client.write(client, [1, 2, 3])
    let read = try hosts.finish { try $0.server.read(server, into: &buffer, count: 100) }
    #expect(read.result == .done(3) && read.after == .milliseconds(10) && buffer == [1, 2, 3])
    let sent = text(400_000)
    #expect(try hosts.client.write(client, sent) == .pending)
    var got: [UInt8] = []
    let written = try hosts.finish { hosts in
      got += try hosts.server.reading(server, 100_000, .dontWait).octets
      return try hosts.client.write(client, sent)
    }
    #expect(written.result == .done(400_000))
    _ = try hosts.finish { hosts in
      got += try hosts.server.reading(server, 100_000, .dontWait).octets
      return got.count < sent.count ? .pending : .done(0)
    }
    #expect(got == sent)
  }

  @Test("a write that does not block takes what fits; then EAGAIN, and poll tells of room again")
  func partial() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.fcntl(client, command: 4, argument: 0o4000)
    #expect(try hosts.client.fcntl(client, command: 3) == .done(0o4002))
    _ = try hosts.client.setsockopt(client, level: 1, name: 7, value: .int(10_000))
    #expect(try hosts.client.option(client, 1, 7) == 20_000)
    let taken = (22 + 10) * 1448
    // A buffer is begun while less than the limit waits, and then filled: 22 segments, half of the
    // peer's window, of which ten leave at once.
    #expect(try hosts.client.write(client, text(50_000)) == .done(taken))
    #expect(try hosts.client.write(client, [1]) == .failed(.wouldBlock))
    #expect(try hosts.client.polled(client, .output) == [])
    #expect(try hosts.client.counted(client, 0x5411) == taken)
    hosts.wait(.milliseconds(200))
    #expect(try hosts.client.polled(client, .output) == .output)
    #expect(try hosts.client.counted(client, 0x5411) == 0)
    #expect(try hosts.server.counted(server, 0x541B) == taken)
  }

  @Test("MSG_WAITALL waits for all, SO_RCVLOWAT for enough")
  func waiting() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    var buffer: [UInt8]? = []
    _ = try hosts.client.write(client, text(10))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.recv(server, into: &buffer, count: 20, flags: .waitAll) == .pending)
    _ = try hosts.client.write(client, text(10, from: 10))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.recv(server, into: &buffer, count: 20, flags: .waitAll) == .done(20))
    #expect(buffer == text(20))
    _ = try hosts.server.setsockopt(server, level: 1, name: 18, value: .int(8))
    _ = try hosts.client.write(client, text(5))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.polled(server, .input) == [])
    #expect(try hosts.server.read(server, into: &buffer, count: 100) == .pending)
    _ = try hosts.client.write(client, text(5, from: 5))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.read(server, into: &buffer, count: 100) == .done(10))
    #expect(buffer == text(10))
    // What is there when the peer closes is enough.
    _ = try hosts.client.write(client, [9])
    _ = try hosts.client.close(client)
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.recv(server, into: &buffer, count: 5, flags: .waitAll) == .done(1))
    #expect(try hosts.server.recv(server, into: &buffer, count: 5, flags: .waitAll) == .done(0))
  }

  @Test("SO_RCVTIMEO and SO_SNDTIMEO: what was done counts, or EAGAIN")
  func timeouts() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    let time = OptionValue.time(seconds: 1, microseconds: 0)
    _ = try hosts.server.setsockopt(server, level: 1, name: 20, value: time)
    var buffer: [UInt8]? = []
    let read = try hosts.finish { try $0.server.read(server, into: &buffer, count: 9) }
    #expect(read.result == .failed(.wouldBlock) && read.after == .seconds(1))
    _ = try hosts.client.write(client, text(4))
    let part = try hosts.finish {
      try $0.server.recv(server, into: &buffer, count: 9, flags: .waitAll)
    }
    #expect(part.result == .done(4) && part.after == .seconds(1) && buffer == text(4))
    _ = try hosts.client.setsockopt(client, level: 1, name: 21, value: time)
    let sent = text(1_000_000)
    let write = try hosts.finish { try $0.client.write(client, sent) }
    #expect(write.after == .seconds(1))
    #expect(hosts.number(write.result) > 87_040 && hosts.number(write.result) < 1_000_000)
    hosts.passes = { _, _ in false }
    // What is left of a buffer is filled without waiting.
    while case .done = try hosts.client.send(client, sent, flags: .dontWait) {}
    let again = try hosts.finish { try $0.client.write(client, sent) }
    #expect(again.result == .failed(.wouldBlock) && again.after == .seconds(1))
  }

  @Test("MSG_PEEK leaves what it shows, MSG_TRUNC drops what it counts")
  func peekAndDrop() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.write(client, text(100))
    hosts.wait(.milliseconds(20))
    #expect(
      try hosts.server.reading(server, 60, .peek) == Reading(result: .done(60), octets: text(60)))
    #expect(
      try hosts.server.reading(server, 200, .peek) == Reading(result: .done(100), octets: text(100))
    )
    #expect(
      try hosts.server.reading(server, 40, .truncated) == Reading(result: .done(40), octets: []))
    #expect(
      try hosts.server.reading(server, 200)
        == Reading(result: .done(60), octets: text(60, from: 40)))
  }

  @Test("vectors and messages are filled one after the other")
  func vectors() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(
      try hosts.client.writev(client, [IOVector(text(3)), IOVector(text(4, from: 3))])
        == .done(7))
    #expect(
      try hosts.client.sendmsg(client, MessageHeader(vectors: [IOVector([9])]), flags: [])
        == .done(1))
    hosts.wait(.milliseconds(20))
    var vectors = [IOVector(count: 2), IOVector(count: 3), IOVector(count: 8)]
    #expect(try hosts.server.readv(server, into: &vectors) == .done(8))
    #expect(vectors[0].octets == text(2) && vectors[1].octets == text(3, from: 2))
    #expect(vectors[2].octets == text(2, from: 5) + [9, 0, 0, 0, 0, 0])
  }

  @Test("null pointers are EFAULT where octets would be written or read, and only there")
  func nullPointers() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(try hosts.client.write(client, nil, count: 10) == .failed(.badAddress))
    #expect(try hosts.client.write(client, nil, count: 0) == .done(0))
    var null: [UInt8]?
    #expect(
      try hosts.server.recv(server, into: &null, count: 9, flags: .dontWait)
        == .failed(.wouldBlock))
    _ = try hosts.client.write(client, [1, 2])
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.read(server, into: &null, count: 9) == .failed(.badAddress))
    #expect(try hosts.server.read(server, into: &null, count: 0) == .done(0))
    #expect(try hosts.server.recv(server, into: &null, count: 1, flags: .truncated) == .done(1))
    #expect(try hosts.server.reading(server, 9).octets == [2])
    #expect(
      try hosts.client.sendmsg(client, MessageHeader(vectors: nil), flags: [])
        == .failed(.badAddress))
    #expect(
      try hosts.client.sendmsg(
        client, MessageHeader(vectors: [.null(count: 4)]), flags: []) == .failed(.badAddress))
  }

  @Test("calls without a connection")
  func unconnected() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.client.socket(type: 1))
    #expect(try hosts.client.reading(socket, 1).result == .failed(.notConnected))
    #expect(try hosts.client.write(socket, [1]) == .failed(.brokenPipe))
    #expect(try hosts.client.shutdown(socket, how: 1) == .failed(.notConnected))
    #expect(try hosts.client.polled(socket, [.input, .output]) == [.output, .hangUp])
    #expect(try hosts.client.reading(77, 1).result == .failed(.badDescriptor))
    #expect(try hosts.client.reading(1, 1).result == .failed(.notSocket))
    #expect(try hosts.client.send(socket, [1], flags: .fastOpen) == .failed(.invalidArgument))
  }

  @Test("TCP_CORK holds a tail back until it is taken off, or for 200 ms")
  func cork() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.setsockopt(client, level: 6, name: 3, value: .int(1))
    _ = try hosts.client.write(client, text(2000))
    hosts.wait(.milliseconds(100))
    #expect(try hosts.server.counted(server, 0x541B) == 1448)
    #expect(try hosts.client.counted(client, 0x894B) == 552)
    _ = try hosts.client.setsockopt(client, level: 6, name: 3, value: .int(0))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.counted(server, 0x541B) == 2000)
    _ = try hosts.client.setsockopt(client, level: 6, name: 3, value: .int(1))
    _ = try hosts.client.write(client, text(10))
    hosts.wait(.milliseconds(190))
    #expect(try hosts.server.counted(server, 0x541B) == 2000)
    hosts.wait(.milliseconds(100))
    #expect(try hosts.server.counted(server, 0x541B) == 2010)
  }

  @Test("MSG_MORE holds a tail back until the next write")
  func more() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    #expect(try hosts.client.send(client, text(10), flags: .more) == .done(10))
    hosts.wait(.milliseconds(50))
    #expect(try hosts.server.counted(server, 0x541B) == 0)
    _ = try hosts.client.write(client, text(5))
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.counted(server, 0x541B) == 15)
  }

  @Test("TCP_NOTSENT_LOWAT bounds what waits unsent")
  func lowWater() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    _ = try hosts.client.fcntl(client, command: 4, argument: 0o4000)
    _ = try hosts.client.setsockopt(client, level: 6, name: 25, value: .int(3000))
    // Ten segments of the first buffer leave at once; it is filled again, and passes the mark.
    #expect(try hosts.client.write(client, text(80_000)) == .done((22 + 10) * 1448))
    #expect(try hosts.client.polled(client, .output) == [])
    hosts.wait(.milliseconds(200))
    #expect(try hosts.client.polled(client, .output) == .output)
  }

  @Test("the urgent octet is read apart, and a read stops before it")
  func urgent() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.write(client, [1, 2])
    #expect(try hosts.client.send(client, [3, 4], flags: .outOfBand) == .done(2))
    _ = try hosts.client.write(client, [5])
    hosts.wait(.milliseconds(100))
    #expect(try hosts.server.polled(server, [.priority]) == .priority)
    #expect(try hosts.server.counted(server, 0x8905) == 0)
    #expect(try hosts.server.counted(server, 0x541B) == 3)
    #expect(try hosts.server.reading(server, 100) == Reading(result: .done(3), octets: [1, 2, 3]))
    #expect(try hosts.server.counted(server, 0x8905) == 1)
    #expect(
      try hosts.server.reading(server, 1, .outOfBand)
        == Reading(result: .done(1), octets: [4]))
    #expect(try hosts.server.reading(server, 1, .outOfBand).result == .failed(.invalidArgument))
    #expect(try hosts.server.polled(server, [.priority]) == [])
    #expect(try hosts.server.reading(server, 100) == Reading(result: .done(1), octets: [5]))
  }

  @Test("with SO_OOBINLINE the urgent octet is among the others")
  func urgentInline() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.server.setsockopt(server, level: 1, name: 10, value: .int(1))
    _ = try hosts.client.send(client, [1, 2], flags: .outOfBand)
    hosts.wait(.milliseconds(20))
    #expect(try hosts.server.reading(server, 1, .outOfBand).result == .failed(.invalidArgument))
    #expect(try hosts.server.reading(server, 9).octets == [1])
    #expect(try hosts.server.reading(server, 9).octets == [2])
  }
}
