import Metrics

/// What a server counts; every label is known at the start.
struct ServerMetrics: Sendable {
  let sessionsOpened = Counter(label: "postroad_smtp_sessions_total")
  let sessionsRefused = Counter(label: "postroad_smtp_sessions_refused_total")
  let sessionsOpen = Gauge(label: "postroad_smtp_sessions_open")
  let messagesStored = Counter(label: "postroad_smtp_messages_stored_total")
  let messagesAborted = Counter(label: "postroad_smtp_messages_aborted_total")
  let octetsStored = Counter(label: "postroad_smtp_octets_stored_total")
  let storeFailures = Counter(label: "postroad_smtp_store_failures_total")
}
