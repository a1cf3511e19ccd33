import Octets
import POSIXSockets
import Stack
import Wire

/// The machine under test: a process on a stack with one link, in virtual time.
///
/// Time moves only here, from deadline to deadline; whatever the stack sends meanwhile is kept with
/// the time at which it was sent.
struct Machine: ~Copyable {
  var process: POSIXProcess
  let link: InterfaceID
  /// What the stack has sent and nobody has looked at.
  private(set) var emitted: [EmittedPacket] = []
  /// Everything that was sent so far, for the ladder; taken by ``takeSent()``.
  private var sent: [EmittedPacket] = []
  /// What the stack decides is kept for ``takeDecisions()``.
  var keepsDecisions = false
  private var decisions: [MachineDecision] = []
  /// How many packets were sent.
  private var emittedCount = 0
  /// Deadlines in a row that have not moved the clock.
  private var standstill = 0
  /// What stands in the stack's place; nil for a live one.
  var recording: Recording?
  /// The link takes no packets.
  var isBlocked = false

  /// A machine with one address on one link.
  init(
    address: IPv4Prefix, mtu: Int, offload: OffloadCapabilities,
    configuration: StackConfiguration, parameters: HostParameters, seed: UInt64
  ) {
    var stack = Stack(configuration: configuration, random: .seeded(seed))
    link = stack.addInterface(
      InterfaceConfiguration(name: "drill", mtu: mtu, addresses: [address], offload: offload))
    stack.addRoute(IPv4Prefix(.any, length: 0), via: nil, on: link)
    process = POSIXProcess(stack: stack, parameters: parameters)
  }

  /// The time, in nanoseconds since the start of the script.
  var now: Instant { process.now }

  /// Hands a packet to the stack.
  mutating func inject(_ octets: [UInt8], segmentSize: UInt16 = 0) {
    var facts = OffloadFacts.none
    facts.segmentSize = segmentSize
    if recording == nil {
      process.stack.frameArrived(octets.span, offload: facts, on: link, at: now)
    }
    flush()
  }

  /// Takes what the stack has to send now.
  mutating func flush() {
    var sink = EmissionSink(time: now, isBlocked: isBlocked)
    process.stack.transmit(on: link, into: &sink, at: now)
    let time = now
    if keepsDecisions {
      // What is sent is told with its packet.
      for explanation in process.stack.takeExplanations() where explanation.effect != .sends {
        decisions.append(MachineDecision(time: time, explanation: explanation))
      }
    }
    for var packet in recording?.takePackets(until: time) ?? sink.packets {
      packet.number = emittedCount
      emittedCount += 1
      emitted.append(packet)
      sent.append(packet)
    }
  }

  /// Lets time pass to the next deadline, if it is not behind `limit`.
  ///
  /// - Returns: false when no deadline is due by then; the time is not changed.
  mutating func step(until limit: Instant) -> Bool {
    let next =
      if let recording { recording.nextTime(after: now) } else { process.nextDeadline }
    guard let deadline = next, deadline <= limit else { return false }
    // A stack that asks for the same time again and again would never let it pass.
    standstill = deadline <= now ? standstill + 1 : 0
    guard standstill < 10_000 else { return false }
    process.now = max(now, deadline)
    process.deadlinePassed()
    flush()
    return true
  }

  /// Sets the clock, when nothing is due by then.
  mutating func rest(until time: Instant) { process.now = max(now, time) }

  /// Takes the oldest packet that was not looked at.
  mutating func nextEmitted() -> EmittedPacket? {
    emitted.isEmpty ? nil : emitted.removeFirst()
  }

  /// What the stack has decided since the last call.
  mutating func takeDecisions() -> [MachineDecision] {
    let taken = decisions
    decisions = []
    return taken
  }

  /// What was sent since the last call, looked at or not.
  mutating func takeSent() -> [EmittedPacket] {
    let taken = sent
    sent = []
    return taken
  }
}

/// What the stack of a machine decided, and when.
struct MachineDecision {
  var time: Instant
  var explanation: RuleExplanation
}

/// Keeps what a stack sends, with the time and the reason.
struct EmissionSink: FrameSink {
  let time: Instant
  let isBlocked: Bool
  private(set) var packets: [EmittedPacket] = []
  private var rule: RuleExplanation?

  init(time: Instant, isBlocked: Bool) {
    self.time = time
    self.isBlocked = isBlocked
  }

  mutating func explain(_ explanation: RuleExplanation) { rule = explanation }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    guard !isBlocked else { return false }
    var octets = [UInt8](joining: header, payload, tail)
    Self.finish(&octets, offload)
    packets.append(EmittedPacket(octets, at: time, because: rule))
    rule = nil
    return true
  }

  /// Completes a checksum as the device would; a super-segment stays one packet.
  private static func finish(_ octets: inout [UInt8], _ facts: OffloadFacts) {
    guard case .partial(let start, let offset) = facts.checksum else { return }
    let field = Int(start) + Int(offset)
    guard field + 2 <= octets.count else { return }
    var sum = InternetChecksum()
    sum.add(octets.span.extracting(droppingFirst: Int(start)))
    // RFC 768: a sum of zero is sent as all ones; for TCP both mean the same.
    octets.store(sum.value == 0 ? 0xFFFF : sum.value, at: field)
  }
}
