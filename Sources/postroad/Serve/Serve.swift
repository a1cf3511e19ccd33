import ArgumentParser

/// `postroad serve`: a mail server on a stack of its own, behind a TUN device.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve mail, ping and the small services on a TUN device.",
    discussion: """
      Attaches to the TUN device if it exists, or creates it (which needs CAP_NET_ADMIN), gives \
      the kernel's side the peer address and brings it up. Writes 'postroad: ready' on standard \
      error when connections are accepted. SIGTERM and SIGINT finish what was promised.
      """)

  @Option(help: ArgumentHelp("The TUN device.", valueName: "name"))
  var tun: String?

  @Option(help: ArgumentHelp("Our address and its prefix length.", valueName: "a/p"))
  var address: String?

  @Option(
    help: ArgumentHelp(
      "The kernel's address (default: the next of the network).", valueName: "a"))
  var peer: String?

  @Option(help: ArgumentHelp("The Maildir (default: Maildir).", valueName: "dir"))
  var maildir: String?

  @Option(
    help: ArgumentHelp("Our name in greetings (default: the machine's).", valueName: "name"))
  var hostname: String?

  @Option(
    help: ArgumentHelp(
      "A domain whose mail is taken; may be repeated (default: the host name).",
      valueName: "name"))
  var domain: [String] = []

  @Option(
    help: ArgumentHelp(
      "A mailbox that exists; may be repeated (default: every one).", valueName: "name"))
  var mailbox: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The largest message, in octets (default: 52428800).", valueName: "n"))
  var maxSize: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How long a peer may be silent, in seconds (default: 300).", valueName: "n"))
  var idleTimeout: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many mail sessions at once (default: 1000).", valueName: "n"))
  var maxSessions: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many of them one address may have (default: half, or 50 where that is more, but never all).",
      valueName: "n"))
  var maxSessionsPerPeer: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Hold the greeting back for so many seconds, and refuse who does not wait (default: 0).",
      valueName: "n"))
  var greetingDelay: String?

  @Option(
    help: ArgumentHelp(
      "Which commands may come before the reply to the last: groups (RFC 2920) or any (default: groups).",
      valueName: "policy"))
  var pipelining: String?

  @Option(
    help: ArgumentHelp(
      "Clients whose LF without CR ends a line; may be repeated (default: none).", valueName: "a/p")
  )
  var normalizeFrom: [String] = []

  @Option(
    help: ArgumentHelp(
      "Small services: some of echo, discard, daytime, chargen, with commas between.",
      valueName: "list"))
  var service: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The port of the mail service (default: 25).", valueName: "n"))
  var smtpPort: String?

  @Option(
    help: ArgumentHelp(
      "The congestion controller: cubic, reno or bbr (default: cubic).", valueName: "name"))
  var congestion: String?

  @Option(
    help: ArgumentHelp("Lines of 'option = value'; the command line wins.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Write every frame to this pcapng file, with the reason as its comment.", valueName: "file"))
  var pcap: String?

  @Flag(
    help: "Tell each packet and why it was sent, held back, taken or dropped, on standard error.")
  var explain = false

  func validate() throws {
    // A file may be a pipe, which can be read once: ``run()`` does.
    if config != nil { return }
    do throws(SettingError) {
      _ = try settings()
    } catch {
      throw ValidationError(error.sentence)
    }
  }

  func run() async throws {
    let settings: ServeSettings
    do throws(SettingError) {
      settings = try self.settings()
    } catch {
      throw ValidationError(error.sentence)
    }
    try await MailHost.run(settings)
  }

  /// The file first, then the command line over it.
  private func settings() throws(SettingError) -> ServeSettings {
    var settings = ServeSettings()
    if let config { try ConfigurationFile.read(config, into: &settings) }
    let single = [
      ("tun", tun), ("address", address), ("peer", peer), ("maildir", maildir),
      ("hostname", hostname), ("max-size", maxSize), ("idle-timeout", idleTimeout),
      ("max-sessions", maxSessions), ("max-sessions-per-peer", maxSessionsPerPeer),
      ("greeting-delay", greetingDelay), ("pipelining", pipelining),
      ("smtp-port", smtpPort), ("congestion", congestion), ("pcap", pcap),
      ("explain", explain ? "true" : nil),
    ]
    for (name, value) in single {
      if let value { try settings.set(name, to: value) }
    }
    if !domain.isEmpty { settings.domains = [] }
    for value in domain { try settings.set("domain", to: value) }
    if !mailbox.isEmpty { settings.mailboxes = [] }
    for value in mailbox { try settings.set("mailbox", to: value) }
    if !normalizeFrom.isEmpty { settings.normalizedClients = [] }
    for value in normalizeFrom { try settings.set("normalize-from", to: value) }
    if !service.isEmpty { settings.services = [] }
    for value in service { try settings.set("service", to: value) }
    try settings.check()
    return settings
  }
}
