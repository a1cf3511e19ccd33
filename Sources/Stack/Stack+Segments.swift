import DequeModule
import NetworkCore
import Octets
import TCPCore
import Wire

// TCP's way down: from a connection's ring to the sink, without a copy.
extension Stack {
  /// Segments that one connection may send before the next has its turn.
  private static var fairShare: Int { 16 }
  /// Octets of the longest IP and TCP headers that we send.
  private static var longestHeaders: Int { IPv4Header.length &+ 60 }

  /// How the frames of a connection begin.
  private enum LinkStart {
    /// With the IP header.
    case none
    /// With this header.
    case ethernet(EthernetHeader)
    /// With a header that must be asked for first.
    case unknown

    var header: EthernetHeader? {
      if case .ethernet(let header) = self { header } else { nil }
    }

    var length: Int { header == nil ? 0 : EthernetHeader.length }
  }

  /// Sends what the connections of an interface have to send, each its share in turn.
  mutating func transmitConnections<Sink: FrameSink & ~Copyable>(
    on interface: Int, into sink: inout Sink, at now: Instant
  ) {
    let offload = interfaces[interface].configuration.offload
    isSinkFull = false
    while !isSinkFull, let handle = interfaces[interface].output.popFirst() {
      guard let slot = unsafe connections.pointer(to: handle) else { continue }
      if transmitSegments(of: handle, offload, on: interface, into: &sink, at: now) {
        unsafe slot.pointee.isInOutputQueue = false
      } else {
        interfaces[interface].output.append(handle)
      }
      settle(handle, at: now)
    }
  }

  /// Sends a connection's share; false when it may have more to send.
  private mutating func transmitSegments<Sink: FrameSink & ~Copyable>(
    of handle: SlabHandle, _ offload: OffloadCapabilities, on interface: Int,
    into sink: inout Sink, at now: Instant
  ) -> Bool {
    guard let slot = unsafe connections.pointer(to: handle) else { return true }
    if let route = unsafe slot.pointee.sourceRoute {
      return transmitRouted(handle, along: route, at: now)
    }
    let hop = unsafe slot.pointee.nextHop
    let link = linkStart(hop, on: interface, at: now)
    if case .unknown = link { return awaitNeighbor(handle, hop, on: interface, at: now) }
    let room = min(offload.maximumFrame, 65_535) &- link.length &- Self.longestHeaders
    let limits = SegmentLimits(maximumPayload: offload.segmentation ? max(room, 0) : 0)
    for _ in 0..<Self.fairShare {
      guard
        unsafe slot.pointee.connection.nextSegment(
          into: &outgoing, limits: limits, at: now, ledger: &counters.tcp)
      else { return true }
      if configuration.explains { sink.explain(whyOutgoing) }
      let wasTaken = unsafe emit(slot.pointee.connection, offload, link, into: &sink)
      guard wasTaken else {
        unsafe keep(slot.pointee.connection, offload, link, on: interface)
        isSinkFull = true
        return false
      }
    }
    return false
  }

  /// A segment that the device had no room for goes first when it has; it counts as sent.
  private mutating func keep(
    _ connection: borrowing TCPConnection, _ offload: OffloadCapabilities, _ link: LinkStart,
    on interface: Int
  ) {
    let explanation = configuration.explains ? whyOutgoing : nil
    var kept = CollectingSink()
    _ = emit(connection, offload, link, into: &kept)
    for frame in kept.frames {
      interfaces[interface].queue.append(
        CollectedFrame(octets: frame.octets, facts: frame.facts, explanation: explanation))
    }
  }

  /// Segments wait with ARP until the neighbour is known, like every other packet.
  private mutating func awaitNeighbor(
    _ handle: SlabHandle, _ hop: IPv4Address, on interface: Int, at now: Instant
  ) -> Bool {
    guard let slot = unsafe connections.pointer(to: handle) else { return true }
    var kept = CollectingSink()
    for _ in 0..<Self.fairShare {
      guard
        unsafe slot.pointee.connection.nextSegment(
          into: &outgoing, limits: SegmentLimits(), at: now, ledger: &counters.tcp)
      else { break }
      if configuration.explains { kept.explain(whyOutgoing) }
      _ = unsafe emit(slot.pointee.connection, .none, .none, into: &kept)
    }
    for frame in kept.frames {
      enqueuePacket(frame.octets, to: hop, on: interface, at: now, because: frame.explanation)
    }
    return kept.frames.isEmpty
  }

  /// Segments that take a way of their own: their headers have options, which no device writes.
  private mutating func transmitRouted(
    _ handle: SlabHandle, along way: SourceRoute, at now: Instant
  ) -> Bool {
    guard let slot = unsafe connections.pointer(to: handle) else { return true }
    let (interface, hop) = unsafe (slot.pointee.interface, slot.pointee.nextHop)
    for _ in 0..<Self.fairShare {
      guard
        unsafe slot.pointee.connection.nextSegment(
          into: &outgoing, limits: SegmentLimits(), at: now, ledger: &counters.tcp)
      else { return true }
      var kept = CollectingSink()
      if configuration.explains { kept.explain(whyOutgoing) }
      _ = unsafe emit(slot.pointee.connection, .none, .none, into: &kept)
      for frame in kept.frames {
        guard let packet = way.applied(to: frame.octets.span) else { continue }
        enqueuePacket(packet, to: hop, on: interface, at: now, because: frame.explanation)
      }
    }
    return false
  }

  /// Why the `outgoing` segment is sent, and what has held it back.
  private var whyOutgoing: RuleExplanation {
    RuleExplanation(outgoing.rule, heldBackBy: outgoing.heldBackBy)
  }

  private mutating func linkStart(
    _ hop: IPv4Address, on interface: Int, at now: Instant
  ) -> LinkStart {
    guard case .ethernet(let ours) = interfaces[interface].configuration.medium else {
      return .none
    }
    guard let target = interfaces[interface].neighbors.lookUp(hop, at: now) else {
      return .unknown
    }
    return .ethernet(EthernetHeader(destination: target, source: ours, type: .ipv4))
  }

  /// Writes the headers of the `outgoing` segment and gives it to the sink.
  private mutating func emit<Sink: FrameSink & ~Copyable>(
    _ connection: borrowing TCPConnection, _ offload: OffloadCapabilities, _ link: LinkStart,
    into sink: inout Sink
  ) -> Bool {
    let ends = connection.endpoints
    let headerLength = outgoing.header.length
    let length = headerLength &+ outgoing.payloadCount
    var sum = PseudoHeader.sum(
      source: ends.local.address, destination: ends.remote.address, transport: .tcp,
      length: length)
    var ip = IPv4Header(
      payloadLength: length, transport: .tcp, source: ends.local.address,
      destination: ends.remote.address)
    // RFC 6864 4.1: with DF the identification means nothing, and is 0. On a path at the floor routers
    // may cut: the true limit may lie below what we believe.
    ip.dontFragment =
      connection.configuration.forbidsFragments && connection.pathMTU > PathMTUCache.floor
    if !ip.dontFragment {
      ip.identification = identification.next(
        source: ends.local.address, destination: ends.remote.address, transport: .tcp,
        count: outgoing.partCount)
    }
    ip.ttl = connection.configuration.ttl
    // RFC 9293 3.9.1.9 SHLD-21, SHLD-22: as the user has set it last.
    ip.dscp = connection.configuration.dscp
    ip.ecn = outgoing.codepoint
    // RFC 9293 3.1 MUST-2: what the device does not compute is patched in below.
    let partial = offload.checksum ? sum.folded : 0
    scratch.fill(link.header, ip, outgoing.header, checksum: partial)
    let start = link.length &+ IPv4Header.length
    let payload = connection.payload(of: outgoing, from: 0)
    let tail =
      payload.count < outgoing.payloadCount
      ? connection.payload(of: outgoing, from: payload.count) : Span<UInt8>()
    var facts = OffloadFacts.none
    if offload.checksum {
      facts.checksum = .partial(
        start: UInt16(truncatingIfNeeded: start), offset: UInt16(TCPHeader.checksumOffset))
      if outgoing.segmentSize > 0 {
        facts.segmentSize = outgoing.segmentSize
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
