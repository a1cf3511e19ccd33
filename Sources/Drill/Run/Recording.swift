import Octets
import POSIXSockets

/// What a stack did in an earlier run, to be judged again without it: the packets it sent and what
/// its calls returned, each with its time.
///
/// Played back it stands in the place of a live stack: it hears nothing, so that whatever a script
/// says of it is judged by these octets and times alone.
struct Recording: Sendable {
  /// A packet that was sent.
  struct Packet: Sendable {
    var time: Instant
    var octets: [UInt8]
  }

  /// What a call returned, and when.
  struct Result: Sendable {
    var time: Instant
    var result: CallResult
  }

  var packets: [Packet] = []
  var results: [Result] = []

  /// What a run with its steps kept was made of.
  init(_ report: ScriptReport) {
    for step in report.steps {
      let time = Instant(microseconds: step.time)
      if step.kind == .outbound { packets.append(Packet(time: time, octets: step.octets)) }
      if step.kind == .call, let result = step.result, result != .pending {
        results.append(Result(time: time, result: result))
      }
    }
  }

  /// When something happens next: a packet, or the return of a call that waits.
  func nextTime(after now: Instant) -> Instant? {
    var times: [Instant] = []
    if let packet = packets.first { times.append(packet.time) }
    if let result = results.first, result.time > now { times.append(result.time) }
    return times.min()
  }

  /// Takes the packets that were sent by a time.
  mutating func takePackets(until time: Instant) -> [EmittedPacket] {
    var taken: [EmittedPacket] = []
    while let first = packets.first, first.time <= time {
      taken.append(EmittedPacket(first.octets, at: first.time, because: nil))
      packets.removeFirst()
    }
    return taken
  }

  /// What the next call came to; it blocks until its time, and for ever when there is none.
  mutating func takeResult(at time: Instant) -> CallResult {
    guard let first = results.first, first.time <= time else { return .pending }
    results.removeFirst()
    return first.result
  }
}
