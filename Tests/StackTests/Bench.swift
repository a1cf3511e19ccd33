import NetworkCore
import Octets
import Stack
import TCPCore
import Wire

let ours = IPv4Address(192, 0, 2, 1)
let theirs = IPv4Address(192, 0, 2, 9)
let ourNetwork = IPv4Prefix(ours, length: 24)
let ourHardware = MACAddress(rawValue: 0x0200_0000_0001)
let theirHardware = MACAddress(rawValue: 0x0200_0000_0009)

/// What a sink was given.
struct Sent: Sendable {
  var octets: [UInt8]
  var facts = OffloadFacts.none
  var rule: String?
}

/// Takes frames until it is full.
struct TestSink: FrameSink {
  var room = Int.max
  var sent: [Sent] = []
  private var rule: String?

  mutating func explain(_ explanation: RuleExplanation) { rule = explanation.name }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    guard sent.count < room else { return false }
    let octets = [UInt8](joining: header, payload, tail)
    sent.append(Sent(octets: octets, facts: offload, rule: rule))
    rule = nil
    return true
  }
}

/// One stack on a bench: frames go in by hand, and what comes out is looked at.
final class Bench {
  var stack: Stack
  let link: InterfaceID
  var now = Instant.start

  init(
    medium: InterfaceMedium = .ip, mtu: Int = 1500, offload: OffloadCapabilities = .none,
    seed: UInt64 = 1, configure: (inout StackConfiguration) -> Void = { _ in }
  ) {
    var configuration = StackConfiguration()
    configure(&configuration)
    var stack = Stack(configuration: configuration, random: .seeded(seed))
    link = stack.addInterface(
      InterfaceConfiguration(
        name: "bench", medium: medium, mtu: mtu, addresses: [ourNetwork], offload: offload))
    self.stack = stack
  }

  /// A frame arrives; what the stack sends then.
  @discardableResult
  func arrive(_ octets: [UInt8], facts: OffloadFacts = .none) -> [Sent] {
    stack.frameArrived(octets.span, offload: facts, on: link, at: now)
    return flush()
  }

  /// What the stack has to send.
  @discardableResult
  func flush(room: Int = .max) -> [Sent] {
    var sink = TestSink()
    sink.room = room
    stack.transmit(on: link, into: &sink, at: now)
    return sink.sent
  }

  /// Time passes, each deadline at its time; what the stack sends meanwhile.
  func wait(_ duration: Duration) -> [Sent] {
    let end = now + duration
    var sent = flush()
    while let deadline = stack.nextDeadline, deadline <= end {
      now = max(now, deadline)
      stack.deadlinePassed(at: now)
      sent += flush()
    }
    now = end
    return sent
  }

  /// The events so far.
  func events() -> [StackEvent] {
    var events: [StackEvent] = []
    while let event = stack.nextEvent() { events.append(event) }
    return events
  }

  /// The next connection of a listener.
  func accept(_ listener: SocketID) throws(SocketError) -> SocketID? {
    try stack.accept(listener)
  }

  /// Gives octets to a connection: how many were taken.
  @discardableResult
  func send(_ socket: SocketID, _ octets: [UInt8]) throws(SocketError) -> Int {
    try stack.send(socket, octets.span, at: now)
  }

  /// Both ends of a connection.
  func endpoints(_ socket: SocketID) -> TCPEndpoints? { stack.endpoints(socket) }

  /// Connections in any state.
  var connectionCount: Int { stack.connectionCount }

  /// All that can be read at a connection.
  func read(_ socket: SocketID) throws(SocketError) -> [UInt8] {
    var octets: [UInt8] = []
    while stack.receivable(socket) > 0 {
      octets += try stack.receive(socket, at: now) { ($0.count, [UInt8](copying: $0)) }
    }
    return octets
  }
}

/// A segment, taken apart.
struct Segment: Sendable {
  var header: TCPHeader
  var payload: [UInt8]
  var isRight: Bool
  var flags: TCPFlags { header.flags }
  var sequence: SequenceNumber { header.sequence }

  init?(_ sent: Sent?) {
    self.init(sent?.octets)
  }

  init?(_ octets: [UInt8]?) {
    guard let octets, let packet = try? IPv4PacketView(parsing: octets.span),
      packet.transport == .tcp, let view = try? TCPSegmentView(parsing: packet.payload)
    else { return nil }
    header = TCPHeader(view)
    isRight = view.checksumIsRight(source: packet.source, destination: packet.destination)
    payload = [UInt8](copying: view.payload)
  }
}

/// An Ethernet frame, taken apart.
struct FrameValue: Sendable {
  var header: EthernetHeader
  var payload: [UInt8]

  init?(_ sent: Sent?) {
    guard let sent, let view = try? EthernetFrameView(parsing: sent.octets.span) else {
      return nil
    }
    header = EthernetHeader(view)
    payload = [UInt8](copying: view.payload)
  }

  var arp: ARPPacket? {
    header.type == .arp ? try? ARPPacket(parsing: payload.span) : nil
  }
}

/// An IPv4 packet, taken apart.
struct PacketValue: Sendable {
  var header: IPv4Header
  var isRight: Bool
  var length: Int
  var payload: [UInt8]

  init?(_ octets: [UInt8]?) {
    guard let octets, let view = try? IPv4PacketView(parsing: octets.span) else { return nil }
    header = IPv4Header(view)
    isRight = view.headerChecksumIsRight
    length = view.totalLength
    payload = [UInt8](copying: view.payload)
  }
}

/// A UDP datagram, taken apart.
struct DatagramValue: Sendable {
  var header: UDPHeader
  var isRight: Bool
  var payload: [UInt8]

  init?(_ packet: PacketValue?) {
    guard let packet, let view = try? UDPDatagramView(parsing: packet.payload.span) else {
      return nil
    }
    header = UDPHeader(view)
    isRight = view.checksumIsRight(
      source: packet.header.source, destination: packet.header.destination)
    payload = [UInt8](copying: view.payload)
  }
}

/// An ICMP message, taken apart.
struct ICMPv4Value: Sendable {
  var kind: ICMPv4Kind
  var isRight: Bool
  var payload: [UInt8]

  init?(_ octets: [UInt8]?) {
    guard let octets, let view = try? ICMPv4MessageView(parsing: octets.span) else { return nil }
    kind = view.kind
    isRight = view.checksumIsRight
    payload = [UInt8](copying: view.payload)
  }
}

/// Packets made by hand.
enum Packet {
  static func ip(
    _ transport: IPProtocol, from source: IPv4Address = theirs, to target: IPv4Address = ours,
    _ payload: [UInt8], _ change: (inout IPv4Header) -> Void = { _ in }
  ) -> [UInt8] {
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: source, destination: target)
    change(&header)
    return [UInt8](capacity: IPv4Header.length + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  static func tcp(
    from source: SocketAddress = SocketAddress(theirs, 5000),
    to target: SocketAddress = SocketAddress(ours, 25), _ flags: TCPFlags,
    sequence: SequenceNumber = SequenceNumber(1000),
    acknowledgment: SequenceNumber = SequenceNumber(0), window: UInt16 = 65_535,
    options: TCPOptions = TCPOptions(), _ payload: [UInt8] = [], breaksChecksum: Bool = false
  ) -> [UInt8] {
    var header = TCPHeader(
      sourcePort: source.port, destinationPort: target.port, sequence: sequence,
      acknowledgment: acknowledgment, flags: flags, window: window)
    header.options = options
    var sum = PseudoHeader.sum(
      source: source.address, destination: target.address, transport: .tcp,
      length: header.length + payload.count)
    func segment(_ checksum: UInt16) -> [UInt8] {
      [UInt8](capacity: header.length + payload.count) { output in
        header.emit(into: &output, checksum: checksum)
        output.append(copying: payload.span)
      }
    }
    sum.add(segment(0).span)
    return ip(
      .tcp, from: source.address, to: target.address,
      segment(breaksChecksum ? sum.value ^ 1 : sum.value))
  }

  static func udp(
    from source: SocketAddress = SocketAddress(theirs, 5000), to target: SocketAddress,
    _ payload: [UInt8]
  ) -> [UInt8] {
    var header = UDPHeader(
      sourcePort: source.port, destinationPort: target.port, payloadLength: payload.count)
    header.fillChecksum(
      source: source.address, destination: target.address, payload: payload.span)
    let octets = [UInt8](capacity: UDPHeader.length + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
    return ip(.udp, from: source.address, to: target.address, octets)
  }

  static func icmp(
    _ kind: ICMPv4Kind, from source: IPv4Address = theirs, to target: IPv4Address = ours,
    _ payload: [UInt8]
  ) -> [UInt8] {
    ip(.icmp, from: source, to: target, message(kind, payload))
  }

  static func message(_ kind: ICMPv4Kind, _ payload: [UInt8]) -> [UInt8] {
    [UInt8](capacity: ICMPv4Header.length + payload.count) { output in
      ICMPv4Header(kind).emit(into: &output, payload: payload.span)
      output.append(copying: payload.span)
    }
  }

  static func ethernet(
    _ type: EtherType, to target: MACAddress = ourHardware, _ payload: [UInt8]
  ) -> [UInt8] {
    [UInt8](capacity: EthernetHeader.length + payload.count) { output in
      EthernetHeader(destination: target, source: theirHardware, type: type).emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  static func arp(
    _ operation: ARPPacket.Operation, for target: IPv4Address = ours,
    from sender: IPv4Address = theirs
  ) -> [UInt8] {
    let packet = ARPPacket(
      operation: operation, senderHardware: theirHardware, senderAddress: sender,
      targetHardware: operation == .reply ? ourHardware : MACAddress(rawValue: 0),
      targetAddress: target)
    return ethernet(
      .arp, to: operation == .reply ? ourHardware : .broadcast,
      [UInt8](capacity: ARPPacket.length) { packet.emit(into: &$0) })
  }
}

/// The peer's side of a connection that was opened by hand.
struct Peer: Sendable {
  var remote = SocketAddress(theirs, 5000)
  var local = SocketAddress(ours, 25)
  var next = SequenceNumber(1000)
  var expected = SequenceNumber(0)

  func packet(_ flags: TCPFlags, _ payload: [UInt8] = [], window: UInt16 = 65_535) -> [UInt8] {
    Packet.tcp(
      from: remote, to: local, flags, sequence: next, acknowledgment: expected, window: window,
      payload)
  }
}

extension Bench {
  /// A peer shakes hands with a listener; nil when it got no SYN,ACK.
  func connect(
    from remote: SocketAddress = SocketAddress(theirs, 5000), port: Port = 25, finishes: Bool = true
  ) -> Peer? {
    var peer = Peer(remote: remote, local: SocketAddress(ours, port))
    guard let answer = Segment(arrive(peer.packet([.syn])).first), answer.flags == [.syn, .ack]
    else { return nil }
    peer.next += 1
    peer.expected = answer.sequence + 1
    if finishes { arrive(peer.packet([.ack])) }
    return peer
  }
}
