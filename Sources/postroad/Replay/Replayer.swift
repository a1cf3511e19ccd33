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
    var said: [Said] = []
  }

  /// A line of dialogue and the connection it belongs to.
  struct Said {
    var flow: String
    var line: DialogueReader.Line
  }

  /// Something about a frame that a reader should notice.
  struct Remark {
    var sentence: String
    var source: String
  }

  private struct Key: Hashable {
    let low: SocketAddress
    let high: SocketAddress
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
  }

  /// Ports on which SMTP is expected; elsewhere a server's `220` decides.
  static let mailPorts: Set<UInt16> = [25, 587, 1025, 2525]
  /// How many connections are followed at once.
  static let maximumFlows = 4096

  private var analyzer = CaptureAnalyzer()
  private var reassembler = IPv4Reassembler()
  private var flows: [Key: Flow] = [:]
  private var count = 0
  private var first: Int64?

  /// Frames whose headers cannot be read, and those with a wrong checksum.
  private(set) var malformed = 0
  /// Connections seen.
  var connections: Int { flows.count }
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
    // A capture's gaps are no reason to give a datagram up: the clock stands still.
    switch reassembler.fragmentArrived(packet, at: .start) {
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
    let from = SocketAddress(packet.source, segment.sourcePort)
    let to = SocketAddress(packet.destination, segment.destinationPort)
    let key = Self.key(from, to)
    if segment.flags.contains(.syn) && !segment.flags.contains(.ack) && segment.payload.isEmpty {
      // The ports may be used again: a new SYN is a new connection, unless it is the same SYN.
      if let known = flows[key]?.fromClient.next, known != segment.sequence + 1 {
        flows[key] = nil
      }
    }
    guard flows[key] != nil || flows.count < Self.maximumFlows else { return }
    var flow = flows.removeValue(forKey: key) ?? Self.flow(from, to, flags: segment.flags)
    follow(segment, isClient: from == flow.client, in: &flow, into: &entry)
    flows[key] = flow
  }

  private func follow(
    _ segment: borrowing TCPSegmentView, isClient: Bool, in flow: inout Flow,
    into entry: inout Entry
  ) {
    let name = "\(flow.client) > \(flow.server)"
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
          entry.said.append(Said(flow: name, line: line))
        }
        entry.said += flow.speak(hole.octets, as: them, name: name)
      }
    }
    let (octets, remark) =
      isClient ? flow.fromClient.add(segment) : flow.fromServer.add(segment)
    if let remark { entry.remarks.append(Self.remark(remark)) }
    if segment.flags.contains(.rst) {
      entry.remarks.append(
        Remark(sentence: "the connection is refused or given up", source: "RFC 9293 3.5.2"))
    }
    entry.said += flow.speak(octets, as: us, name: name)
  }

  private static func key(_ a: SocketAddress, _ b: SocketAddress) -> Key {
    let aFirst = (a.address.rawValue, a.port.rawValue) < (b.address.rawValue, b.port.rawValue)
    return aFirst ? Key(low: a, high: b) : Key(low: b, high: a)
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
  /// Octets in order: dialogue, if this is mail.
  fileprivate mutating func speak(
    _ octets: [UInt8], as speaker: DialogueReader.Speaker, name: String
  ) -> [Replayer.Said] {
    guard !octets.isEmpty else { return [] }
    if isUndecided {
      isUndecided = false
      if speaker == .server
        && (octets.starts(with: "220 ".utf8) || octets.starts(with: "220-".utf8))
      {
        dialogue = DialogueReader()
      }
    }
    return (dialogue?.read(octets, from: speaker) ?? []).map {
      Replayer.Said(flow: name, line: $0)
    }
  }
}
