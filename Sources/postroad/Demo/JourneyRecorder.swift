import Analysis
import Octets
import Simulation
import Wire

/// Turns the frames between two hosts into the steps of a ladder: relative numbers, dialogue, why.
struct JourneyRecorder: ~Copyable {
  private var origin: [Bool: SequenceNumber] = [:]
  private var furthest: [Bool: SequenceNumber] = [:]
  private var analyzer = CaptureAnalyzer()
  private var followed = FollowedConnections()
  private var story = MailStory()
  private var told: Set<String> = []
  /// Sums for the summary.
  private(set) var frames = 0
  private(set) var lost = 0
  private(set) var retransmissions = 0
  private(set) var octets = 0

  /// The step that a frame is.
  mutating func step(_ sent: TracedFrame, isFromClient: Bool) -> LadderStep {
    frames += 1
    octets += sent.octets.count
    var step = LadderStep(
      time: sent.sentAt - .start, isFromClient: isFromClient, isLost: !sent.fate.arrives,
      sentence: sent.explanation?.sentence ?? "", source: sent.explanation?.source ?? "")
    if step.isLost { lost += 1 }
    if !step.isLost { step.said = hear(sent) }
    guard let packet = try? IPv4PacketView(parsing: sent.octets.span) else { return step }
    if !packet.isFragment, packet.transport == .tcp,
      let segment = try? TCPSegmentView(parsing: packet.payload)
    {
      describe(segment, into: &step)
    } else if packet.isFragment {
      let last = packet.fragmentOffset + packet.payload.count - 1
      step.label = ["fragment", "octets \(packet.fragmentOffset) to \(last)"]
    } else {
      let line = PacketDescription.internet(sent.octets.span)
      step.label = [line.split(separator: ": ").dropFirst().joined(separator: ": ")]
    }
    if step.sentence.isEmpty || packet.isFragment {
      (step.sentence, step.source) = Self.guess(packet)
    }
    step.meaning = story.tell(step.said)
    step.isReasonKnown = !told.insert(step.sentence).inserted && step.meaning != nil
    return step
  }

  private mutating func describe(_ segment: borrowing TCPSegmentView, into step: inout LadderStep) {
    let side = step.isFromClient
    let flags = segment.flags
    if flags.contains(.syn), origin[side] != segment.sequence {
      // A new connection.
      furthest[side] = nil
    }
    if flags.contains(.syn) || origin[side] == nil {
      origin[side] = segment.sequence
    }
    let own = origin[side] ?? segment.sequence
    step.label = [Self.names(flags), "seq \(own.distance(to: segment.sequence))"]
    if flags.contains(.ack), let other = origin[!side] {
      step.label.append("ack \(other.distance(to: segment.acknowledgment))")
    }
    let count = segment.payload.count
    if count > 0 { step.label.append("len \(count)") }
    if flags.contains(.syn), let size = TCPOptions(parsing: segment.options).maximumSegmentSize {
      step.label.append("mss \(size)")
    }
    let end = segment.sequence + segment.length
    if segment.length > 0 {
      if let known = furthest[side], end.precedesOrEquals(known) {
        step.isRetransmission = true
        retransmissions += 1
      } else {
        furthest[side] = end
      }
    }
  }

  /// What is said by a frame that arrives.
  private mutating func hear(_ sent: TracedFrame) -> [DialogueLine] {
    let octets = sent.octets.span
    let finding = analyzer.frameArrived(
      octets, wireLength: octets.count, link: .rawIP, number: frames,
      time: sent.sentAt.nanoseconds)
    guard let finding else { return [] }
    return followed.hear(finding, in: octets, of: analyzer)?.told.lines ?? []
  }

  private static func names(_ flags: TCPFlags) -> String {
    let known: [(TCPFlags, String)] = [
      (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.psh, "PSH"), (.ack, "ACK"),
    ]
    return known.filter { flags.contains($0.0) }.map(\.1).joined(separator: ",")
  }

  /// For what no rule was told: what the packet itself says.
  private static func guess(
    _ packet: borrowing IPv4PacketView
  ) -> (sentence: String, source: String) {
    if packet.isFragment {
      return packet.moreFragments
        ? ("a part of a datagram that is larger than the link takes", "RFC 791 3.2")
        : ("the last part: now the datagram can be put together", "RFC 791 3.2")
    }
    switch packet.transport {
    case .icmp: return ("a message about the network itself", "RFC 792")
    case .udp: return ("a datagram, sent without ado", "RFC 768")
    default: return ("a segment", "RFC 9293 3.1")
    }
  }
}
