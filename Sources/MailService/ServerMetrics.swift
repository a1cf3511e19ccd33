import Mail
import Metrics
import Octets

/// What a server counts; every label is known at the start.
struct ServerMetrics: Sendable {
  let sessionsOpened: Counter
  let sessionsRefused: Counter
  /// Refused without a word, because too many were being told already.
  let sessionsCutOff: Counter
  let sessionsOpen: Gauge
  let messagesStored: Counter
  let messagesAborted: Counter
  let octetsStored: Counter
  let storeFailures: Counter
  /// What the sessions decided, one counter for each rule: so each refusal is counted by its reason.
  private let rules: [(rule: SMTPRule, counter: Counter)]

  init(_ factory: any MetricsFactory) {
    func counter(_ label: String) -> Counter {
      Counter(label: "postroad_smtp_\(label)_total", factory: factory)
    }
    sessionsOpened = counter("sessions")
    sessionsRefused = counter("sessions_refused")
    sessionsCutOff = counter("sessions_cut_off")
    sessionsOpen = Gauge(label: "postroad_smtp_sessions_open", factory: factory)
    messagesStored = counter("messages_stored")
    messagesAborted = counter("messages_aborted")
    octetsStored = counter("octets_stored")
    storeFailures = counter("store_failures")
    rules = SMTPRule.allCases.map { rule in
      let labels = [("rule", "\(rule)")]
      return (
        rule, Counter(label: "postroad_smtp_rules_total", dimensions: labels, factory: factory)
      )
    }
  }

  /// Adds what one session has decided in all its time.
  func add(_ ledger: RuleLedger<SMTPRule>) {
    for (rule, counter) in rules {
      let count = ledger.count(rule)
      if count > 0 { counter.increment(by: count) }
    }
  }
}
