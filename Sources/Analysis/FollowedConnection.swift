import Octets

/// A connection of a capture: both its streams put in order, and what is said in them.
public struct FollowedConnection: Sendable {
  /// What a segment gave.
  public struct Heard: Sendable {
    /// What the segment was, where that is remarkable.
    public internal(set) var outcome: StreamFollower.Outcome?
    /// What its octets told.
    public internal(set) var told: Told
  }

  private var follower: StreamFollower
  private var dialogue: ConnectionDialogue

  /// A connection that begins with a segment.
  ///
  /// - Parameter tellsAll: whether lines are told of protocols, too, that are not known.
  public init(
    first facts: TCPFacts, tellsAll: Bool = false,
    limits: StreamFollower.Limits = StreamFollower.Limits()
  ) {
    follower = StreamFollower(limits: limits)
    dialogue = ConnectionDialogue(first: facts, tellsAll: tellsAll)
  }

  /// `client > server`.
  public var name: String { "\(dialogue.client) > \(dialogue.server)" }

  /// Octets that wait: for a hole to be filled, or for what tells their meaning.
  var heldOctets: Int { follower.heldOctets &+ dialogue.waitingOctets }

  /// Hands in a segment, with its numbers counted from the SYNs and the payload that was kept.
  public mutating func segmentArrived(
    _ facts: TCPFacts, at relative: (sequence: UInt32, acknowledgment: UInt32),
    payload: Span<UInt8>
  ) -> Heard {
    let outcome = follower.segmentArrived(facts, at: relative, payload: payload, to: &dialogue)
    return Heard(outcome: outcome, told: dialogue.take())
  }

  /// The same; `held` is what waits in all connections, and changes with what waits in this one.
  mutating func segmentArrived(
    _ facts: TCPFacts, at relative: (sequence: UInt32, acknowledgment: UInt32),
    payload: Span<UInt8>, held: inout Int
  ) -> Heard {
    held &-= heldOctets
    defer { held &+= heldOctets }
    return segmentArrived(facts, at: relative, payload: payload)
  }

  /// There is no room any more for what waits: holes are given up.
  mutating func giveUp(into heard: inout Heard, held: inout Int) {
    guard heldOctets > 0 else { return }
    held &-= heldOctets
    follower.giveUp(to: &dialogue)
    dialogue.waitNoLonger()
    heard.outcome = .tooMuchHeld
    heard.told.append(dialogue.take())
  }

  /// Nothing more will come.
  public mutating func ended() -> Told {
    dialogue.ended()
    return dialogue.take()
  }
}
