import Octets
import Stack
import TCPCore
import Wire

/// What the captured end's user did, done to our stack.
extension StandIn {
  mutating func follow(_ entry: CapturedUser.Entry) {
    switch entry.act {
    case .open: open()
    case .write(let count, let announcesMore):
      unwritten += count
      self.announcesMore = announcesMore
      // With a FIN that rides on it, both are there before anything is sent.
      if user.hasFinish(with: entry) { return }
    case .finish(let leaves): finish = leaves
    case .abort:
      if !hasReset, let socket { stack.abort(socket, at: instant) }
    case .read(let limit): readLimit = limit
    case .makeRoom(let octets):
      // Before it is accepted only the stack knows the connection.
      guard let target = socket ?? stack.connectionSummaries.first?.socket
      else { break }
      try? stack.configure(target, at: instant) { $0.receiveBufferLimit = max(octets, 2048) }
    case .acknowledged(let number):
      giveAcknowledged(number, before: entry.place)
      supply(upTo: number)
    }
    _ = serve()
    settle()
  }

  mutating func open() {
    let remote = SocketAddress(PeerFrame.peers, peerPort)
    let first = connection.syn(of: role)?.segment
    let use: FastOpenUse? =
      settings.usesFastOpen ? ((first?.payload ?? 0) > 0 ? .whenWritten : .withData) : nil
    if let option = first?.options.fastOpen, option.cookie.count > 0 {
      // It knew the server from an earlier connection.
      let size = connection.syn(of: role.other)?.segment.options.maximumSegmentSize
      stack.rememberCookie(
        option, of: PeerFrame.peers, maximumSegmentSize: Int(size ?? 536), at: instant)
    } else if (first?.payload ?? 0) > 0 {
      stack.fastOpen.sendsWithoutCookie = true
    }
    socket = try? stack.connect(
      to: remote, from: SocketAddress(PeerFrame.ours, ourPort), configuration: settings.tcp,
      fastOpen: use, at: instant)
  }

  /// The user accepts, reads and writes what it can; whether it did anything.
  mutating func serve() -> Bool {
    while stack.nextEvent() != nil {}
    if socket == nil, let listener { socket = (try? stack.accept(listener)) ?? nil }
    guard let socket else { return false }
    let moment = instant
    var isMoved = false
    while stack.receivable(socket) > 0 {
      let most = readLimit.map { max(0, $0 - hasRead) } ?? .max
      guard most > 0 else { break }
      let count = try? stack.receive(socket, at: moment) { octets in
        (min(octets.count, most), min(octets.count, most))
      }
      guard let count, count > 0 else { break }
      hasRead += count
      isMoved = true
    }
    while unwritten > 0 {
      let octets = [UInt8](repeating: 0x2E, count: min(unwritten, 65_536))
      guard let count = try? stack.send(socket, octets.span, at: moment), count > 0 else { break }
      unwritten -= count
      isMoved = true
      if announcesMore, unwritten == 0 { stack.mark(socket, .moreFollows, at: moment) }
    }
    if let leaves = finish, unwritten == 0, stack.state(socket) != .synSent {
      finish = nil
      isMoved = true
      if leaves { stack.close(socket, at: moment) } else { stack.closeSending(socket, at: moment) }
    }
    return isMoved
  }
}
