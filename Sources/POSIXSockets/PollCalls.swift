import Octets
import Stack
import TCPCore

// poll: what is the case at a descriptor.
extension POSIXProcess {
  /// `poll(2)`; a negative timeout waits for ever.
  public mutating func poll(
    _ entries: inout [PollEntry], milliseconds: Int
  ) throws(UnsupportedCall) -> CallResult {
    var count = 0
    for index in entries.indices {
      entries[index].returned = events(entries[index])
      if !entries[index].returned.isEmpty { count += 1 }
    }
    if count == 0, let end = waitEnd(pollDeadline, milliseconds) {
      pollDeadline = end
      return .pending
    }
    pollDeadline = nil
    return .done(count)
  }

  /// When a wait that began with the first call is over; nil when it is.
  func waitEnd(_ deadline: Instant?, _ milliseconds: Int) -> Instant? {
    guard milliseconds != 0 else { return nil }
    let end =
      deadline
      ?? (milliseconds < 0 ? .distantFuture : now + .milliseconds(milliseconds))
    return now < end ? end : nil
  }

  private mutating func events(_ entry: PollEntry) -> PollEvents {
    guard entry.descriptor >= 0 else { return [] }
    guard let file = descriptors[entry.descriptor] else { return .invalid }
    let always: PollEvents = [.error, .hangUp]
    switch file {
    case .standard: return entry.events.intersection([.input, .output, .readNormal, .writeNormal])
    case .socket(let socket): return readiness(socket).intersection(entry.events.union(always))
    case .epoll(let epoll):
      drainEvents()
      return hasReady(epoll) ? entry.events.intersection([.input, .readNormal]) : []
    }
  }

  /// All that is the case at a socket.
  mutating func readiness(_ socket: OpenSocket) -> PollEvents {
    guard socket.isStream else { return datagramReadiness(socket) }
    notice(socket)
    gatherReports(socket)
    var events: PollEvents = socket.error == nil && socket.reports.queue.isEmpty ? [] : .error
    switch socket.role {
    case .listener(let id):
      if let lengths = stack.queueLengths(id), lengths.accepted > 0 {
        events.formUnion([.input, .readNormal])
      }
    case .idle, .datagram:
      events.formUnion([.hangUp, .output, .writeNormal])
      if socket.isShutForReading { events.formUnion([.input, .readNormal, .readHangUp]) }
    case .connection(let id): events.formUnion(streamReadiness(socket, id))
    }
    return events
  }

  private func streamReadiness(_ socket: OpenSocket, _ id: SocketID) -> PollEvents {
    var events: PollEvents = []
    let state = stack.state(id)
    let isOver = state == .closed || state == .timeWait
    let peerHasClosed = stack.isPeerClosed(id)
    let isReadEnd = socket.isShutForReading || peerHasClosed || isOver
    let isWriteEnd = socket.isShutForWriting || isOver
    if isReadEnd, isWriteEnd { events.insert(.hangUp) }
    if isReadEnd { events.formUnion([.input, .readNormal, .readHangUp]) }
    if socket.awaitsWrite { return events.union([.output, .writeNormal]) }
    if state == .synSent || state == .synReceived && !socket.isAccepted { return events }
    if stack.receivable(id) >= max(1, socket.options.receiveLowWater) {
      events.formUnion([.input, .readNormal])
    }
    if isWriteEnd || isWritable(socket, id) {
      events.formUnion([.output, .writeNormal])
    } else {
      socket.lacksRoom = true
    }
    if hasUrgent(socket, id) { events.insert(.priority) }
    return events
  }

  private mutating func datagramReadiness(_ socket: OpenSocket) -> PollEvents {
    fetch(socket)
    var events: PollEvents = [.output, .writeNormal, .writeBand]
    if socket.error != nil { events.insert(.error) }
    if socket.isShutForReading { events.formUnion([.readHangUp, .input, .readNormal]) }
    if socket.isShutForReading, socket.isShutForWriting { events.insert(.hangUp) }
    if socket.waiting != nil { events.formUnion([.input, .readNormal]) }
    return events
  }
}
