/// A frame in memory, with what a device would finish and why it is sent.
public struct CollectedFrame: Sendable {
  /// The whole frame.
  public var octets: [UInt8]
  /// What is left to whoever carries it.
  public var facts: OffloadFacts
  /// The rule by which it is sent; nil where the stack does not explain itself.
  public var explanation: RuleExplanation?

  /// A frame; finished, unless `facts` say otherwise.
  public init(
    octets: [UInt8], facts: OffloadFacts = .none, explanation: RuleExplanation? = nil
  ) {
    self.octets = octets
    self.facts = facts
    self.explanation = explanation
  }
}

/// Takes all that a stack sends, and keeps it.
public struct CollectingSink: FrameSink {
  /// What was sent, in order.
  public var frames: [CollectedFrame] = []
  private var explanation: RuleExplanation?

  /// An empty one.
  public init() {}

  /// Keeps the reason for the next frame.
  public mutating func explain(_ explanation: RuleExplanation) { self.explanation = explanation }

  /// Copies the frame; there is always room.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let octets = [UInt8](joining: header, payload, tail)
    frames.append(
      CollectedFrame(octets: octets, facts: offload, explanation: explanation.take()))
    return true
  }
}
