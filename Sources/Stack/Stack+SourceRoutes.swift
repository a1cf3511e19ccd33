import NetworkCore
import Octets
import TCPCore
import Wire

// Source routes: RFC 9293 section 3.9.2.1, where StackConfiguration.takesSourceRoutes lets them.
extension Stack {
  /// Where packets that take a way go first: interface and next hop; nil if nowhere.
  func start(of way: SourceRoute) -> (interface: Int, hop: IPv4Address)? {
    guard !isOurs(way.first), !isBroadcast(way.first), let route = route(to: way.first) else {
      return nil
    }
    // RFC 791 3.1: on a strict route no other router lies between.
    if way.isStrict, route.gateway != nil { return nil }
    return (route.interface, route.gateway ?? way.first)
  }

  /// The way back to where a packet came from, if it came by routers that the peer has named.
  func returnWay(for packet: borrowing IPv4PacketView) -> SourceRoute? {
    guard configuration.takesSourceRoutes, packet.headerLength > IPv4Header.length,
      let option = SourceRouteOption(in: packet.options)
    else { return nil }
    return SourceRoute(answering: option, from: packet.source)
  }

  /// The user wants a connection's segments to go this way, whatever way the peer's come.
  mutating func name(_ way: SourceRoute, for handle: SlabHandle) {
    guard let slot = unsafe connections.pointer(to: handle), let start = start(of: way) else {
      return
    }
    unsafe slot.pointee.isRouteNamed = true
    unsafe slot.pointee.follow(way, start.interface, start.hop)
  }

  /// A segment of a connection came by a way of the peer's: it counts if the segment does.
  mutating func routeArrived(_ way: SourceRoute?, for handle: SlabHandle, at now: Instant) {
    guard let slot = unsafe connections.pointer(to: handle),
      unsafe slot.pointee.connection.wasHeard(at: now)
    else { return }
    take(way, for: handle)
  }

  /// What we send for a connection takes a way of the peer's back.
  ///
  /// RFC 9293 3.9.2.1 MUST-53; SHLD-24: the last one counts; MUST-52: the user's before all.
  mutating func take(_ way: SourceRoute?, for handle: SlabHandle) {
    guard let way, let slot = unsafe connections.pointer(to: handle),
      unsafe !slot.pointee.isRouteNamed, unsafe slot.pointee.sourceRoute != way,
      let start = start(of: way)
    else { return }
    counters.stack.note(.takeSourceRoute)
    unsafe slot.pointee.follow(way, start.interface, start.hop)
  }

  /// Sends a transport's datagram by a way of its own; it is never cut.
  mutating func send(
    _ payload: [UInt8], transport: IPProtocol, from source: IPv4Address, to target: IPv4Address,
    along way: SourceRoute, at now: Instant, because explanation: RuleExplanation?
  ) {
    var header = IPv4Header(
      payloadLength: payload.count, transport: transport, source: source, destination: target)
    header.ttl = configuration.tcp.ttl
    header.dontFragment = true
    let packet = [UInt8](capacity: IPv4Header.length + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
    guard let start = start(of: way), let routed = way.applied(to: packet.span),
      routed.count <= mtu(to: target, on: start.interface, at: now)
    else { return counters.ip.note(.dropNoRoute) }
    counters.ip.note(.sendPacket)
    enqueuePacket(routed, to: start.hop, on: start.interface, at: now, because: explanation)
  }

  /// The host that a quoted packet of ours was for, behind the routers that it named.
  func destination(of quoted: borrowing IPv4PacketView) -> IPv4Address {
    guard configuration.takesSourceRoutes, quoted.headerLength > IPv4Header.length,
      let option = SourceRouteOption(in: quoted.options)
    else { return quoted.destination }
    return option.ahead.last ?? quoted.destination
  }
}

extension ConnectionSlot {
  /// Segments take a way that begins at an interface's neighbour.
  mutating func follow(_ way: SourceRoute, _ interface: Int, _ hop: IPv4Address) {
    sourceRoute = way
    self.interface = interface
    nextHop = hop
    connection.setNetworkOptions(way.optionLength)
  }
}
