import Analysis
import Octets
package import Wire

/// Picks one connection out of a capture, frame by frame.
///
/// Memory grows with the number of its segments (``maximumSegments`` at most), not with what they carry.
package struct ConnectionReader: ~Copyable {
  /// Segments that are compared at most; what follows is left out, and that is told.
  package static let maximumSegments = 1_000_000

  private struct Side {
    var initial: UInt32?
    /// The highest number so far, counted from the initial one.
    var highest = 0
    var shift: UInt8?

    /// A number on the circle, counted from the initial one: the nearest to the highest so far.
    mutating func count(_ number: UInt32) -> Int {
      guard let initial else { return Int(number) }
      let near = initial &+ UInt32(truncatingIfNeeded: highest)
      let counted = highest &+ Int(Int32(bitPattern: number &- near))
      // A number far ahead of everything is no place to count from.
      if counted > highest, counted &- highest < 1 << 26 { highest = counted }
      return counted
    }
  }

  private let wanted: Int?
  private var chosen: Int?
  private var analyzer = CaptureAnalyzer()
  private var client: CapturedEnd?
  private var server: CapturedEnd?
  private var sides: [EndpointRole: Side] = [.client: Side(), .server: Side()]
  /// Whose SYN is not there so far, so that its number is known from the acknowledgment only.
  private var inferred: Set<EndpointRole> = []
  private var segments: [CapturedSegment] = []
  private var errors: [CapturedError] = []
  private var firstTime: Int64 = 0
  private var latest: Int64 = 0
  private var refusal: OracleRefusal?
  private var leftOut = 0
  private var isTooLong = false

  /// A reader for the connection of that number, counted as `replay` does, or for the first that begins
  /// with a SYN.
  package init(stream: Int?) { wanted = stream }

  /// Reads a frame.
  ///
  /// - Parameters:
  ///   - frame: the octets that the capture has kept.
  ///   - wireLength: octets that the frame had on its link.
  ///   - number: its place in the capture, from 1.
  ///   - time: nanoseconds on the capture's clock.
  package mutating func frameArrived(
    _ frame: Span<UInt8>, wireLength: Int, link: LinkType, number: Int, time: Int64
  ) {
    guard
      let finding = analyzer.frameArrived(
        frame, wireLength: wireLength, link: link, number: number, time: time),
      let facts = finding.segment?.facts, facts.header == .whole
    else { return errorArrived(frame, link: link, number: number, time: time) }
    if chosen == nil {
      guard wanted.map({ $0 == finding.stream }) ?? facts.flags.contains(.syn) else { return }
      chosen = finding.stream
    }
    guard finding.stream == chosen, refusal == nil else { return }
    guard let header = CapturedHeader(frame, facts, wireLength: wireLength, link: link) else {
      return leftOut += 1
    }
    add(header, number: number, time: time, stream: finding.stream)
  }

  /// What routers say of its segments; other frames are none of ours.
  private mutating func errorArrived(
    _ frame: Span<UInt8>, link: LinkType, number: Int, time: Int64
  ) {
    guard chosen != nil, errors.count < Self.maximumSegments,
      var error = CapturedError(frame, link: link, number: number, time: time),
      error.source == client || error.source == server
    else { return }
    latest = max(latest, time &- firstTime)
    error.time = latest
    errors.append(error)
  }

  private mutating func add(_ header: CapturedHeader, number: Int, time: Int64, stream: Int) {
    guard segments.count < Self.maximumSegments else { return isTooLong = true }
    let isSYN = header.flags.contains(.syn)
    let acknowledges = header.flags.contains(.ack)
    if segments.isEmpty {
      guard isSYN else { return refusal = .noHandshake(stream) }
      (client, server) =
        acknowledges
        ? (header.destination, header.source) : (header.source, header.destination)
      (firstTime, latest) = (time, 0)
    }
    let sender: EndpointRole = header.source == client ? .client : .server
    // The clock of a capture may jump back; ours does not.
    latest = max(latest, time &- firstTime)
    if isSYN, !acknowledges, sender == .client, inferred.contains(.client) {
      return addOvertaken(header, number: number, stream: stream)
    }
    if isSYN, sides[sender]?.initial == nil || inferred.contains(sender) {
      sides[sender]?.initial = header.sequence
      sides[sender]?.shift = TCPOptions(parsing: header.options.span).windowScale
    } else if sides[sender]?.initial == nil || inferred.contains(sender),
      !header.flags.contains(.rst)
    {
      return refusal = .noHandshake(stream)
    }
    // What the first acknowledgment asks for follows the other side's SYN, captured or not.
    if acknowledges, !header.flags.contains(.rst), sides[sender.other]?.initial == nil {
      sides[sender.other]?.initial = header.acknowledgment &- 1
      inferred.insert(sender.other)
    }
    if isSYN { inferred.remove(sender) }
    segments.append(counted(header, sender, at: latest, number: number))
  }

  /// A SYN that comes behind its own answer: whatever put them so into the capture, it was sent before.
  private mutating func addOvertaken(_ header: CapturedHeader, number: Int, stream: Int) {
    // The answer may acknowledge data that was in it (RFC 7413).
    let data = Int(Int32(bitPattern: (sides[.client]?.initial ?? 0) &- header.sequence))
    guard (0...header.payload).contains(data) else { return refusal = .noHandshake(stream) }
    inferred.remove(.client)
    sides[.client]?.initial = header.sequence
    sides[.client]?.shift = TCPOptions(parsing: header.options.span).windowScale
    for place in segments.indices { segments[place].segment.acknowledgment? += data }
    var syn = counted(header, .client, at: 0, number: number)
    syn.wasOvertaken = true
    segments.insert(syn, at: 0)
  }

  private mutating func counted(
    _ header: CapturedHeader, _ sender: EndpointRole, at time: Int64, number: Int
  ) -> CapturedSegment {
    let isSYN = header.flags.contains(.syn)
    let options = TCPOptions(parsing: header.options.span)
    var segment = Segment(
      frame: number, time: time, flags: header.flags,
      sequence: sides[sender]?.count(header.sequence) ?? 0, payload: header.payload,
      window: Int(header.window), options: options, codepoint: header.codepoint)
    _ = sides[sender]?.count(
      header.sequence &+ UInt32(truncatingIfNeeded: segment.end &- segment.sequence))
    if header.flags.contains(.ack) {
      segment.acknowledgment = sides[sender.other]?.count(header.acknowledgment)
    }
    if !isSYN, let ours = sides[sender]?.shift, sides[sender.other]?.shift != nil {
      segment.window <<= Int(min(ours, 14))
    }
    for index in 0..<options.sackBlocks.count {
      let block = options.sackBlocks[index]
      guard let left = sides[sender.other]?.count(block.left.rawValue),
        let right = sides[sender.other]?.count(block.right.rawValue), left < right
      else { continue }
      segment.blocks.append(left..<right)
    }
    return CapturedSegment(
      segment: segment, sender: sender, sequence: header.sequence,
      acknowledgment: header.acknowledgment, window: header.window,
      urgentPointer: header.urgentPointer, options: header.mappedOptions, dscp: header.dscp,
      ttl: header.ttl, dontFragment: header.dontFragment,
      hasWrongChecksum: header.hasWrongChecksum)
  }

  /// The connection, once the capture is at its end.
  package func connection(as role: EndpointRole) throws(OracleRefusal) -> CapturedConnection {
    if let refusal { throw refusal }
    guard let chosen, let client, let server else {
      throw .noConnection(wanted)
    }
    let hears = segments.contains {
      $0.sender == role && $0.segment.acknowledgment != nil && !$0.segment.flags.contains(.rst)
    }
    let isAnswered = segments.contains { $0.sender != role }
    guard isAnswered || !hears else { throw .unanswered(chosen, role.other) }
    return CapturedConnection(
      stream: chosen, streams: analyzer.streams, client: client, server: server,
      segments: segments, errors: errors, initial: sides.compactMapValues(\.initial),
      leftOut: leftOut,
      isTooLong: isTooLong)
  }
}
