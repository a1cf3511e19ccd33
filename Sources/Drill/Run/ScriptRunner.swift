import Octets
import POSIXSockets
import Stack
import Wire

/// Runs one script against a stack in virtual time.
///
/// Events happen strictly in the order of the file. Before an inbound packet, a call, a command or
/// code the clock runs forward to the event's time; for an outbound packet the stack's output so far
/// is looked at first, and the clock runs forward only while there is none.
struct ScriptRunner: ~Copyable {
  let script: Script
  let settings: RunSettings
  var machine: Machine
  let builder: PacketBuilder
  /// Whether the link's device cuts super-segments.
  let hasSegmentationOffload: Bool
  var sockets: [TrackedSocket] = []
  /// Descriptors by the script's names for them.
  var descriptors: [Int: Int] = [:]
  /// The socket that packets are about: its place in ``sockets``.
  var tracked: Int?
  var evaluator = CodeEvaluator()
  /// A call that blocks and has not returned.
  var blocked: BlockedCall?
  /// When the event before was to happen.
  var previousScheduled: Int64 = 0
  var isPreviousInbound = false
  var isPreviousAbsolute = false
  /// The peer's next port.
  var nextRemotePort: UInt16
  var steps: [ScriptStep] = []
  /// The packets of the stack among the steps: told at the end, when all numbers are known.
  private var sentSteps: [(step: Int, packet: EmittedPacket)] = []
  /// The event that mentions each packet of the stack, by the packet's number.
  var mentions: [Int: Int] = [:]
  var warnings: [String] = []
  /// The counters that `nstat` began anew with.
  var counterStart: [String: UInt64] = [:]

  /// Runs a script.
  ///
  /// - Parameter recording: what stands in the stack's place; nil for a live one.
  static func run(
    _ script: Script, settings: RunSettings, recording: Recording? = nil
  ) -> ScriptReport {
    let prepared: Preparation
    do throws(Halt) {
      prepared = try Preparation(script)
    } catch {
      return ScriptReport(file: script.file, outcome: outcome(error))
    }
    guard !script.configuration.isDryRun else {
      return ScriptReport(file: script.file, outcome: .passed)
    }
    var runner = ScriptRunner(script, prepared, settings: settings)
    runner.machine.recording = recording
    return runner.run()
  }

  private init(_ script: Script, _ prepared: Preparation, settings: RunSettings) {
    self.script = script
    self.settings = settings
    builder = PacketBuilder(local: prepared.local.address, remote: prepared.remote)
    nextRemotePort = 32_768 + UInt16(truncatingIfNeeded: settings.seed % 16_384)
    machine = Machine(
      address: prepared.local, mtu: script.configuration.mtu, offload: prepared.offload,
      configuration: prepared.configuration, parameters: prepared.parameters, seed: settings.seed)
    machine.keepsDecisions = settings.explains
    hasSegmentationOffload = prepared.offload.segmentation
  }

  private mutating func run() -> ScriptReport {
    var done = 0
    var outcome = ScriptOutcome.passed
    do throws(Halt) {
      if let prologue = script.prologue {
        let position = SourcePosition(file: script.file, line: prologue.line)
        try runCommands(prologue.text, at: position, isPrologue: true)
      }
      for event in script.events {
        try run(event)
        done += 1
      }
      try finish()
    } catch {
      outcome = Self.outcome(error)
    }
    collectSent()
    for (step, packet) in sentSteps {
      steps[step].text = describe(packet)
      steps[step].line = mentions[packet.number]
    }
    var report = ScriptReport(file: script.file, outcome: outcome)
    report.steps = steps
    report.eventsDone = done
    report.duration = now
    report.warnings = warnings
    return report
  }

  private static func outcome(_ halt: Halt) -> ScriptOutcome {
    switch halt {
    case .failed(let failure): .failed(failure)
    case .unsupported(let position, let what): .unsupported(position, what: what)
    case .faulty(let error): .faulty(error)
    }
  }

  /// Microseconds since the start.
  var now: Int64 { machine.now.microseconds }

  // MARK: Events

  private mutating func run(_ event: ScriptEvent) throws(Halt) {
    let schedule = try schedule(of: event)
    switch event.action {
    case .outbound(let packet):
      try expect(packet, schedule, event)
    case .inbound(let packet):
      try wait(for: schedule, event)
      try inject(packet, event)
    case .call(let call):
      try perform(call, schedule, event)
    case .command(let text):
      try wait(for: schedule, event)
      note(.command, text, line: event.line)
      try runCommands(text, at: script.position(of: event), isPrologue: false)
    case .code(let text):
      try wait(for: schedule, event)
      note(.code, text, line: event.line)
      try check(text, event)
    }
    previousScheduled = schedule.scheduled
    if case .inbound = event.action { isPreviousInbound = true } else { isPreviousInbound = false }
    collectSent()
  }

  private mutating func schedule(of event: ScriptEvent) throws(Halt) -> Schedule {
    var isInbound = false
    if case .inbound = event.action { isInbound = true }
    // Two inbound packets in a row keep the distance that the script gives them.
    let base = isPreviousInbound && isInbound ? previousScheduled : now
    let schedule = Schedule(
      event.time, base: base, now: now, previous: previousScheduled, script.configuration)
    var isAbsolute = false
    if case .absolute = event.time { isAbsolute = true }
    if isAbsolute, isPreviousAbsolute, schedule.start < previousScheduled {
      throw faulty(event, "a time that is not before the event before", found: "an earlier one")
    }
    isPreviousAbsolute = isAbsolute
    return schedule
  }

  /// Lets the clock run to an event that is not the stack's to time.
  mutating func wait(for schedule: Schedule, _ event: ScriptEvent) throws(Halt) {
    try advance(to: Instant(microseconds: schedule.start))
    guard now > schedule.start + schedule.tolerance, !schedule.isAny else { return }
    var failure = failure(event, "the event is late: what came before it took longer")
    failure.expectedTime = schedule.range
    failure.seenTime = now
    throw .failed(failure)
  }

  /// Lets the clock run, each deadline at its time.
  mutating func advance(to time: Instant) throws(Halt) {
    while machine.step(until: time) { try retryBlockedCall() }
    machine.rest(until: time)
  }

  private mutating func finish() throws(Halt) {
    try awaitBlockedCall()
    if settings.isStrict { try failOnLeftovers() }
    if let epilogue = script.epilogue {
      let position = SourcePosition(file: script.file, line: epilogue.line)
      try runCommands(epilogue.text, at: position, isPrologue: false)
    }
  }

  // MARK: Notes

  /// A failure of an event.
  func failure(_ event: ScriptEvent, _ sentence: String) -> ScriptFailure {
    ScriptFailure(at: script.position(of: event), text: script.text(of: event), sentence)
  }

  /// A contradiction in the script.
  func faulty(_ event: ScriptEvent, _ expected: String, found: String? = nil) -> Halt {
    .faulty(ScriptError(at: script.position(of: event), expected: expected, found: found))
  }

  /// Something that cannot be done.
  func unsupported(_ event: ScriptEvent, _ what: String) -> Halt {
    .unsupported(script.position(of: event), what: what)
  }

  /// Keeps a step for the ladder.
  mutating func note(
    _ kind: ScriptStep.Kind, _ text: String, line: Int?, octets: [UInt8] = [],
    result: CallResult? = nil
  ) {
    collectSent()
    guard settings.traces else { return }
    steps.append(
      ScriptStep(time: now, kind: kind, text: text, line: line, octets: octets, result: result))
  }

  /// Keeps what the stack has sent and decided for the ladder.
  mutating func collectSent() {
    let sent = machine.takeSent()
    guard settings.traces else { return }
    var decisions = settings.explains ? machine.takeDecisions()[...] : []
    for packet in sent {
      while let decision = decisions.first, decision.time <= packet.time {
        keep(decisions.removeFirst())
      }
      sentSteps.append((steps.count, packet))
      steps.append(
        ScriptStep(
          time: packet.time.microseconds, kind: .outbound, text: "", rule: packet.rule,
          octets: packet.octets))
    }
    for decision in decisions { keep(decision) }
  }

  /// A decision belongs to the step that made it; what time alone has made is a step of its own.
  private mutating func keep(_ decision: MachineDecision) {
    let time = decision.time.microseconds
    if steps.last.map({ $0.time != time || $0.kind == .outbound }) ?? true {
      steps.append(ScriptStep(time: time, kind: .timer, text: "", line: nil))
    }
    steps[steps.count - 1].decisions.append(decision.explanation)
  }
}

extension Script {
  /// Runs the script against a new stack.
  public func run(_ settings: RunSettings = RunSettings()) -> ScriptReport {
    ScriptRunner.run(self, settings: settings)
  }
}
