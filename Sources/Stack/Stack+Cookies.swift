import NetworkCore
import Octets
import TCPCore
import Wire

// Handshakes without memory, while the SYN queue is full. RFC 4987 section 3.6.
extension Stack {
  /// Answers a SYN that finds the queue full, and remembers nothing of it.
  mutating func sendCookie(
    _ syn: borrowing TCPSegmentView, _ ends: TCPEndpoints, _ tcp: TCPConfiguration,
    _ way: SourceRoute?, at now: Instant
  ) {
    guard let route = route(to: ends.remote.address) else { return counters.ip.note(.dropNoRoute) }
    counters.stack.note(.sendCookie)
    lastCookieAt = now
    let offered = TCPOptions(parsing: syn.options)
    // RFC 9293 3.7.1 MUST-15: 536 when the peer names none.
    let initial = cookies.sequence(
      for: ends, peer: syn.sequence,
      maximumSegmentSize: Int(offered.maximumSegmentSize ?? 536), at: now)
    let mtu = mtu(
      to: ends.remote.address, on: route.interface, believesPath: tcp.believesPathMTU, at: now)
    var header = TCPHeader(
      sourcePort: ends.local.port, destinationPort: ends.remote.port, sequence: initial,
      flags: [.syn, .ack], window: UInt16(clamping: tcp.receiveBufferLimit))
    header.acknowledgment = syn.sequence + 1
    header.options.maximumSegmentSize = UInt16(
      clamping: min(tcp.maximumSegmentSize ?? 65_495, mtu - 40))
    if let times = offered.timestamps, tcp.usesTimestamps {
      // Only with timestamps can the other options be kept, so only then are they answered.
      var kept = offered
      kept.sackPermitted = offered.sackPermitted && tcp.usesSACK
      if !tcp.usesWindowScaling { kept.windowScale = nil }
      let clock = TCPConnection.timestampClock(initial, at: now)
      header.options.timestamps = TCPTimestamps(
        value: SYNCookies.timestamp(clock, keeping: kept), echo: times.value)
      header.options.sackPermitted = kept.sackPermitted
      if kept.windowScale != nil { header.options.windowScale = TCPConnection.windowScale(tcp) }
    }
    send(header, ends, along: way, at: now, because: explain(StackRule.sendCookie))
  }

  /// An ACK for a listener that may bring a cookie back: then it is a handshake's end.
  ///
  /// - Returns: whether it was, so that nothing more is to be done about it.
  mutating func cookieArrived(
    _ segment: borrowing TCPSegmentView, _ ends: TCPEndpoints, _ listener: SlabHandle,
    _ way: SourceRoute?, at now: Instant
  ) -> Bool {
    guard let since = lastCookieAt, now.nanoseconds(since: since) <= SYNCookies.lifetime,
      !segment.flags.contains(.syn),
      let size = cookies.maximumSegmentSize(
        in: segment.acknowledgment - 1, ends, peer: segment.sequence - 1, at: now)
    else { return false }
    guard hasRoomForConnection() else {
      counters.stack.note(.dropConnectionLimit)
      return true
    }
    guard !isAcceptQueueFull(listener) else {
      // It may come again when there is room.
      counters.stack.note(.dropAcceptQueueFull)
      return true
    }
    guard let route = route(to: ends.remote.address) else {
      counters.ip.note(.dropNoRoute)
      return true
    }
    counters.stack.note(.acceptCookie)
    let tcp = listeners.withElement(listener) { $0.tcp } ?? configuration.tcp
    let offer = SYNCookies.offer(TCPOptions(parsing: segment.options), maximumSegmentSize: size)
    let connection = TCPConnection(
      answering: offer, with: segment, endpoints: ends,
      pathMTU: mtu(
        to: ends.remote.address, on: route.interface, believesPath: tcp.believesPathMTU, at: now),
      configuration: tcp, at: now)
    let handle = connections.insert(
      ConnectionSlot(
        connection, listener: listener, interface: route.interface,
        nextHop: route.gateway ?? ends.remote.address, isHeld: false))
    table.insert(ends, handle)
    _ = listeners.withElement(listener) { $0.handshakes += 1 }
    if way != nil { take(way, for: handle) }
    arrived(segment, .notECT, 0, handle, at: now)
    return true
  }
}
