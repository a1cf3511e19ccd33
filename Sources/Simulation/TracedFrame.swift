public import Octets

/// A host of a world.
public struct HostID: Hashable, Sendable {
  /// Its place, in the order of ``World/addHost(_:configuration:)``.
  public let index: Int
}

/// A link of a world.
public struct LinkID: Hashable, Sendable {
  /// Its place, in the order of ``World/addLink(_:)``.
  public let index: Int
}

/// What became of a frame on a link.
public enum FrameFate: String, Hashable, Sendable {
  /// It arrives as it was sent.
  case delivered
  /// It arrives twice.
  case duplicated
  /// It arrives with one octet changed.
  case corrupted
  /// Chance has lost it.
  case lost
  /// It was lost in a bad time.
  case lostInBurst
  /// It was lost because the world's owner wanted it so.
  case intercepted
  /// The queue of the link was full.
  case queueFull
  /// It was more than a policer lets pass.
  case policed
  /// It was larger than the path takes.
  case tooBig
  /// It was held back because the world's owner wanted it so.
  case heldBack
  /// It arrives with other octets because the world's owner wanted it so.
  case altered

  /// Whether it arrives at all.
  public var arrives: Bool {
    switch self {
    case .delivered, .duplicated, .corrupted, .heldBack, .altered: true
    case .lost, .lostInBurst, .intercepted, .queueFull, .policed, .tooBig: false
    }
  }
}

/// What a world's owner does to one frame.
public enum FrameIntervention: Hashable, Sendable {
  /// It is lost.
  case drop
  /// It arrives so much later, and others pass it.
  case delay(Duration)
  /// These octets arrive in its place.
  case alter([UInt8])
}

/// A frame that a host put on a link, and what became of it.
public struct TracedFrame: Hashable, Sendable {
  /// Frames of this world are numbered from 1, in the order of sending.
  public let ordinal: Int
  /// When it was sent.
  public let sentAt: Instant
  /// When it arrives; the first time if twice, nil if never.
  public internal(set) var arrivesAt: Instant?
  /// On which link.
  public let link: LinkID
  /// Who sent it.
  public let sender: HostID
  /// Its octets as sent, checksums complete.
  public let octets: [UInt8]
  /// What became of it.
  public internal(set) var fate: FrameFate
  /// A router on the way marks it as having met congestion (RFC 3168).
  public internal(set) var isMarked = false
  /// Why it was sent; nil unless the host explains itself.
  public let explanation: RuleExplanation?
}

/// What a host decided: about a frame that came, or by itself when a timer ran out or output waits.
public struct HostDecision: Hashable, Sendable {
  /// When.
  public let time: Instant
  /// Which host.
  public let host: HostID
  /// The ``TracedFrame/ordinal`` of the frame that came; nil where there was none.
  public let frame: Int?
  /// The rule.
  public let explanation: RuleExplanation
}
