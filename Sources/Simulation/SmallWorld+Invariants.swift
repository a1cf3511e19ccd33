import TCPCore
import Wire

// What must hold after each step.
extension SmallWorld {
  /// The user reads all there is: it must be what the other has written, in its place.
  func readAll(_ end: SmallEnd) {
    guard (end.connection?.tcp.receivedCount ?? 0) > 0 else { return }
    let octets = end.takeText(at: now)
    guard let (life, said) = writer(for: end) else {
      return complain("\(end.side.name) got octets of nobody")
    }
    for (offset, octet) in octets.enumerated() {
      let place = end.read + offset
      guard place < said.written else {
        return complain("\(end.side.name) got octet \(place), which was never written")
      }
      guard octet == SmallEnd.octet(end.side.other, life, place) else {
        return complain("\(end.side.name) got octet \(place) changed")
      }
    }
    end.read += octets.count
  }

  /// The life of the other end that this one hears, and its number, from 1.
  private func writer(for end: SmallEnd) -> (Int, SmallEnd.Life)? {
    let lives = self.end(end.side.other).lives
    guard let initial = end.connection?.tcp.numbers.initialReceive,
      let index = lives.lastIndex(where: { $0.initial == initial })
    else { return nil }
    return (index + 1, lives[index])
  }

  func complain(_ sentence: String) {
    if violation == nil { violation = sentence }
  }

  /// Looks at one end after a step, and lets go of a connection that is over.
  func settle(_ end: SmallEnd) {
    guard let state = end.connection?.tcp.state else { return }
    let name = end.side.name
    if let wrong = end.connection?.tcp.violation { complain("\(name): \(wrong)") }
    if let before = end.state, before != state, !Self.follows(state, before) {
      complain("\(name) goes from \(before.rawValue) to \(state.rawValue)")
    }
    end.state = state
    if let numbers = end.connection?.tcp.numbers { end.numbers = numbers }
    if state.isSynchronized || state == .synReceived {
      if let edge = end.edge, end.connection?.tcp.receiveEdge.precedes(edge) == true {
        complain("\(name)'s window shrinks")
      }
      end.edge = end.connection?.tcp.receiveEdge
    }
    // What was acknowledged was received.
    if let peer = self.end(end.side.other).numbers, let ours = end.numbers,
      peer.initialReceive == ours.initialSend, ours.initialReceive == peer.initialSend,
      ours.unacknowledged.follows(peer.receiveNext)
    {
      complain("to \(name) was acknowledged what \(end.side.other.name) has not received")
    }
    // What ended had ended, and all of it is here.
    if end.connection?.tcp.peerHasClosed == true, let (_, said) = writer(for: end),
      end.user.readsAtOnce, state != .closed, end.read != said.written || !said.hasClosed
    {
      complain("\(name) saw the end after \(end.read) of \(said.written) octets")
    }
    guard end.connection?.tcp.isFinished == true else { return }
    readAll(end)
    if let memory = end.connection?.tcp.bufferMemory, memory != 0 {
      complain("\(name) holds \(memory) octets of memory at the end")
    }
    end.forget()
  }

  /// Whether a state may come after another. RFC 9293 section 3.3.2, figure 5.
  private static func follows(_ next: TCPState, _ state: TCPState) -> Bool {
    if next == .closed { return true }
    return switch state {
    case .synSent: next == .synReceived || next == .established || next == .closeWait
    case .synReceived:
      [.established, .finWait1, .finWait2, .closeWait, .closing, .timeWait].contains(next)
    case .established: next == .finWait1 || next == .closeWait
    case .finWait1: next == .finWait2 || next == .closing || next == .timeWait
    case .finWait2, .closing: next == .timeWait
    case .closeWait: next == .lastAck
    case .listen, .lastAck, .timeWait, .closed: false
    }
  }
}
