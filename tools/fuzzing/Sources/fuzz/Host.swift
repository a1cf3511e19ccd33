import Octets
import Stack
import TCPCore
import Wire

/// One connection as a peer sees it: what the host has said last, to be near it or beside it.
private struct Flow {
  var remote: SocketAddress
  var local: Port
  /// What the host expects from us next.
  var next = SequenceNumber(1000)
  /// What we expect from the host next.
  var expected = SequenceNumber(0)
  /// What we have acknowledged: the host's oldest octet under way.
  var acknowledged = SequenceNumber(0)
  /// The host's last timestamp.
  var stamp: UInt32 = 0
  /// The latest packet of the host, for ICMP to quote.
  var latest: [UInt8] = []
}

/// Looks at all that the host sends.
private struct Watcher: FrameSink {
  var isEthernet: Bool
  var offloads: Bool
  var mtu: Int
  var room = Int.max
  var packets: [[UInt8]] = []

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    guard room > 0 else { return false }
    room -= 1
    let octets = [UInt8](joining: header, payload, tail)
    mustHold(offload == .none || offloads, "work for a device that cannot do any")
    guard isEthernet else {
      keep(octets.span, offload)
      return true
    }
    guard let frame = try? EthernetFrameView(parsing: octets.span) else {
      mustHold(false, "a frame without a header")
      return true
    }
    mustHold(frame.source == ourHardware, "a frame from a foreign station")
    if frame.type == .arp {
      let arp = try? ARPPacket(parsing: frame.payload)
      mustHold(arp?.senderHardware == ourHardware, "a wrong ARP packet")
    } else {
      mustHold(frame.type == .ipv4, "a frame of an unknown type")
      keep(frame.payload, offload)
    }
    return true
  }

  private mutating func keep(_ packet: Span<UInt8>, _ offload: OffloadFacts) {
    look(packet, offload)
    packets.append([UInt8](copying: packet))
  }

  private func look(_ octets: Span<UInt8>, _ offload: OffloadFacts) {
    guard let packet = try? IPv4PacketView(parsing: octets) else {
      return mustHold(false, "the host sent what is no packet")
    }
    mustHold(packet.octets.count == octets.count, "a packet of a wrong length")
    let segment = offload.segmentSize == 0 ? packet.totalLength : Int(offload.segmentSize) + 40
    mustHold(segment <= mtu, "a packet above the MTU")
    mustHold(packet.headerChecksumIsRight, "a wrong header checksum")
    mustHold(packet.source == ours, "a packet from \(packet.source)")
    guard !packet.isFragment, offload.needsVerification else { return }
    switch packet.transport {
    case .tcp:
      let segment = try? TCPSegmentView(parsing: packet.payload)
      mustHold(
        segment?.checksumIsRight(source: packet.source, destination: packet.destination) == true,
        "a wrong segment")
    case .udp:
      let datagram = try? UDPDatagramView(parsing: packet.payload)
      mustHold(
        datagram?.checksumIsRight(source: packet.source, destination: packet.destination) == true,
        "a wrong datagram")
    default:
      let message = try? ICMPv4MessageView(parsing: packet.payload)
      mustHold(message?.checksumIsRight == true, "a wrong ICMP message")
    }
  }
}

/// The input is a row of frames, commands and steps in time. The first octet sets up the host.
func fuzzHost(_ input: [UInt8]) {
  var choices = Choices(input)
  let setup = choices.octet()
  var trial = Trial(setup: setup, mtu: setup & 2 == 0 ? 1500 : 576)
  while !choices.isEmpty { trial.step(&choices) }
  trial.end()
}

/// A host and its peers.
private struct Trial: ~Copyable {
  var stack: Stack
  let link: InterfaceID
  var sink: Watcher
  let trusts: Bool
  var now = Instant.start
  var flows: [Flow]
  var sockets: [SocketID] = []
  var listeners: [SocketID] = []
  var datagrams: SocketID?

  init(setup: UInt8, mtu: Int) {
    let isEthernet = setup & 1 != 0
    var configuration = StackConfiguration()
    configuration.maximumConnections = 20
    configuration.explains = setup & 16 != 0
    if setup & 32 != 0 {
      configuration.tcp.keepalive = Keepalive()
      configuration.tcp.userTimeout = .seconds(30)
      configuration.tcp.congestion = .reno
      configuration.tcp.noDelay = true
      configuration.tcp.receiveBufferLimit = 4096
    }
    let offloads = setup & 8 != 0
    var stack = Stack(configuration: configuration, random: .seeded(UInt64(setup)))
    link = stack.addInterface(
      InterfaceConfiguration(
        name: "fuzz", medium: isEthernet ? .ethernet(ourHardware) : .ip, mtu: mtu,
        addresses: [IPv4Prefix(ours, length: 24)],
        offload: OffloadCapabilities(checksum: offloads, segmentation: offloads)))
    stack.addRoute(IPv4Prefix(.any, length: 0), via: theirs, on: link)
    var options = ListenOptions()
    options.backlog = 2
    options.handshakes = 2
    if let listener = try? stack.listen(at: SocketAddress(.any, 25), options: options) {
      listeners.append(listener)
    }
    datagrams = try? stack.bindUDP(at: SocketAddress(.any, 53))
    self.stack = stack
    sink = Watcher(isEthernet: isEthernet, offloads: offloads, mtu: mtu)
    trusts = setup & 4 != 0
    flows = (0..<3 as Range<UInt16>).map {
      Flow(remote: SocketAddress(theirs, Port(5000 + $0)), local: 25)
    }
    flows.append(Flow(remote: SocketAddress(far, 5000), local: 25))
  }

  mutating func step(_ choices: inout Choices) {
    let choice = choices.octet()
    switch choice {
    case 0..<140: segment(Int(choice) % flows.count, &choices)
    case 140..<150:
      arrive(Packet.udp(7, choice & 1 == 0 ? 53 : 99, choices.take(choices.below(64))))
    case 150..<165: message(choice, &choices)
    case 165..<175: fragment(choice, &choices)
    case 175..<182: raw(choice, &choices)
    case 182..<190: arp(choice, &choices)
    case 190..<205: wait(Int64(1) << Int64(choices.below(40)))
    default: command(choice, &choices)
    }
    if choice & 1 == 0 { sink.room = .max }
    flush()
    for summary in stack.connectionSummaries {
      mustHold(!summary.lacksTimer, "stuck without a timer: \(summary)")
    }
    mustHold(stack.connectionCount <= 20, "more connections than allowed")
    while stack.nextEvent() != nil {}
    _ = stack.takeExplanations()
  }

  /// A segment near what the host expects.
  private mutating func segment(_ index: Int, _ choices: inout Choices) {
    let flow = flows[index]
    let shape = choices.octet()
    var header = TCPHeader(
      sourcePort: flow.remote.port, destinationPort: flow.local, sequence: flow.next,
      acknowledgment: flow.expected, flags: TCPFlags(rawValue: UInt16(choices.octet())),
      window: shape & 1 == 0 ? 65_535 : choices.number())
    if shape & 6 == 6 {
      // As if the host's last segments were lost, all but some.
      header.acknowledgment = flow.acknowledged
      for _ in 0..<choices.below(4) {
        let left = flow.acknowledged + choices.below(64) * 536
        let block = SACKBlock(left, left + (1 + choices.below(8)) * 536)
        header.options.sackBlocks.append(block)
      }
    } else {
      if shape & 2 != 0 { header.sequence += choices.distance() }
      if shape & 4 != 0 { header.acknowledgment += choices.distance() }
    }
    if header.flags.contains(.ack) { flows[index].acknowledged = header.acknowledgment }
    if shape & 8 != 0 {
      var time = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000 + 1)
      if shape & 32 != 0 { time &-= UInt32(choices.octet()) }
      header.options.timestamps = TCPTimestamps(value: time, echo: flow.stamp)
    }
    if shape & 16 != 0, header.flags.contains(.syn) {
      header.options.maximumSegmentSize = choices.number()
      header.options.windowScale = choices.octet()
      header.options.sackPermitted = true
    }
    if shape & 32 != 0 { header.urgentPointer = choices.number() }
    let options = shape & 64 != 0 ? choices.take(choices.below(41)) : []
    let count = shape & 128 != 0 ? Int(choices.number() % 3000) : 0
    arrive(
      Packet.tcp(
        header, rawOptions: options, Array(repeating: UInt8(index), count: count),
        from: flow.remote.address))
  }

  private mutating func message(_ choice: UInt8, _ choices: inout Choices) {
    let flow = flows[choices.below(flows.count)]
    var quote = Array(flow.latest.prefix(28 + choices.below(32)))
    if choice & 4 != 0, !quote.isEmpty { quote[choices.below(quote.count)] = choices.octet() }
    let code = UInt8(choices.below(16))
    let kinds: [ICMPv4Kind] = [
      .unreachable(code: code, nextHopMTU: code == 4 ? choices.number() : 0),
      .timeExceeded(code: code & 1), .parameterProblem(code: 0, pointer: code), .sourceQuench,
      .redirect(code: code & 3, gateway: far), .echo(identifier: 1, sequence: 2),
      .echoReply(identifier: 1, sequence: 2), .other(type: choice, code: code),
    ]
    arrive(Packet.icmp(kinds[choices.below(kinds.count)], quote))
  }

  private mutating func fragment(_ choice: UInt8, _ choices: inout Choices) {
    let count = choices.below(64) * 8
    let payload = Array(repeating: choice, count: count)
    let start = choices.below(32) * 64
    let flags = choices.octet()
    let transports: [IPProtocol] = [.udp, .icmp, .tcp, IPProtocol(rawValue: 99)]
    arrive(
      Packet.ip(transports[Int(flags >> 2 & 3)], payload) {
        $0.fragmentOffset = start
        $0.moreFragments = flags & 1 != 0
        $0.identification = UInt16(flags >> 6)
      })
  }

  /// Octets of the input as a packet: with a right header, or just so.
  private mutating func raw(_ choice: UInt8, _ choices: inout Choices) {
    var octets = choices.take(choices.below(128))
    if choice & 1 == 0 {
      octets = Packet.ip(
        IPProtocol(rawValue: choices.octet()), options: Array(octets.prefix(octets.count & 28)),
        octets)
    } else if choice & 2 == 0 {
      Packet.mendHeader(&octets)
    }
    arrive(octets)
  }

  private mutating func arp(_ choice: UInt8, _ choices: inout Choices) {
    guard sink.isEthernet else { return }
    let packet = ARPPacket(
      operation: choice & 1 == 0 ? .request : .reply, senderHardware: theirHardware,
      senderAddress: choice & 2 == 0 ? theirs : IPv4Address(192, 0, 2, choices.octet()),
      targetHardware: ourHardware, targetAddress: choice & 4 == 0 ? ours : theirs)
    var octets = [UInt8](capacity: 28) { packet.emit(into: &$0) }
    if choices.octet() & 7 == 7 { octets[choices.below(28)] = choices.octet() }
    let frame = Packet.ethernet(.arp, to: .broadcast, octets)
    stack.frameArrived(frame.span, offload: .none, on: link, at: now)
  }

  /// What a user may ask for.
  private mutating func command(_ choice: UInt8, _ choices: inout Choices) {
    let socket = sockets.isEmpty ? nil : sockets[choices.below(sockets.count)]
    switch choice % 12 {
    case 0, 1:
      for listener in listeners {
        if let accepted = try? stack.accept(listener) { sockets.append(accepted) }
      }
    case 2:
      let remote = flows[choices.below(flows.count)].remote
      if let opened = try? stack.connect(to: remote, at: now) { sockets.append(opened) }
    case 3, 4:
      guard let socket else { return }
      let octets = Array(repeating: choice, count: Int(choices.number()) * 4)
      _ = try? stack.send(socket, octets.span, at: now)
    case 5, 6:
      guard let socket else { return }
      _ = try? stack.receive(socket, at: now) { (min($0.count, 1 + Int(choice) * 16), ()) }
    case 7:
      if let socket { stack.closeSending(socket, at: now) }
    case 8:
      guard let socket else { return }
      stack.close(socket, at: now)
      sockets.removeAll { $0 == socket }
    case 9:
      guard let socket else { return }
      stack.abort(socket, at: now)
      sockets.removeAll { $0 == socket }
    case 10:
      if let socket { _ = try? stack.forward(from: socket, to: socket, at: now) }
      sink.room = choices.below(4)
    default:
      guard let datagrams else { return }
      let octets = Array(repeating: choice, count: Int(choices.number() & 0x1FFF))
      try? stack.send(datagrams, octets.span, to: SocketAddress(theirs, 7), at: now)
      _ = try? stack.receiveDatagram(datagrams)
    }
  }

  /// An IPv4 packet arrives.
  private mutating func arrive(_ packet: [UInt8]) {
    let octets =
      sink.isEthernet ? Packet.ethernet(.ipv4, to: ourHardware, packet) : packet
    let facts = trusts ? OffloadFacts(checksum: .verified) : OffloadFacts.none
    stack.frameArrived(octets.span, offload: facts, on: link, at: now)
  }

  /// Time passes, each deadline at its time.
  private mutating func wait(_ nanoseconds: Int64) {
    let end = now.advanced(byNanoseconds: nanoseconds)
    var turns = 0
    var repeats = 0
    while let deadline = stack.nextDeadline, deadline <= end, turns < 500 {
      now = max(now, deadline)
      stack.deadlinePassed(at: now)
      flush()
      // What was sent may bring a question of ARP that is due at once, but not again and again.
      repeats = stack.nextDeadline.map { $0 <= now } == true ? repeats + 1 : 0
      mustHold(repeats < 8, "a deadline does not pass: \(stack.connectionSummaries)")
      turns += 1
    }
    now = turns < 500 ? end : now
  }

  /// Takes what the host sends, and learns from it where its connections are.
  private mutating func flush() {
    stack.transmit(on: link, into: &sink, at: now)
    let packets = sink.packets
    sink.packets = []
    for octets in packets { learn(octets) }
  }

  private mutating func learn(_ octets: [UInt8]) {
    guard let packet = try? IPv4PacketView(parsing: octets.span), packet.transport == .tcp,
      let segment = try? TCPSegmentView(parsing: packet.payload)
    else { return }
    let remote = SocketAddress(packet.destination, segment.destinationPort)
    guard let index = flows.firstIndex(where: { $0.remote == remote }) else { return }
    flows[index].latest = Array(octets.prefix(128))
    guard !segment.flags.contains(.rst) else { return }
    flows[index].local = segment.sourcePort
    flows[index].expected = segment.sequence + segment.length
    if segment.flags.contains(.ack) { flows[index].next = segment.acknowledgment }
    if let stamps = TCPOptions(parsing: segment.options).timestamps {
      flows[index].stamp = stamps.value
    }
  }

  /// Everything is closed; nothing may be left.
  mutating func end() {
    sink.room = .max
    flush()
    for listener in listeners { stack.close(listener, at: now) }
    if let datagrams { stack.close(datagrams, at: now) }
    for summary in stack.connectionSummaries { stack.abort(summary.socket, at: now) }
    flush()
    wait(3_600_000_000_000)
    mustHold(stack.connectionCount == 0, "connections are left: \(stack.connectionSummaries)")
    mustHold(stack.bufferMemory == 0, "buffers are left")
  }
}
