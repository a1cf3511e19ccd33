import Octets
import Stack
import TCPCore

/// How much a process may give a connection, by Linux's account: octets wait in buffers of up to half
/// the peer's largest window, the last of which is filled whatever the limit says.
struct SendSpace {
  /// What a buffer costs besides its octets.
  static let bufferCost = 1152
  /// Octets of a full buffer.
  let goal: Int
  /// `SO_SNDBUF` as Linux counts it.
  let limit: Int
  /// `TCP_NOTSENT_LOWAT`.
  let mark: Int?
  /// Octets that the last buffer still takes, if it is not sent.
  private(set) var tailRoom: Int
  private var queued: Int
  private var unsent: Int
  /// What both windows let go at once: it leaves while it is written.
  private var sendable: Int
  private let size: Int

  init(_ info: TCPInfo, _ details: TCPDetails, limit: Int, mark: Int?, tailRoom: Int) {
    self.tailRoom = tailRoom
    size = max(info.sendMaximumSegmentSize, 1)
    let window = details.maximumSendWindow
    let most = min(window > 536 ? window / 2 : window, 65_000)
    goal = max(most / size * size, size)
    self.limit = limit
    self.mark = mark
    queued = details.queued
    unsent = details.unsent
    let open = min(info.congestionWindow, info.sendWindow) - info.outstanding
    sendable = max(0, open / size * size)
  }

  /// What the octets that wait cost.
  private var cost: Int { queued + (queued + goal - 1) / goal * Self.bufferCost }

  /// Whether a new buffer may be begun.
  private var mayBegin: Bool { cost < limit && unsent < mark ?? .max }

  /// Whether `poll(2)` tells of room: a third of the limit, and half the low-water mark.
  var isWorthwhile: Bool { limit - cost >= cost / 2 && unsent * 2 < mark ?? .max }

  /// How many of so many octets are taken now.
  mutating func take(_ wanted: Int) -> Int {
    var taken = 0
    while taken < wanted {
      // What is left of a buffer whose beginning was sent is the last buffer.
      tailRoom = unsent == 0 ? 0 : max(tailRoom, goal - unsent)
      if tailRoom == 0 {
        guard mayBegin else { break }
        tailRoom = goal
      }
      let part = min(tailRoom, wanted - taken)
      tailRoom -= part
      taken += part
      queued += part
      unsent += part
      let gone = min(sendable, unsent)
      unsent -= gone
      sendable -= gone
    }
    return taken
  }
}

extension POSIXProcess {
  private func space(_ socket: OpenSocket, _ id: SocketID) -> SendSpace? {
    guard let info = stack.info(id), let details = stack.details(id) else { return nil }
    if !socket.options.isSendBufferSet, socket.lacksRoom || !socket.hasSpace {
      // As Linux does, for a connection that has found its window: room for twice of it.
      socket.hasSpace = true
      let size = info.sendMaximumSegmentSize
      let segments = max(10, info.congestionWindow / max(size, 1))
      var bufferSize = 1024
      while bufferSize < size + 640 { bufferSize *= 2 }
      let wanted = 2 * segments * (bufferSize + 256)
      let most = max(parameters.sendBuffers.most, socket.options.sendBuffer)
      socket.options.sendBuffer = max(socket.options.sendBuffer, min(wanted, most))
    }
    return SendSpace(
      info, details, limit: socket.options.sendBuffer, mark: lowWater(socket),
      tailRoom: socket.tailRoom)
  }

  /// Octets of a write that the stack is given now.
  mutating func acceptable(_ socket: OpenSocket, _ id: SocketID, _ wanted: Int) -> Int {
    guard var space = space(socket, id) else { return 0 }
    let taken = space.take(wanted)
    socket.tailRoom = space.tailRoom
    if taken > stack.sendRoom(id) {
      // The façade is the one who says no: the stack has room for what it lets pass.
      try? stack.configure(id, at: now) { $0.sendBufferLimit += 1 << 20 }
    }
    return min(taken, stack.sendRoom(id))
  }

  /// Whether `poll(2)` tells of room.
  func isWritable(_ socket: OpenSocket, _ id: SocketID) -> Bool {
    guard let space = space(socket, id) else { return true }
    return space.isWorthwhile
  }

  /// `TCP_NOTSENT_LOWAT`, the socket's or the host's; nil when there is none.
  func lowWater(_ socket: OpenSocket) -> Int? {
    socket.options.unsentLowWater ?? parameters.unsentLowWater
  }
}
