import NetworkCore
public import Octets
import TCPCore
import Wire

// The way up: frame, ARP or IPv4, reassembly, then ICMP, UDP or TCP.
extension Stack {
  /// A frame arrived on an interface.
  ///
  /// - Parameters:
  ///   - octets: the frame from its first octet; borrowed for this call.
  ///   - offload: what the device knows about checksum and segmentation.
  ///   - now: when the frame arrived.
  public mutating func frameArrived(
    _ octets: Span<UInt8>, offload: OffloadFacts = .none, on id: InterfaceID, at now: Instant
  ) {
    switch interfaces[id.index].configuration.medium {
    case .ip: packetArrived(octets, offload, on: id.index, at: now)
    case .ethernet(let ours):
      guard let frame = try? EthernetFrameView(parsing: octets) else {
        return counters.ip.note(.dropMalformed)
      }
      guard frame.destination == ours || frame.destination.isGroup else {
        return counters.ip.note(.dropNotForUs)
      }
      // We are in no VLAN.
      if frame.isInVLAN { return counters.ip.note(.dropLinkType) }
      switch frame.type {
      case .arp: arpArrived(frame.payload, ours, on: id.index, at: now)
      case .ipv4:
        packetArrived(
          frame.payload, offload, on: id.index, isLinkBroadcast: frame.destination.isGroup, at: now)
      default: counters.ip.note(.dropLinkType)
      }
    }
  }

  /// An IPv4 packet arrived, or came back from the loopback.
  mutating func packetArrived(
    _ octets: Span<UInt8>, _ offload: OffloadFacts, on interface: Int,
    isLinkBroadcast: Bool = false, at now: Instant
  ) {
    let packet: IPv4PacketView
    do throws(ParseError) {
      packet = try IPv4PacketView(parsing: octets)
    } catch {
      return counters.ip.note(IPv4Input.rule(for: error))
    }
    var isBroadcast = false
    switch judge(packet, on: interface) {
    case .unicast:
      // RFC 1122 3.3.6: nor may it be answered, for every station would.
      if isLinkBroadcast { return counters.ip.note(.dropLinkBroadcast) }
    case .broadcast: isBroadcast = true
    case .drop(let rule): return counters.ip.note(rule)
    case .routeLeadsOn:
      counters.ip.note(.dropRouteLeadsOn)
      // RFC 792: source route failed.
      return refuse(
        packet, .unreachable(code: 5, nextHopMTU: 0), isBroadcast: isLinkBroadcast, at: now)
    case .parameterProblem(let pointer, let isForAll):
      counters.ip.note(.dropBadOption)
      return refuse(
        packet, .parameterProblem(code: 0, pointer: pointer),
        isBroadcast: isForAll || isLinkBroadcast, at: now)
    }
    guard packet.isFragment else {
      counters.ip.note(.deliver)
      return deliver(
        packet, packet.payload, offload, packet.ecn, isBroadcast: isBroadcast, at: now)
    }
    fragmentArrived(packet, isBroadcast: isBroadcast, at: now)
  }

  private mutating func fragmentArrived(
    _ fragment: borrowing IPv4PacketView, isBroadcast: Bool, at now: Instant
  ) {
    let outcome = reassembler.fragmentArrived(fragment, at: now)
    for _ in 0..<reassembler.takeEvicted() { counters.ip.note(.dropFragmentEvicted) }
    switch outcome {
    case .waiting: counters.ip.note(.awaitFragments)
    case .dropped(let rule): counters.ip.note(rule)
    case .whole(let payload):
      counters.ip.note(.reassembled)
      // What goes up is the datagram, not the fragment that happened to be the last: an error about it
      // quotes its beginning.
      let beginning = reassembler.wholeQuote
      guard let whole = try? IPv4PacketView(quoted: beginning.span) else { return }
      deliver(
        whole, payload.span, .none, reassembler.wholeCodepoint, isBroadcast: isBroadcast, at: now)
    }
  }

  private func judge(
    _ packet: borrowing IPv4PacketView, on interface: Int
  ) -> IPv4Input.Disposition {
    guard interface == 0 else {
      return IPv4Input.judge(
        packet, addresses: addresses, isLoopback: false,
        takesSourceRoutes: configuration.takesSourceRoutes)
    }
    // Everything in 127/8 is this host. RFC 1122 3.2.1.3 (g).
    let loopback = IPv4Prefix(packet.destination, length: 32)
    let local = packet.destination.isLoopback ? addresses + [loopback] : addresses
    return IPv4Input.judge(packet, addresses: local, isLoopback: true)
  }

  /// A whole datagram goes to its protocol.
  private mutating func deliver(
    _ packet: borrowing IPv4PacketView, _ payload: Span<UInt8>, _ offload: OffloadFacts,
    _ codepoint: ECNCodepoint, isBroadcast: Bool, at now: Instant
  ) {
    switch packet.transport {
    case .tcp:
      tcpArrived(packet, payload, offload, codepoint, isBroadcast: isBroadcast, at: now)
    case .udp: udpArrived(packet, payload, offload, isBroadcast: isBroadcast, at: now)
    case .icmp: icmpArrived(packet, payload, isBroadcast: isBroadcast, at: now)
    default:
      counters.ip.note(.dropUnknownProtocol)
      // RFC 1122 3.2.2.1: protocol unreachable.
      refuse(packet, .unreachable(code: 2, nextHopMTU: 0), isBroadcast: isBroadcast, at: now)
    }
  }

  // MARK: ARP

  private mutating func arpArrived(
    _ octets: Span<UInt8>, _ ours: MACAddress, on interface: Int, at now: Instant
  ) {
    guard let packet = try? ARPPacket(parsing: octets) else {
      return counters.arp.note(.dropMalformed)
    }
    let local = interfaces[interface].configuration.addresses
    if local.contains(where: { $0.address == packet.senderAddress }) {
      return conflictArrived(packet, ours, on: interface, at: now)
    }
    guard !packet.senderHardware.isGroup, packet.senderHardware.rawValue != 0,
      !packet.senderAddress.isMulticast, !isBroadcast(packet.senderAddress)
    else { return counters.arp.note(.dropBadSender) }
    let isForUs = local.contains { $0.address == packet.targetAddress }
    // RFC 826: whoever asks for us will be spoken to; of others, and of those who answer unasked, only
    // what is known is refreshed.
    let isOnLink = local.contains { $0.contains(packet.senderAddress) }
    let isQuestion = packet.operation == .request
    let waiting = interfaces[interface].neighbors.learn(
      packet.senderAddress, packet.senderHardware,
      mayCreate: isQuestion && isForUs && isOnLink, at: now)
    if let waiting {
      counters.arp.note(.learn)
      for octets in waiting {
        counters.arp.note(.release)
        enqueueEthernet(
          octets, to: packet.senderHardware, from: ours, on: interface,
          because: explain(ARPRule.release))
      }
    }
    guard isQuestion else {
      return waiting == nil ? counters.arp.note(.dropUnasked) : ()
    }
    guard isForUs else { return counters.arp.note(.dropNotForUs) }
    counters.arp.note(.answer)
    let answer = ARPPacket(
      operation: .reply, senderHardware: ours, senderAddress: packet.targetAddress,
      targetHardware: packet.senderHardware, targetAddress: packet.senderAddress)
    enqueueARP(answer, to: packet.senderHardware, on: interface, because: .answer)
  }

  /// Somebody else claims an address of ours: it is kept, and everybody is told whose it is, but not
  /// more often than every ten seconds, or two that both defend would never stop.
  ///
  /// Source: RFC 5227 2.4 (c).
  private mutating func conflictArrived(
    _ packet: ARPPacket, _ ours: MACAddress, on interface: Int, at now: Instant
  ) {
    counters.arp.note(.dropConflict)
    // What we said ourselves comes back on some links, and is no conflict.
    guard packet.senderHardware != ours else { return }
    let address = packet.senderAddress
    if let last = interfaces[interface].defendedAt[address],
      now < last + Self.defendInterval
    {
      return
    }
    interfaces[interface].defendedAt[address] = now
    counters.arp.note(.defend)
    let announcement = ARPPacket(
      operation: .request, senderHardware: ours, senderAddress: address,
      targetHardware: MACAddress(rawValue: 0), targetAddress: address)
    enqueueARP(announcement, to: .broadcast, on: interface, because: .defend)
  }

  /// DEFEND_INTERVAL. Source: RFC 5227 1.1.
  private static var defendInterval: Duration { .seconds(10) }

  /// Asks again for neighbours, or gives them up.
  mutating func neighborsDue(_ interface: Int, at now: Instant) {
    guard case .ethernet = interfaces[interface].configuration.medium else { return }
    let (ask, undeliverable) = interfaces[interface].neighbors.deadlinePassed(at: now)
    for address in ask { askFor(address, on: interface) }
    for octets in undeliverable {
      counters.arp.note(.giveUp)
      // RFC 1122 2.3.2.2: to our own sockets, as if a router had told us.
      guard let packet = try? IPv4PacketView(parsing: octets.span) else { continue }
      errorQuotes(packet, .unreachable(code: 1, nextHopMTU: 0), at: now)
    }
  }

  /// Sends the question for a neighbour's address.
  mutating func askFor(_ address: IPv4Address, on interface: Int) {
    guard case .ethernet(let ours) = interfaces[interface].configuration.medium,
      let source = interfaces[interface].source(for: address)
    else { return }
    counters.arp.note(.ask)
    let question = ARPPacket(
      operation: .request, senderHardware: ours, senderAddress: source,
      targetHardware: MACAddress(rawValue: 0), targetAddress: address)
    enqueueARP(question, to: .broadcast, on: interface, because: .ask)
  }

  private mutating func enqueueARP(
    _ packet: ARPPacket, to target: MACAddress, on interface: Int, because rule: ARPRule
  ) {
    guard case .ethernet(let ours) = interfaces[interface].configuration.medium else { return }
    let octets = [UInt8](capacity: EthernetHeader.length + ARPPacket.length) { output in
      EthernetHeader(destination: target, source: ours, type: .arp).emit(into: &output)
      packet.emit(into: &output)
    }
    enqueueFrame(octets, on: interface, because: explain(rule))
  }

  /// The explanation of a rule, if this stack explains itself.
  func explain(_ rule: some ProtocolRule) -> RuleExplanation? {
    configuration.explains ? RuleExplanation(rule) : nil
  }
}
