import Octets

/// Every connection of a capture, followed. What waits in all of them together is bounded.
public struct FollowedConnections: Sendable {
  /// By their numbers; nil where no segment was seen.
  private var connections: [FollowedConnection?] = []
  /// Octets that wait, and that may wait.
  private(set) var heldOctets = 0
  private let room: Int

  /// None yet.
  ///
  /// - Parameter room: octets that may wait for holes to be filled.
  public init(room: Int = 64 << 20) { self.room = room }

  /// `client > server` of a connection that was heard.
  public func name(of stream: Int) -> String { connections[stream]?.name ?? "" }

  /// Hands in what the analysis found in the frame that arrived last; nil where that is no segment
  /// with a whole header.
  public mutating func hear(
    _ finding: CaptureAnalyzer.Finding, in frame: Span<UInt8>,
    of analyzer: borrowing CaptureAnalyzer
  ) -> FollowedConnection.Heard? {
    guard let facts = finding.segment?.facts, facts.header == .whole else { return nil }
    let stream = finding.stream
    while connections.count <= stream { connections.append(nil) }
    if connections[stream] == nil { connections[stream] = FollowedConnection(first: facts) }
    // One access in place: to ask a connection in an array for what it holds would copy it.
    var held = heldOctets
    let heard = analyzer.withPayload(of: facts, in: frame) { payload in
      connections[stream]?.segmentArrived(
        facts, at: finding.relative, payload: payload, held: &held)
    }
    heldOctets = held
    guard held > room, var heard else { return heard }
    connections[stream]?.giveUp(into: &heard, held: &held)
    heldOctets = held
    return heard
  }

  /// Nothing more will come: what each connection told in the end, in the order of their numbers.
  public mutating func ended() -> [(stream: Int, told: Told)] {
    defer { connections = [] }
    return connections.indices.compactMap { stream in
      (connections[stream]?.ended()).map { (stream, $0) }
    }
  }
}
