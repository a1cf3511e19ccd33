import DequeModule
import NetworkCore
import Octets
import TCPCore
import Wire

// TCP: demultiplexing, listeners, and what a connection needs of its host.
extension Stack {
  // MARK: Arrival

  mutating func tcpArrived(
    _ packet: borrowing IPv4PacketView, _ payload: Span<UInt8>, _ offload: OffloadFacts,
    _ codepoint: ECNCodepoint, isBroadcast: Bool, at now: Instant
  ) {
    // RFC 9293 3.9.2.3 MUST-57.
    guard !isBroadcast else { return counters.stack.note(.dropTCPToGroup) }
    guard let segment = try? TCPSegmentView(parsing: payload) else {
      return counters.stack.note(.dropTCPMalformed)
    }
    // RFC 9293 3.1 MUST-3.
    if offload.needsVerification,
      !segment.checksumIsRight(source: packet.source, destination: packet.destination)
    {
      return counters.stack.note(.dropTCPChecksum)
    }
    let ends = TCPEndpoints(
      local: SocketAddress(packet.destination, segment.destinationPort),
      remote: SocketAddress(packet.source, segment.sourcePort))
    let way = returnWay(for: packet)
    var numbersAbove: SequenceNumber?
    if let handle = table.find(ends) {
      numbersAbove = replaces(segment, ends, handle, at: now)
      if numbersAbove == nil {
        arrived(segment, codepoint, offload.segmentSize, handle, at: now)
        if way != nil { routeArrived(way, for: handle, at: now) }
        return
      }
    }
    listenerArrived(segment, codepoint, ends, way, numbersAbove: numbersAbove, at: now)
  }

  mutating func arrived(
    _ segment: borrowing TCPSegmentView, _ codepoint: ECNCodepoint, _ segmentSize: UInt16,
    _ handle: SlabHandle, at now: Instant
  ) {
    guard let slot = unsafe connections.pointer(to: handle) else { return }
    unsafe allowGrowth(slot)
    let before = unsafe slot.pointee.connection.state
    if before == .synReceived, unsafe slot.pointee.earlyListener == nil,
      let listener = unsafe slot.pointee.listener
    {
      if isAcceptQueueFull(listener), !segment.flags.contains(.rst) {
        // The last ACK of the handshake may come again when there is room.
        return counters.stack.note(.dropAcceptQueueFull)
      }
      if let patience = listeners.withElement(listener, { $0.options.deferAccept }) ?? nil,
        unsafe slot.pointee.connection.defersHandshake(segment, for: patience, at: now)
      {
        counters.stack.note(.dropAwaitingData)
        return settle(handle, at: now)
      }
    }
    unsafe slot.pointee.connection.segmentArrived(
      segment, codepoint: codepoint, segmentSize: segmentSize, at: now, ledger: &counters.tcp)
    if before == .synSent { unsafe learnFastOpen(slot, at: now) }
    touch(handle, at: now)
  }

  /// A SYN may take the place of a connection in TIME-WAIT, which then is gone.
  ///
  /// Nobody but a listener can take it, so that a SYN to none does not cut the wait short.
  /// - Returns: the number above which ours must begin (RFC 9293 3.6.1 MAY-2); nil when it may not.
  private mutating func replaces(
    _ segment: borrowing TCPSegmentView, _ ends: TCPEndpoints, _ handle: SlabHandle, at now: Instant
  ) -> SequenceNumber? {
    guard segment.flags.contains(.syn), !segment.flags.contains(.ack),
      let slot = unsafe connections.pointer(to: handle),
      unsafe slot.pointee.connection.state == .timeWait, unsafe !slot.pointee.isHeld,
      listener(at: ends.local) != nil
    else { return nil }
    let options = TCPOptions(parsing: segment.options)
    guard
      unsafe slot.pointee.connection.mayBeReplaced(
        by: segment.sequence, timestamp: options.timestamps?.value)
    else { return nil }
    let number = unsafe slot.pointee.connection.nextNumber
    removeConnection(handle)
    return number
  }

  /// A segment without a connection: for a listener, or for nobody.
  private mutating func listenerArrived(
    _ segment: borrowing TCPSegmentView, _ codepoint: ECNCodepoint, _ ends: TCPEndpoints,
    _ way: SourceRoute?, numbersAbove: SequenceNumber?, at now: Instant
  ) {
    guard let listener = listener(at: ends.local) else {
      counters.stack.note(.dropNoListener)
      return sendReset(segment, ends, way, at: now)
    }
    // RFC 9293 section 3.10.7.2, LISTEN: first RST, then ACK, then SYN.
    if segment.flags.contains(.rst) { return counters.tcp.note(.dropUnexpected) }
    if segment.flags.contains(.ack) {
      if cookieArrived(segment, ends, listener, way, at: now) { return }
      return sendReset(segment, ends, way, at: now)
    }
    guard segment.flags.contains(.syn) else { return counters.tcp.note(.dropUnexpected) }
    guard hasRoomForConnection() else {
      return counters.stack.note(.dropConnectionLimit)
    }
    makeRoomForHandshake(listener, at: now)
    let verdict: StackRule? =
      listeners.withElement(listener) { held -> StackRule? in
        if held.accepted.count >= held.options.backlog { return .dropAcceptQueueFull }
        if held.handshakes >= held.options.handshakes { return .dropSYNQueueFull }
        held.handshakes += 1
        return nil
      } ?? .dropNoListener
    let tcp = listeners.withElement(listener) { $0.tcp } ?? configuration.tcp
    if let verdict {
      let usesCookies = listeners.withElement(listener) { $0.options.usesCookies } ?? false
      guard verdict == .dropSYNQueueFull, usesCookies else { return counters.stack.note(verdict) }
      return sendCookie(segment, ends, tcp, way, at: now)
    }
    guard let route = route(to: ends.remote.address) else {
      _ = listeners.withElement(listener) { $0.handshakes -= 1 }
      return counters.ip.note(.dropNoRoute)
    }
    counters.stack.note(.acceptHandshake)
    let early = judgeEarly(segment, ends, listener)
    var initial = sequences.next(for: ends, at: now)
    if let numbersAbove, !initial.follows(numbersAbove) {
      // Faster than the clock of RFC 9293 3.4.1, the last incarnation has overtaken it.
      initial = numbersAbove + 65_536
    }
    var connection = TCPConnection(
      accepting: segment, codepoint: codepoint, endpoints: ends, initialSequence: initial,
      pathMTU: mtu(
        to: ends.remote.address, on: route.interface, believesPath: tcp.believesPathMTU, at: now),
      configuration: tcp, at: now)
    var isEarly = false
    switch early {
    case .ordinary: break
    case .answer(let option): connection.answerFastOpen(option)
    case .early(let option):
      isEarly = true
      connection.acceptEarly(segment, at: now, ledger: &counters.tcp)
      if let option { connection.answerFastOpen(option) }
    }
    let handle = connections.insert(
      ConnectionSlot(
        connection, listener: listener, interface: route.interface,
        nextHop: route.gateway ?? ends.remote.address, isHeld: false))
    table.insert(ends, handle)
    _ = listeners.withElement(listener) { held in
      if isEarly { held.early += 1 } else { held.begun.append((handle, now)) }
    }
    if isEarly { unsafe connections.pointer(to: handle)?.pointee.earlyListener = listener }
    if way != nil { take(way, for: handle) }
    touch(handle, at: now)
  }

  /// What an active open has taught about its server. RFC 7413 section 4.1.3.
  @unsafe private mutating func learnFastOpen(
    _ slot: UnsafeMutablePointer<ConnectionSlot>, at now: Instant
  ) {
    guard let lesson = unsafe slot.pointee.connection.takeFastOpenLesson() else { return }
    unsafe fastOpenCache.learn(slot.pointee.connection.endpoints.remote.address, lesson, at: now)
  }

  /// How long a handshake keeps its place when others wait: our SYN,ACK went twice unanswered.
  private static var handshakePatience: Int64 { 3_000_000_000 }

  /// In a full SYN queue the oldest handshake makes room, if its peer has been silent for long.
  ///
  /// Source: RFC 4987 section 3.4. Young ones stay, so that many who come at once all get in.
  private mutating func makeRoomForHandshake(_ listener: SlabHandle, at now: Instant) {
    while let (handle, since) = listeners.withElement(listener, { $0.begun.first }) ?? nil {
      let isOver: Bool =
        if let slot = unsafe connections.pointer(to: handle) {
          unsafe slot.pointee.connection.state != .synReceived
        } else {
          true
        }
      if !isOver {
        let isFull = listeners.withElement(listener) { $0.handshakes >= $0.options.handshakes }
        guard isFull == true, now.nanoseconds(since: since) >= Self.handshakePatience else { break }
        counters.stack.note(.recycleHandshake)
        removeConnection(handle)
      }
      _ = listeners.withElement(listener) { $0.begun.removeFirst() }
    }
    let bound = listeners.withElement(listener) {
      $0.begun.count > 2 &* $0.options.handshakes &+ 64
    }
    guard bound == true else { return }
    // Behind a slow one many may be over: they go all at once, so that this is seldom.
    let begun = listeners.withElement(listener) { $0.begun } ?? []
    var kept: Deque<(handle: SlabHandle, at: Instant)> = []
    for entry in begun {
      guard let slot = unsafe connections.pointer(to: entry.handle),
        unsafe slot.pointee.connection.state == .synReceived
      else { continue }
      kept.append(entry)
    }
    _ = listeners.withElement(listener) { $0.begun = kept }
  }

  private mutating func sendReset(
    _ segment: borrowing TCPSegmentView, _ ends: TCPEndpoints, _ way: SourceRoute?,
    at now: Instant
  ) {
    guard let header = TCPReset.answer(to: segment) else { return }
    counters.tcp.note(.resetNoConnection)
    send(header, ends, along: way, at: now, because: explain(TCPRule.resetNoConnection))
  }

  /// Sends a segment that belongs to no connection: a header without payload.
  mutating func send(
    _ header: TCPHeader, _ ends: TCPEndpoints, along way: SourceRoute? = nil, at now: Instant,
    because explanation: RuleExplanation?
  ) {
    var sum = PseudoHeader.sum(
      source: ends.local.address, destination: ends.remote.address, transport: .tcp,
      length: header.length)
    let blank = [UInt8](capacity: header.length) { header.emit(into: &$0) }
    sum.add(blank.span)
    let octets = [UInt8](capacity: header.length) { header.emit(into: &$0, checksum: sum.value) }
    send(
      octets, transport: .tcp, from: ends.local.address, to: ends.remote.address,
      along: way, dontFragment: true, at: now, because: explanation)
  }

  /// The listener for an end: one at the very address before one at any.
  private mutating func listener(at local: SocketAddress) -> SlabHandle? {
    guard let handles = listenersByPort[local.port] else { return nil }
    var best: SlabHandle?
    for handle in handles {
      let address = listeners.withElement(handle) { $0.local.address } ?? .any
      if address == local.address { return handle }
      if address.isUnspecified { best = handle }
    }
    return best
  }

  mutating func isAcceptQueueFull(_ listener: SlabHandle) -> Bool {
    listeners.withElement(listener) { $0.accepted.count >= $0.options.backlog } ?? false
  }

  // MARK: After every change

  /// A connection may have changed: its events are told, its output and deadline will be seen to.
  ///
  /// What it costs to settle a connection is paid once, after it has had its turn to send.
  mutating func touch(_ handle: SlabHandle, at now: Instant) {
    guard let slot = unsafe connections.pointer(to: handle) else { return }
    unsafe countMemory(slot)
    if unsafe !slot.pointee.isInOutputQueue {
      unsafe slot.pointee.isInOutputQueue = true
      unsafe interfaces[slot.pointee.interface].output.append(handle)
    }
    let events = unsafe slot.pointee.connection.takeEvents()
    if !events.isEmpty { unsafe announce(events, handle, slot) }
  }

  /// What a connection's buffers hold may have changed.
  @unsafe private mutating func countMemory(_ slot: UnsafeMutablePointer<ConnectionSlot>) {
    let held = unsafe slot.pointee.connection.bufferMemory
    if unsafe held != slot.pointee.bufferMemory {
      unsafe bufferMemory &+= held &- slot.pointee.bufferMemory
      unsafe slot.pointee.bufferMemory = held
    }
  }

  /// Before octets come or are written: whether the connection's buffers may grow for them.
  @unsafe mutating func allowGrowth(_ slot: UnsafeMutablePointer<ConnectionSlot>) {
    let mayGrow = bufferMemory < configuration.maximumBufferMemory
    if unsafe slot.pointee.connection.buffersMayGrow != mayGrow {
      unsafe slot.pointee.connection.buffersMayGrow = mayGrow
    }
  }

  /// Gathers events, follows the deadline, and removes what is over.
  mutating func settle(_ handle: SlabHandle, at now: Instant) {
    guard let slot = unsafe connections.pointer(to: handle) else { return }
    unsafe countMemory(slot)
    let events = unsafe slot.pointee.connection.takeEvents()
    if !events.isEmpty { unsafe announce(events, handle, slot) }
    if let deadline = unsafe slot.pointee.connection.nextDeadline,
      unsafe deadline < slot.pointee.scheduled
    {
      unsafe slot.pointee.scheduled = deadline
      deadlines.schedule(handle, at: deadline)
    }
    if let listener = unsafe slot.pointee.earlyListener,
      unsafe slot.pointee.connection.state != .synReceived
    {
      unsafe slot.pointee.earlyListener = nil
      _ = listeners.withElement(listener) { $0.early -= 1 }
    }
    if unsafe slot.pointee.connection.state == .timeWait, unsafe !slot.pointee.isTimeWait {
      unsafe slot.pointee.isTimeWait = true
      while let oldest = timeWaits.first, !connections.contains(oldest) { timeWaits.removeFirst() }
      timeWaits.append(handle)
    }
    guard unsafe slot.pointee.connection.isFinished, unsafe !slot.pointee.isInOutputQueue else {
      return
    }
    // One that was reset while it waited to be accepted is still handed on, to tell its story.
    let isAwaited = unsafe slot.pointee.isHeld || isAccepted(handle, slot.pointee.listener)
    guard isAwaited else { return removeConnection(handle) }
    // RFC 9293 3.10.7.1: what comes for it now meets no connection; its ends are free.
    unlist(handle)
  }

  /// Whether one more connection may begin; one in TIME-WAIT may have to go for it.
  mutating func hasRoomForConnection() -> Bool {
    guard connections.count >= configuration.maximumConnections else { return true }
    while let oldest = timeWaits.popFirst() {
      guard let slot = unsafe connections.pointer(to: oldest),
        unsafe slot.pointee.connection.state == .timeWait, unsafe !slot.pointee.isHeld
      else { continue }
      // Deviates from RFC 9293 3.6.1 MUST-13 rather than turn a living peer away.
      counters.stack.note(.recycleTimeWait)
      removeConnection(oldest)
      return true
    }
    return false
  }

  private mutating func isAccepted(_ handle: SlabHandle, _ listener: SlabHandle?) -> Bool {
    guard let listener else { return false }
    return listeners.withElement(listener) { $0.accepted.contains(handle) } ?? false
  }

  @unsafe private mutating func announce(
    _ events: TCPEvents, _ handle: SlabHandle, _ slot: UnsafeMutablePointer<ConnectionSlot>
  ) {
    if events.contains(.connected), let listener = unsafe slot.pointee.listener {
      let isNew =
        listeners.withElement(listener) { held in
          held.handshakes -= 1
          held.accepted.append(handle)
          defer { held.isInEventQueue = true }
          return !held.isInEventQueue
        } ?? false
      if isNew { eventQueue.append(SocketID(.listener, listener)) }
    } else if events.contains(.closed), let listener = unsafe slot.pointee.listener,
      !isAccepted(handle, listener)
    {
      _ = listeners.withElement(listener) { $0.handshakes -= 1 }
      unsafe slot.pointee.listener = nil
    }
    // TCPEvents and Readiness share their bits.
    unsafe slot.pointee.readiness.formUnion(Readiness(rawValue: events.rawValue))
    guard unsafe slot.pointee.isHeld, unsafe !slot.pointee.isInEventQueue else { return }
    unsafe slot.pointee.isInEventQueue = true
    eventQueue.append(SocketID(.connection, handle))
  }

  /// What happened at a socket since it was last asked.
  mutating func takeReadiness(_ socket: SocketID) -> Readiness {
    switch socket.kind {
    case .connection:
      guard let slot = unsafe connections.pointer(to: socket.handle) else { return [] }
      let taken = unsafe slot.pointee.readiness
      unsafe slot.pointee.readiness = []
      unsafe slot.pointee.isInEventQueue = false
      return taken
    case .listener:
      return listeners.withElement(socket.handle) { held in
        held.isInEventQueue = false
        return held.accepted.isEmpty ? [] : .acceptable
      } ?? []
    case .udp:
      return udpSockets.withElement(socket.handle) { slot in
        slot.isInEventQueue = false
        return .readable
      } ?? []
    }
  }

  /// An entry of the heap is due; it may be stale.
  mutating func connectionDue(_ handle: SlabHandle, at now: Instant) {
    guard let slot = unsafe connections.pointer(to: handle) else { return }
    unsafe slot.pointee.scheduled = .distantFuture
    if let deadline = unsafe slot.pointee.connection.nextDeadline, deadline <= now {
      unsafe slot.pointee.connection.deadlinePassed(at: now, ledger: &counters.tcp)
      touch(handle, at: now)
    } else {
      settle(handle, at: now)
    }
  }

  /// A connection that is over is found no more, while its owner still may ask for its story.
  private mutating func unlist(_ handle: SlabHandle) {
    guard let slot = unsafe connections.pointer(to: handle), unsafe slot.pointee.isListed else {
      return
    }
    unsafe slot.pointee.isListed = false
    unsafe table.remove(slot.pointee.connection.endpoints)
  }

  mutating func removeConnection(_ handle: SlabHandle) {
    guard let slot = unsafe connections.pointer(to: handle) else { return }
    unsafe bufferMemory &-= slot.pointee.bufferMemory
    let listener = unsafe slot.pointee.listener
    unlist(handle)
    deadlines.remove(handle)
    connections.discard(handle)
    if let listener {
      _ = listeners.withElement(listener) { held in
        if let place = held.accepted.firstIndex(of: handle) {
          held.accepted.remove(at: place)
        } else {
          held.handshakes -= 1
        }
      }
    }
  }
}
