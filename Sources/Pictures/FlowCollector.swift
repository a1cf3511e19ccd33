public import Analysis
import Wire

/// Follows the connections that an analysis finds, so that one of them can be drawn.
public struct FlowCollector: Sendable {
  /// Connections that are followed at once; further ones are not.
  public static let maximumFlows = 1024
  /// Segments that are kept in all; later ones are not drawn.
  public static let maximumSegments = 1_000_000

  fileprivate struct Known: Sendable {
    var flow: Flow
    let client: CapturedEnd
    var fromClient = Way()
    var fromServer = Way()
    var octets = 0
    /// Whether both SYNs were seen, so that windows can be read.
    var isScaled: Bool { fromClient.scale != nil && fromServer.scale != nil }
  }

  /// One direction.
  fileprivate struct Way: Sendable {
    var origin: UInt32?
    var furthest: Int?
    var scale: UInt8?
  }

  private let wanted: Int?
  private var flows: [Int: Known] = [:]
  private var kept = 0
  /// Segments that were not kept, for there were too many.
  public private(set) var omitted = 0

  /// Nothing seen yet.
  ///
  /// - Parameter stream: the number of the only connection that is wanted.
  public init(stream: Int? = nil) { wanted = stream }

  /// What was found in a frame.
  ///
  /// - Parameter time: in seconds, from any moment.
  public mutating func add(
    _ finding: CaptureAnalyzer.Finding, at time: Double, reason: String? = nil,
    isLost: Bool = false
  ) {
    guard wanted ?? finding.stream == finding.stream, let (facts, verdict) = finding.segment,
      facts.header == .whole
    else { return }
    guard kept < Self.maximumSegments,
      flows[finding.stream] != nil || flows.count < Self.maximumFlows
    else {
      omitted += 1
      return
    }
    kept += 1
    let isClient =
      facts.flags.contains(.syn)
      ? !facts.flags.contains(.ack) : facts.source.port >= facts.destination.port
    let client = isClient ? facts.source : facts.destination
    let server = isClient ? facts.destination : facts.source
    flows[
      finding.stream,
      default: Known(flow: Flow(client: "\(client)", server: "\(server)"), client: client)
    ].add(facts, verdict, at: time, reason: reason, isLost: isLost)
  }

  /// The connection with most octets, the first among equals; nil when there was none.
  public var busiest: Flow? {
    flows.max { ($0.value.octets, -$0.key) < ($1.value.octets, -$1.key) }?.value.flow
  }
}

extension FlowCollector.Known {
  fileprivate mutating func add(
    _ facts: TCPFacts, _ verdict: FrameVerdict, at time: Double, reason: String?, isLost: Bool
  ) {
    let side: Flow.Side = facts.source == client ? .client : .server
    let isSYN = facts.flags.contains(.syn)
    var own = side == .client ? fromClient : fromServer
    var other = side == .client ? fromServer : fromClient
    if isSYN {
      own.origin = facts.sequence
      own.scale = facts.windowScale.map { min($0, 14) } ?? own.scale
    }
    let origin = own.origin ?? facts.sequence &- 1
    own.origin = origin
    var entry = Flow.Segment(
      time: time, side: side, sequence: Self.distance(origin, facts.sequence),
      length: facts.length, acknowledgment: nil, window: Int(facts.window))
    if isScaled, !isSYN { entry.window <<= Int(own.scale ?? 0) }
    if facts.flags.contains(.ack) {
      let base = other.origin ?? facts.acknowledgment &- 1
      other.origin = base
      entry.acknowledgment = Self.distance(base, facts.acknowledgment)
      for index in 0..<facts.sackBlocks.count {
        let block = facts.sackBlocks[index]
        let start = Self.distance(base, block.left.rawValue)
        let end = Self.distance(base, block.right.rawValue)
        if start <= end { entry.blocks.append(start...end) }
      }
    }
    entry.control = facts.flags
    entry.verdict = verdict.flags
    entry.roundTrip = verdict.acknowledgmentRoundTrip.map { Double($0) / 1e6 }
    entry.reason = reason
    entry.isLost = isLost
    if facts.length > 0 {
      let end = entry.sequence + facts.length
      entry.isCopy = own.furthest.map { end <= $0 } ?? false
      own.furthest = max(end, own.furthest ?? end)
    }
    octets += entry.length
    flow.segments.append(entry)
    if side == .client {
      (fromClient, fromServer) = (own, other)
    } else {
      (fromServer, fromClient) = (own, other)
    }
  }

  /// How far a number lies behind another, on the circle of 32 bits.
  private static func distance(_ from: UInt32, _ to: UInt32) -> Int {
    Int(Int32(bitPattern: to &- from))
  }
}
