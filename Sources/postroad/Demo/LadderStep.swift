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
  var said: [DialogueReader.Line] = []
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
}
