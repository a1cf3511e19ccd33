import Octets

/// The table of commands: each is *checked* (may it be said now?), then *followed*.
extension SMTPServerSession {
  mutating func processCommand(
    _ octets: Span<UInt8>, from start: Int, at now: Instant
  ) -> Int {
    if lines.isAtStart, OtherProtocol.begins(with: octets[start]) {
      answer(.otherProtocol)
      close()
      return octets.count
    }
    let (event, next) = lines.read(octets, from: start)
    switch event {
    case .more: return next
    case .tooLong: answer(.lineTooLong)
    case .bareLineFeed, .bareCarriageReturn: answer(.bareLineEnd)
    case .line:
      let line = lines.take()
      perform(line.span, isFollowed: next < octets.count, at: now)
      lines.recycle(line)
    }
    // The whole line must come in time, not each octet of it.
    if state == .command { deadline = now + configuration.timeouts.command }
    return next
  }

  /// - Parameter isFollowed: whether the client sent more behind the line, without a reply to it.
  private mutating func perform(_ line: Span<UInt8>, isFollowed: Bool, at now: Instant) {
    var cursor = OctetCursor(line)
    let longest = configuration.limits.commandLine + (cursor.take(keyword: "MAIL ") ? 43 : 0)
    guard line.count + 2 <= longest else { return answer(.lineTooLong, Int64(line.count)) }
    let command: SMTPCommand
    do throws(SMTPSyntaxError) {
      command = try SMTPCommand(parsing: line)
    } catch {
      if OtherProtocol.begins(line) {
        answer(.otherProtocol)
        return close()
      }
      answer(error.rule, Int64(error.offset))
      // Text follows, and nobody can tell how much of it.
      if error.rule == .badChunk { close() }
      return
    }
    if isFollowed, configuration.pipelining == .groups, endsGroup(command) {
      answer(.outOfTurn)
      return close()
    }
    if let refusal = check(command) { return answer(refusal) }
    follow(command, at: now)
  }

  /// Whether a command may be said now; the rule that forbids it. Source: RFC 5321 4.1.4.
  private func check(_ command: SMTPCommand) -> SMTPRule? {
    switch command {
    case .extendedHello, .hello, .reset, .noOperation, .quit, .help, .verify, .expand, .chunk: nil
    case .mail: hello == nil ? .helloFirst : envelope != nil ? .nestedSender : nil
    case .recipient: hello == nil ? .helloFirst : envelope == nil ? .senderFirst : nil
    case .data:
      if hello == nil {
        .helloFirst
      } else if let envelope {
        envelope.recipients.isEmpty ? .recipientFirst : nil
      } else {
        .senderFirst
      }
    }
  }

  /// Whether a client has to read the reply before it says more. Source: RFC 2920 3.1, RFC 5321 4.3.1.
  private func endsGroup(_ command: SMTPCommand) -> Bool {
    switch command {
    case .extendedHello, .hello, .data, .verify, .expand, .noOperation: true
    // What follows QUIT is not followed anyway, and what follows BDAT belongs to it.
    case .quit, .chunk: false
    case .mail, .recipient, .reset, .help: hello?.isExtended != true
    }
  }

  private mutating func follow(_ command: SMTPCommand, at now: Instant) {
    switch command {
    case .extendedHello(let name):
      greetBack(name, isExtended: true)
    case .hello(let name):
      greetBack(name, isExtended: false)
    case .mail(let path, let parameters, let sourceRoute):
      if sourceRoute { ledger.note(.sourceRouteIgnored) }
      beginTransaction(path, parameters)
    case .recipient(let path, let sourceRoute):
      if sourceRoute { ledger.note(.sourceRouteIgnored) }
      addRecipient(path)
    case .data:
      beginData(at: now)
    case .reset:
      envelope = nil
      idle(.reset)
    case .noOperation: idle(.noOperation)
    case .help: idle(.help)
    case .verify: idle(.verifyNothing)
    case .expand: idle(.notImplemented)
    case .quit:
      answer(.closeOnQuit)
      close()
    case .chunk(let octets):
      refuseChunk(octets, at: now)
    }
  }

  /// RFC 3030 4.2: the octets are on their way already, so they are taken, and dropped.
  private mutating func refuseChunk(_ octets: Int, at now: Instant) {
    guard octets <= configuration.limits.messageOctets else {
      answer(.chunkTooBig, Int64(octets))
      return close()
    }
    answer(.chunkRefused, Int64(octets))
    guard state == .command, octets > 0 else { return }
    state = .chunk
    chunkOctets = octets
    deadline = now + configuration.timeouts.dataBlock
    messageDeadline = now + configuration.timeouts.message
  }

  /// EHLO and HELO also forget the transaction. Source: RFC 5321 4.1.4.
  private mutating func greetBack(_ name: SMTPHello, isExtended: Bool) {
    hello = (name.name, isExtended)
    envelope = nil
    guard countIdleCommand() else { return }
    guard isExtended else {
      ledger.note(.helloPlain)
      return say(SMTPAnswer(250, nil, "\(configuration.hostname)"))
    }
    ledger.note(.helloExtended)
    output +=
      """
      250-\(configuration.hostname) greets you\r
      250-PIPELINING\r
      250-8BITMIME\r
      250-SIZE \(configuration.limits.messageOctets)\r
      250 ENHANCEDSTATUSCODES\r\n
      """.utf8
  }

  private mutating func beginTransaction(_ path: ReversePath, _ parameters: MailParameters) {
    guard let hello else { return }
    // Deviates from RFC 5321 4.1.1.11 (555): SIZE and BODY are taken after HELO, too. Some clients say
    // HELO and know from elsewhere what is served; the parameters mean the same, and Postfix and
    // Exim take them.
    if let size = parameters.size, size > configuration.limits.messageOctets {
      return answer(.sizeTooBig, Int64(size))
    }
    surplusRecipients = 0
    envelope = SMTPEnvelope(
      helloName: hello.name, isExtended: hello.isExtended, peer: peer, reversePath: path,
      parameters: parameters)
    answer(.acceptSender)
  }

  private mutating func addRecipient(_ path: ForwardPath) {
    guard let count = envelope?.recipients.count else { return }
    var decision = configuration.policy.decide(path)
    if decision == .acceptRecipient, count >= configuration.limits.recipients {
      decision = .tooManyRecipients
    }
    if decision == .acceptRecipient { envelope?.recipients.append(path) }
    answer(decision)
    if decision == .acceptRecipient { return }
    if decision == .tooManyRecipients {
      // RFC 5321 4.5.3.1.10: one too many is no fault of the client's; it comes again with the rest.
      // But nobody names ten times as many as are taken: that only keeps the session busy.
      surplusRecipients += 1
      guard surplusRecipients > 10 * configuration.limits.recipients else { return }
    } else {
      refusedRecipients += 1
      guard refusedRecipients > configuration.limits.refusedRecipients else { return }
    }
    guard state == .command else { return }
    answer(.tooManyErrors)
    close()
  }

  private mutating func beginData(at now: Instant) {
    guard let envelope else { return }
    answer(.startData)
    actions.append(.beginMessage(envelope))
    isMessageOpen = true
    data = SMTPDataReader(limits: configuration.limits, normalizes: normalizes)
    state = .data
    deadline = now + configuration.timeouts.dataBlock
    messageDeadline = now + configuration.timeouts.message
    messageBegan = now
  }

  /// Answers a command that brings no message nearer; there may be only so many of them.
  private mutating func idle(_ rule: SMTPRule) {
    if countIdleCommand() { answer(rule) }
  }

  private mutating func countIdleCommand() -> Bool {
    idleCommands += 1
    guard idleCommands > configuration.limits.idleCommands else { return true }
    answer(.tooManyIdleCommands)
    close()
    return false
  }
}
