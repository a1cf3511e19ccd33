public import NetworkCore
public import Octets
import TCPCore
public import Wire

// UDP: RFC 768; RFC 1122 section 4.1.
extension Stack {
  /// Binds a UDP socket. Port 0 chooses one; 0.0.0.0 takes datagrams to any address of ours.
  public mutating func bindUDP(at local: SocketAddress) throws(SocketError) -> SocketID {
    guard udpSockets.count < configuration.maximumUDPSockets else { throw .limitReached }
    guard local.address.isUnspecified || isOurs(local.address) else {
      throw .addressNotAvailable(local.address)
    }
    var bound = local
    if local.port.rawValue == 0 {
      let taken = Set(udpByPort.keys)
      let remote = SocketAddress(.any, 0)
      guard
        let port = ports.next(
          local: local.address, remote: remote, isFree: { !taken.contains($0) })
      else { throw .portsExhausted }
      bound.port = port
    }
    for handle in udpByPort[bound.port] ?? [] {
      let other = udpSockets.withElement(handle) { $0.state.local.address }
      if other == bound.address { throw .addressInUse(bound) }
    }
    let handle = udpSockets.insert(UDPSlot(state: UDPSocketState(local: bound)))
    udpByPort[bound.port, default: []].append(handle)
    return SocketID(.udp, handle)
  }

  /// Lets a socket hear one peer alone, and learn when its port is closed; nil for all again.
  public mutating func connectUDP(
    _ socket: SocketID, to remote: SocketAddress?
  ) throws(SocketError) {
    guard socket.kind == .udp, udpSockets.contains(socket.handle) else { throw .noSuchSocket }
    _ = udpSockets.withElement(socket.handle) { $0.state.remote = remote }
  }

  /// Where a UDP socket is bound; nil when it is gone.
  public mutating func localAddress(_ socket: SocketID) -> SocketAddress? {
    guard socket.kind == .udp else { return nil }
    return udpSockets.withElement(socket.handle) { $0.state.local }
  }

  /// Sends a datagram. Source: RFC 768.
  public mutating func send(
    _ socket: SocketID, _ octets: Span<UInt8>, to remote: SocketAddress, at now: Instant
  ) throws(SocketError) {
    guard socket.kind == .udp,
      let local = udpSockets.withElement(socket.handle, { $0.state.local })
    else { throw .noSuchSocket }
    guard octets.count <= 65_507 else { throw .messageTooLong(octets.count) }
    let target = remote.address
    guard !target.isUnspecified, !target.isReserved || target.isLimitedBroadcast,
      remote.port.rawValue != 0
    else { throw .invalidRemote(target) }
    guard let route = route(to: remote.address) else { throw .noRoute(remote.address) }
    guard
      let source = local.address.isUnspecified
        ? source(for: remote.address, by: route) : local.address
    else { throw .addressNotAvailable(.any) }
    guard maySpeak(from: source, by: route) else { throw .addressNotAvailable(source) }
    var header = UDPHeader(
      sourcePort: local.port, destinationPort: remote.port, payloadLength: octets.count)
    header.fillChecksum(source: source, destination: remote.address, payload: octets)
    let datagram = [UInt8](capacity: UDPHeader.length + octets.count) { output in
      header.emit(into: &output)
      output.append(copying: octets)
    }
    counters.udp.note(.send)
    send(
      datagram, transport: .udp, from: source, to: remote.address, at: now,
      because: explain(UDPRule.send))
  }

  /// The next datagram that waits, or nil. Throws once when a connected peer's port is closed.
  public mutating func receiveDatagram(
    _ socket: SocketID
  ) throws(SocketError) -> ReceivedDatagram? {
    guard socket.kind == .udp, udpSockets.contains(socket.handle) else { throw .noSuchSocket }
    let wasRefused = udpSockets.withElement(socket.handle) { $0.state.takeRefusal() }
    if wasRefused == true { throw .closed(.refused) }
    return udpSockets.withElement(socket.handle) { $0.state.next() } ?? nil
  }

  mutating func udpArrived(
    _ packet: borrowing IPv4PacketView, _ payload: Span<UInt8>, _ offload: OffloadFacts,
    isBroadcast: Bool, at now: Instant
  ) {
    guard let datagram = try? UDPDatagramView(parsing: payload) else {
      return counters.udp.note(.dropMalformed)
    }
    if offload.needsVerification,
      !datagram.checksumIsRight(source: packet.source, destination: packet.destination)
    {
      return counters.udp.note(.dropChecksum)
    }
    let local = SocketAddress(packet.destination, datagram.destinationPort)
    let remote = SocketAddress(packet.source, datagram.sourcePort)
    guard let handle = udpSocket(for: remote, at: local) else {
      counters.udp.note(.dropNoSocket)
      // RFC 1122 4.1.3.1: port unreachable.
      return refuse(
        packet, .unreachable(code: 3, nextHopMTU: 0), isBroadcast: isBroadcast, at: now)
    }
    let received = ReceivedDatagram(
      source: remote, destination: local, octets: [UInt8](copying: datagram.payload))
    let isTaken = udpSockets.withElement(handle) { $0.state.deliver(received) } ?? false
    counters.udp.note(isTaken ? .deliver : .dropQueueFull)
    if isTaken { announceUDP(handle) }
  }

  /// The socket for a datagram: one connected to the sender before others, then one bound to the
  /// very address before one bound to any.
  mutating func udpSocket(for remote: SocketAddress, at local: SocketAddress) -> SlabHandle? {
    var best: SlabHandle?
    var bestFit = -1
    for handle in udpByPort[local.port] ?? [] {
      let fit =
        udpSockets.withElement(handle) { slot in
          slot.state.accepts(from: remote, at: local) ? slot.state.specificity : -1
        } ?? -1
      if fit > bestFit { (best, bestFit) = (handle, fit) }
    }
    return best
  }

  mutating func announceUDP(_ handle: SlabHandle) {
    let isNew =
      udpSockets.withElement(handle) { slot in
        defer { slot.isInEventQueue = true }
        return !slot.isInEventQueue
      } ?? false
    if isNew { eventQueue.append(SocketID(.udp, handle)) }
  }

  mutating func closeUDP(_ handle: SlabHandle) {
    guard let slot = udpSockets.remove(handle) else { return }
    udpByPort[slot.state.local.port]?.removeAll { $0 == handle }
    if udpByPort[slot.state.local.port]?.isEmpty == true { udpByPort[slot.state.local.port] = nil }
  }
}
