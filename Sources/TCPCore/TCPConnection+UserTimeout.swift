import Octets
import Wire

/// What the ends have told each other of their time-outs. RFC 5482 section 3.
struct UserTimeouts: Hashable {
  /// REMOTE_UTO; nil before the peer has told any.
  var peers: UserTimeoutOption?
  /// Ours is to go with the next bare acknowledgment: the first after the handshake, whose own
  /// options may not have been kept, and the first after a change.
  var isOwed = false

  /// ADV_UTO as an option, rounded up to seconds.
  static func option(_ time: Duration) -> UserTimeoutOption {
    UserTimeoutOption(seconds: Int((time.wholeNanoseconds &+ 999_999_999) / 1_000_000_000))
  }
}

// The user time-out option: RFC 5482.
extension TCPConnection {
  /// USER_TIMEOUT: the user's own, else what both ends together ask for; nil leaves R2.
  ///
  /// A user who has set it is not overruled (CHANGEABLE).
  var userTimeout: Duration? {
    if let own = configuration.userTimeout { return own }
    guard let told = userTimeouts.peers?.seconds, let ours = configuration.advertisedUserTimeout
    else { return nil }
    let bounds = configuration.userTimeoutBounds
    let wanted = min(bounds.upperBound, max(ours, .seconds(told), bounds.lowerBound))
    // RFC 5482 section 3.1: never so short that no retransmission has a chance.
    return max(wanted, .nanoseconds(roundTrip.retransmissionTimeout &+ 1_000_000_000))
  }

  /// The peer tells how long it waits. RFC 5482 section 3.1; zero is ignored.
  mutating func userTimeoutTold(
    _ told: UserTimeoutOption, at now: Instant, ledger: inout RuleLedger<TCPRule>
  ) {
    guard configuration.advertisedUserTimeout != nil, told.seconds != nil,
      userTimeouts.peers != told
    else { return }
    userTimeouts.peers = told
    guard configuration.userTimeout == nil, let limit = userTimeout else { return }
    ledger.note(.adoptUserTimeout, limit.wholeNanoseconds / 1_000_000_000)
    guard timers.retransmit != .distantFuture else { return }
    timers.retransmit = min(timers.retransmit, retransmissionDeadline(at: now))
  }

  /// What we told does not hold any more: the peer is told at once. RFC 5482 section 3.
  mutating func userTimeoutChanged() {
    userTimeouts.isOwed = configuration.advertisedUserTimeout != nil
    if userTimeouts.isOwed, state.isSynchronized, state != .timeWait {
      acknowledgeNow(.tellUserTimeout)
    }
  }

  /// A bare acknowledgment without SACK blocks has room for it.
  mutating func tellUserTimeout(_ options: inout TCPOptions) {
    guard options.sackBlocks.isEmpty else { return }
    userTimeouts.isOwed = false
    options.userTimeout = configuration.advertisedUserTimeout.map(UserTimeouts.option)
  }
}
