import Analysis
import Octets
package import Wire

/// Why a connection of a capture cannot be compared.
package enum OracleRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// No frame of the capture has TCP in it, or none of that connection.
  case noConnection(Int?)
  /// The capture begins after the connection did.
  case noHandshake(Int)
  /// It is over IPv6.
  case ipv6(Int)
  /// The end whose place our stack would take has sent nothing that was captured.
  case oneSided(Int, EndpointRole)
  /// Its peer has.
  case unanswered(Int, EndpointRole)

  /// One sentence for people.
  package var description: String {
    switch self {
    case .noConnection(nil): "there is no TCP connection in the capture that begins with a SYN"
    case .noConnection(let stream?): "there is no connection \(stream) in the capture"
    case .noHandshake(let stream):
      "connection \(stream) began before the capture did: without its SYN and the answer, our stack"
        + " cannot take an end's place"
    case .ipv6(let stream): "connection \(stream) is over IPv6, which our stack does not speak yet"
    case .oneSided(let stream, let role):
      "nothing that the \(role) of connection \(stream) sent is in the capture: there is nothing to"
        + " compare with"
    case .unanswered(let stream, let peer):
      "nothing that the \(peer) of connection \(stream) sent is in the capture: there is nothing that our"
        + " stack could answer"
    }
  }
}

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
  private var client: SocketAddress?
  private var server: SocketAddress?
  private var sides: [EndpointRole: Side] = [.client: Side(), .server: Side()]
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
      let opens = facts.flags.contains(.syn) && !facts.flags.contains(.ack)
      guard wanted.map({ $0 == finding.stream }) ?? opens else { return }
      chosen = finding.stream
    }
    guard finding.stream == chosen, refusal == nil else { return }
    guard facts.source.isIPv4 else { return refusal = .ipv6(finding.stream) }
    guard let header = CapturedHeader(frame, wireLength: wireLength, link: link) else {
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
    if segments.isEmpty {
      guard isSYN, !header.flags.contains(.ack) else { return refusal = .noHandshake(stream) }
      (client, server) = (header.source, header.destination)
      (firstTime, latest) = (time, 0)
    }
    let sender: EndpointRole = header.source == client ? .client : .server
    if isSYN, sides[sender]?.initial == nil {
      sides[sender]?.initial = header.sequence
      sides[sender]?.shift = TCPOptions(parsing: header.options.span).windowScale
    } else if sides[sender]?.initial == nil, !header.flags.contains(.rst) {
      return refusal = .noHandshake(stream)
    }
    // The clock of a capture may jump back; ours does not.
    latest = max(latest, time &- firstTime)
    segments.append(counted(header, sender, number: number))
  }

  private mutating func counted(
    _ header: CapturedHeader, _ sender: EndpointRole, number: Int
  ) -> CapturedSegment {
    let isSYN = header.flags.contains(.syn)
    let options = TCPOptions(parsing: header.options.span)
    var segment = Segment(
      frame: number, time: latest, flags: header.flags,
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
      urgentPointer: header.urgentPointer, options: header.options, dscp: header.dscp,
      ttl: header.ttl, dontFragment: header.dontFragment,
      hasWrongChecksum: header.hasWrongChecksum)
  }

  /// The connection, once the capture is at its end.
  package func connection(as role: EndpointRole) throws(OracleRefusal) -> CapturedConnection {
    if let refusal { throw refusal }
    guard let chosen, let client, let server else {
      throw .noConnection(wanted)
    }
    let hasSpoken = segments.contains { $0.sender == role }
    let wasHeard = segments.contains {
      $0.sender != role && $0.segment.acknowledgment != nil && !$0.segment.flags.contains(.rst)
    }
    guard hasSpoken || !wasHeard else { throw .oneSided(chosen, role) }
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

/// One connection of a capture.
package struct CapturedConnection: Sendable {
  /// Its number, from 0.
  package let stream: Int
  /// Connections in the capture.
  package let streams: Int
  /// Who opened it.
  package let client: SocketAddress
  /// Who was asked.
  package let server: SocketAddress
  /// Its segments, in the order of the capture.
  package let segments: [CapturedSegment]
  /// What routers said of them.
  let errors: [CapturedError]
  /// The initial sequence numbers, as far as there were SYNs.
  let initial: [EndpointRole: UInt32]
  /// Frames of it that lie in fragments or tunnels, or were cut off in their header, and are left out.
  package let leftOut: Int
  /// It has more segments than are compared.
  package let isTooLong: Bool

  /// The number behind the last that an end has sent.
  var highest: [EndpointRole: Int] {
    var highest: [EndpointRole: Int] = [:]
    for captured in segments {
      highest[captured.sender] = max(highest[captured.sender] ?? 0, captured.end)
    }
    return highest
  }

  /// The number of an end's FIN.
  var finish: [EndpointRole: Int] {
    var finish: [EndpointRole: Int] = [:]
    for captured in segments where captured.segment.flags.contains(.fin) {
      finish[captured.sender] = finish[captured.sender] ?? captured.end &- 1
    }
    return finish
  }

  /// The first SYN of an end.
  func syn(of role: EndpointRole) -> CapturedSegment? {
    segments.first { $0.sender == role && $0.segment.flags.contains(.syn) }
  }
}

extension CapturedConnection {
  /// What routers told an end, in the order of the capture.
  package func errors(for role: EndpointRole) -> [CapturedError] {
    errors.filter { $0.source == (role == .client ? client : server) }
  }

  /// What the peer of an end has sent, in the order of the capture.
  package func peers(of role: EndpointRole) -> [Segment] {
    segments.filter { $0.sender != role }.map(\.segment)
  }
}
