/// A message to hand to a server: its envelope and what must be known before it is sent.
public struct SMTPSubmission: Hashable, Sendable {
  /// Whom failures are told.
  public var reversePath: ReversePath
  /// Whom it is for; at least one.
  public var recipients: [ForwardPath]
  /// The octets of the message as it travels, if known, see ``travelSize(of:)``; told to servers that
  /// offer SIZE.
  public var size: Int?
  /// Whether octets above 127 are in it; told to servers that offer 8BITMIME.
  public var isEightBit: Bool
  /// What is done with a CR or LF alone in it.
  public var repair: LineEndRepair

  /// A submission from its parts.
  public init(
    from reversePath: ReversePath, to recipients: [ForwardPath], size: Int? = nil,
    isEightBit: Bool = false, repair: LineEndRepair = .canonicalize
  ) {
    self.reversePath = reversePath
    self.recipients = recipients
    self.size = size
    self.isEightBit = isEightBit
    self.repair = repair
  }

  /// How large a message is on its way: every line with CR LF, but without the dots that are doubled.
  /// Source: RFC 1870 3.
  public static func travelSize(of message: [UInt8]) -> Int {
    var count = 0
    var last = Octet.lineFeed
    for octet in message {
      switch octet {
      case Octet.lineFeed: count += last == Octet.carriageReturn ? 0 : 2
      case Octet.carriageReturn: count += 2
      default: count += 1
      }
      last = octet
    }
    let isEnded = last == Octet.lineFeed || last == Octet.carriageReturn
    return isEnded ? count : count + 2
  }
}

/// How far a client's session has come.
public enum SMTPClientStage: String, Hashable, Sendable {
  /// The server's greeting is waited for.
  case greeting
  /// EHLO was said.
  case extendedHello
  /// HELO was said.
  case hello
  /// MAIL was said.
  case sender
  /// RCPT was said.
  case recipient
  /// DATA was said.
  case data
  /// The message is being sent.
  case message
  /// The message was sent, its reply is waited for.
  case messageEnd
  /// QUIT was said.
  case quit
}

/// Why a message did not go to a recipient.
public enum SMTPFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The server said no.
  case refused(SMTPReply, at: SMTPClientStage)
  /// The server said something that fits no stage.
  case unexpected(SMTPReply, at: SMTPClientStage)
  /// The server did not speak SMTP.
  case malformed(SMTPReplyError, at: SMTPClientStage)
  /// The server did not answer in time.
  case timedOut(at: SMTPClientStage)
  /// The connection ended.
  case connectionLost(at: SMTPClientStage)
  /// The message has octets above 127 and the server does not take them. Source: RFC 6152 3.
  case eightBitNotOffered
  /// The message is larger than the server takes, as it said beforehand. Source: RFC 1870 6.
  case tooBig(limit: Int)
  /// The message has a CR or LF alone and must not be repaired.
  case bareLineEnd(BareLineEndError)
  /// The message could not be read to its end.
  case messageBroken

  /// How far the session had come; nil if the message itself was the reason.
  public var stage: SMTPClientStage? {
    switch self {
    case .refused(_, let stage), .unexpected(_, let stage), .malformed(_, let stage),
      .timedOut(let stage), .connectionLost(let stage):
      stage
    case .eightBitNotOffered, .tooBig, .bareLineEnd, .messageBroken: nil
    }
  }

  /// Whether the same may succeed later.
  public var isTransient: Bool {
    switch self {
    case .refused(let reply, _): reply.code.isTransient
    case .unexpected, .malformed, .timedOut, .connectionLost, .messageBroken: true
    case .eightBitNotOffered, .tooBig, .bareLineEnd: false
    }
  }

  /// A sentence for people.
  public var description: String {
    switch self {
    case .refused(let reply, let stage): "the server refused (\(stage.rawValue)): \(reply)"
    case .unexpected(let reply, let stage):
      "the server answered out of turn (\(stage.rawValue)): \(reply)"
    case .malformed(let error, let stage):
      "the server does not speak SMTP (\(stage.rawValue)): \(error)"
    case .timedOut(let stage): "the server did not answer in time (\(stage.rawValue))"
    case .connectionLost(let stage): "the connection was lost (\(stage.rawValue))"
    case .eightBitNotOffered: "the message has octets above 127, which the server does not take"
    case .tooBig(let limit): "the message is larger than the \(limit) octets that the server takes"
    case .bareLineEnd(let error): error.description
    case .messageBroken: "the message could not be read to its end"
    }
  }
}

/// What became of the message for one recipient.
public enum SMTPOutcome: Hashable, Sendable {
  /// The server has taken responsibility for it.
  case delivered(SMTPReply)
  /// It may be tried again later.
  case transient(SMTPFailure)
  /// It will not be taken.
  case permanent(SMTPFailure)

  init(_ failure: SMTPFailure) {
    self = failure.isTransient ? .transient(failure) : .permanent(failure)
  }

  /// Why it was not taken; nil if it was.
  public var reason: SMTPFailure? {
    switch self {
    case .delivered: nil
    case .transient(let failure), .permanent(let failure): failure
    }
  }

  /// Whether the server has taken it.
  public var isDelivered: Bool {
    if case .delivered = self { return true }
    return false
  }
}

/// What became of a submission.
public struct SMTPDelivery: Hashable, Sendable {
  /// The outcome for each recipient, in the order of the submission.
  public var outcomes: [(recipient: ForwardPath, outcome: SMTPOutcome)] {
    Array(zip(recipients, results)).map { ($0, $1) }
  }
  let recipients: [ForwardPath]
  let results: [SMTPOutcome]

  /// Whether the session ended before the envelope: another address of the server may be tried.
  public var neverBegan: Bool {
    results.allSatisfy {
      switch $0.reason?.stage {
      case .greeting?, .extendedHello?, .hello?: true
      default: false
      }
    }
  }

  /// Whether no recipient will get it, however often it is tried.
  public var isRefused: Bool {
    results.allSatisfy { if case .permanent = $0 { true } else { false } }
  }

  /// Whether each recipient got it.
  public var isComplete: Bool { results.allSatisfy(\.isDelivered) }
}

/// How long a client waits at each stage. Source: RFC 5321 4.5.3.2.
public struct SMTPClientTimeouts: Hashable, Sendable {
  /// For the greeting, and the replies to EHLO, MAIL and RCPT.
  public var command: Duration = .seconds(300)
  /// For the reply to DATA.
  public var dataBegin: Duration = .seconds(120)
  /// For a block of the message to be taken by the connection.
  public var dataBlock: Duration = .seconds(180)
  /// For the reply to the end of the message.
  public var dataEnd: Duration = .seconds(600)
  /// For all of the session: a server that answers everything at the last moment holds nobody for days.
  public var session: Duration = .seconds(14_400)
  /// For the reply to QUIT, when all is decided already.
  public var quit: Duration = .seconds(5)

  /// The times that the RFC recommends.
  public init() {}
}
