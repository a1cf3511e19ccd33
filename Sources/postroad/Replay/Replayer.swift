import Analysis
import NetworkCore
import Octets
import Wire

/// Reads a capture frame by frame: describes each, puts datagrams and streams together again, and
/// tells the dialogue in them.
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
    /// Lines of dialogue that this frame completes.
    var lines: [DialogueLine] = []
    /// The connection in which they were said: `client > server`.
    var flow = ""
  }

  /// Something about a frame that a reader should notice.
  struct Remark {
    var sentence: String
    var source: String
  }

  private var analyzer = CaptureAnalyzer()
  private var reassembler = IPv4Reassembler()
  private var followed = FollowedConnections()
  private var count = 0
  private var first: Int64?
  /// The latest time so far: a capture's times may step back.
  private var now = Instant.start

  /// What happened to mails by the last frame. Not in its entry: that waits to be told.
  private(set) var mail: [MailEvent] = []

  /// Every connection, summed up.
  var summaries: [StreamSummary] { analyzer.summaries }

  /// Reads one frame.
  mutating func read(
    _ frame: Span<UInt8>, length: Int, nanoseconds: Int64, link: LinkType
  ) -> Entry {
    count += 1
    if !mail.isEmpty { mail = [] }
    let start = first ?? nanoseconds
    first = start
    var entry = Entry(
      number: count, time: nanoseconds &- start, captured: frame.count, length: length)
    let finding = analyzer.frameArrived(
      frame, wireLength: length, link: link, number: count, time: nanoseconds)
    entry.finding = finding
    if let place = NetworkPacketPlace(in: frame, link: link), place.type == .ipv4 {
      internet(frame.extracting(droppingFirst: place.offset), into: &entry)
    }
    if let finding, let heard = followed.hear(finding, in: frame, of: analyzer) {
      take(heard, of: finding, into: &entry)
    }
    return entry
  }

  /// Nothing more will come: what happened to mails at the end.
  mutating func ended() -> [(stream: Int, mail: [MailEvent])] {
    followed.ended().map { ($0.stream, $0.told.mail) }
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
      entry.remarks.append(
        Remark(
          sentence: "a host drops this packet: its header makes no sense",
          source: "RFC 1122 3.2.1"))
      return
    }
    guard packet.isFragment else {
      if packet.transport == .tcp { checkHeader(packet.payload, into: &entry) }
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
      entry.remarks.append(Remark(sentence: rule.sentence, source: rule.source))
    case .whole(let payload):
      entry.remarks.append(
        Remark(
          sentence:
            "the last of \(reassembler.wholeFragments) fragments: a datagram of \(payload.count) octets",
          source: "RFC 791 3.2"))
      if packet.transport == .tcp { checkHeader(payload.span, into: &entry) }
    }
  }

  private mutating func checkHeader(_ octets: Span<UInt8>, into entry: inout Entry) {
    guard (try? TCPSegmentView(parsing: octets)) == nil else { return }
    entry.remarks.append(
      Remark(sentence: "a TCP header that makes no sense", source: "RFC 9293 3.1"))
  }

  private mutating func take(
    _ heard: FollowedConnection.Heard, of finding: CaptureAnalyzer.Finding,
    into entry: inout Entry
  ) {
    // An acknowledgment first: it may tell that octets of the other side were missed.
    if heard.told.unseen > 0 {
      entry.remarks.append(
        Remark(
          sentence: "acknowledges \(heard.told.unseen) octets that are not in this capture",
          source: "RFC 9293 3.4"))
    }
    if let outcome = heard.outcome { entry.remarks.append(Self.remark(outcome)) }
    if finding.segment?.facts.flags.contains(.rst) == true {
      entry.remarks.append(
        Remark(sentence: "the connection is refused or given up", source: "RFC 9293 3.5.2"))
    }
    mail = heard.told.mail
    guard !heard.told.lines.isEmpty else { return }
    entry.flow = followed.name(of: finding.stream)
    entry.lines = heard.told.lines
  }

  private static func remark(_ outcome: StreamFollower.Outcome) -> Remark {
    switch outcome {
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
