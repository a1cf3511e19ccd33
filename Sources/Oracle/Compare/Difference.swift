import Octets
import Wire

/// In what a segment of ours differs from the captured one that means the same.
package enum Aspect: String, CaseIterable, Hashable, Sendable {
  /// It is sent at another time.
  case time
  /// The same octets are sent in other pieces.
  case split
  /// It has other control bits.
  case flags
  /// It offers another window.
  case window
  /// It acknowledges something else.
  case acknowledgment
  /// It reports other blocks.
  case sack
  /// Its timestamp echoes another.
  case echo
  /// It has other options.
  case options
  /// Its IP header says something else of congestion marks.
  case ecn
  /// It has another sequence number.
  case number

  /// What our stack goes by.
  func explanation(of theirs: Segment, _ ours: Segment) -> Explanation {
    let (sentence, source) = self == .flags ? Self.bits(theirs.flags, ours.flags) : text
    return Explanation(name: rawValue, sentence: sentence, source: source)
  }

  /// What is said of the control bits that differ.
  private static func bits(_ theirs: TCPFlags, _ ours: TCPFlags) -> (String, String) {
    let others = theirs.symmetricDifference(ours)
    if theirs.contains(.rst) {
      return (
        "an abort acknowledges; a reset that answers stands at the number asked for",
        "RFC 9293 3.5.2"
      )
    }
    if !others.isDisjoint(with: [.ece, .cwr, .ae]) {
      return ("ECE repeats a mark until CWR says that the window was cut", "RFC 3168 6.1")
    }
    if others.contains(.fin) {
      return ("FIN goes with the last octets, if the user has closed by then", "RFC 9293 3.6")
    }
    if others.contains(.urg) {
      return ("URG is set while urgent octets lie ahead", "RFC 9293 3.8.5")
    }
    return Self.flags.text
  }

  private var text: (String, String) {
    switch self {
    case .time: ("a segment leaves when its rule lets it", "RFC 9293 3.7")
    case .split:
      ("what is there when it may be sent goes in segments as full as can be", "RFC 9293 3.7.4")
    case .flags: ("PSH marks where all that the user has given ends", "RFC 9293 3.9.1.2")
    case .window:
      (
        "the window is what the buffer still takes, and its edge moves by a worthwhile step or not at"
          + " all", "RFC 9293 3.8.6.2.2"
      )
    case .acknowledgment:
      ("a segment acknowledges all that has come when it is sent", "RFC 9293 3.10.7.4")
    case .sack: ("the first block is what came last, a duplicate before all", "RFC 2018 4")
    case .echo: ("the echo is the timestamp that came with the left edge", "RFC 7323 4.3")
    case .options: ("a SYN offers what a host is set to, an answer what both know", "RFC 9293 3.2")
    case .ecn: ("only new data may be marked, once both ends have agreed", "RFC 3168 6.1")
    case .number: ("a reset stands at the number that its receiver expects", "RFC 9293 3.5.2")
    }
  }
}

/// Why our stack does what it does: a rule of it, or what it goes by where nothing was to be done.
package struct Explanation: Hashable, Sendable {
  /// A name for programs.
  package let name: String
  /// One sentence.
  package let sentence: String
  /// The document and section.
  package let source: String

  init(name: String, sentence: String, source: String) {
    self.name = name
    self.sentence = sentence
    self.source = source
  }

  init(_ rule: RuleExplanation) {
    self.init(name: rule.name, sentence: rule.sentence, source: rule.source)
  }
}

/// How what the captured end has sent compares with what our stack would have sent.
package enum Mark: String, CaseIterable, Hashable, Sendable {
  /// Alike.
  case same = "="
  /// Both have sent it, with some difference.
  case changed = "~"
  /// Only the captured end has sent it.
  case onlyTheirs = "<"
  /// Only our stack would have sent it.
  case onlyOurs = ">"
}

/// What belongs together, and how it compares.
package struct Comparison: Sendable {
  /// How it compares.
  package let mark: Mark
  /// What the captured end has sent; several where a device or a stack has cut otherwise.
  package let theirs: [Segment]
  /// What our stack would have sent.
  package let ours: [Segment]
  /// In what it differs; empty for what only one side has sent.
  package let aspects: [Aspect]
  /// Why, the main reason first; empty for what is alike.
  package let reasons: [Explanation]

  /// When: on the captured end's side, if it has sent anything.
  package var time: Int64 { theirs.first?.time ?? ours.first?.time ?? 0 }
}
