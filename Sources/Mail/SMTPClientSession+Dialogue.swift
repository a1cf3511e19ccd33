import Octets

/// The extensions a server offers, as far as we know them. Source: RFC 5321 4.1.1.1.
public struct SMTPExtensions: Hashable, Sendable {
  /// Commands may be sent in groups. Source: RFC 2920.
  public var pipelining = false
  /// Octets above 127 may be in the message. Source: RFC 6152.
  public var eightBitMIME = false
  /// The size may be announced. Source: RFC 1870.
  public var size = false
  /// The largest message; nil if the server does not say, or says 0.
  public var sizeLimit: Int?

  /// No extensions.
  public init() {}

  /// The extensions named in the lines of a reply to EHLO, but for the first.
  init(_ reply: SMTPReply) {
    for line in reply.lines.dropFirst() {
      let words = line.utf8.split(separator: Octet.blank)
      guard let keyword = words.first else { continue }
      switch String(decoding: keyword.map(\.uppercased), as: UTF8.self) {
      case "PIPELINING": pipelining = true
      case "8BITMIME": eightBitMIME = true
      case "SIZE":
        size = true
        if words.count > 1, let limit = Int(String(decoding: words[1], as: UTF8.self)), limit > 0 {
          sizeLimit = limit
        }
      default: continue
      }
    }
  }
}

extension SMTPClientSession {
  /// One complete reply to the oldest thing that was said.
  mutating func answered(_ reply: SMTPReply, at now: Instant) {
    guard !awaited.isEmpty else {
      // Nothing was asked: 421 may come at any time, and a server may refuse a message before its
      // end; anything else is out of turn.
      output = []
      fail(failure(reply, stage))
      return close()
    }
    let stage = awaited.removeFirst()
    nextDeadline = now + timeouts.command
    if reply.code.rawValue == 421, stage != .quit {
      fail(.refused(reply, at: stage))
      return close()
    }
    switch stage {
    case .greeting: greeted(reply)
    case .extendedHello: extendedHelloAnswered(reply)
    case .hello: helloAnswered(reply)
    case .sender: senderAnswered(reply)
    case .recipient: recipientAnswered(reply)
    case .data: dataAnswered(reply, at: now)
    case .messageEnd: messageEndAnswered(reply)
    case .quit: close()
    case .message: break
    }
    if awaited.first == .data { nextDeadline = now + timeouts.dataBegin }
    if awaited.first == .quit { nextDeadline = now + timeouts.quit }
    if isSendingMessage { nextDeadline = now + timeouts.dataBlock }
    if isClosed { nextDeadline = nil }
  }

  private mutating func say(_ text: String, _ stage: SMTPClientStage, _ rule: SMTPRule) {
    ledger.note(rule)
    output += text.utf8
    output += [Octet.carriageReturn, Octet.lineFeed]
    awaited.append(stage)
  }

  private func failure(_ reply: SMTPReply, _ stage: SMTPClientStage) -> SMTPFailure {
    reply.code.isTransient || reply.code.isPermanent
      ? .refused(reply, at: stage) : .unexpected(reply, at: stage)
  }

  /// Nothing can be delivered any more: says so, and goodbye.
  private mutating func giveUp(_ failure: SMTPFailure) {
    fail(failure)
    quit()
  }

  private mutating func quit() {
    guard !awaited.contains(.quit), !isClosed else { return }
    say("QUIT", .quit, .clientQuit)
  }

  private mutating func greeted(_ reply: SMTPReply) {
    guard reply.code.rawValue == 220 else { return giveUp(failure(reply, .greeting)) }
    say("EHLO \(helloName)", .extendedHello, .clientHello)
  }

  private mutating func extendedHelloAnswered(_ reply: SMTPReply) {
    if reply.code.rawValue == 250 {
      extensions = SMTPExtensions(reply)
      return beginTransaction()
    }
    // RFC 5321 3.2: an old server does not know EHLO.
    guard reply.code.isPermanent else { return giveUp(failure(reply, .extendedHello)) }
    say("HELO \(helloName)", .hello, .clientFallsBack)
  }

  private mutating func helloAnswered(_ reply: SMTPReply) {
    guard reply.code.rawValue == 250 else { return giveUp(failure(reply, .hello)) }
    beginTransaction()
  }

  private mutating func beginTransaction() {
    if submission.isEightBit, !extensions.eightBitMIME { return giveUp(.eightBitNotOffered) }
    if let size = submission.size, let limit = extensions.sizeLimit, size > limit {
      return giveUp(.tooBig(limit: limit))
    }
    var line = "MAIL FROM:\(submission.reversePath)"
    if extensions.size, let size = submission.size { line += " SIZE=\(size)" }
    if submission.isEightBit { line += " BODY=8BITMIME" }
    say(line, .sender, .clientGroup)
    if extensions.pipelining { nameRecipients() }
  }

  /// Names recipients, a group or one at a time; behind the last one asks to send the message.
  private mutating func nameRecipients() {
    let room = extensions.pipelining ? Self.largestGroup - (nextRecipient - nextAnswer) : 1
    var left = room
    while left > 0, nextRecipient < submission.recipients.count {
      say("RCPT TO:\(submission.recipients[nextRecipient])", .recipient, .clientGroup)
      nextRecipient += 1
      left -= 1
    }
    if extensions.pipelining, nextRecipient == submission.recipients.count { askForData() }
  }

  private mutating func askForData() {
    guard !saidData else { return }
    saidData = true
    say("DATA", .data, .clientGroup)
  }

  private var isWanted: Bool { outcomes.contains { $0 == nil } }

  private mutating func senderAnswered(_ reply: SMTPReply) {
    guard reply.code.isPositive else {
      fail(failure(reply, .sender))
      // The replies to what was sent in the same group are still to come.
      if !saidData { quit() }
      return
    }
    if !extensions.pipelining { nameRecipients() }
  }

  private mutating func recipientAnswered(_ reply: SMTPReply) {
    let index = nextAnswer
    nextAnswer += 1
    if !reply.code.isPositive, outcomes[index] == nil {
      outcomes[index] = SMTPOutcome(failure(reply, .recipient))
    }
    guard !isFinished else { return }
    if nextRecipient < submission.recipients.count { return nameRecipients() }
    guard nextAnswer == nextRecipient, !saidData else { return }
    if isWanted { askForData() } else { finishAndQuit() }
  }

  private mutating func finishAndQuit() {
    finish()
    quit()
  }

  private mutating func dataAnswered(_ reply: SMTPReply, at now: Instant) {
    guard reply.code.rawValue == 354 else { return giveUp(failure(reply, .data)) }
    if isWanted {
      isSendingMessage = true
      ledger.note(.clientMessage)
      return actions.append(.sendMessage)
    }
    // RFC 2920 3.1: DATA went with the group and was taken, though nobody is left: an empty
    // message, whose reply is ignored.
    finish()
    output += [Octet.dot, Octet.carriageReturn, Octet.lineFeed]
    awaited.append(.messageEnd)
  }

  private mutating func messageEndAnswered(_ reply: SMTPReply) {
    if reply.code.isPositive {
      for index in outcomes.indices where outcomes[index] == nil {
        outcomes[index] = .delivered(reply)
      }
      finish()
    } else {
      fail(failure(reply, .messageEnd))
    }
    quit()
  }
}
