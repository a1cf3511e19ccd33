public import Octets
public import Simulation
public import TCPCore

/// What one end knows at a moment.
public struct EndSnapshot: Hashable, Sendable {
  /// The state; LISTEN before a connection comes, CLOSED when none is there any more.
  public var state: TCPState
  /// Windows, timers and the like; nil without a connection.
  public var info: TCPInfo?
  /// Where both directions are; nil without a connection.
  public var numbers: TCPNumbers?
  /// Octets that the user gave and the peer has not acknowledged.
  public var unacknowledged = 0
  /// Octets that the user has not read.
  public var unread = 0
}

/// A change of state.
public struct Transition: Hashable, Sendable {
  /// Whose.
  public var end: RunEnd
  /// From which state.
  public var from: TCPState
  /// To which.
  public var to: TCPState
}

/// A decision of one end's stack.
public struct Decision: Hashable, Sendable {
  /// Whose.
  public var end: RunEnd
  /// The rule that was followed.
  public var rule: RuleExplanation
}

/// One step: mostly a packet that arrives, and all that it brings about at once.
public struct Moment: Hashable, Sendable {
  /// Since the start of the run.
  public var time: Duration
  /// Places in ``Recording/frames`` of the packets that arrive now.
  public var arrivals: [Int]
  /// Places in ``Recording/frames`` of the packets that are sent now.
  public var sent: Range<Int>
  /// What the users do.
  public var actions: [RunInput]
  /// What the stacks decide.
  public var decisions: [Decision]
  /// The changes of state.
  public var transitions: [Transition]
  /// The client's side, after all that.
  public var client: EndSnapshot
  /// The server's side.
  public var server: EndSnapshot

  /// One end.
  public subscript(end: RunEnd) -> EndSnapshot { end == .client ? client : server }
}

/// A packet of a recorded run.
public struct RecordedFrame: Hashable, Sendable {
  /// Numbered from 1, in the order of sending.
  public var ordinal: Int
  /// Who sent it.
  public var sender: RunEnd
  /// Since the start of the run.
  public var sentAt: Duration
  /// When it arrives; nil if never.
  public var arrivesAt: Duration?
  /// What became of it.
  public var fate: FrameFate
  /// An IPv4 packet, as sent.
  public var octets: [UInt8]
  /// What it is, in numbers relative to each side's first.
  public var segment: SegmentSummary
  /// The rule that had it sent.
  public var reason: RuleExplanation?
}

/// A run as it went: its packets and its moments, so that each can be looked at again.
public struct Recording: Hashable, Sendable {
  /// What it was made from.
  public var run: RecordedRun
  /// Every packet, in the order of sending.
  public internal(set) var frames: [RecordedFrame] = []
  /// Every step, in order; the first is before anything happens.
  public internal(set) var moments: [Moment] = []
  /// What the server's mailbox has, mail by mail.
  public internal(set) var mails: [[UInt8]] = []
  /// The stream that the server's user has read, over all connections.
  public internal(set) var received: [UInt8] = []
  /// The stream that the client's user has read.
  public internal(set) var answered: [UInt8] = []
  /// The run stopped at ``RecordedRun/maximumFrames`` or at its time limit.
  public internal(set) var isCutOff = false

  /// The decisions of one end, in order, with the time.
  public func decisions(of end: RunEnd) -> [(time: Duration, rule: RuleExplanation)] {
    moments.flatMap { moment in
      moment.decisions.filter { $0.end == end }.map { (moment.time, $0.rule) }
    }
  }

  /// How often a rule was followed, by its name, at one end or at both.
  public func count(_ rule: String, at end: RunEnd? = nil) -> Int {
    moments.reduce(0) { sum, moment in
      sum + moment.decisions.count { $0.rule.name == rule && (end == nil || $0.end == end) }
    }
  }

  /// The states that an end went through.
  public func states(of end: RunEnd) -> [TCPState] {
    guard let first = moments.first else { return [] }
    return [first[end].state]
      + moments.flatMap { $0.transitions.filter { $0.end == end }.map(\.to) }
  }

  /// The place of the step in which a packet is sent.
  public func moment(sending ordinal: Int) -> Int? {
    moments.firstIndex { $0.sent.contains(ordinal - 1) }
  }
}
