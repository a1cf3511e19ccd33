import Octets
import Stack
import TCPCore

// Reading a stream: low-water mark, MSG_WAITALL, MSG_PEEK, MSG_TRUNC, urgent data.
extension POSIXProcess {
  /// Reads a stream, in the order in which Linux looks at data, errors and ends.
  mutating func receiveStream(_ socket: OpenSocket, _ request: inout Receiving) -> CallResult {
    notice(socket)
    if request.flags.contains(.outOfBand) { return receiveUrgent(socket, &request) }
    let id: SocketID
    switch socket.role {
    case .listener: return .failed(.notConnected)
    case .connection(let socket): id = socket
    case .idle, .datagram:
      if let error = socket.takeError() { return .failed(error) }
      return socket.isShutForReading ? .done(0) : .failed(.notConnected)
    }
    let isPeeking = request.flags.contains(.peek)
    let earlier = isPeeking ? nil : socket.blocked[.receive]
    var done = (earlier?.read.count ?? 0) + (earlier?.skipped ?? 0)
    let target = max(
      1,
      request.flags.contains(.waitAll)
        ? request.count : min(socket.options.receiveLowWater, request.count))
    if let earlier { request.octets = earlier.read }
    let wanted = request.count - done
    if request.isNull, !request.skips, wanted > 0, stack.receivable(id) > 0 {
      return .failed(.badAddress)
    }
    let taken = take(socket, id, wanted, isPeeking: isPeeking, skips: request.skips)
    request.octets += taken.octets
    done += taken.count
    if done >= target || taken.isStopped && done > 0 {
      return finishReceiving(socket, done)
    }
    if done > 0, isEnd(socket, id) || socket.error != nil { return finishReceiving(socket, done) }
    if done == 0 {
      if stack.isPeerClosed(id) { return finishReceiving(socket, 0) }
      if let error = socket.takeError() {
        socket.blocked[.receive] = nil
        return .failed(error)
      }
      if isEnd(socket, id) { return finishReceiving(socket, 0) }
    }
    let dontWait = request.flags.contains(.dontWait)
    if mayWait(socket, .receive, timeout: socket.options.receiveTimeout, dontWait: dontWait) {
      if !isPeeking {
        socket.blocked[.receive]?.read = request.octets
        socket.blocked[.receive]?.skipped = request.skips ? done : 0
      }
      return .pending
    }
    if done > 0 { return finishReceiving(socket, done) }
    socket.blocked[.receive] = nil
    return .failed(.wouldBlock)
  }

  private func finishReceiving(_ socket: OpenSocket, _ count: Int) -> CallResult {
    socket.blocked[.receive] = nil
    return .done(count)
  }

  /// Whether nothing more will come.
  private func isEnd(_ socket: OpenSocket, _ id: SocketID) -> Bool {
    socket.isShutForReading || socket.hasEnded || stack.isPeerClosed(id)
  }

  /// Takes, or looks at, up to `wanted` octets; stops before an urgent one, and passes over it.
  private mutating func take(
    _ socket: OpenSocket, _ id: SocketID, _ wanted: Int, isPeeking: Bool, skips: Bool
  ) -> (octets: [UInt8], count: Int, isStopped: Bool) {
    var octets: [UInt8] = []
    var count = 0
    var offset = 0
    while count < wanted {
      let available = stack.receivable(id) - (isPeeking ? offset : 0)
      guard available > 0 else { break }
      var limit = min(wanted - count, available)
      if let urgent = urgentDistance(socket, id).map({ $0 - (isPeeking ? offset : 0) }),
        urgent >= 0, urgent < limit
      {
        if urgent > 0 {
          limit = urgent
        } else if count > 0 {
          return (octets, count, true)
        } else if !socket.options.isUrgentInline {
          // The octet itself is read with MSG_OOB only.
          if isPeeking { offset += 1 } else { discard(socket, id, 1) }
          continue
        }
      }
      let part: [UInt8]
      if isPeeking {
        let peeked = stack.peek(id, from: offset) { span in
          [UInt8](copying: span.extracting(first: min(span.count, limit)))
        }
        part = peeked ?? []
      } else {
        part = takePart(id, limit)
        socket.consumed += part.count
      }
      guard !part.isEmpty else { break }
      offset += part.count
      count += part.count
      if !skips { octets += part }
    }
    return (octets, count, false)
  }

  private mutating func takePart(_ id: SocketID, _ limit: Int) -> [UInt8] {
    let part = try? stack.receive(id, at: now) { span in
      let count = min(span.count, limit)
      return (count, [UInt8](copying: span.extracting(first: count)))
    }
    return part ?? []
  }

  private mutating func discard(_ socket: OpenSocket, _ id: SocketID, _ count: Int) {
    socket.consumed += takePart(id, count).count
  }

  // MARK: Urgent data. `tcp(7)`: the last octet before the pointer's place is the urgent one.

  /// How far the urgent octet is from the reader; nil when there is none ahead.
  func urgentDistance(_ socket: OpenSocket, _ id: SocketID) -> Int? {
    let remaining = stack.urgentRemaining(id)
    return remaining > 0 ? remaining - 1 : nil
  }

  /// Whether an urgent octet waits for `MSG_OOB`.
  func hasUrgent(_ socket: OpenSocket, _ id: SocketID) -> Bool {
    guard let distance = urgentDistance(socket, id) else { return false }
    return socket.urgentTaken != socket.consumed + distance
  }

  /// `MSG_OOB`.
  private mutating func receiveUrgent(
    _ socket: OpenSocket, _ request: inout Receiving
  ) -> CallResult {
    guard case .connection(let id) = socket.role, !socket.options.isUrgentInline,
      let distance = urgentDistance(socket, id), hasUrgent(socket, id)
    else { return .failed(.invalidArgument) }
    guard distance < stack.receivable(id) else {
      // Announced, not yet here.
      return isEnd(socket, id) ? .done(0) : .failed(.wouldBlock)
    }
    request.outFlags.insert(.outOfBand)
    guard request.count > 0 else {
      request.outFlags.insert(.truncated)
      return .done(0)
    }
    if request.isNull, !request.skips { return .failed(.badAddress) }
    let octet = stack.peek(id, from: distance) { span in span[0] } ?? 0
    if !request.flags.contains(.peek) { socket.urgentTaken = socket.consumed + distance }
    if !request.skips { request.octets = [octet] }
    return .done(1)
  }
}
