import Analysis
import NetworkCore
import Octets
import Wire

/// Reads a capture frame by frame: describes each, puts datagrams and streams together again, and
/// tells the SMTP dialogue in them.
struct Replayer: ~Copyable {
  /// What one frame gave.
  struct Entry {
    /// Counted from 1, as Wireshark does.
    var number: Int
    /// Nanoseconds since the first frame.
    var time: Int64
    /// Octets in the capture.
    var captured: Int
    /// Octets on the wire.
    var length: Int
    /// What the analysis says, if the frame has to do with TCP.
    var finding: CaptureAnalyzer.Finding?
    /// What is remarkable, with the section that explains it.
    var remarks: [Remark] = []
    /// What was said, completed by this frame.
    var said: [DialogueReader.Line] = []
    /// The connection in which it was said.
    var flow = ""
  }

  /// Something about a frame that a reader should notice.
  struct Remark {
    var sentence: String
    var source: String
  }

  struct Flow {
    /// Who opened the connection: from the SYN, or the side without the well-known port.
    var client: SocketAddress
    var server: SocketAddress
    var fromClient = StreamCollector()
    var fromServer = StreamCollector()
    /// Nil where the connection is not SMTP.
    var dialogue: DialogueReader?
    /// Whether the first reply decides if this is SMTP.
    var isUndecided = false

    /// Whether anybody reads the octets.
    var isRead: Bool { isUndecided || dialogue != nil }
    /// Octets that wait in either direction.
    var held: Int { fromClient.heldCount &+ fromServer.heldCount }
  }

  /// Ports on which SMTP is expected; elsewhere a server's `220` decides.
  static let mailPorts: Set<UInt16> = [25, 587, 1025, 2525]
  /// Octets that wait for holes to be filled, in all connections together.
  static let maximumHeld = 64 << 20

  private var analyzer = CaptureAnalyzer()
  private var reassembler = IPv4Reassembler()
  /// The latest connection between each pair of ends, as the analysis counts them.
  private var flows: [Flow?] = []
  private var held = 0
  private var count = 0
  private var first: Int64?
  /// The latest time so far: a capture's times may step back.
  private var now = Instant.start

  /// Frames whose headers cannot be read, and those with a wrong checksum.
  private(set) var malformed = 0
  /// Every connection, summed up.
  var summaries: [StreamSummary] { analyzer.summaries }
  /// Datagrams that never became whole.
  var incompleteDatagrams: Int { reassembler.count }

  /// Reads one frame.
  mutating func read(
    _ frame: Span<UInt8>, length: Int, nanoseconds: Int64, link: LinkType
  ) -> Entry {
    count += 1
    let start = first ?? nanoseconds
    first = start
    var entry = Entry(
      number: count, time: nanoseconds &- start, captured: frame.count, length: length)
    entry.finding = analyzer.frameArrived(
      frame, wireLength: length, link: link, number: count, time: nanoseconds)
    if let place = NetworkPacketPlace(in: frame, link: link), place.type == .ipv4 {
      internet(frame.extracting(droppingFirst: place.offset), into: &entry)
    }
    return entry
  }

  private mutating func internet(_ octets: Span<UInt8>, into entry: inout Entry) {
    guard let packet = try? IPv4PacketView(parsing: octets) else {
      guard entry.captured >= entry.length else {
        entry.remarks.append(
          Remark(
            sentence: "the capture kept only the beginning: nothing can be said of the rest",
            source: "pcap"))
        return
      }
      malformed += 1
      entry.remarks.append(
        Remark(
          sentence: "a host drops this packet: its header makes no sense",
          source: "RFC 1122 3.2.1"))
      return
    }
    guard packet.isFragment else {
      if packet.transport == .tcp { segment(packet.payload, of: packet, into: &entry) }
      return
    }
    now = max(now, Instant(nanoseconds: entry.time))
    let before = reassembler.count
    _ = reassembler.deadlinePassed(at: now)
    if reassembler.count < before {
      let count = before - reassembler.count
      entry.remarks.append(
        Remark(
          sentence: "fragments of \(count == 1 ? "a datagram" : "\(count) datagrams") have waited"
            + " too long: given up", source: "RFC 1122 3.3.2"))
    }
    switch reassembler.fragmentArrived(packet, at: now) {
    case .waiting:
      entry.remarks.append(
        Remark(sentence: "a fragment: the rest is waited for", source: "RFC 791 3.2"))
    case .dropped(let rule):
      malformed += 1
      entry.remarks.append(Remark(sentence: rule.sentence, source: rule.source))
    case .whole(let payload):
      entry.remarks.append(
        Remark(
          sentence:
            "the last of \(reassembler.wholeFragments) fragments: a datagram of \(payload.count) octets",
          source: "RFC 791 3.2"))
      if packet.transport == .tcp { segment(payload.span, of: packet, into: &entry) }
    }
  }

  private mutating func segment(
    _ octets: Span<UInt8>, of packet: borrowing IPv4PacketView, into entry: inout Entry
  ) {
    guard let segment = try? TCPSegmentView(parsing: octets) else {
      malformed += 1
      entry.remarks.append(
        Remark(sentence: "a TCP header that makes no sense", source: "RFC 9293 3.1"))
      return
    }
    guard let pair = entry.finding?.pair else { return }
    while flows.count <= pair { flows.append(nil) }
    if segment.flags.contains(.syn) && !segment.flags.contains(.ack) && segment.payload.isEmpty,
      let flow = flows[pair], let known = flow.fromClient.next, known != segment.sequence + 1
    {
      // The ports may be used again: a new SYN is a new connection, unless it is the same SYN.
      held &-= flow.held
      flows[pair] = nil
    }
    let from = SocketAddress(packet.source, segment.sourcePort)
    let to = SocketAddress(packet.destination, segment.destinationPort)
    var flow = flows[pair].take() ?? Self.flow(from, to, flags: segment.flags)
    held &-= flow.held
    Self.follow(
      segment, isClient: from == flow.client, limit: Self.maximumHeld &- held, in: &flow,
      into: &entry)
    held &+= flow.held
    flows[pair] = flow
  }

  private static func follow(
    _ segment: borrowing TCPSegmentView, isClient: Bool, limit: Int, in flow: inout Flow,
    into entry: inout Entry
  ) {
    let us: DialogueReader.Speaker = isClient ? .client : .server
    let them: DialogueReader.Speaker = isClient ? .server : .client
    // An acknowledgment first: it may tell that octets of the other side were missed.
    if segment.flags.contains(.ack) && !segment.flags.contains(.rst) {
      let hole =
        isClient
        ? flow.fromServer.acknowledged(upTo: segment.acknowledgment)
        : flow.fromClient.acknowledged(upTo: segment.acknowledgment)
      if let hole {
        entry.remarks.append(
          Remark(
            sentence: "acknowledges \(hole.hole) octets that are not in this capture",
            source: "RFC 9293 3.4"))
        if let line = flow.dialogue?.hole(hole.hole, from: them) {
          entry.flow = flow.name
          entry.said.append(line)
        }
        flow.speak(hole.octets.span, as: them, to: &entry)
      }
    }
    let arrival =
      isClient
      ? flow.fromClient.add(segment, isWanted: flow.isRead, limit: limit)
      : flow.fromServer.add(segment, isWanted: flow.isRead, limit: limit)
    if let remark = arrival.remark { entry.remarks.append(Self.remark(remark)) }
    if segment.flags.contains(.rst) {
      entry.remarks.append(
        Remark(sentence: "the connection is refused or given up", source: "RFC 9293 3.5.2"))
    }
    guard flow.isRead else { return }
    flow.speak(segment.payload.extracting(arrival.fresh), as: us, to: &entry)
    flow.speak(arrival.held.span, as: us, to: &entry)
  }

  private static func flow(_ from: SocketAddress, _ to: SocketAddress, flags: TCPFlags) -> Flow {
    let fromServer =
      flags.contains(.syn)
      ? flags.contains(.ack)
      : mailPorts.contains(from.port.rawValue) || from.port.rawValue < to.port.rawValue
    var flow = fromServer ? Flow(client: to, server: from) : Flow(client: from, server: to)
    if mailPorts.contains(flow.server.port.rawValue) {
      flow.dialogue = DialogueReader()
    } else {
      flow.isUndecided = true
    }
    return flow
  }

  private static func remark(_ remark: StreamCollector.Remark) -> Remark {
    switch remark {
    case .retransmission:
      Remark(sentence: "a retransmission: these octets had arrived", source: "RFC 9293 3.8.1")
    case .outOfOrder(let missing):
      Remark(
        sentence: "out of order: \(missing) octets before it are missing yet",
        source: "RFC 9293 3.10.7.4")
    case .fillsHole:
      Remark(sentence: "fills the hole: what was held follows", source: "RFC 9293 3.10.7.4")
    case .tooMuchHeld:
      Remark(sentence: "too much is held: a hole is stepped over", source: "RFC 9293 3.10.7.4")
    }
  }
}

extension Replayer.Flow {
  /// `client > server`.
  fileprivate var name: String { "\(client) > \(server)" }

  /// Octets in order: dialogue, if this is mail.
  fileprivate mutating func speak(
    _ octets: Span<UInt8>, as speaker: DialogueReader.Speaker, to entry: inout Replayer.Entry
  ) {
    guard !octets.isEmpty else { return }
    if isUndecided {
      isUndecided = false
      if speaker == .server && Self.isGreeting(octets) { dialogue = DialogueReader() }
    }
    guard let lines = dialogue?.read(octets, from: speaker), !lines.isEmpty else { return }
    entry.flow = name
    if entry.said.isEmpty { entry.said = lines } else { entry.said += lines }
  }

  /// Whether octets begin with `220 ` or `220-`.
  private static func isGreeting(_ octets: Span<UInt8>) -> Bool {
    octets.count >= 4
      && (octets.uint32(at: 0) == 0x3232_3020 || octets.uint32(at: 0) == 0x3232_302D)
  }
}
