public import TCPCore

/// What one of the two users of a small world may do, each thing at any time.
public struct SmallUser: Hashable, Sendable {
  /// How often it opens actively; with 0 it listens.
  public var openings = 1
  /// Octets of each SEND.
  public var writes: [Int] = []
  /// Whether it reads what comes at once; otherwise RECEIVE is something that may happen.
  public var readsAtOnce = true
  /// Whether it may close. Where it may not, it closes when nothing else is left to happen.
  public var mayClose = true
  /// Whether it may abort.
  public var mayAbort = false

  /// A user who opens and closes.
  public init() {}

  /// A user who waits for a connection, and closes.
  public static var listening: SmallUser {
    var user = SmallUser()
    user.openings = 0
    return user
  }
}

/// How often the network of a small world may do harm, in all.
public struct SmallNetwork: Hashable, Sendable {
  /// Segments lost.
  public var drops = 0
  /// Segments that come twice, the second time behind all that are under way.
  public var duplicates = 0
  /// Segments that all others that are under way to the same end overtake.
  public var delays = 0
  /// Times at which a timer runs out while something is under way.
  public var earlyTimers = 0
  /// Segments in which an octet of text is changed: no network that a checksum watches does that,
  /// so that it shows whether the exploration would notice.
  public var corruptions = 0

  /// Whether timers run out. Where they don't, every loss is for ever: it shows whether the
  /// exploration would notice.
  public var hasTimers = true

  /// A network without faults.
  public init() {}
}

/// A world of two connections that is small enough to be explored whole.
public struct SmallWorldRules: Sendable, CustomStringConvertible {
  /// What it is called.
  public var name: String
  /// One user.
  public var left = SmallUser()
  /// The other.
  public var right = SmallUser.listening
  /// What the network may do.
  public var network = SmallNetwork()
  /// What both users set. Timestamps would make each moment another state.
  public var configuration: TCPConfiguration
  /// Octets of the largest packet.
  public var pathMTU = 1500
  /// Octets below the wrap at which the numbers of both ends begin.
  public var distanceToWrap: UInt32 = 2

  /// A world without faults in which one user opens and both close.
  public init(name: String) {
    self.name = name
    configuration = TCPConfiguration()
    configuration.congestion = .reno
    configuration.usesTimestamps = false
    configuration.quickAcknowledgments = 0
    configuration.sendBufferLimit = 2048
    configuration.receiveBufferLimit = 2048
    configuration.receiveBufferMaximum = 0
    configuration.noDelay = true
  }

  /// Name and budgets.
  public var description: String {
    """
    \(name) (\(network.drops) lost, \(network.duplicates) doubled, \(network.delays) overtaken, \
    \(network.earlyTimers) early timers)
    """
  }
}

/// An end of a small world.
enum SmallSide: UInt8, CaseIterable {
  case left, right
  var other: SmallSide { self == .left ? .right : .left }
  var name: String { self == .left ? "left" : "right" }
}

/// One thing that may happen next.
struct SmallAction: Hashable {
  enum Kind: UInt8 {
    /// What was sent first arrives.
    case deliver
    /// It is lost.
    case drop
    /// It arrives, and will once more.
    case duplicate
    /// It is overtaken by all others.
    case delay
    /// It arrives with an octet changed.
    case corrupt
    case open, write, read, close, abort, leave
    /// Time passes until the next timer runs out.
    case timer
  }

  var kind: Kind
  var side: SmallSide

  /// In one octet, for millions are kept.
  var code: UInt8 { kind.rawValue << 1 | side.rawValue }

  init(_ kind: Kind, _ side: SmallSide) {
    self.kind = kind
    self.side = side
  }

  init(code: UInt8) {
    kind = Kind(rawValue: code >> 1) ?? .timer
    side = code & 1 == 0 ? .left : .right
  }
}
