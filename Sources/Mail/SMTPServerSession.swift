public import Octets

/// Why a message that came in whole cannot be promised.
public enum MessageFailure: Error, Hashable, Sendable {
  /// No space now: 452 4.3.1.
  case full
  /// The store does not work now: 451 4.3.0.
  case unavailable
  /// Too big for the store: 552 5.3.4.
  case tooBig
  /// Refused for its content: 554 5.6.0.
  case refused

  var rule: SMTPRule {
    switch self {
    case .full: .storeFull
    case .unavailable: .storeFailed
    case .tooBig: .messageTooBig
    case .refused: .messageRejected
    }
  }
}

/// One client's session with a mail server, without input and output. Source: RFC 5321 3, 4.
///
/// The driver hands in octets and time; then, until both are empty, it performs what
/// ``nextAction()`` gives and writes what ``takeOutput()`` gives; at last it waits for octets (if
/// ``wantsInput``), for ``nextDeadline``, or for the store.
///
/// ```text
/// greeting ──► command ◄──────────────── storing (the driver calls messageStored)
///                │  ▲                        ▲
///           DATA ▼  │ refused at its end     │ end of data
///              data ┴────────────────────────┘            any ──► closed
/// ```
///
/// A BDAT, which is not offered, leads from command to chunk and back when its octets are dropped.
///
/// Invariants: 1. `250` after a message only follows a success given to ``messageStored(_:at:)``;
/// 2. every ``Action/beginMessage(_:)`` is followed by exactly one ``Action/endMessage(octets:)``
/// or ``Action/abortMessage``; 3. what is pipelined behind a message waits until it is answered;
/// 4. memory is bounded by the limits and by one piece of input.
public struct SMTPServerSession: Sendable {
  /// What the driver has to do.
  public enum Action: Hashable, Sendable {
    /// A message begins: prepare to store it.
    case beginMessage(SMTPEnvelope)
    /// The next octets of the message, dots taken away.
    case messageOctets([UInt8])
    /// The message is whole: store it durably, then call ``SMTPServerSession/messageStored(_:at:)``.
    case endMessage(octets: Int)
    /// The message will not be whole, or is refused: forget it.
    case abortMessage
    /// Close the connection, after writing the output.
    case close
  }

  enum State: Hashable, Sendable {
    case greeting
    case command
    case chunk
    case data
    case storing
    case closed
  }

  let configuration: SMTPServerConfiguration
  let peer: MailDomain?
  /// Whether a LF alone ends this client's lines.
  let normalizes: Bool
  var state = State.greeting
  var hello: (name: MailDomain, isExtended: Bool)?
  var envelope: SMTPEnvelope?
  var lines: SMTPLineReader
  var data: SMTPDataReader
  /// Whether the driver was told of the message that is being read.
  var isMessageOpen = false
  /// Input behind a message that is being stored.
  var pending: [UInt8] = []
  var actions: [Action] = []
  var output: [UInt8] = []
  var errors = 0
  var refusedRecipients = 0
  /// Recipients of this transaction beyond those that are taken.
  var surplusRecipients = 0
  var idleCommands = 0
  var isShuttingDown = false
  var isPeerGone = false
  /// Octets behind BDAT that are still to be dropped.
  var chunkOctets = 0
  var deadline: Instant
  var sessionDeadline = Instant.distantFuture
  var messageDeadline = Instant.distantFuture
  var messageBegan = Instant.start
  /// What was decided, and how often.
  public var ledger = RuleLedger<SMTPRule>()

  /// A session with a client that has just connected.
  /// - Parameters:
  ///   - peer: the client's address as text, such as `192.0.2.7`; for trace headers.
  ///   - hasSpoken: whether octets of the client's are there already, before it was greeted.
  public init(
    configuration: SMTPServerConfiguration, peer: String?, hasSpoken: Bool = false, at now: Instant
  ) {
    self.configuration = configuration
    let address = peer.flatMap { MailDomain(address: $0) }
    self.peer = address
    normalizes =
      configuration.bareLineEnds == .normalize
      || address.map { address in
        configuration.normalizedClients.contains { $0.contains(address) }
      } ?? false
    // RFC 1870 3 and RFC 6152 2 allow MAIL 26 and 17 octets more.
    lines = SMTPLineReader(
      limit: configuration.limits.commandLine + 43, normalizes: normalizes)
    data = SMTPDataReader(limits: configuration.limits, normalizes: normalizes)
    deadline = now + configuration.timeouts.greetingDelay
    if hasSpoken {
      answer(.earlyTalk)
      close()
    } else if configuration.timeouts.greetingDelay <= .zero {
      greet(at: now)
    }
  }

  /// What a server says to one client more than it takes. Source: RFC 5321 3.1.
  public static func refusal(hostname: DomainName, _ rule: SMTPRule = .tooManySessions) -> [UInt8] {
    var octets: [UInt8] = []
    rule.answer?.append(to: &octets, from: hostname)
    return octets
  }

  // MARK: Output

  /// Whether the session can use more octets from the client.
  public var wantsInput: Bool { state != .storing && state != .closed && !isPeerGone }
  /// Whether the session is over; ``Action/close`` was or will be given.
  public var isClosed: Bool { state == .closed }
  /// Whether a message is being read or stored, so that ending now would lose work.
  public var isInMessage: Bool { state == .data || state == .storing }
  /// When ``deadlinePassed(at:)`` wants to be called; nil while only the store is waited for.
  public var nextDeadline: Instant? {
    switch state {
    case .greeting: deadline
    case .command, .chunk, .data: min(deadline, limit)
    case .storing, .closed: nil
    }
  }

  /// When the session or the message has to be over, however busy the client is.
  private var limit: Instant {
    switch state {
    case .command: sessionDeadline
    case .chunk: messageDeadline
    case .data: min(messageDeadline, slowest)
    case .greeting, .storing, .closed: .distantFuture
    }
  }

  /// When more of the message has to be there than now. Its first octets have time, and so has all of
  /// it for a while: a path may be lossy.
  private var slowest: Instant {
    let rate = configuration.limits.octetsPerSecond
    guard rate > 0 else { return .distantFuture }
    let earned = Duration.seconds(data.octetCount / rate)
    return messageBegan + configuration.timeouts.slowness + earned
  }

  /// The next thing to do, or nil.
  public mutating func nextAction() -> Action? {
    actions.isEmpty ? nil : actions.removeFirst()
  }

  /// The octets to write to the client; empty when there are none.
  public mutating func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }

  // MARK: Input

  /// The client sent octets. Stop reading from it while ``wantsInput`` is false.
  public mutating func receive(_ octets: Span<UInt8>, at now: Instant) {
    guard !octets.isEmpty else { return }
    if state == .greeting {
      answer(.earlyTalk)
      return close()
    }
    // Who never pauses never lets the driver's clock ring.
    guard now < limit else { return deadlinePassed(at: now) }
    process(octets, at: now)
  }

  /// The client closed its side or is gone: a message that is not whole is forgotten.
  public mutating func streamEnded(at now: Instant) {
    isPeerGone = true
    guard state != .storing else { return }
    if state == .data { ledger.note(.cutOff, Int64(data.octetCount)) }
    close()
  }

  /// The time given by ``nextDeadline`` has come.
  public mutating func deadlinePassed(at now: Instant) {
    guard let due = nextDeadline, now >= due else { return }
    if state == .greeting { return greet(at: now) }
    answer(state == .command && now >= sessionDeadline ? .sessionTooLong : .timedOut)
    close()
  }

  /// The server stops: what is being received or stored is finished, then 421 is said.
  public mutating func shutDown(at now: Instant) {
    guard state != .closed else { return }
    isShuttingDown = true
    guard !isInMessage else { return }
    answer(.shuttingDown)
    close()
  }

  /// The store has kept the message under a name, or has not.
  public mutating func messageStored(
    _ result: Result<String, MessageFailure>, at now: Instant
  ) {
    precondition(state == .storing, "messageStored without a message that was whole")
    switch result {
    case .success(let identifier):
      ledger.note(.acceptMessage, Int64(data.octetCount))
      // RFC 5321 4.1.1.4: from here on the message is ours.
      say(SMTPAnswer(250, .init(2, 0, 0), "message kept as \(identifier)"))
      idleCommands = 0
    case .failure(let failure):
      answer(failure.rule)
    }
    finishTransaction(at: now)
    if state == .command, !pending.isEmpty {
      let rest = pending
      pending = []
      process(rest.span, at: now)
    }
    // A client may send everything and close its side; it still gets every answer.
    if isPeerGone, state != .storing { streamEnded(at: now) }
  }

  // MARK: Steps

  private mutating func greet(at now: Instant) {
    ledger.note(.greet)
    say(SMTPAnswer(220, nil, "ESMTP Postroad"))
    state = .command
    deadline = now + configuration.timeouts.command
    sessionDeadline = now + configuration.timeouts.session
  }

  private mutating func process(_ octets: Span<UInt8>, at now: Instant) {
    var index = 0
    while index < octets.count {
      switch state {
      case .command: index = processCommand(octets, from: index, at: now)
      case .chunk: index = processChunk(octets, from: index, at: now)
      case .data: index = processData(octets, from: index, at: now)
      case .storing:
        pending += Array(copying: octets.extracting(droppingFirst: index))
        return
      case .greeting, .closed: return
      }
    }
  }

  /// What follows a BDAT that was refused is dropped: whoever wrote it may not have written the BDAT.
  private mutating func processChunk(
    _ octets: Span<UInt8>, from start: Int, at now: Instant
  ) -> Int {
    let count = min(chunkOctets, octets.count - start)
    chunkOctets -= count
    deadline = now + configuration.timeouts.dataBlock
    if chunkOctets == 0 {
      state = .command
      deadline = now + configuration.timeouts.command
    }
    return start + count
  }

  private mutating func processData(
    _ octets: Span<UInt8>, from start: Int, at now: Instant
  ) -> Int {
    deadline = now + configuration.timeouts.dataBlock
    var text: [UInt8] = []
    if isMessageOpen { text.reserveCapacity(octets.count - start) }
    let (isComplete, next) = data.read(octets, from: start, into: &text)
    if let flaw = data.flaw, isMessageOpen {
      // The message is refused already; what follows is read to the true end and dropped.
      ledger.note(.swallowRest, Int64(flaw.rawValue))
      actions.append(.abortMessage)
      isMessageOpen = false
    } else if isMessageOpen, !text.isEmpty {
      actions.append(.messageOctets(text))
    }
    if isComplete { endData(at: now) }
    return next
  }

  private mutating func endData(at now: Instant) {
    if data.normalizedLines > 0 { ledger.note(.lineFeedNormalized, Int64(data.normalizedLines)) }
    messageDeadline = .distantFuture
    if let flaw = data.flaw {
      answer(flaw)
      finishTransaction(at: now)
    } else {
      isMessageOpen = false
      actions.append(.endMessage(octets: data.octetCount))
      state = .storing
    }
  }

  private mutating func finishTransaction(at now: Instant) {
    envelope = nil
    if state == .closed { return }
    state = .command
    deadline = now + configuration.timeouts.command
    if isShuttingDown {
      answer(.shuttingDown)
      close()
    }
  }

  /// Says what a rule says, and counts it.
  mutating func answer(_ rule: SMTPRule, _ first: Int64 = 0, _ second: Int64 = 0) {
    ledger.note(rule, first, second)
    say(rule.answer)
    guard rule.isClientError, state != .greeting else { return }
    errors &+= 1
    guard errors > configuration.limits.errors else { return }
    ledger.note(.tooManyErrors)
    say(SMTPRule.tooManyErrors.answer)
    close()
  }

  mutating func say(_ answer: SMTPAnswer?) {
    answer?.append(to: &output, from: configuration.hostname)
  }

  mutating func close() {
    guard state != .closed else { return }
    if isMessageOpen { actions.append(.abortMessage) }
    isMessageOpen = false
    state = .closed
    envelope = nil
    pending = []
    actions.append(.close)
  }
}
