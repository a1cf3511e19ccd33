import Octets
import POSIXSockets

/// A call that blocks, while it does.
struct BlockedCall: Sendable {
  var call: CallSyntax
  var event: ScriptEvent
  /// When it must return, in microseconds after the start.
  var end: Int64
  var tolerance: Int64
}

/// What one attempt at a call came to.
struct CallAttempt {
  var result: CallResult
  /// What the call wrote into its arguments, where it is not what the script says.
  var differences: [ScriptFailure.Difference] = []

  init(_ result: CallResult) { self.result = result }
}

// System calls: when they are made, and when they must return.
extension ScriptRunner {
  /// Makes a call at its time; one that may block is waited for by later events.
  mutating func perform(
    _ call: CallSyntax, _ schedule: Schedule, _ event: ScriptEvent
  ) throws(Halt) {
    try awaitBlockedCall()
    try wait(for: schedule, event)
    if let failure = call.failure, Constants.errors[failure] == nil {
      throw faulty(event, "the name of an error", found: "'\(failure)'")
    }
    let attempt = try attempt(call, event)
    note(
      .call, call.text + Self.describe(attempt.result), line: event.line, result: attempt.result)
    machine.flush()
    guard let end = call.end else {
      guard attempt.result != .pending else {
        if let descriptor = blockedDescriptor(call) {
          machine.process.cancelBlockedCall(descriptor)
        }
        var failure = failure(event, "the call would have to wait")
        failure.seenTime = now
        throw .failed(failure)
      }
      return try settle(attempt, call, event)
    }
    var endTime = end
    if case .relative(let delay) = event.time { endTime = schedule.start - delay + end }
    let blocked = BlockedCall(
      call: call, event: event, end: endTime,
      tolerance: Schedule.tolerance(for: endTime - schedule.start, script.configuration))
    guard attempt.result == .pending else { return try settle(attempt, blocked) }
    self.blocked = blocked
  }

  /// Makes a blocked call again, for something has moved.
  mutating func retryBlockedCall() throws(Halt) {
    guard let blocked else { return }
    let attempt = try attempt(blocked.call, blocked.event)
    if attempt.result != .pending {
      let text = "... " + blocked.call.text + Self.describe(attempt.result)
      note(.call, text, line: blocked.event.line, result: attempt.result)
    }
    machine.flush()
    guard attempt.result != .pending else { return }
    self.blocked = nil
    try settle(attempt, blocked)
  }

  /// Waits until no call blocks.
  mutating func awaitBlockedCall() throws(Halt) {
    guard let waiting = blocked else { return }
    let limit = max(now + 1_000_000, waiting.end + waiting.tolerance)
    while blocked != nil, machine.step(until: Instant(microseconds: limit)) {
      try retryBlockedCall()
    }
    guard blocked != nil else { return }
    machine.rest(until: Instant(microseconds: limit))
    try retryBlockedCall()
    guard blocked == nil else {
      var failure = failure(waiting.event, "the call does not return")
      failure.expectedTime =
        (waiting.end - waiting.tolerance)...(waiting.end + waiting.tolerance)
      throw .failed(failure)
    }
  }

  private mutating func settle(_ attempt: CallAttempt, _ blocked: BlockedCall) throws(Halt) {
    try settle(attempt, blocked.call, blocked.event)
    let range = (blocked.end - blocked.tolerance)...(blocked.end + blocked.tolerance)
    guard !range.contains(now) else { return }
    var failure = failure(
      blocked.event, "the call returns too \(now < range.lowerBound ? "early" : "late")")
    failure.expectedTime = range
    failure.seenTime = now
    failure.differences = [
      .init(field: "time", expected: Self.describe(range), seen: Ladder.seconds(now))
    ]
    throw .failed(failure)
  }

  /// Compares what a call returned with what it must.
  private mutating func settle(
    _ attempt: CallAttempt, _ call: CallSyntax, _ event: ScriptEvent
  ) throws(Halt) {
    var differences = attempt.differences
    switch attempt.result {
    case .pending: return
    case .done(let value):
      let names = ["socket", "accept", "epoll_create", "open"].contains(call.name)
      let isRight = call.result.map { names && $0 >= 0 ? value >= 0 : $0 == Int64(value) } ?? true
      if !isRight || call.failure != nil {
        differences.insert(
          .init(field: "result", expected: Self.describe(call), seen: "\(value)"), at: 0)
      }
    case .failed(let error):
      let name = Constants.errorName(error.rawValue)
      let wanted = call.failure.flatMap { Constants.errors[$0] }
      let isRight = call.result ?? -1 == -1 && (wanted == nil || wanted == error.rawValue)
      if !isRight {
        differences.insert(
          .init(field: "result", expected: Self.describe(call), seen: "-1 \(name)"), at: 0)
      }
    }
    guard !differences.isEmpty else { return }
    let parts = differences.map { "\($0.field) is \($0.seen), not \($0.expected)" }
    var failure = failure(event, parts.joined(separator: "; "))
    failure.differences = differences
    failure.seenTime = now
    throw .failed(failure)
  }

  private static func describe(_ call: CallSyntax) -> String {
    let value = call.result.map { "\($0)" } ?? "..."
    return call.failure.map { "\(value) \($0)" } ?? value
  }

  private static func describe(_ result: CallResult) -> String {
    switch result {
    case .done(let value): " = \(value)"
    case .failed(let error): " = -1 \(Constants.errorName(error.rawValue))"
    case .pending: " ..."
    }
  }

  private func blockedDescriptor(_ call: CallSyntax) -> Int? {
    guard let first = call.arguments.first, case .integer(let name) = first else { return nil }
    return descriptor(named: Int(truncatingIfNeeded: name))
  }
}
