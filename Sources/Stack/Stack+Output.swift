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
    if !interfaces[0].queue.isEmpty || hasLoopbackConnections { pumpLoopback(at: now) }
    let empty = Span<UInt8>()
    while let frame = interfaces[id.index].queue.first {
      if let explanation = frame.explanation { sink.explain(explanation) }
      guard sink.transmit(frame.octets.span, empty, empty, offload: .none) else { return }
      interfaces[id.index].queue.removeFirst()
    }
    transmitConnections(on: id.index, into: &sink, at: now)
  }

  /// Packets to ourselves that one call lets round, so that two ends cannot keep it for ever.
  private static var loopbackRounds: Int { 256 }

  private mutating func pumpLoopback(at now: Instant) {
    for _ in 0..<Self.loopbackRounds {
      var sink = LoopbackSink()
      transmitConnections(on: 0, into: &sink, at: now)
      while let frame = interfaces[0].queue.popFirst() { sink.packets.append(frame.octets) }
      guard !sink.packets.isEmpty else { return }
      for packet in sink.packets {
        packetArrived(packet.span, OffloadFacts(checksum: .verified), on: 0, at: now)
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

  /// The largest packet for a host, by the interface and by what routers have told.
  func mtu(to address: IPv4Address, on interface: Int, at now: Instant) -> Int {
    let link = interfaces[interface].configuration.mtu
    return min(link, pathMTUs.mtu(to: address, at: now) ?? link)
  }

  /// Sends a transport's datagram, in fragments where it must be.
  mutating func send(
    _ payload: [UInt8], transport: IPProtocol, from source: IPv4Address, to target: IPv4Address,
    dontFragment: Bool = false, at now: Instant, because explanation: RuleExplanation?
  ) {
    guard let route = route(to: target) else { return counters.ip.note(.dropNoRoute) }
    let interface = route.interface
    let hop = route.gateway ?? target
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: source, destination: target)
    header.ttl = configuration.tcp.ttl
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
    guard !dontFragment else { return counters.ip.note(.dropTooBig) }
    header.identification = identification.next(
      source: source, destination: target, transport: transport)
    // RFC 791 2.3: every fragment but the last carries a multiple of eight octets.
    let step = (mtu - IPv4Header.length) & ~7
    var offset = 0
    while offset < payload.count {
      let end = min(offset + step, payload.count)
      header.fragmentOffset = offset
      header.moreFragments = end < payload.count
      header.payloadLength = end - offset
      counters.ip.note(.sendFragment)
      enqueue(
        header, payload.span.extracting(offset..<end), to: hop, on: interface, at: now,
        because: explanation)
      offset = end
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
    guard case .ethernet(let ours) = interfaces[interface].configuration.medium else {
      return enqueueFrame(packet, on: interface, because: explanation)
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
    guard interfaces[interface].queue.count < configuration.maximumQueuedPackets else {
      return counters.ip.note(interface == 0 ? .dropLoopbackFull : .dropFull)
    }
    interfaces[interface].queue.append(QueuedFrame(octets: octets, explanation: explanation))
  }

  // MARK: TCP

  /// Segments that one connection may send before the next has its turn.
  private static var fairShare: Int { 16 }

  /// The hot path: segments go from the connection's ring to the sink without a copy.
  mutating func transmitConnections<Sink: FrameSink & ~Copyable>(
    on interface: Int, into sink: inout Sink, at now: Instant
  ) {
    let offload = interfaces[interface].configuration.offload
    var turns = outputQueue.count
    while turns > 0, let handle = outputQueue.popFirst() {
      turns &-= 1
      guard let slot = unsafe connections.pointer(to: handle) else { continue }
      guard unsafe slot.pointee.interface == interface else {
        outputQueue.append(handle)
        continue
      }
      let isDone = transmitSegments(of: handle, offload, on: interface, into: &sink, at: now)
      if isDone {
        unsafe slot.pointee.isInOutputQueue = false
        settle(handle, at: now)
      } else {
        outputQueue.append(handle)
        turns &+= 1
        if isSinkFull { break }
      }
    }
    isSinkFull = false
  }

  /// Sends a connection's share; false when it has more to send.
  private mutating func transmitSegments<Sink: FrameSink & ~Copyable>(
    of handle: SlabHandle, _ offload: OffloadCapabilities, on interface: Int,
    into sink: inout Sink, at now: Instant
  ) -> Bool {
    guard let slot = unsafe connections.pointer(to: handle) else { return true }
    let limits = SegmentLimits(maximumPayload: offload.segmentation ? 65_535 &- 120 : 0)
    for _ in 0..<Self.fairShare {
      let segment = unsafe slot.pointee.connection.nextSegment(
        limits: limits, at: now, ledger: &counters.tcp)
      guard let segment else { return true }
      if configuration.explains { sink.explain(RuleExplanation(segment.rule)) }
      let hop = unsafe slot.pointee.nextHop
      guard let linkLength = linkHeaderLength(hop, on: interface, at: now) else {
        // The neighbour is being asked for; the segment is lost and comes again.
        return true
      }
      let wasTaken = unsafe emit(
        segment, slot.pointee.connection, offload, linkLength, hop, on: interface, into: &sink,
        at: now)
      guard wasTaken else {
        counters.ip.note(.dropFull)
        isSinkFull = true
        return false
      }
    }
    return false
  }

  /// Octets of the link header; nil while the neighbour's address is not known.
  private mutating func linkHeaderLength(
    _ hop: IPv4Address, on interface: Int, at now: Instant
  ) -> Int? {
    guard case .ethernet = interfaces[interface].configuration.medium else { return 0 }
    if interfaces[interface].neighbors.lookUp(hop, at: now) != nil { return EthernetHeader.length }
    if case .waiting(true) = interfaces[interface].neighbors.wait(for: hop, packet: [], at: now) {
      askFor(hop, on: interface)
    }
    return nil
  }

  /// Writes the headers of a segment and gives it to the sink.
  private mutating func emit<Sink: FrameSink & ~Copyable>(
    _ segment: OutgoingSegment, _ connection: borrowing TCPConnection,
    _ offload: OffloadCapabilities, _ linkLength: Int, _ hop: IPv4Address, on interface: Int,
    into sink: inout Sink, at now: Instant
  ) -> Bool {
    let ends = connection.endpoints
    let headerLength = segment.header.length
    let length = headerLength &+ segment.payloadCount
    var sum = PseudoHeader.sum(
      source: ends.local.address, destination: ends.remote.address, transport: .tcp,
      length: length)
    var ip = IPv4Header(
      payloadLength: length, transport: .tcp, source: ends.local.address,
      destination: ends.remote.address)
    ip.dontFragment = true
    ip.ttl = connection.configuration.ttl
    ip.dscp = connection.configuration.dscp
    var link: EthernetHeader?
    if linkLength > 0, case .ethernet(let ours) = interfaces[interface].configuration.medium,
      let target = interfaces[interface].neighbors.lookUp(hop, at: now)
    {
      link = EthernetHeader(destination: target, source: ours, type: .ipv4)
    }
    let partial = offload.checksum ? sum.folded : 0
    scratch.fill { output in
      if let link { link.emit(into: &output) }
      ip.emit(into: &output)
      segment.header.emit(into: &output, checksum: partial)
    }
    let start = linkLength &+ IPv4Header.length
    let payload = connection.payload(of: segment, from: 0)
    let tail =
      payload.count < segment.payloadCount
      ? connection.payload(of: segment, from: payload.count) : Span<UInt8>()
    var facts = OffloadFacts.none
    if offload.checksum {
      facts.checksum = .partial(
        start: UInt16(truncatingIfNeeded: start),
        offset: UInt16(TCPHeader.checksumOffset))
      if segment.segmentSize > 0 {
        facts.segmentSize = segment.segmentSize
        facts.headerLength = UInt16(truncatingIfNeeded: start &+ headerLength)
      }
    } else {
      sum.add(scratch.octets.extracting(droppingFirst: start))
      sum.add(payload)
      sum.add(tail)
      scratch.patch(sum.value, at: start &+ TCPHeader.checksumOffset)
    }
    return sink.transmit(scratch.octets, payload, tail, offload: facts)
  }
}

/// Takes what this host sends to itself.
private struct LoopbackSink: FrameSink {
  var packets: [[UInt8]] = []

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    packets.append(
      [UInt8](capacity: header.count + payload.count + tail.count) { output in
        output.append(copying: header)
        output.append(copying: payload)
        output.append(copying: tail)
      })
    return true
  }
}
