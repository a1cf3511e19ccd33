import Octets
import Simulation

/// All that happened between the two hosts of a demo: frames, and what was decided about them.
struct Journey {
  /// In the order of time.
  enum Moment {
    case frame(TracedFrame)
    case decision(HostDecision)
    case change(StateChange)
  }

  let frames: [TracedFrame]
  let decisions: [HostDecision]
  let changes: [StateChange]
  let client: HostID
  /// The scene, where it is one of streams.
  let stream: StreamScene?

  /// Everything in the order of time: what came is decided before what is sent for it.
  func moments(withDecisions: Bool) -> [Moment] {
    var moments: [Moment] = []
    // That a packet was for the host is told only where nothing more is to say.
    var rest = decisions.filter {
      withDecisions
        && ($0.explanation.name != "deliver" || byFrame[$0.frame ?? 0]?.count == 1)
    }[...]
    var changes = changes[...]
    for frame in frames {
      while let next = rest.first, next.time <= frame.sentAt, next.frame != frame.ordinal,
        next.time < frame.sentAt || (next.frame ?? frame.ordinal) < frame.ordinal
      {
        moments.append(.decision(rest.removeFirst()))
      }
      while let next = changes.first, next.time <= frame.sentAt {
        moments.append(.change(changes.removeFirst()))
      }
      moments.append(.frame(frame))
    }
    return moments + rest.map(Moment.decision) + changes.map(Moment.change)
  }

  /// The comment of a frame in a capture: why it was sent, what became of it, what its receiver decided.
  func comment(on frame: TracedFrame) -> String? {
    var lines: [String] = []
    if let why = frame.explanation { lines.append("\(name(frame.sender)) sends: \(why)") }
    if !frame.fate.arrives { lines.append("lost behind this point") }
    let decisions = byFrame[frame.ordinal] ?? []
    // That a packet was for the host is told only where nothing more is to say.
    for decision in decisions where decisions.count == 1 || decision.explanation.name != "deliver" {
      lines.append("\(name(decision.host)): \(decision.explanation)")
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }

  /// What somebody who listens hears, and when: in the middle before frames are lost, or where they
  /// arrive.
  var heard: [(frame: TracedFrame, time: Instant)] {
    var count = 0
    var heard: [(frame: TracedFrame, time: Instant)] = []
    for frame in frames {
      if frame.sender == client, frame.octets.count > StreamScene.much {
        count += 1
        if stream?.unheard.contains(count) == true { continue }
      }
      guard let ear = stream?.ear, ear == (frame.sender == client ? .server : .client) else {
        heard.append((frame, frame.sentAt))
        continue
      }
      if let arrival = frame.arrivesAt { heard.append((frame, arrival)) }
    }
    // Frames that arrive at the same moment keep their order.
    return heard.enumerated().sorted {
      ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
    }.map(\.element)
  }

  init(
    frames: [TracedFrame], decisions: [HostDecision], changes: [StateChange] = [],
    client: HostID, stream: StreamScene? = nil
  ) {
    self.changes = changes
    self.stream = stream
    self.frames = frames
    self.decisions = decisions
    self.client = client
    byFrame = Dictionary(grouping: decisions.filter { $0.frame != nil }) { $0.frame ?? 0 }
  }

  private let byFrame: [Int: [HostDecision]]

  private func name(_ host: HostID) -> String { host == client ? "client" : "server" }
}
