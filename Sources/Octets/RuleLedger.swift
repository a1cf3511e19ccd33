/// What following a rule does to a packet, a segment or a command.
public enum RuleEffect: String, Hashable, Sendable {
  /// It is taken in.
  case accepts
  /// Something is sent.
  case sends
  /// Something is held back for now.
  case delays
  /// It is thrown away.
  case drops
  /// Only the state changes.
  case notes
}

/// A decision of a protocol, with the place that asks for it and a sentence for people.
///
/// Counters, explanations, the tracer and the conformance table all come from these cases.
public protocol ProtocolRule: RawRepresentable<UInt8>, CaseIterable, Hashable, Sendable {
  /// The document and section, such as `RFC 9293 3.10.7.4`.
  var source: String { get }
  /// One sentence of explanation, lower case, without a full stop.
  var sentence: String { get }
  /// What following the rule does.
  var effect: RuleEffect { get }
}

/// A rule that was followed, with the numbers of the case (their meaning is the rule's).
public struct RuleReport<Rule: ProtocolRule>: Hashable, Sendable {
  /// The rule.
  public let rule: Rule
  /// The first number.
  public let first: Int64
  /// The second number.
  public let second: Int64

  /// A report from its parts.
  @inlinable public init(rule: Rule, first: Int64, second: Int64) {
    self.rule = rule
    self.first = first
    self.second = second
  }
}

/// Counts how often each rule was followed, and on request remembers each case.
///
/// Cores take a ledger `inout` and note every decision. Counting is one addition; reports cost
/// nothing while ``isReporting`` is false, and never more than ``maximumReports`` are kept.
public struct RuleLedger<Rule: ProtocolRule>: Sendable {
  /// Reports kept until they are taken; later ones are only counted.
  public static var maximumReports: Int { 4096 }

  /// One for each raw value that a rule can have, in place: counting is one addition.
  @usableFromInline var counts = InlineArray<256, UInt64>(repeating: 0)
  @usableFromInline var reports: [RuleReport<Rule>] = []
  /// Cases that were counted and not remembered since the reports were last taken.
  public private(set) var omittedReports = 0
  /// Whether each case is remembered, not only counted.
  public var isReporting = false {
    didSet { isHeard = isReporting || RuleCensus.isTaken }
  }
  /// Whether anybody wants more than the count.
  @usableFromInline var isHeard = RuleCensus.isTaken

  /// A ledger in which nothing was noted yet.
  public init() {}

  /// Notes that a rule was followed.
  @inlinable public mutating func note(_ rule: Rule, _ first: Int64 = 0, _ second: Int64 = 0) {
    counts[Int(rule.rawValue)] &+= 1
    if isHeard { report(rule, first, second) }
  }

  @usableFromInline @inline(never)
  mutating func report(_ rule: Rule, _ first: Int64, _ second: Int64) {
    if RuleCensus.isTaken, counts[Int(rule.rawValue)] == 1 {
      RuleCensus.note("\(Rule.self).\(rule)")
    }
    guard isReporting else { return }
    guard reports.count < Self.maximumReports else {
      omittedReports &+= 1
      return
    }
    reports.append(RuleReport(rule: rule, first: first, second: second))
  }

  /// How often a rule was followed.
  public func count(_ rule: Rule) -> UInt64 { counts[Int(rule.rawValue)] }

  /// The sum of the counts of every rule with an effect.
  public func count(_ effect: RuleEffect) -> UInt64 {
    var sum: UInt64 = 0
    for rule in Rule.allCases where rule.effect == effect { sum &+= count(rule) }
    return sum
  }

  /// The cases remembered since the last call, in order.
  public mutating func takeReports() -> [RuleReport<Rule>] {
    guard !reports.isEmpty else { return [] }
    let taken = reports
    reports = []
    omittedReports = 0
    return taken
  }
}

/// A rule's name, source and sentence, free of its type: what a person is shown.
public struct RuleExplanation: Hashable, Sendable, CustomStringConvertible {
  /// The case's name, such as `fastRetransmit`.
  public let name: String
  /// The document and section.
  public let source: String
  /// One sentence.
  public let sentence: String
  /// What following the rule does.
  public let effect: RuleEffect
  /// What has kept it from being sent before; empty for what was not held back.
  public private(set) var heldBackBy: [RuleExplanation] = []

  /// The name, the sentence and the source in one line, and what held it back.
  public var description: String {
    let own = "\(name): \(sentence) (\(source))"
    return heldBackBy.isEmpty
      ? own : own + "; held back before by " + heldBackBy.map(\.description).joined(separator: ", ")
  }

  /// So many decisions were made that cannot be told.
  package init(omitted: Int) {
    name = "omitted"
    source = "more at once than are remembered"
    sentence = "\(omitted) further decisions were only counted"
    effect = .notes
  }

  /// The explanation of a rule.
  public init(_ rule: some ProtocolRule) {
    name = "\(rule)"
    source = rule.source
    sentence = rule.sentence
    effect = rule.effect
  }

  /// The explanation of a rule that something is sent by, after another has held it back.
  public init<Rule: ProtocolRule>(_ rule: Rule, heldBackBy delay: Rule?) {
    self.init(rule)
    if let delay { heldBackBy = [RuleExplanation(delay)] }
  }
}
