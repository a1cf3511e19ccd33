import NetworkCore
import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: TCP")
struct HostTCPTests {
  private let anyMail = SocketAddress(.any, 25)

  @Test("a handshake, an echo and a close by hand")
  func byHand() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    #expect(try bench.accept(listener) == nil)
    var peer = try #require(bench.connect())
    #expect(bench.events().map(\.readiness) == [.acceptable])
    let socket = try #require(try bench.accept(listener))
    #expect(bench.stack.state(socket) == .established)
    #expect(bench.endpoints(socket)?.remote == peer.remote)
    bench.arrive(peer.packet([.ack, .psh], [1, 2, 3]))
    peer.next += 3
    #expect(try bench.read(socket) == [1, 2, 3])
    #expect(try bench.send(socket, [4, 5]) == 2)
    let answer = try #require(Segment(bench.flush().last))
    #expect(answer.payload == [4, 5] && answer.flags.contains(.psh))
    #expect(answer.header.acknowledgment == peer.next)
    peer.expected += 2
    bench.arrive(peer.packet([.ack, .fin]))
    peer.next += 1
    #expect(bench.stack.isAtEnd(socket) && bench.stack.state(socket) == .closeWait)
    bench.stack.close(socket, at: bench.now)
    let end = try #require(Segment(bench.flush().last))
    #expect(end.flags.contains(.fin))
    peer.expected += 1
    bench.arrive(peer.packet([.ack]))
    #expect(bench.connectionCount == 0)
    #expect(throws: SocketError.noSuchSocket) {
      _ = try bench.send(socket, [1])
    }
  }

  struct Stray: Sendable, CustomTestStringConvertible {
    var name: String
    var flags: TCPFlags
    var payload: [UInt8] = []
    var answer: TCPFlags?
    var sequence = SequenceNumber(0)
    var acknowledgment = SequenceNumber(0)
    var testDescription: String { name }
  }

  static let strays = [
    Stray(name: "SYN", flags: [.syn], answer: [.rst, .ack], acknowledgment: SequenceNumber(1001)),
    Stray(
      name: "SYN,FIN with text", flags: [.syn, .fin], payload: [1, 2], answer: [.rst, .ack],
      acknowledgment: SequenceNumber(1004)),
    Stray(name: "ACK", flags: [.ack], answer: [.rst], sequence: SequenceNumber(777)),
    Stray(name: "SYN,ACK", flags: [.syn, .ack], answer: [.rst], sequence: SequenceNumber(777)),
    Stray(name: "FIN", flags: [.fin], answer: [.rst, .ack], acknowledgment: SequenceNumber(1001)),
    Stray(name: "nothing", flags: [], answer: [.rst, .ack], acknowledgment: SequenceNumber(1000)),
    Stray(name: "RST", flags: [.rst]),
    Stray(name: "RST,ACK", flags: [.rst, .ack]),
  ]

  @Test("a segment for nobody is answered as RFC 9293 3.10.7.1 says", arguments: strays)
  func stray(_ stray: Stray) {
    let bench = Bench()
    let sent = bench.arrive(
      Packet.tcp(stray.flags, acknowledgment: SequenceNumber(777), stray.payload))
    let answer = Segment(sent.first)
    #expect(answer?.flags == stray.answer)
    if let answer, stray.answer != nil {
      #expect(answer.sequence == stray.sequence)
      if answer.flags.contains(.ack) {
        #expect(answer.header.acknowledgment == stray.acknowledgment)
      }
    }
    #expect(bench.stack.counters.stack.count(.dropNoListener) == 1)
  }

  @Test(
    "a wrong checksum is dropped, unless the device says that it is right",
    .requirement("RFC 9293 MUST-3"))
  func checksum() throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: anyMail)
    let broken = Packet.tcp([.syn], breaksChecksum: true)
    #expect(bench.arrive(broken).isEmpty)
    #expect(bench.stack.counters.stack.count(.dropTCPChecksum) == 1)
    #expect(bench.arrive(broken, facts: OffloadFacts(checksum: .verified)).count == 1)
  }

  @Test(
    "TCP to a broadcast or a group is dropped without a word", .requirement("RFC 9293 MUST-57"))
  func broadcast() throws {
    let bench = Bench()
    _ = try bench.stack.listen(at: anyMail)
    for address in [IPv4Address(192, 0, 2, 255), .limitedBroadcast] {
      #expect(bench.arrive(Packet.tcp(to: SocketAddress(address, 25), [.syn])).isEmpty)
    }
    #expect(bench.stack.counters.stack.count(.dropTCPToGroup) == 2)
    #expect(
      bench.arrive(Packet.tcp(to: SocketAddress(IPv4Address(224, 0, 0, 1), 25), [.syn])).isEmpty)
  }

  @Test("handshakes under way are bounded; a new one has its chance when one ends")
  func synQueue() throws {
    let bench = Bench()
    var options = ListenOptions()
    options.handshakes = 3
    options.usesCookies = false
    _ = try bench.stack.listen(at: anyMail, options: options)
    var peers: [Peer] = []
    for port in 1...5 {
      let remote = SocketAddress(theirs, Port(UInt16(6000 + port)))
      if let peer = bench.connect(from: remote, finishes: false) { peers.append(peer) }
    }
    #expect(peers.count == 3)
    #expect(bench.stack.counters.stack.count(.dropSYNQueueFull) == 2)
    bench.arrive(peers[0].packet([.rst]))
    #expect(bench.connect(from: SocketAddress(theirs, 7000)) != nil)
    // Nobody answers: the handshakes are given up, and the host is empty again.
    bench.stack.close(try bench.stack.listen(at: SocketAddress(.any, 26)), at: bench.now)
    _ = bench.wait(.seconds(400))
    #expect(bench.connectionCount == 1)
  }

  @Test("with a full accept queue the last ACK is not heard, and is when there is room")
  func acceptQueue() throws {
    let bench = Bench()
    var options = ListenOptions()
    options.backlog = 2
    let listener = try bench.stack.listen(at: anyMail, options: options)
    var peers: [Peer] = []
    for port in 1...3 {
      let remote = SocketAddress(theirs, Port(UInt16(6000 + port)))
      if let peer = bench.connect(from: remote, finishes: false) { peers.append(peer) }
    }
    try #require(peers.count == 3)
    for peer in peers { bench.arrive(peer.packet([.ack])) }
    #expect(bench.stack.counters.stack.count(.dropAcceptQueueFull) == 1)
    #expect(bench.connect(from: SocketAddress(theirs, 6009)) == nil)
    let first = try #require(try bench.accept(listener))
    #expect(bench.endpoints(first)?.remote == peers[0].remote)
    // Our SYN,ACK is repeated, the peer acknowledges again.
    let repeated = bench.wait(.seconds(2)).compactMap { Segment($0) }
    #expect(repeated.contains { $0.flags == [.syn, .ack] })
    bench.arrive(peers[2].packet([.ack]))
    #expect(try bench.accept(listener) != nil)
    #expect(try bench.accept(listener) != nil)
    #expect(try bench.accept(listener) == nil)
  }

  @Test("closing a listener resets those who wait, and frees the port")
  func closingListener() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    let kept = try #require(bench.connect(from: SocketAddress(theirs, 6001)))
    let accepted = try #require(try bench.accept(listener))
    _ = try #require(bench.connect(from: SocketAddress(theirs, 6002)))
    let young = try #require(bench.connect(from: SocketAddress(theirs, 6003), finishes: false))
    #expect(throws: SocketError.addressInUse(anyMail)) { _ = try bench.stack.listen(at: anyMail) }
    bench.stack.close(listener, at: bench.now)
    let sent = bench.flush().compactMap { Segment($0) }
    #expect(sent.filter { $0.flags.contains(.rst) }.map(\.header.destinationPort) == [6002])
    // A handshake is forgotten: the peer's ACK meets no connection.
    #expect(Segment(bench.arrive(young.packet([.ack])).first)?.flags == [.rst])
    #expect(bench.connectionCount == 1 && bench.stack.state(accepted) == .established)
    bench.arrive(kept.packet([.ack], [1]))
    #expect(try bench.read(accepted) == [1])
    _ = try bench.stack.listen(at: anyMail)
  }

  @Test("a connection that was reset is found no more, while its owner can still read why")
  func unlisted() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    let peer = try #require(bench.connect(from: SocketAddress(theirs, 6001)))
    let accepted = try #require(try bench.accept(listener))
    #expect(bench.arrive(peer.packet([.rst])).isEmpty)
    #expect(bench.stack.closeReason(accepted) == .reset)
    #expect(Segment(bench.arrive(peer.packet([.ack], [1])).first)?.flags == [.rst])
    let again = try #require(bench.connect(from: SocketAddress(theirs, 6001)))
    #expect(bench.connectionCount == 2)
    bench.stack.close(accepted, at: bench.now)
    #expect(bench.flush().isEmpty)
    #expect(bench.connectionCount == 1)
    bench.arrive(again.packet([.ack], [7]))
    #expect(try bench.read(try #require(try bench.accept(listener))) == [7])
  }

  @Test("a listener at an address is asked before one at any")
  func wildcard() throws {
    let bench = Bench()
    let general = try bench.stack.listen(at: anyMail)
    let special = try bench.stack.listen(at: SocketAddress(ours, 25))
    _ = bench.connect()
    #expect(try bench.accept(general) == nil)
    #expect(try bench.accept(special) != nil)
    #expect(throws: SocketError.addressNotAvailable(theirs)) {
      _ = try bench.stack.listen(at: SocketAddress(theirs, 25))
    }
  }

  @Test("unread data at a close means a reset; so does data that comes after it")
  func closeWithUnread() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    let peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    bench.arrive(peer.packet([.ack], [1, 2]))
    bench.stack.close(socket, at: bench.now)
    #expect(Segment(bench.flush().last)?.flags.contains(.rst) == true)
    #expect(bench.connectionCount == 0)

    let late = try #require(bench.connect(from: SocketAddress(theirs, 5001)))
    let other = try #require(try bench.accept(listener))
    bench.stack.close(other, at: bench.now)
    #expect(Segment(bench.flush().last)?.flags.contains(.fin) == true)
    let answer = Segment(bench.arrive(late.packet([.ack], [1])).last)
    #expect(answer?.flags.contains(.rst) == true)
    #expect(bench.connectionCount == 0)
  }

  @Test("a full device keeps the segment: nothing is lost, nothing is doubled")
  func fullSink() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    _ = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    let octets = (0..<12_000).map { UInt8(truncatingIfNeeded: $0) }
    _ = try bench.send(socket, octets)
    var got: [UInt8] = []
    for _ in 0..<40 {
      for sent in bench.flush(room: 1) { got += Segment(sent)?.payload ?? [] }
    }
    // Ten segments of 536 octets: the peer has named no MSS.
    #expect(got == Array(octets.prefix(5360)))
    #expect(bench.stack.counters.tcp.count(.retransmitAfterTimeout) == 0)
  }

  @Test("a SYN takes the place of a connection in TIME-WAIT if its numbers are newer")
  func timeWaitReuse() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    bench.stack.close(socket, at: bench.now)
    bench.flush()
    peer.expected += 1
    bench.arrive(peer.packet([.ack, .fin]))
    peer.next += 1
    #expect(bench.stack.connectionSummaries.map(\.info.state) == [.timeWait])
    var old = Peer()
    old.next = SequenceNumber(900)
    #expect(Segment(bench.arrive(old.packet([.syn])).first)?.flags != [.syn, .ack])
    var new = Peer()
    new.next = peer.next + 5000
    #expect(Segment(bench.arrive(new.packet([.syn])).first)?.flags == [.syn, .ack])
    #expect(bench.connectionCount == 1)
  }

  /// A connection that has sent so much in no time and now is in TIME-WAIT, seen from its peer.
  private static func waiting(_ bench: Bench, _ listener: SocketID, sent count: Int) throws -> Peer
  {
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    var left = count
    while left > 0 {
      left -= try bench.send(socket, [UInt8](repeating: 7, count: min(left, 5000)))
      bench.flush()
      peer.expected += min(count, 5000)
      bench.arrive(peer.packet([.ack]))
    }
    bench.stack.close(socket, at: bench.now)
    bench.flush()
    peer.expected += 1
    bench.arrive(peer.packet([.ack, .fin]))
    peer.next += 1
    #expect(bench.stack.connectionSummaries.map(\.info.state) == [.timeWait])
    return peer
  }

  @Test(
    "our numbers begin above those of the connection whose place a SYN takes",
    .requirement("RFC 9293 MAY-2"))
  func timeWaitReuseNumbers() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    var peer = try Self.waiting(bench, listener, sent: 50_000)
    let last = peer.expected
    peer.next += 5000
    let answer = try #require(Segment(bench.arrive(peer.packet([.syn])).first))
    #expect(answer.flags == [.syn, .ack])
    #expect(answer.sequence.follows(last))
  }

  @Test("a SYN that nobody listens for does not end TIME-WAIT")
  func timeWaitWithoutListener() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: anyMail)
    var peer = try Self.waiting(bench, listener, sent: 5000)
    bench.stack.close(listener, at: bench.now)
    peer.next += 5000
    bench.arrive(peer.packet([.syn]))
    #expect(bench.stack.connectionSummaries.map(\.info.state) == [.timeWait])
  }

  @Test("when there are too many connections, the oldest in TIME-WAIT makes room")
  func timeWaitRecycled() throws {
    let bench = Bench(configure: { $0.maximumConnections = 3 })
    let listener = try bench.stack.listen(at: anyMail)
    for port in UInt16(6000)..<6005 {
      var peer = try #require(bench.connect(from: SocketAddress(theirs, Port(port))))
      let socket = try #require(try bench.accept(listener))
      bench.stack.close(socket, at: bench.now)
      bench.flush()
      peer.expected += 1
      bench.arrive(peer.packet([.ack, .fin]))
    }
    #expect(bench.connectionCount == 3)
    #expect(bench.stack.counters.stack.count(.recycleTimeWait) == 2)
    let ports = bench.stack.connectionSummaries.map(\.endpoints.remote.port.rawValue)
    #expect(Set(ports) == [6002, 6003, 6004])
    _ = bench.wait(.seconds(61))
    #expect(bench.connectionCount == 0)
  }

  @Test("a flood of SYNs does not lock out who comes later")
  func synFlood() throws {
    let bench = Bench()
    var options = ListenOptions()
    options.usesCookies = false
    let listener = try bench.stack.listen(at: anyMail, options: options)
    for index in 0..<5000 {
      let source = SocketAddress(
        IPv4Address(192, 0, 2, UInt8(10 + index % 200)), Port(UInt16(1000 + index / 200)))
      bench.arrive(Packet.tcp(from: source, [.syn]))
    }
    #expect(bench.connectionCount == 256)
    #expect(bench.stack.counters.stack.count(.dropSYNQueueFull) == 5000 - 256)
    #expect(bench.connect() == nil)
    _ = bench.wait(.seconds(3))
    #expect(bench.connect() != nil)
    #expect(try bench.accept(listener) != nil)
    #expect(bench.stack.counters.stack.count(.recycleHandshake) == 1)
    // Many quick handshakes behind a slow one are not remembered.
    for port in UInt16(10_000)..<12_000 {
      let peer = try #require(bench.connect(from: SocketAddress(theirs, Port(port))))
      if let socket = try bench.accept(listener) { bench.stack.abort(socket, at: bench.now) }
      bench.flush()
      #expect(peer.expected.rawValue != 0)
    }
    #expect(bench.connectionCount <= 258)
  }
}
