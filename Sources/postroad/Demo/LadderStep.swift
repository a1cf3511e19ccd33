import Analysis
import Octets
import TCPCore

/// One step of a journey: a frame that one host sent, and why.
struct LadderStep {
  /// Since the beginning.
  var time: Duration
  /// Whether the client sent it.
  var isFromClient: Bool
  /// What it is, in a few words, the most important first: flags and relative numbers.
  var label: [String] = []
  /// Whether the link lost it.
  var isLost = false
  /// Whether its octets went out before.
  var isRetransmission = false
  /// What was said, completed by this frame.
  var said: [DialogueLine] = []
  /// What that means.
  var meaning: MailStory.Sentence?
  /// Why it was sent.
  var sentence: String
  /// The document and section.
  var source: String
  /// The name of the rule, where it is wanted.
  var rule: String?
  /// Whether the reason was told before, and what was said tells more.
  var isReasonKnown = false

  /// Whether it goes the same way for the same reason as the one before, and nothing is said in it.
  func isLike(_ other: LadderStep?) -> Bool {
    guard let other else { return false }
    return isFromClient == other.isFromClient && sentence == other.sentence && said.isEmpty
      && other.said.isEmpty && meaning == nil
  }
}

/// A connection's change of state, as a ladder shows it.
struct StateChange {
  var time: Instant
  var isClient: Bool
  var from: TCPState
  var to: TCPState
}
