/// What a server does with a CR or LF that stands alone. Source: RFC 5321 2.3.8.
public enum BareLineEndPolicy: Hashable, Sendable {
  /// The message is read to its true end and refused with 550 5.5.2.
  case refuse
  /// A LF alone ends a line (stored as CR LF), but is never part of the end of the message;
  /// a CR alone is refused.
  case normalize
}

/// What a server does with a client that sends more where it has to wait for a reply.
public enum PipeliningPolicy: Hashable, Sendable {
  /// The groups of RFC 2920 3.1, and none before EHLO: else 554 and the end, for what follows was
  /// written by somebody who did not know the reply.
  case groups
  /// Commands are followed one by one, whenever they come.
  case any
}

/// The bounds of a session. Source: RFC 5321 4.5.3.1.
public struct SMTPLimits: Hashable, Sendable {
  /// Octets of a message; at least 64 Ki (4.5.3.1.7).
  public var messageOctets = 50 * 1024 * 1024
  /// Octets of a command line with its CR LF; MAIL may have 43 more for SIZE and BODY.
  public var commandLine = 512
  /// Octets of a line of text with its CR LF; 1000 are asked for, more are taken.
  public var textLine = 64 * 1024
  /// Recipients of a transaction; at least 100 (4.5.3.1.8).
  public var recipients = 1000
  /// Refused recipients of a session, before it is closed.
  public var refusedRecipients = 200
  /// Errors of a session, before it is closed.
  public var errors = 20
  /// EHLO, RSET, NOOP, VRFY, EXPN and HELP between two messages, before the session is closed.
  public var idleCommands = 100
  /// Received lines of a message; at least 100 (6.3).
  public var receivedLines = 100
  /// Lines of a message's header, folded ones counted.
  public var headerLines = 1000
  /// Octets a second that a message has to come with, on the whole; 0 for no such limit.
  ///
  /// Counted from ``SMTPServerTimeouts/slowness`` on.
  public var octetsPerSecond = 100

  /// The limits that suit most servers.
  public init() {}
}

/// How long a server waits. Source: RFC 5321 4.5.3.2.
public struct SMTPServerTimeouts: Hashable, Sendable {
  /// For the end of the next command (4.5.3.2.7: at least 5 minutes), and for the client to take
  /// the replies.
  public var command: Duration = .seconds(300)
  /// For more octets of a message (4.5.3.2.5: 3 minutes between blocks).
  public var dataBlock: Duration = .seconds(180)
  /// For the end of a message, so that a slow client cannot hold a session for ever.
  public var message: Duration = .seconds(3600)
  /// How long a message may come more slowly than ``SMTPLimits/octetsPerSecond``.
  public var slowness: Duration = .seconds(300)
  /// For all of a session; then it is ended, but never within a message.
  public var session: Duration = .seconds(7200)
  /// How long the greeting is held back, to find clients that do not wait for it.
  public var greetingDelay: Duration = .zero

  /// The times that the RFC recommends.
  public init() {}
}

/// Everything that the sessions of one server share.
public struct SMTPServerConfiguration: Sendable {
  /// The server's name, in the greeting and in trace headers.
  public var hostname: DomainName
  /// Whose mail is taken.
  public var policy: RecipientPolicy
  /// The bounds.
  public var limits = SMTPLimits()
  /// The waiting times.
  public var timeouts = SMTPServerTimeouts()
  /// What is done with a CR or LF that stands alone.
  public var bareLineEnds = BareLineEndPolicy.refuse
  /// Clients whose line ends are normalized all the same: those of one's own that cannot do better.
  public var normalizedClients: [AddressRange] = []
  /// What is done with commands that do not wait for their turn.
  public var pipelining = PipeliningPolicy.groups

  /// A configuration with the usual limits.
  public init(hostname: DomainName, policy: RecipientPolicy) {
    self.hostname = hostname
    self.policy = policy
  }
}

/// Whose mail is taken: mailboxes of some domains and the postmaster, nobody else's.
///
/// A server with this policy is never a relay: what is not of its domains is refused.
public struct RecipientPolicy: Sendable {
  /// The domains served; address literals count too when they are listed.
  public var domains: Set<MailDomain>
  /// The mailboxes in each domain; nil for any.
  public var mailboxes: [LocalPart]?

  /// A policy for domains, with the mailboxes named or any.
  public init(domains: [MailDomain], mailboxes: [LocalPart]? = nil) {
    self.domains = Set(domains)
    self.mailboxes = mailboxes
  }

  /// The rule that accepts or refuses a recipient.
  public func decide(_ path: ForwardPath) -> SMTPRule {
    guard case .address(let address) = path else { return .acceptRecipient }
    guard domains.contains(address.domain) else { return .foreignDomain }
    if Self.isPostmaster(address.localPart) { return .acceptRecipient }
    if let mailboxes {
      return mailboxes.contains { $0.matches(address.localPart) }
        ? .acceptRecipient : .unknownMailbox
    }
    // RFC 5321 appendix C and 3.6.2: "a%b@ours" and "b!a@ours" are old ways to ask for relaying.
    let asksForRelay = address.localPart.octets.contains { $0 == 37 || $0 == 33 || $0 == 64 }
    return asksForRelay ? .routedLocalPart : .acceptRecipient
  }

  /// RFC 5321 4.5.1: every server takes mail for its postmaster, in any case of letters.
  private static func isPostmaster(_ local: LocalPart) -> Bool {
    local.octets.count == 10
      && zip(local.octets, "postmaster".utf8).allSatisfy { $0.lowercased == $1 }
  }
}

extension LocalPart {
  /// Reads a local part from text; nil if it is none.
  public init?(_ text: String) {
    guard let address = MailAddress(text + "@x") else { return nil }
    self = address.localPart
  }
}
