public import Wire

/// Judges the TCP frames of a capture, one after the other.
///
/// Memory grows with the number of connections, and with what is in flight in each, not with the
/// capture.
public struct CaptureAnalyzer: ~Copyable {
  private var finder = SegmentFinder()
  private var conversations: [Conversation] = []
  private var pairs = PairTable()
  /// Connections so far, those included whose ports were used again.
  public private(set) var streams = 0

  /// Every connection so far, summed up, in the order of their numbers; one of which only an ICMP error
  /// tells is not among them.
  public var summaries: [StreamSummary] { summed.sorted { $0.stream < $1.stream } }

  private var summed: [StreamSummary] = []
  /// Where the summary of the latest connection at each place is.
  private var summaryPlaces: [Int?] = []

  /// An analyzer that has seen nothing.
  public init() {}

  /// What was found in a frame.
  public struct Finding: Sendable {
    /// The connection that it belongs to.
    public var stream: Int
    /// The segment, and what was found about it; nil where an ICMP error only quotes one, or its
    /// header is not whole.
    public var segment: (facts: TCPFacts, verdict: FrameVerdict)?
    /// SEG.SEQ and SEG.ACK counted from the numbers of the SYNs, as far as these are known.
    public var relative: (sequence: UInt32, acknowledgment: UInt32) = (0, 0)
  }

  /// Hands over the payload, as much of it as the capture has kept, of a segment that was found in
  /// the frame that arrived last.
  public func withPayload<Result>(
    of facts: TCPFacts, in frame: Span<UInt8>, _ body: (Span<UInt8>) throws -> Result
  ) rethrows -> Result {
    guard let whole = finder.whole else { return try body(frame.extracting(facts.payload)) }
    return try body(whole.span.extracting(facts.payload))
  }

  /// Judges a frame; nil where it has no TCP segment, or a part of one only.
  ///
  /// - Parameters:
  ///   - frame: the octets that the capture has kept.
  ///   - wireLength: octets that the frame had on its link.
  ///   - number: its place in the capture, from 1.
  ///   - time: nanoseconds on the capture's clock.
  public mutating func frameArrived(
    _ frame: Span<UInt8>, wireLength: Int, link: LinkType, number: Int, time: Int64
  ) -> Finding? {
    guard let facts = finder.find(in: frame, wireLength: wireLength, link: link) else {
      return nil
    }
    let place = place(of: PairTable.Ends(facts.source, facts.destination))
    let isReused = conversations[place].isReplaced(by: facts)
    if isReused {
      conversations[place] = nextConversation()
      summaryPlaces[place] = nil
    }
    let verdict = conversations[place].frameArrived(
      facts, number: number, time: time, isReused: isReused)
    let isTold =
      switch facts.header {
      case .whole: true
      case .withoutOptions, .tooShort, .unusable: false
      case .quoted: !verdict.flags.isEmpty
      }
    // What an ICMP error quotes was counted when it went by.
    if facts.header == .whole { sumUp(facts, verdict, at: place, time) }
    return Finding(
      stream: verdict.stream, segment: isTold ? (facts, verdict) : nil,
      relative: conversations[place].relative(facts))
  }

  private mutating func sumUp(
    _ facts: TCPFacts, _ verdict: FrameVerdict, at place: Int, _ time: Int64
  ) {
    let known = summaryPlaces[place]
    if known == nil { summed.append(StreamSummary(verdict.stream, facts, time)) }
    let index = known ?? summed.count - 1
    summaryPlaces[place] = index
    let scale = conversations[place].windowShift(of: facts)
    summed[index].add(facts, verdict, scale, time)
  }

  /// Where the latest connection between two ends is.
  private mutating func place(of ends: PairTable.Ends) -> Int {
    let place = pairs.number(of: ends)
    if place == conversations.count {
      conversations.append(nextConversation())
      summaryPlaces.append(nil)
    }
    return place
  }

  private mutating func nextConversation() -> Conversation {
    defer { streams += 1 }
    return Conversation(stream: streams)
  }
}
