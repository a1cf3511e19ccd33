import Octets
import Stack
import TCPCore
import Wire

/// What arrives at our stack: the peer's frames, what it had acknowledged, what was not captured.
extension StandIn {
  /// What our numbers are more than the captured end's.
  var shift: UInt32 {
    guard let ours = numbers?.initialSend.rawValue, let theirs = connection.initial[role] else {
      return 0
    }
    return ours &- theirs
  }

  mutating func give(_ place: Int) {
    let captured = connection.segments[place]
    latest = captured
    var number = captured.acknowledgment &+ shift
    if let wanted = captured.segment.acknowledgment, let sent = ourNext, wanted > sent,
      !captured.segment.flags.contains(.rst), wanted <= ourMost
    {
      result.clipped += 1
      number = (numbers?.sendNext ?? SequenceNumber(0)).rawValue
      owe(wanted, captured.segment.time &+ arrivals.distance)
    }
    var offset = 0
    let whole = captured.segment.payload
    repeat {
      let count = min(whole - offset, PeerFrame.longest)
      var flags = captured.segment.flags
      if offset > 0 { flags.remove(.syn) }
      if offset + count < whole { flags.subtract([.fin, .psh]) }
      let begin =
        offset > 0 && captured.segment.flags.contains(.syn) ? offset + 1 : offset
      arrive(
        PeerFrame(
          captured: captured, sequence: captured.sequence &+ UInt32(truncatingIfNeeded: begin),
          acknowledgment: number, shift: shift,
          echo: captured.segment.options.timestamps.map { echo($0.echo) }, flags: flags,
          payload: count, ourPort: ourPort, peerPort: peerPort))
      offset += count
    } while offset < whole
  }

  func echo(_ captured: UInt32) -> UInt32 {
    stamps.ours(for: captured, at: now)
  }

  mutating func arrive(_ frame: PeerFrame) {
    var facts = OffloadFacts.none
    // What a device has put together counts as the segments that it came in.
    let largest = settings.mtu - 40
    if frame.payload > largest { facts.segmentSize = UInt16(clamping: largest) }
    stack.frameArrived(frame.packet().span, offload: facts, on: interface, at: instant)
  }

  /// The peer has acknowledged what we have not sent.
  mutating func owe(_ number: Int, _ time: Int64) {
    if let last = owed.last, last.number >= number { return }
    owed.append((number, time &- (stamps.firstSent(before: number) ?? time)))
  }

  /// What the peer has acknowledged long ago, and we have sent by now.
  mutating func answer(_ number: Int) {
    guard let latest, let initial = numbers?.initialSend, let sent = ourNext, sent >= number else {
      return
    }
    arrive(
      PeerFrame(
        captured: latest,
        sequence: latest.sequence
          &+ UInt32(truncatingIfNeeded: latest.end - latest.segment.sequence),
        acknowledgment: (initial + number).rawValue, shift: shift,
        echo: latest.segment.options.timestamps.map { echo($0.echo) }, flags: .ack, payload: 0,
        ourPort: ourPort, peerPort: peerPort))
  }

  /// What the captured end has acknowledged had arrived there, however late the way seems.
  mutating func giveAcknowledged(_ number: Int, before place: Int) {
    skipOthers()
    while nextPlace < min(place, connection.segments.count),
      connection.segments[nextPlace].segment.hasText,
      connection.segments[nextPlace].end <= number
    {
      give(nextPlace)
      nextPlace += 1
      settle()
      skipOthers()
    }
  }

  /// The captured end has acknowledged octets that we have not: they were not captured, or taken for lost.
  mutating func supply(upTo number: Int) {
    guard let latest, let info = socket.flatMap({ stack.info($0) }),
      info.state.isSynchronized, let own = numbers, let initial = connection.initial[role.other]
    else { return }
    var next = SequenceNumber(initial).distance(to: own.receiveNext)
    // A number beyond all that the peer has ever sent is a mistake of the captured end.
    guard next >= 1, next < number, number <= peerMost, result.supplied < Self.mostSupplied else {
      return
    }
    let piece = number - next > PeerFrame.longest ? PeerFrame.longest : settings.mtu - 40
    let end = peerFinish.map { min(number, $0) } ?? number
    while next < number {
      let count = min(end - next, PeerFrame.longest, piece)
      let isFinal = next + count == end && number > end
      result.supplied += max(count, 0)
      arrive(
        PeerFrame(
          captured: latest, sequence: initial &+ UInt32(truncatingIfNeeded: next),
          acknowledgment: own.unacknowledged.rawValue, shift: shift,
          echo: latest.segment.options.timestamps.map { echo($0.echo) },
          flags: isFinal ? [.ack, .fin] : .ack, payload: max(count, 0), ourPort: ourPort,
          peerPort: peerPort))
      settle()
      let reached = SequenceNumber(initial).distance(to: numbers?.receiveNext ?? own.receiveNext)
      guard reached > next else { return }
      next = reached
    }
  }
}
