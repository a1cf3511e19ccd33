import Octets
import TCPCore
import Wire

/// Two connections, two users and a network between them: one state, and the steps from it.
///
/// It is the real ``TCPConnection`` that runs; what stands for its host does what ``Stack`` does: it
/// takes a SYN where somebody listens, and answers by a reset where nobody does. A connection cannot
/// be copied, so whoever wants to go another way begins anew and takes the same steps.
///
/// Time stands still but for timers. Nothing lives longer on the way than the MSL, 30 s.
final class SmallWorld {
  struct Message {
    var octets: [UInt8]
    var sentAt: Instant
  }

  static let lifetime: Int64 = 30_000_000_000
  private static let incarnations = 2

  let rules: SmallWorldRules
  var network: SmallNetwork
  let ends: [SmallEnd]
  /// Under way to the left, and to the right.
  var messages: [[Message]] = [[], []]
  var now = Instant.start
  var ledger = RuleLedger<TCPRule>()
  /// What happened, where somebody wants to read it.
  var story: [String]?
  /// What was found wrong.
  var violation: String?

  init(_ rules: SmallWorldRules) {
    self.rules = rules
    network = rules.network
    ends = [SmallEnd(.left, rules.left), SmallEnd(.right, rules.right)]
  }

  func end(_ side: SmallSide) -> SmallEnd { ends[Int(side.rawValue)] }
  private func count(to side: SmallSide) -> Int { messages[Int(side.rawValue)].count }

  // MARK: What may happen

  /// All that may happen next.
  func actions() -> [SmallAction] {
    var list: [SmallAction] = []
    for side in SmallSide.allCases {
      let waiting = count(to: side)
      if waiting > 0 {
        list.append(SmallAction(.deliver, side))
        if network.drops > 0 { list.append(SmallAction(.drop, side)) }
        if network.duplicates > 0 { list.append(SmallAction(.duplicate, side)) }
        if network.delays > 0, waiting > 1 { list.append(SmallAction(.delay, side)) }
        if network.corruptions > 0 { list.append(SmallAction(.corrupt, side)) }
      }
      for kind in end(side).choices { list.append(SmallAction(kind, side)) }
    }
    if mayPass { list.append(SmallAction(.timer, .left)) }
    if list.isEmpty, let last = lastResort { list.append(last) }
    return list
  }

  /// What happens next where the network is fair and the users come to an end: no fault any more.
  var fairAction: SmallAction? {
    for side in [SmallSide.right, .left] where count(to: side) > 0 {
      return SmallAction(.deliver, side)
    }
    for side in SmallSide.allCases where end(side).hasUnread { return SmallAction(.read, side) }
    for side in SmallSide.allCases {
      if end(side).choices.contains(.open) { return SmallAction(.open, side) }
      if end(side).mayCloseNow { return SmallAction(.close, side) }
    }
    if nextDeadline != nil { return SmallAction(.timer, .left) }
    return lastResort
  }

  /// Nothing else can happen: users who may not close by their own choice do now, and those whose
  /// peer is gone without a word go too, which ends FIN-WAIT-2.
  private var lastResort: SmallAction? {
    guard count(to: .left) == 0, count(to: .right) == 0 else { return nil }
    for side in SmallSide.allCases where end(side).mayCloseNow { return SmallAction(.close, side) }
    guard nextDeadline == nil else { return nil }
    for side in SmallSide.allCases where end(side).mayLeaveNow { return SmallAction(.leave, side) }
    return nil
  }

  private var nextDeadline: Instant? {
    guard network.hasTimers else { return nil }
    var next = Instant.distantFuture
    for end in ends { next = min(next, end.connection?.tcp.nextDeadline ?? .distantFuture) }
    return next == .distantFuture ? nil : next
  }

  /// Whether a timer may be what happens next.
  private var mayPass: Bool {
    guard let deadline = nextDeadline else { return false }
    guard count(to: .left) > 0 || count(to: .right) > 0 else { return true }
    return network.earlyTimers > 0
      && messages.joined().allSatisfy { deadline.nanoseconds(since: $0.sentAt) <= Self.lifetime }
  }

  /// Whether nothing will ever happen any more.
  var isOver: Bool {
    count(to: .left) == 0 && count(to: .right) == 0 && ends.allSatisfy { $0.connection == nil }
  }

  // MARK: What happens

  /// It happens, and all that must follow at once.
  func perform(_ action: SmallAction) {
    tell(action)
    let end = end(action.side)
    let lane = Int(action.side.rawValue)
    switch action.kind {
    case .deliver: deliver(messages[lane].removeFirst().octets, to: end)
    case .drop:
      network.drops -= 1
      messages[lane].removeFirst()
    case .duplicate:
      network.duplicates -= 1
      let message = messages[lane].removeFirst()
      messages[lane].append(message)
      deliver(message.octets, to: end)
    case .delay:
      network.delays -= 1
      messages[lane].append(messages[lane].removeFirst())
    case .corrupt:
      network.corruptions -= 1
      var octets = messages[lane].removeFirst().octets
      if octets.count > 20, let last = octets.last { octets[octets.count - 1] = ~last }
      deliver(octets, to: end)
    case .open: end.open(rules, at: now)
    case .write: end.write(at: now)
    case .read: readAll(end)
    case .close: end.close(at: now)
    case .abort: end.abort(at: now)
    case .leave: end.leave(at: now)
    case .timer:
      let isEarly = count(to: .left) > 0 || count(to: .right) > 0
      if isEarly { network.earlyTimers -= 1 }
      guard let deadline = nextDeadline else { return }
      now = max(now, deadline)
      for end in ends {
        guard let connection = end.connection, let due = connection.tcp.nextDeadline, due <= now
        else { continue }
        connection.tcp.deadlinePassed(at: now, ledger: &ledger)
      }
    }
    for end in ends {
      if end.user.readsAtOnce { readAll(end) }
      flush(end)
    }
    for end in ends { settle(end) }
  }

  private func deliver(_ octets: [UInt8], to end: SmallEnd) {
    guard let view = try? TCPSegmentView(parsing: octets.span) else { return }
    let isOpening =
      view.flags.contains(.syn) && !view.flags.contains(.ack) && !view.flags.contains(.rst)
    let isListening = end.user.openings == 0 && end.incarnation < Self.incarnations
    if let connection = end.connection {
      let mayBeReplaced = connection.tcp.mayBeReplaced(by: view.sequence, timestamp: nil)
      guard isOpening, isListening, mayBeReplaced else {
        connection.tcp.segmentArrived(view, at: now, ledger: &ledger)
        return
      }
      end.forget()
    }
    if isOpening, isListening { return end.accept(view, rules, at: now) }
    guard let header = TCPReset.answer(to: view) else { return }
    send(header, [], from: end, "nobody is there")
  }

  private func flush(_ end: SmallEnd) {
    guard let connection = end.connection else { return }
    var segment = OutgoingSegment()
    while connection.tcp.nextSegment(
      into: &segment, limits: SegmentLimits(), at: now, ledger: &ledger)
    {
      send(segment.header, end.payload(of: segment), from: end, segment.rule.sentence)
    }
    _ = connection.tcp.takeEvents()
  }

  private func send(
    _ header: TCPHeader, _ payload: [UInt8], from end: SmallEnd, _ reason: String
  ) {
    let octets = [UInt8](capacity: 60 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
    messages[Int(end.side.other.rawValue)].append(Message(octets: octets, sentAt: now))
    story?.append("    \(end.side.name) sends \(Self.describe(octets)): \(reason)")
  }

  // MARK: Reading it

  /// The digest of this state.
  func digest() -> UInt64 {
    var digest = StateDigest(at: now)
    for lane in messages {
      digest.add(lane.count)
      for message in lane {
        digest.add(message.sentAt)
        digest.add(message.octets.span)
      }
    }
    for left in [
      network.drops, network.duplicates, network.delays, network.earlyTimers, network.corruptions,
    ] {
      digest.add(left)
    }
    for end in ends { end.digest(into: &digest) }
    return digest.value
  }

  private func tell(_ action: SmallAction) {
    guard story != nil else { return }
    let name = end(action.side).side.name
    let lane = messages[Int(action.side.rawValue)]
    let first = lane.first.map { Self.describe($0.octets) } ?? ""
    let words =
      switch action.kind {
      case .deliver: "\(name) gets \(first)"
      case .drop: "lost on the way to \(name): \(first)"
      case .duplicate: "\(name) gets \(first), which will come again"
      case .delay: "overtaken on the way to \(name): \(first)"
      case .corrupt: "\(name) gets, changed on the way, \(first)"
      case .open: "\(name) opens"
      case .write: "\(name) writes \(end(action.side).nextWrite ?? 0) octets"
      case .read: "\(name) reads"
      case .close: "\(name) closes"
      case .abort: "\(name) aborts"
      case .leave: "\(name) goes away"
      case .timer: "time passes until \(Double((nextDeadline ?? now).nanoseconds) / 1e9) s"
      }
    let states = ends.map { $0.connection?.tcp.state.rawValue ?? "-" }
    story?.append("\(states[0]) / \(states[1]): \(words)")
  }

  private static func describe(_ octets: [UInt8]) -> String {
    guard let view = try? TCPSegmentView(parsing: octets.span) else { return "?" }
    var flags = ""
    for (flag, letter) in [
      (TCPFlags.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ack, "."),
    ] where view.flags.contains(flag) { flags += letter }
    var words = "[\(flags)] seq \(view.sequence)"
    if view.payload.count > 0 { words += " +\(view.payload.count)" }
    if view.flags.contains(.ack) { words += " ack \(view.acknowledgment)" }
    return words + " win \(view.window)"
  }
}
