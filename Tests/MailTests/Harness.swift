import Mail
import Octets

/// What a server session made of everything a client sent.
struct Served: Hashable {
  struct Message: Hashable {
    var envelope: SMTPEnvelope
    var octets: [UInt8]
  }
  var replies: [UInt8] = []
  var messages: [Message] = []
  var aborted = 0
  var isClosed = false

  var replyLines: [String] { lines(of: replies) }
}

/// A value that the test itself wrote down and that must exist.
func given<Value>(_ value: Value?) -> Value {
  guard let value else { preconditionFailure("a test was given nothing of \(Value.self)") }
  return value
}

/// The lines of text with CR LF as their end; `"\r\n"` is one character, so octets are split.
func lines(of octets: [UInt8]) -> [String] {
  octets.split(separator: 10, omittingEmptySubsequences: true).map {
    String(decoding: $0.last == 13 ? $0.dropLast() : $0, as: UTF8.self)
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func configuration(
  mailboxes: [String]? = nil, _ change: (inout SMTPServerConfiguration) -> Void = { _ in }
) -> SMTPServerConfiguration {
  let domains = ["example.test", "[192.0.2.1]"].compactMap { MailDomain($0) }
  var configuration = SMTPServerConfiguration(
    hostname: given(DomainName("post.example.test")),
    policy: RecipientPolicy(
      domains: domains, mailboxes: mailboxes?.compactMap { LocalPart($0) }))
  // Most tests hand in a whole dialogue at once and want the same of every cut.
  configuration.pipelining = .any
  change(&configuration)
  return configuration
}

/// A server session with a store in memory: what a driver does, without waiting.
struct ServerHarness {
  var session: SMTPServerSession
  var served = Served()
  var now = Instant.start
  /// What the store says to each message; the last answer is repeated.
  var results: [Result<String, MessageFailure>] = [.success("id")]
  private var open: Served.Message?

  init(_ configuration: SMTPServerConfiguration = configuration()) {
    session = SMTPServerSession(configuration: configuration, peer: "192.0.2.7", at: .start)
    drain()
  }

  mutating func receive(_ octets: [UInt8]) {
    session.receive(octets.span, at: now)
    drain()
  }

  mutating func receive(_ text: String) { receive(bytes(text)) }

  mutating func end() {
    session.streamEnded(at: now)
    drain()
  }

  mutating func advance(by duration: Duration) {
    now = now + duration
    session.deadlinePassed(at: now)
    drain()
  }

  mutating func drain() {
    repeat {
      served.replies += session.takeOutput()
      guard let action = session.nextAction() else { break }
      perform(action)
    } while true
    served.isClosed = session.isClosed
  }

  private mutating func perform(_ action: SMTPServerSession.Action) {
    switch action {
    case .beginMessage(let envelope):
      precondition(open == nil, "a message began within another")
      open = Served.Message(envelope: envelope, octets: [])
    case .messageOctets(let octets):
      precondition(open != nil, "octets without a message")
      open?.octets += octets
    case .endMessage(let count):
      precondition(open?.octets.count == count, "the count differs from the octets")
      let result = results.count > 1 ? results.removeFirst() : results[0]
      if case .success = result, let open { served.messages.append(open) }
      open = nil
      session.messageStored(result, at: now)
    case .abortMessage:
      precondition(open != nil, "abort without a message")
      open = nil
      served.aborted += 1
    case .close: break
    }
  }
}

/// Serves a client's octets cut into pieces, then the end of the stream.
func serve(
  _ pieces: [[UInt8]], _ configuration: SMTPServerConfiguration = configuration()
) -> Served {
  var harness = ServerHarness(configuration)
  for piece in pieces { harness.receive(piece) }
  harness.end()
  return harness.served
}

/// A script of `C:` and `S:` lines; the server's lines are compared by their beginning.
struct Script: Sendable, CustomStringConvertible {
  let name: String
  var configuration = defaultConfiguration()
  var text: String
  /// The messages that must have been stored.
  var messages: [String] = []

  var description: String { name }

  var client: [UInt8] {
    text.split(separator: "\n").filter { $0.hasPrefix("C: ") || $0 == "C:" }
      .flatMap { bytes($0.dropFirst(3) + "\r\n") }
  }
  var server: [String] {
    text.split(separator: "\n").filter { $0.hasPrefix("S: ") }.map { String($0.dropFirst(3)) }
  }
}

func defaultConfiguration() -> SMTPServerConfiguration { configuration() }

/// What differs between expected beginnings of lines and real lines, or nil.
func difference(_ expected: [String], _ real: [String]) -> String? {
  for index in 0..<max(expected.count, real.count) {
    let wanted = index < expected.count ? expected[index] : "nothing"
    let got = index < real.count ? real[index] : "nothing"
    if !got.hasPrefix(wanted) { return "line \(index): expected \(wanted), got \(got)" }
  }
  return nil
}
