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
  /// Nil where it is not known.
  private var spoken: (any SpokenProtocol)?
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
    case _ where Self.mailPorts.contains(server.port): spoken = SMTPDialogue()
    case 110: spoken = POP3Dialogue()
    case 53: spoken = DNSDialogue()
    default: return
    }
    isUndecided = false
  }

  /// What was told since the last time.
  public mutating func take() -> Told {
    defer { told = Told() }
    return told
  }

  /// Octets that wait for what tells their meaning.
  var waitingOctets: Int { spoken?.waitingOctets ?? 0 }

  /// There is no room for them any more.
  mutating func waitNoLonger() { spoken?.waitNoLonger(into: &told) }

  /// Nothing more will come.
  public mutating func ended() { spoken?.ended(into: &told) }

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
      spoken = POP3Dialogue()
    } else if known.contains(beginning) {
      spoken = SMTPDialogue()
    } else if tellsAll {
      spoken = PlainDialogue()
    }
    let first = beginning
    beginning = []
    hear(first.span, .server)
    hear(octets.extracting(droppingFirst: place), speaker)
  }

  private mutating func hear(_ octets: Span<UInt8>, _ speaker: DialogueLine.Speaker) {
    spoken?.read(octets, from: speaker, into: &told)
  }
}

extension ConnectionDialogue: StreamReader {
  /// Whether the octets may tell something.
  public var isReading: Bool { isUndecided || spoken != nil }

  /// Octets of one side, in order.
  public mutating func read(_ octets: Span<UInt8>, fromFirst: Bool) {
    let speaker = speaker(fromFirst)
    guard isUndecided else { return hear(octets, speaker) }
    decide(octets, speaker)
  }

  /// Octets of one side that are not in the capture.
  public mutating func missing(_ count: Int, fromFirst: Bool) {
    let speaker = speaker(fromFirst)
    spoken?.missing(count, from: speaker, into: &told)
  }

  /// Octets of one side that the capture did not keep.
  public mutating func cut(_ count: Int, fromFirst: Bool) { missing(count, fromFirst: fromFirst) }

  /// Octets of one side that were acknowledged, and may come yet.
  public mutating func unseen(_ count: Int, fromFirst: Bool) {
    told.unseen &+= count
    let speaker = speaker(fromFirst)
    spoken?.unseen(count, from: speaker)
  }
}
