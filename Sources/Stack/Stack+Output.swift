import DequeModule
import NetworkCore
public import Octets
import TCPCore
import Wire

// The way down: routes, fragments, link headers, and the frames of an interface.
extension Stack {
  /// Hands everything that an interface has to send to a sink, until the sink is full.
  ///
  /// Call it after any batch of frames, deadlines and commands.
  public mutating func transmit<Sink: FrameSink & ~Copyable>(
    on id: InterfaceID, into sink: inout Sink, at now: Instant
  ) {
    // What this host sends to itself comes first: it may cause more to be sent.
    if interfaces[0].hasOutput { pumpLoopback(at: now) }
    guard id != .loopback else { return }
    while true {
      if !interfaces[id.index].queue.isEmpty {
        guard transmitQueue(on: id.index, into: &sink) else { return }
      }
      // A segment may make a question of ARP necessary: then once more.
      guard !interfaces[id.index].output.isEmpty else { return }
      transmitConnections(on: id.index, into: &sink, at: now)
      if isSinkFull { return }
    }
  }

  /// Finished frames go first; false when the sink is full.
  private mutating func transmitQueue<Sink: FrameSink & ~Copyable>(
    on interface: Int, into sink: inout Sink
  ) -> Bool {
    let empty = Span<UInt8>()
    while let frame = interfaces[interface].queue.first {
      if let explanation = frame.explanation { sink.explain(explanation) }
      guard sink.transmit(frame.octets.span, empty, empty, offload: frame.facts) else {
        return false
      }
      _ = interfaces[interface].queue.popFirst()
    }
    return true
  }

  /// Packets to ourselves that one call lets round, so that two ends cannot keep it for ever.
  private static var loopbackRounds: Int { 256 }

  private mutating func pumpLoopback(at now: Instant) {
    for _ in 0..<Self.loopbackRounds {
      var sink = CollectingSink()
      transmitConnections(on: 0, into: &sink, at: now)
      while let frame = interfaces[0].queue.popFirst() { sink.frames.append(frame) }
      guard !sink.frames.isEmpty else { return }
      for frame in sink.frames {
        packetArrived(frame.octets.span, OffloadFacts(checksum: .verified), on: 0, at: now)
      }
    }
  }

  // MARK: Datagrams

  /// The best route; an address of ours leads to the loopback.
  func route(to address: IPv4Address) -> Route? {
    if isOurs(address) {
      return Route(prefix: IPv4Prefix(address, length: 32), interface: 0)
    }
    return routes.route(to: address)
  }

  /// Whether an address is one of this host's.
  func isOurs(_ address: IPv4Address) -> Bool {
    if address.isLoopback { return true }
    for prefix in addresses where prefix.address == address { return true }
    return false
  }

  /// Whether an address names every host of the link, or of a network of ours.
  func isBroadcast(_ address: IPv4Address) -> Bool {
    if address.isLimitedBroadcast { return true }
    for prefix in addresses where prefix.broadcast == address { return true }
    return false
  }

  /// Our address for packets to a host that take a route; nil when the interface has none.
  ///
  /// Source: RFC 1122 section 3.3.4.3: one in the network of the next hop.
  func source(for target: IPv4Address, by route: Route) -> IPv4Address? {
    if route.interface == 0 { return target }
    return interfaces[route.interface].source(for: route.gateway ?? target)
  }

  /// Whether an address of ours may be the source of packets that take a route.
  ///
  /// RFC 1122 3.2.1.3 (g): a loopback address is never seen outside the host.
  func maySpeak(from source: IPv4Address, by route: Route) -> Bool {
    route.interface == 0 || !source.isLoopback
  }

  /// The largest packet for a host, by the interface and by what routers have told.
  func mtu(
    to address: IPv4Address, on interface: Int, believesPath: Bool = true, at now: Instant
  ) -> Int {
    let link = interfaces[interface].configuration.mtu
    guard believesPath else { return link }
    return min(link, pathMTUs.mtu(to: address, at: now) ?? link)
  }

  /// Sends a transport's datagram, in fragments where it must be.
  mutating func send(
    _ payload: [UInt8], transport: IPProtocol, from source: IPv4Address, to target: IPv4Address,
    along way: SourceRoute? = nil, dontFragment: Bool = false, at now: Instant,
    because explanation: RuleExplanation?
  ) {
    if let way {
      return send(
        payload, transport: transport, from: source, to: target, along: way, at: now,
        because: explanation)
    }
    guard let route = route(to: target) else { return counters.ip.note(.dropNoRoute) }
    let interface = route.interface
    let isForMany = target.isMulticast || target.isLimitedBroadcast
    let hop = isForMany ? target : route.gateway ?? target
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: source, destination: target)
    // RFC 1112 6.1: to a group no further than the link, unless told otherwise.
    header.ttl = target.isMulticast ? 1 : configuration.tcp.ttl
    header.dontFragment = dontFragment
    let mtu = mtu(to: target, on: interface, at: now)
    guard payload.count + IPv4Header.length > mtu else {
      // RFC 6864 4.1: only what may be fragmented needs an identification.
      if !dontFragment {
        header.identification = identification.next(
          source: source, destination: target, transport: transport)
      }
      counters.ip.note(.sendPacket)
      return enqueue(header, payload.span, to: hop, on: interface, at: now, because: explanation)
    }
    // What must not be cut is a lone TCP header, and fits every link that there may be.
    header.dontFragment = false
    header.identification = identification.next(
      source: source, destination: target, transport: transport)
    var fragments = IPv4Fragmenter(header, payloadCount: payload.count, mtu: mtu)
    // A part of a datagram is of no use to anybody.
    let octets = payload.count + fragments.packetCount * (EthernetHeader.length + IPv4Header.length)
    guard
      interfaces[interface].queue.hasRoom(
        frames: fragments.packetCount, octets: octets, within: configuration)
    else { return counters.ip.note(.dropFull) }
    while let (header, range) = fragments.next() {
      counters.ip.note(.sendFragment)
      enqueue(
        header, payload.span.extracting(range), to: hop, on: interface, at: now,
        because: explanation)
    }
  }

  private mutating func enqueue(
    _ header: IPv4Header, _ payload: Span<UInt8>, to hop: IPv4Address, on interface: Int,
    at now: Instant, because explanation: RuleExplanation?
  ) {
    let packet = [UInt8](capacity: IPv4Header.length + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload)
    }
    enqueuePacket(packet, to: hop, on: interface, at: now, because: explanation)
  }

  /// A finished packet goes to its interface's queue, or waits for its neighbour.
  mutating func enqueuePacket(
    _ packet: [UInt8], to hop: IPv4Address, on interface: Int, at now: Instant,
    because explanation: RuleExplanation?
  ) {
    guard case .ethernet(let ours) = interfaces[interface].configuration.medium else {
      return enqueueFrame(packet, on: interface, because: explanation)
    }
    if hop.isMulticast {
      return enqueueEthernet(
        packet, to: MACAddress(groupOf: hop), from: ours, on: interface, because: explanation)
    }
    if hop.isLimitedBroadcast
      || interfaces[interface].configuration.addresses.contains(where: { $0.broadcast == hop })
    {
      return enqueueEthernet(
        packet, to: .broadcast, from: ours, on: interface, because: explanation)
    }
    switch interfaces[interface].neighbors.wait(for: hop, packet: packet, at: now) {
    case .known(let hardware):
      enqueueEthernet(packet, to: hardware, from: ours, on: interface, because: explanation)
    case .waiting(let mustAsk):
      counters.arp.note(.waitForAnswer)
      if mustAsk { askFor(hop, on: interface) }
    case .dropped(let rule): counters.arp.note(rule)
    }
  }

  mutating func enqueueEthernet(
    _ packet: [UInt8], to target: MACAddress, from ours: MACAddress, on interface: Int,
    because explanation: RuleExplanation?
  ) {
    let frame = [UInt8](capacity: EthernetHeader.length + packet.count) { output in
      EthernetHeader(destination: target, source: ours, type: .ipv4).emit(into: &output)
      output.append(copying: packet.span)
    }
    enqueueFrame(frame, on: interface, because: explanation)
  }

  mutating func enqueueFrame(
    _ octets: [UInt8], on interface: Int, because explanation: RuleExplanation?
  ) {
    guard interfaces[interface].queue.hasRoom(octets: octets.count, within: configuration) else {
      return counters.ip.note(interface == 0 ? .dropLoopbackFull : .dropFull)
    }
    interfaces[interface].queue.append(CollectedFrame(octets: octets, explanation: explanation))
  }
}
