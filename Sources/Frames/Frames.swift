/// Devices and files that carry frames.
///
/// The way of a frame: a device reads it into a buffer that it keeps, with the facts its kernel knows
/// about checksum and segmentation, and lends it for the time of one call; the stack's answer goes out
/// from the pieces it lies in, by one gathering write. Files are read by a reader of our own and
/// written as pcapng.
public import Octets
public import Wire

/// What carries frames in both directions without ever blocking.
public protocol FrameDevice: FrameSink, ~Copyable {
  /// What the first octets of its frames are.
  var link: LinkType { get }
  /// A descriptor to wait on for reading; negative when there is none.
  var descriptor: Int32 { get }
  /// What the device does for its stack in the direction of transmission.
  var offload: OffloadCapabilities { get }
  /// What happened so far.
  var counters: DeviceCounters { get }

  /// Lends `body` each frame that waits, at most `limit` of them, and returns how many there were;
  /// fewer than `limit` means that nothing waits any more.
  ///
  /// An interface that is down only gives nothing. What is thrown is final: the device is of no more
  /// use, and its descriptor must not be waited on.
  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int

  /// Whether it wants to be told why, in both directions.
  var asksWhy: Bool { get }

  /// Told what was decided about each frame of the last
  /// ``receive(upTo:into:)``, in order; only if it asks, and by a stack that explains itself.
  mutating func explainReceived(_ decisions: [[RuleExplanation]])

  /// Told what was decided without a frame: timers that ran out, and what is held back.
  mutating func explainOthers(_ decisions: [RuleExplanation])
}

extension FrameDevice where Self: ~Copyable {
  /// Most devices don't ask why.
  public var asksWhy: Bool { false }
  /// Who doesn't ask need not listen.
  public mutating func explainReceived(_ decisions: [[RuleExplanation]]) {}
  /// Who doesn't ask need not listen.
  public mutating func explainOthers(_ decisions: [RuleExplanation]) {}
}

/// What a device counts.
public struct DeviceCounters: Hashable, Sendable {
  /// Frames read.
  public var received: UInt64 = 0
  /// Frames written.
  public var transmitted: UInt64 = 0
  /// Frames that did not fit at the moment; their sender tries again.
  public var refused: UInt64 = 0
  /// Frames lost because writing failed for good.
  public var transmitErrors: UInt64 = 0
  /// Frames that came in a form we cannot read and were dropped.
  public var receiveErrors: UInt64 = 0
  /// Frames that came faster than we read, for which the kernel had no more room; where it tells.
  public var missed: UInt64 = 0
  /// The errno of the last error, or 0.
  public var lastError: Int32 = 0

  /// Nothing happened yet.
  public init() {}
}
