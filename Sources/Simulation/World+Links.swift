import Octets
import Stack
import Wire

/// A link: its ports, and what it does to frames.
struct Link {
  struct Port {
    var host: Int
    /// The place among the host's attachments.
    var attachment: Int
    var isEthernet: Bool
    var conditions: LinkConditions
    /// Until when the sender's side is busy with what was sent before.
    var busyUntil = Instant.start
    /// When the last frame arrives that kept its order.
    var lastArrival = Instant.start
    var isInBurst = false
    /// Octets that a policer would let pass, and when that was so.
    var tokens = (octets: 0.0, at: Instant.start)

    var linkType: LinkType { isEthernet ? .ethernet : .rawIP }
  }

  var conditions: LinkConditions
  var ports: [Port] = []

  init(_ conditions: LinkConditions) { self.conditions = conditions }

  mutating func addPort(host: Int, attachment: Int, _ medium: InterfaceMedium) -> Int {
    let isEthernet = if case .ethernet = medium { true } else { false }
    ports.append(
      Port(
        host: host, attachment: attachment, isEthernet: isEthernet, conditions: conditions,
        tokens: (Double(conditions.policer?.burst ?? 0), .start)))
    return ports.count - 1
  }
}

// What happens to a frame between two hosts.
extension World {
  /// A host has put a frame on a link: its fate is decided now, its arrival comes later.
  mutating func launch(
    _ octets: [UInt8], _ explanation: RuleExplanation?, on place: SimulatedHost.Attachment
  ) {
    frameCount += 1
    var port = links[place.link.index].ports[place.port]
    let conditions = port.conditions
    var frame = TracedFrame(
      ordinal: frameCount, sentAt: now, link: place.link, sender: HostID(index: port.host),
      octets: octets, fate: .delivered, explanation: explanation)
    frame.fate = judge(frame, &port)
    let intervention = intervenes?(frame)
    switch intervention {
    case .drop: frame.fate = .intercepted
    case .delay: frame.fate = .heldBack
    case .alter: frame.fate = .altered
    case nil: break
    }
    if frame.fate.arrives || frame.fate == .lost || frame.fate == .lostInBurst {
      // What is lost on the way has taken its time on the link all the same.
      let backlog = backlog(port)
      if !occupy(octets.count, backlog, &port) { frame.fate = .queueFull }
      if let threshold = conditions.markingThreshold, backlog >= threshold {
        frame.isMarked = isMarkable(octets, from: port.isEthernet ? 14 : 0)
      }
    }
    if frame.fate.arrives {
      var payload = octets
      if frame.isMarked { mark(&payload, from: port.isEthernet ? 14 : 0) }
      if frame.fate == .corrupted { corrupt(&payload, from: port.isEthernet ? 14 : 0) }
      if case .alter(let others) = intervention { payload = others }
      var arrival = arrivalTime(&port)
      if case .delay(let late) = intervention { arrival = arrival + late }
      frame.arrivesAt = arrival
      send(payload, arriving: arrival, from: place)
      if frame.fate == .duplicated {
        let late = Int64.random(
          in: 0...max(conditions.reorderingDelay.wholeNanoseconds, 0), using: &random)
        send(payload, arriving: arrival.advanced(byNanoseconds: late), from: place)
      }
    } else if frame.fate == .tooBig, conditions.tellsTooBig, let mtu = conditions.pathMTU {
      answerTooBig(octets, mtu, port, place)
    }
    links[place.link.index].ports[place.port] = port
    fates[frame.fate, default: 0] += 1
    if recordsFrames { frames.append(frame) }
  }

  private mutating func judge(_ frame: TracedFrame, _ port: inout Link.Port) -> FrameFate {
    let conditions = port.conditions
    if let loses, loses(frame) { return .intercepted }
    if let mtu = conditions.pathMTU,
      frame.octets.count - (port.isEthernet ? 14 : 0) > mtu
    {
      return .tooBig
    }
    if let policer = conditions.policer, !passes(frame.octets.count, policer, &port) {
      return .policed
    }
    if let bursts = conditions.burstLoss {
      if chance(port.isInBurst ? bursts.end : bursts.begin) { port.isInBurst.toggle() }
      if port.isInBurst, chance(bursts.loss) { return .lostInBurst }
    }
    if chance(conditions.loss) { return .lost }
    if chance(conditions.corruption) { return .corrupted }
    if chance(conditions.duplication) { return .duplicated }
    return .delivered
  }

  /// A token bucket: whether so many octets may pass now.
  private func passes(_ octets: Int, _ policer: Policer, _ port: inout Link.Port) -> Bool {
    let elapsed = Double(now.nanoseconds(since: port.tokens.at))
    let filled = port.tokens.octets + elapsed * Double(policer.rate) / 8e9
    port.tokens = (min(filled, Double(policer.burst)), now)
    guard port.tokens.octets >= Double(octets) else { return false }
    port.tokens.octets -= Double(octets)
    return true
  }

  private mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && Double.random(in: 0..<1, using: &random) < probability
  }

  /// Octets that wait for their turn on a link with a rate.
  private func backlog(_ port: Link.Port) -> Int {
    guard let rate = port.conditions.rate, rate > 0 else { return 0 }
    let start = max(now, port.busyUntil)
    return Int(Double(start.nanoseconds(since: now)) * Double(rate) / 8e9)
  }

  /// Whether the packet's ends understand marks.
  private func isMarkable(_ octets: [UInt8], from start: Int) -> Bool {
    guard octets.count > start,
      let packet = try? IPv4PacketView(parsing: octets.span.extracting(droppingFirst: start))
    else { return false }
    return packet.ecn == .ect0 || packet.ecn == .ect1
  }

  /// The router says that it is congested. RFC 3168 section 5; the checksum follows by RFC 1624.
  private func mark(_ octets: inout [UInt8], from start: Int) {
    let before = UInt32(octets[start + 1])
    octets[start + 1] |= ECNCodepoint.ce.rawValue
    let sum = UInt32(octets[start + 10]) << 8 | UInt32(octets[start + 11])
    // HC' = ~(~HC + ~m + m').
    var next = (~sum & 0xFFFF) + (~before & 0xFFFF) + UInt32(octets[start + 1])
    next = (next & 0xFFFF) + next >> 16
    next = (next & 0xFFFF) + next >> 16
    octets[start + 10] = UInt8(truncatingIfNeeded: ~next >> 8)
    octets[start + 11] = UInt8(truncatingIfNeeded: ~next)
  }

  /// Takes the frame's time on a link with a rate; false when too much is waiting already.
  private func occupy(_ octets: Int, _ backlog: Int, _ port: inout Link.Port) -> Bool {
    guard let rate = port.conditions.rate, rate > 0 else { return true }
    guard backlog + octets <= port.conditions.queueLimit else { return false }
    let start = max(now, port.busyUntil)
    let time = Int64(Double(octets) * 8e9 / Double(rate))
    port.busyUntil = start.advanced(byNanoseconds: time)
    return true
  }

  private mutating func arrivalTime(_ port: inout Link.Port) -> Instant {
    let conditions = port.conditions
    var arrival = max(now, port.busyUntil) + conditions.delay
    if conditions.jitter > .zero {
      arrival = arrival.advanced(
        byNanoseconds: .random(in: 0...conditions.jitter.wholeNanoseconds, using: &random))
      if conditions.jitterReorders { return arrival }
    }
    if chance(conditions.reordering) {
      let late = Int64.random(
        in: 0...max(conditions.reorderingDelay.wholeNanoseconds, 0), using: &random)
      return arrival.advanced(byNanoseconds: late)
    }
    port.lastArrival = max(port.lastArrival, arrival)
    return port.lastArrival
  }

  private mutating func send(
    _ octets: [UInt8], arriving arrival: Instant, from place: SimulatedHost.Attachment
  ) {
    let ports = links[place.link.index].ports
    for index in ports.indices where index != place.port {
      flights.push(
        Flight(
          arrival: arrival, ordinal: frameCount, host: ports[index].host,
          interface: ports[index].attachment, octets: octets))
    }
  }

  /// One octet is changed: the Internet checksum always notices one.
  private mutating func corrupt(_ octets: inout [UInt8], from start: Int) {
    guard octets.count > start else { return }
    let index = Int.random(in: start..<octets.count, using: &random)
    octets[index] ^= UInt8.random(in: 1...255, using: &random)
  }

  /// A router in the middle of the link says what it can forward. RFC 1191 section 4.
  private mutating func answerTooBig(
    _ octets: [UInt8], _ mtu: Int, _ port: Link.Port, _ place: SimulatedHost.Attachment
  ) {
    let linkLength = port.isEthernet ? EthernetHeader.length : 0
    guard octets.count > linkLength,
      let packet = try? IPv4PacketView(parsing: octets.span.extracting(droppingFirst: linkLength)),
      packet.dontFragment
    else { return }
    let quote = packet.octets.extracting(first: min(packet.octets.count, 548))
    let header = IPv4Header(
      payloadLength: ICMPv4Header.length + quote.count, transport: .icmp,
      source: IPv4Address(198, 51, 100, 254), destination: packet.source)
    let message = ICMPv4Header(.unreachable(code: 4, nextHopMTU: UInt16(clamping: mtu)))
    let length = linkLength + IPv4Header.length + ICMPv4Header.length + quote.count
    let answer = [UInt8](capacity: length) { output in
      if port.isEthernet, let frame = try? EthernetFrameView(parsing: octets.span) {
        EthernetHeader(destination: frame.source, source: frame.destination, type: .ipv4)
          .emit(into: &output)
      }
      header.emit(into: &output)
      message.emit(into: &output, payload: quote)
      output.append(copying: quote)
    }
    flights.push(
      Flight(
        arrival: now + port.conditions.delay, ordinal: frameCount, host: port.host,
        interface: port.attachment, octets: answer))
  }
}
