public import Octets
import POSIXSockets

/// What running a script came to.
public enum ScriptOutcome: Sendable {
  /// Every event happened as the script says.
  case passed
  /// The stack did something else.
  case failed(ScriptFailure)
  /// The script asks for something that the stack or this interpreter cannot do.
  case unsupported(SourcePosition, what: String)
  /// The script contradicts itself: neither the stack's success nor its failure.
  case faulty(ScriptError)

  /// `pass`, `fail`, `unsupported` or `error`.
  public var name: String {
    switch self {
    case .passed: "pass"
    case .failed: "fail"
    case .unsupported: "unsupported"
    case .faulty: "error"
    }
  }
}

/// Where a script and the stack first disagreed.
public struct ScriptFailure: Sendable {
  /// One thing that should have been otherwise.
  public struct Difference: Hashable, Sendable {
    /// What it is: `flags`, `ack`, `time`, ...
    public var field: String
    /// What the script says.
    public var expected: String
    /// What happened.
    public var seen: String
  }

  /// The event's place.
  public var position: SourcePosition
  /// The event as the script has it.
  public var text: String
  /// One sentence.
  public var sentence: String
  /// What should have been otherwise, field by field.
  public var differences: [Difference] = []
  /// The packet that was expected, for events that expect one.
  public var expected: String?
  /// The packet that came instead; nil when none did.
  public var seen: String?
  /// When the event was to happen, in microseconds after the start.
  public var expectedTime: ClosedRange<Int64>?
  /// When it happened, in microseconds after the start.
  public var seenTime: Int64?
  /// The rule that made the stack send what came.
  public var rule: RuleExplanation?

  init(at position: SourcePosition, text: String, _ sentence: String) {
    self.position = position
    self.text = text
    self.sentence = sentence
  }
}

/// A step of what happened while a script ran.
public struct ScriptStep: Sendable {
  /// Who did it.
  public enum Kind: String, Sendable {
    /// The script's packet, to the stack.
    case inbound
    /// The stack's packet.
    case outbound
    /// A system call.
    case call
    /// A shell command.
    case command
    /// An assertion.
    case code
    /// A timer of the stack, or output that waits; only with ``RunSettings/explains``.
    case timer
  }

  /// When, in microseconds after the start.
  public var time: Int64
  /// Who did it.
  public var kind: Kind
  /// What, in the script's words and numbers.
  public var text: String
  /// The line of the script that says so; nil for what the stack did by itself.
  public var line: Int?
  /// The rule that made the stack send it.
  public var rule: RuleExplanation?
  /// What the stack decided at this step besides: what it took, holds back, dropped.
  public var decisions: [RuleExplanation] = []
  /// The octets of a packet.
  public var octets: [UInt8] = []
  /// What a call returned.
  var result: CallResult?
}

/// How a script ran.
public struct ScriptReport: Sendable {
  /// The script's file.
  public var file: String
  /// What it came to.
  public var outcome: ScriptOutcome
  /// What happened, in order.
  public var steps: [ScriptStep] = []
  /// Events that happened as the script says.
  public var eventsDone = 0
  /// Virtual time that passed, in microseconds.
  public var duration: Int64 = 0
  /// Mismatches that the script asked to tolerate.
  public var warnings: [String] = []

  init(file: String, outcome: ScriptOutcome) {
    self.file = file
    self.outcome = outcome
  }

  /// The report of a script that could not be parsed.
  public init(malformed error: ScriptError, file: String) {
    self.init(file: file, outcome: .faulty(error))
  }
}

/// How scripts are to be run.
public struct RunSettings: Sendable {
  /// What the stack sends and the script does not mention is a failure too, at the end of the script,
  /// and echoed timestamps are compared.
  public var isStrict = false
  /// The seed of sequence numbers, ports and keys.
  public var seed: UInt64 = 1
  /// The steps are kept.
  public var traces = false
  /// What the stack decides is kept with the steps, and steps with it.
  public var explains = false {
    didSet { traces = traces || explains }
  }

  /// The defaults.
  public init() {}
}

/// Why a run ends before the script does.
enum Halt: Error {
  case failed(ScriptFailure)
  case unsupported(SourcePosition, what: String)
  case faulty(ScriptError)
}
