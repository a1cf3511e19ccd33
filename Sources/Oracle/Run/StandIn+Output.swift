import Octets
import Stack
import TCPCore
import Wire

/// What our stack sends, in the terms of the capture.
extension StandIn {
  /// Everything that can be sent is sent, everything that can be read is read.
  mutating func settle() {
    for _ in 0..<10_000 {
      let before = result.sent.count
      transmit()
      let isMoved = serve()
      keepDecisions()
      if result.sent.count == before, !isMoved { return }
    }
  }

  mutating func transmit() {
    if let summary = stack.connectionSummaries.first { numbers = summary.numbers }
    var sink = CollectingSink()
    stack.transmit(on: interface, into: &sink, at: instant)
    if let summary = stack.connectionSummaries.first { numbers = summary.numbers }
    for frame in sink.frames { keep(frame.octets, frame.explanation) }
    while let first = owed.first, let sent = ourNext, sent >= first.number {
      due.append((first.number, now &+ max(first.after, 0)))
      owed.removeFirst()
    }
  }

  /// SND.NXT, counted from our initial number.
  var ourNext: Int? {
    numbers.map { $0.initialSend.distance(to: $0.sendNext) }
  }

  mutating func keep(_ octets: [UInt8], _ rule: RuleExplanation?) {
    guard result.sent.count < mostSent else { return result.isCutShort = true }
    guard let packet = try? IPv4PacketView(parsing: octets.span),
      packet.transport == .tcp, let view = try? TCPSegmentView(parsing: packet.payload)
    else { return }
    let peerInitial = connection.initial[role.other] ?? 0
    let ourInitial = numbers?.initialSend.rawValue ?? 0
    let count = { (number: SequenceNumber, initial: UInt32, near: Int) -> Int in
      let place = initial &+ UInt32(truncatingIfNeeded: near)
      return near + Int(Int32(bitPattern: number.rawValue &- place))
    }
    let options = TCPOptions(parsing: view.options)
    // What answers a segment without ACK has the number 0, whatever ours would be.
    let isStray = view.flags.contains(.rst) && view.sequence.rawValue == 0
    var segment = Segment(
      time: now, flags: view.flags,
      sequence: isStray ? 0 : count(view.sequence, ourInitial, ourNext ?? 0),
      payload: view.payload.count, window: Int(view.window), options: options,
      codepoint: packet.ecn, rule: rule)
    let heard = latest.map { $0.end } ?? 0
    if view.flags.contains(.ack) {
      segment.acknowledgment = count(view.acknowledgment, peerInitial, heard)
    }
    for index in 0..<options.sackBlocks.count {
      let block = options.sackBlocks[index]
      let left = count(block.left, peerInitial, heard)
      let right = count(block.right, peerInitial, heard)
      if left < right { segment.blocks.append(left..<right) }
    }
    if !view.flags.contains(.syn), let shift = ourShift { segment.window <<= Int(shift) }
    if view.flags.contains(.rst) { hasReset = true }
    stamps.sent(segment)
    result.sent.append(segment)
  }

  /// The shift of our windows, once both ends have agreed on it.
  var ourShift: UInt8? {
    guard settings.tcp.usesWindowScaling,
      connection.syn(of: role.other)?.segment.options.windowScale != nil
    else { return nil }
    return TCPConnection.windowScale(settings.tcp)
  }

  mutating func keepDecisions() {
    for explanation in stack.takeExplanations() {
      switch explanation.effect {
      case .delays, .drops, .notes:
        guard result.decisions.count < mostSent else { return }
        result.decisions.append(Decision(time: now, explanation: explanation))
      case .accepts, .sends: continue
      }
    }
  }
}
