import Octets
import Simulation

/// All that happened between the two hosts of a demo: frames, and what was decided about them.
struct Journey {
  /// In the order of time.
  enum Moment {
    case frame(TracedFrame)
    case decision(HostDecision)
  }

  let frames: [TracedFrame]
  let decisions: [HostDecision]
  let client: HostID

  /// Everything in the order of time: what came is decided before what is sent for it.
  func moments(withDecisions: Bool) -> [Moment] {
    guard withDecisions else { return frames.map(Moment.frame) }
    var moments: [Moment] = []
    // That a packet was for the host is told only where nothing more is to say.
    var rest = decisions.filter {
      $0.explanation.name != "deliver" || byFrame[$0.frame ?? 0]?.count == 1
    }[...]
    for frame in frames {
      while let next = rest.first, next.time <= frame.sentAt, next.frame != frame.ordinal,
        next.time < frame.sentAt || (next.frame ?? frame.ordinal) < frame.ordinal
      {
        moments.append(.decision(rest.removeFirst()))
      }
      moments.append(.frame(frame))
    }
    return moments + rest.map(Moment.decision)
  }

  /// The comment of a frame in a capture: why it was sent, what became of it, what its receiver decided.
  func comment(on frame: TracedFrame) -> String? {
    var lines: [String] = []
    if let why = frame.explanation { lines.append("\(name(frame.sender)) sends: \(why)") }
    if !frame.fate.arrives { lines.append("lost behind this point") }
    for decision in byFrame[frame.ordinal] ?? [] {
      lines.append("\(name(decision.host)): \(decision.explanation)")
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }

  init(frames: [TracedFrame], decisions: [HostDecision], client: HostID) {
    self.frames = frames
    self.decisions = decisions
    self.client = client
    byFrame = Dictionary(grouping: decisions.filter { $0.frame != nil }) { $0.frame ?? 0 }
  }

  private let byFrame: [Int: [HostDecision]]

  private func name(_ host: HostID) -> String { host == client ? "client" : "server" }
}
