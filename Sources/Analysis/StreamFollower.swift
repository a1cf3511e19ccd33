/// Takes what a connection carried, in the order in which it can be known.
public protocol StreamReader {
  /// Whether octets are read; where not, those that come too early are only counted.
  var isReading: Bool { get }
  /// Octets of one side, in order.
  mutating func read(_ octets: Span<UInt8>, fromFirst: Bool)
  /// So many octets of one side are not in the capture, and will not come any more.
  mutating func missing(_ count: Int, fromFirst: Bool)
  /// So many octets of one side, behind those that were read, were on the wire and not kept by the
  /// capture.
  mutating func cut(_ count: Int, fromFirst: Bool)
  /// The other side acknowledges so many octets more that have not been seen: they may come yet.
  mutating func unseen(_ count: Int, fromFirst: Bool)
}

/// Puts the segments of one connection in order: both byte streams, one after the other as they
/// became known, in the order of tshark 4.0.17's "follow".
///
/// Where copies overlap the first to be handed on wins, and what waits goes in the order of its
/// arrival. A hole is given up as soon as an acknowledgment lies beyond what waits behind it, or when
/// too much waits. A segment that the capture cut short counts with its length on the wire; one that
/// had to wait, with what is there.
public struct StreamFollower: Sendable {
  /// What a segment turned out to be, for people who read along.
  public enum Outcome: Hashable, Sendable {
    /// Every octet had been seen before.
    case retransmission
    /// It begins beyond what has been seen.
    case outOfOrder(missing: Int)
    /// It fills a hole: what waited follows at once.
    case fillsHole
    /// Too much waits: the oldest hole is given up.
    case tooMuchHeld
  }

  /// The bounds of what may wait on each side.
  public struct Limits: Hashable, Sendable {
    /// Octets.
    public var octets = 4 << 20
    /// Segments.
    public var segments = 10_000

    /// The default bounds.
    public init() {}
  }

  /// Who sent the first frame.
  public private(set) var first: CapturedEnd?
  /// The other end.
  public private(set) var second: CapturedEnd?
  private var fromFirst = FollowedHalf()
  private var fromSecond = FollowedHalf()
  private let limits: Limits

  /// A connection of which nothing was seen.
  public init(limits: Limits = Limits()) { self.limits = limits }

  /// Octets that wait.
  public var heldOctets: Int { fromFirst.heldOctets &+ fromSecond.heldOctets }

  /// Hands in a segment, with its numbers counted from the SYNs and the payload that was kept.
  ///
  /// - Returns: what it was, where that is remarkable.
  public mutating func segmentArrived(
    _ facts: TCPFacts, at relative: (sequence: UInt32, acknowledgment: UInt32),
    payload: Span<UInt8>, to reader: inout some StreamReader
  ) -> Outcome? {
    if first == nil { (first, second) = (facts.source, facts.destination) }
    let isFirst = facts.source == first
    if isFirst {
      fromSecond.acknowledged(relative.acknowledgment, facts, fromFirst: false, to: &reader)
      return fromFirst.add(facts, relative.sequence, payload, limits, fromFirst: true, to: &reader)
    }
    fromFirst.acknowledged(relative.acknowledgment, facts, fromFirst: true, to: &reader)
    return fromSecond.add(facts, relative.sequence, payload, limits, fromFirst: false, to: &reader)
  }
  /// Waits for nothing any more: every hole is given up.
  mutating func giveUp(to reader: inout some StreamReader) {
    while fromFirst.heldOctets > 0 { fromFirst.giveUp(fromFirst: true, to: &reader) }
    while fromSecond.heldOctets > 0 { fromSecond.giveUp(fromFirst: false, to: &reader) }
  }
}
