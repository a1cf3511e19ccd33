import Octets
import Wire

// Packets that the script hands to the stack.
extension ScriptRunner {
  /// Builds a packet and lets it arrive.
  mutating func inject(_ packet: PacketSyntax, _ event: ScriptEvent) throws(Halt) {
    try refuseEncapsulation(packet, event)
    switch packet.body {
    case .tcp(let segment): try inject(segment, packet.network, event)
    case .udp(let datagram):
      var socket = try trackedSocket(event)
      if socket.remotePort == 0, let tracked {
        // A datagram may come before any was sent: from a port that the peer picks.
        sockets[tracked].remotePort = takeRemotePort()
        socket = sockets[tracked]
      }
      let octets = builder.datagram(
        length: datagram.length, ports: inboundPorts(datagram.ports, socket),
        network: packet.network)
      arrive(octets, packet.text, event)
    case .icmp(let message): try inject(message, packet, event)
    }
    try retryBlockedCall()
  }

  /// Refuses what no stack of ours takes.
  func refuseEncapsulation(_ packet: PacketSyntax, _ event: ScriptEvent) throws(Halt) {
    if let outer = packet.encapsulation.first {
      throw unsupported(event, "packets inside \(outer.name)")
    }
    if case .tcp(let segment) = packet.body {
      if segment.udpPorts != nil { throw unsupported(event, "TCP inside UDP") }
      if segment.options?.contains(.validMD5) == true { throw unsupported(event, "TCP MD5") }
    }
  }

  private mutating func inject(
    _ segment: SegmentSyntax, _ network: NetworkSyntax, _ event: ScriptEvent
  ) throws(Halt) {
    let place = beginConnectionIfNew(segment)
    sockets[place].inbound(segment)
    let socket = sockets[place]
    guard
      let live = socket.live(segment, scalesEchoes: script.configuration.scalesTimestampEchoes)
    else {
      throw faulty(event, "'ecr' of a timestamp that an outbound packet of the script had")
    }
    let octets = builder.segment(
      live, ports: inboundPorts(segment.ports, socket), network: network)
    guard octets.count <= 65_535 else { throw unsupported(event, "packets above 65,535 octets") }
    let limit = script.configuration.mss
    let isSuper = limit > 0 && Int(segment.length) > limit
    arrive(
      octets, network.text + segment.text, event, segmentSize: isSuper ? UInt16(limit) : 0)
  }

  private mutating func arrive(
    _ octets: [UInt8], _ text: String, _ event: ScriptEvent, segmentSize: UInt16 = 0
  ) {
    note(.inbound, text, line: event.line, octets: octets)
    machine.inject(octets, segmentSize: segmentSize)
  }

  /// A segment for a listener, or for nobody, is the first of a new connection.
  private mutating func beginConnectionIfNew(_ segment: SegmentSyntax) -> Int {
    if let tracked, sockets[tracked].state != .listening { return tracked }
    var child = TrackedSocket()
    child.state = .passiveGotPacket
    child.localPort = tracked.map { sockets[$0].localPort } ?? script.configuration.bindPort
    if child.localPort == 0 { child.localPort = script.configuration.bindPort }
    child.remotePort = segment.ports?.source ?? 0
    if child.remotePort == 0 { child.remotePort = takeRemotePort() }
    child.remoteInitial = segment.start
    sockets.append(child)
    tracked = sockets.count - 1
    return sockets.count - 1
  }

  private mutating func takeRemotePort() -> UInt16 {
    let port = nextRemotePort
    nextRemotePort = port == 65_535 ? 32_768 : port + 1
    return port
  }

  private func inboundPorts(_ explicit: PortsSyntax?, _ socket: TrackedSocket) -> PortsSyntax {
    var ports = PortsSyntax(source: socket.remotePort, destination: socket.localPort)
    if let explicit {
      if explicit.source != 0 { ports.source = explicit.source }
      if explicit.destination != 0 { ports.destination = explicit.destination }
    }
    return ports
  }

  /// The socket that packets are about; there must be one.
  func trackedSocket(_ event: ScriptEvent) throws(Halt) -> TrackedSocket {
    guard let tracked else { throw faulty(event, "a socket before this packet", found: "none") }
    return sockets[tracked]
  }

  private mutating func inject(
    _ message: ICMPSyntax, _ packet: PacketSyntax, _ event: ScriptEvent
  ) throws(Halt) {
    let socket = try trackedSocket(event)
    let ports = PortsSyntax(source: socket.localPort, destination: socket.remotePort)
    var quote: [UInt8] = []
    switch message.quote {
    case .segment(let start, let length):
      quote = builder.quote(
        .tcp, ports: ports, sequence: start &+ socket.liveInitial, length: Int(length),
        headerLength: 20)
    case .datagram(let length):
      quote = builder.quote(
        .udp, ports: ports, sequence: 0, length: Int(length), headerLength: 8)
    case .raw: break
    case nil:
      // Echoes carry nothing; errors quote at least a header.
      if ![0, 8, 13, 14, 15, 16, 17, 18].contains(message.type) {
        quote = builder.quote(
          socket.isDatagram ? .udp : .tcp, ports: ports, sequence: socket.liveInitial, length: 0,
          headerLength: socket.isDatagram ? 8 : 20)
      }
    }
    arrive(
      builder.message(message, quote: quote, network: packet.network), packet.text, event)
  }
}
