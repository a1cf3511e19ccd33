import Octets
import Wire

/// What the two ends of a connection say to each other, as far as its protocol is known: SMTP, POP3
/// and DNS by their ports or by what the server says first.
public struct ConnectionDialogue: Sendable {
  /// Ports on which SMTP is expected; elsewhere a server's `220` decides.
  public static let mailPorts: Set<UInt16> = [25, 587, 1025, 2525]

  /// Who opened the connection: from the SYN, or the side without the well-known port.
  public let client: CapturedEnd
  /// Who was asked.
  public let server: CapturedEnd
  private let isFirstClient: Bool
  /// Whether lines are told of protocols, too, that are not known.
  private let tellsAll: Bool
  private var isUndecided = true
  /// What the server says first, as long as it is not decided.
  private var beginning: [UInt8] = []
  private var smtp: SMTPDialogue?
  private var pop3: POP3Dialogue?
  private var dns: DNSDialogue?
  private var plain: PlainDialogue?
  private var told = Told()

  /// The dialogue of a connection that begins with a segment.
  public init(first facts: TCPFacts, tellsAll: Bool = false) {
    let isKnown = { (port: UInt16) in
      Self.mailPorts.contains(port) || port == 110 || port == 53
    }
    let (source, destination) = (facts.source, facts.destination)
    let fromServer =
      facts.flags.contains(.syn)
      ? facts.flags.contains(.ack)
      : isKnown(source.port) || !isKnown(destination.port) && source.port < destination.port
    (client, server) = fromServer ? (destination, source) : (source, destination)
    isFirstClient = !fromServer
    self.tellsAll = tellsAll
    switch server.port {
    case _ where Self.mailPorts.contains(server.port): smtp = SMTPDialogue()
    case 110: pop3 = POP3Dialogue()
    case 53: dns = DNSDialogue()
    default: return
    }
    isUndecided = false
  }

  /// What was told since the last time.
  public mutating func take() -> Told {
    defer { told = Told() }
    return told
  }

  /// Nothing more will come.
  public mutating func ended() {
    smtp?.ended(into: &told)
    pop3?.ended(into: &told)
    plain?.ended(into: &told)
  }

  private func speaker(_ fromFirst: Bool) -> DialogueLine.Speaker {
    fromFirst == isFirstClient ? .client : .server
  }

  /// Decides what is spoken, as soon as the first octets tell; what came so far is read then.
  private mutating func decide(_ octets: Span<UInt8>, _ speaker: DialogueLine.Speaker) {
    var place = 0
    while speaker == .server, place < octets.count, beginning.count < 4 {
      beginning.append(octets[place])
      place &+= 1
    }
    let known = ["220 ", "220-", "+OK"].map { Array($0.utf8) }
    if speaker == .server, known.contains(where: { $0 != beginning && $0.starts(with: beginning) })
    {
      return
    }
    isUndecided = false
    if beginning.starts(with: known[2]) {
      pop3 = POP3Dialogue()
    } else if known.contains(beginning) {
      smtp = SMTPDialogue()
    } else if tellsAll {
      plain = PlainDialogue()
    }
    let first = beginning
    beginning = []
    hear(first.span, .server)
    hear(octets.extracting(droppingFirst: place), speaker)
  }

  private mutating func hear(_ octets: Span<UInt8>, _ speaker: DialogueLine.Speaker) {
    smtp?.read(octets, from: speaker, into: &told)
    pop3?.read(octets, from: speaker, into: &told)
    dns?.read(octets, from: speaker, into: &told)
    plain?.read(octets, from: speaker, into: &told)
  }
}

extension ConnectionDialogue: StreamReader {
  /// Octets of one side, in order.
  public mutating func read(_ octets: Span<UInt8>, fromFirst: Bool) {
    let speaker = speaker(fromFirst)
    guard isUndecided else { return hear(octets, speaker) }
    decide(octets, speaker)
  }

  /// Octets of one side that are not in the capture.
  public mutating func missing(_ count: Int, fromFirst: Bool) {
    let speaker = speaker(fromFirst)
    smtp?.missing(count, from: speaker, into: &told)
    pop3?.missing(count, from: speaker, into: &told)
    dns?.missing(count, from: speaker, into: &told)
    plain?.missing(count, from: speaker, into: &told)
  }

  /// Octets of one side that were acknowledged, and may come yet.
  public mutating func unseen(_ count: Int, fromFirst: Bool) {
    told.unseen &+= count
    let speaker = speaker(fromFirst)
    smtp?.unseen(count, from: speaker)
    pop3?.unseen(count, from: speaker)
  }
}
