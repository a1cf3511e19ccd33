public import Octets

/// A client's session that hands one message to a server, without input and output.
/// Source: RFC 5321 3.
///
/// The driver hands in octets and time, writes what ``takeOutput()`` gives, and performs what
/// ``nextAction()`` gives: after ``Action/sendMessage`` it calls ``message(_:at:)`` piece by piece
/// and then ``endMessage(at:)``.
///
/// ```text
/// greeting ─► EHLO ─(500, 502)─► HELO
///               └──────┬──────────┘
///          MAIL, RCPT..., DATA: in one group if PIPELINING is offered, else one by one
///                      └─► message ─► end of message ─► QUIT ─► closed
/// ```
///
/// Invariant: a recipient is `delivered` only after a 2yz reply to the end of the whole message.
public struct SMTPClientSession: Sendable {
  /// What the driver has to do.
  public enum Action: Hashable, Sendable {
    /// Give the message: ``SMTPClientSession/message(_:at:)``, then `endMessage(at:)`.
    case sendMessage
    /// It is decided what became of the message. Comes once.
    case finished(SMTPDelivery)
    /// Close the connection, after writing the output.
    case close
  }

  /// Recipients sent before replies are waited for, so that both sides never wait with full
  /// buffers. Source: RFC 2920 3.1.
  static let largestGroup = 50

  let helloName: MailDomain
  let submission: SMTPSubmission
  let timeouts: SMTPClientTimeouts
  var reader = SMTPReplyReader()
  var stuffer: DotStuffer
  /// What was said and is not answered yet, in order.
  var awaited: [SMTPClientStage] = [.greeting]
  var output: [UInt8] = []
  var actions: [Action] = []
  var outcomes: [SMTPOutcome?]
  /// The next recipient to name, and the next whose reply is waited for.
  var nextRecipient = 0
  var nextAnswer = 0
  var saidData = false
  var isSendingMessage = false
  var isFinished = false
  /// Whether the connection is to be closed, or was.
  public private(set) var isClosed = false
  /// The extensions the server offered.
  public internal(set) var extensions = SMTPExtensions()
  /// When the present stage has to be over.
  private var stageDeadline: Instant?
  private let sessionDeadline: Instant
  /// When ``deadlinePassed(at:)`` wants to be called.
  public internal(set) var nextDeadline: Instant? {
    get { stageDeadline.map { min($0, sessionDeadline) } }
    set { stageDeadline = newValue }
  }
  /// What was decided, and how often.
  public var ledger = RuleLedger<SMTPRule>()

  /// A session over a connection that was just made.
  /// - Parameter helloName: the client's name, or its address as a literal.
  public init(
    helloName: MailDomain, submission: SMTPSubmission,
    timeouts: SMTPClientTimeouts = SMTPClientTimeouts(), at now: Instant
  ) {
    precondition(!submission.recipients.isEmpty, "a submission needs a recipient")
    self.helloName = helloName
    self.submission = submission
    self.timeouts = timeouts
    stuffer = DotStuffer(repair: submission.repair)
    outcomes = Array(repeating: nil, count: submission.recipients.count)
    stageDeadline = now + timeouts.command
    sessionDeadline = now + timeouts.session
  }

  /// How far the session has come.
  public var stage: SMTPClientStage { isSendingMessage ? .message : awaited.first ?? .quit }

  /// The next thing to do, or nil.
  public mutating func nextAction() -> Action? {
    actions.isEmpty ? nil : actions.removeFirst()
  }

  /// The octets to write to the server; empty when there are none.
  public mutating func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }

  /// The server sent octets.
  public mutating func receive(_ octets: Span<UInt8>, at now: Instant) {
    var index = 0
    while !isClosed, index < octets.count {
      do throws(SMTPReplyError) {
        guard let reply = try reader.read(octets, from: &index) else { return }
        answered(reply, at: now)
      } catch {
        ledger.note(.clientGivesUp)
        fail(.malformed(error, at: stage))
        close()
      }
    }
  }

  /// The server closed the connection, or it is lost.
  public mutating func streamEnded(at now: Instant) {
    guard !isClosed else { return }
    fail(.connectionLost(at: stage))
    close()
  }

  /// The time given by ``nextDeadline`` has come.
  public mutating func deadlinePassed(at now: Instant) {
    guard let due = nextDeadline, now >= due, !isClosed else { return }
    ledger.note(.clientGivesUp)
    fail(.timedOut(at: stage))
    close()
  }

  /// The next octets of the message; write the output before giving more.
  public mutating func message(_ octets: Span<UInt8>, at now: Instant) {
    guard isSendingMessage, !isClosed else { return }
    nextDeadline = now + timeouts.dataBlock
    do throws(BareLineEndError) {
      try stuffer.append(octets, to: &output)
    } catch { abandon(.bareLineEnd(error)) }
  }

  /// The message is complete.
  public mutating func endMessage(at now: Instant) {
    guard isSendingMessage, !isClosed else { return }
    do throws(BareLineEndError) {
      try stuffer.finish(to: &output)
    } catch { return abandon(.bareLineEnd(error)) }
    isSendingMessage = false
    awaited.append(.messageEnd)
    nextDeadline = now + timeouts.dataEnd
  }

  /// The message cannot be read to its end: the connection is cut, so that the server forgets it.
  public mutating func abandonMessage(at now: Instant) {
    guard isSendingMessage, !isClosed else { return }
    abandon(.messageBroken)
  }

  private mutating func abandon(_ failure: SMTPFailure) {
    // There is no other way to leave a message unfinished. Source: RFC 5321 4.1.1.4.
    output = []
    fail(failure)
    close()
  }

  // MARK: Endings

  /// Notes a failure for each recipient whose outcome is open.
  mutating func fail(_ failure: SMTPFailure) {
    for index in outcomes.indices where outcomes[index] == nil {
      outcomes[index] = SMTPOutcome(failure)
    }
    finish()
  }

  mutating func finish() {
    guard !isFinished else { return }
    isFinished = true
    let results = outcomes.map { $0 ?? .transient(.connectionLost(at: stage)) }
    actions.append(
      .finished(SMTPDelivery(recipients: submission.recipients, results: results)))
  }

  mutating func close() {
    guard !isClosed else { return }
    isClosed = true
    isSendingMessage = false
    nextDeadline = nil
    actions.append(.close)
  }
}
