/// What is known about a frame's checksum and segmentation, beside its octets.
///
/// The facts are those that a device with checksum and segmentation offload exchanges.
/// Source: Virtual I/O Device version 1.2, section 5.1.6.2 (`struct virtio_net_hdr`).
public struct OffloadFacts: Hashable, Sendable {
  /// How far the transport checksum can be relied on.
  public enum Checksum: Hashable, Sendable {
    /// The field is as the sender made it. Incoming: verify it. Outgoing: it is complete.
    case complete
    /// Incoming: the device has verified it.
    case verified
    /// The field holds the pseudo-header's sum; whoever puts the frame on a wire sums from `start`
    /// (from the frame's first octet) and stores at `start + offset`. Incoming: trustworthy.
    case partial(start: UInt16, offset: UInt16)
  }

  /// The state of the transport checksum.
  public var checksum: Checksum
  /// Octets of payload in each segment of a super-packet; 0 when the frame is one packet.
  public var segmentSize: UInt16
  /// Octets of all headers in front of a super-packet's payload; 0 when the frame is one packet.
  public var headerLength: UInt16

  /// Facts from their parts.
  @inlinable public init(
    checksum: Checksum = .complete, segmentSize: UInt16 = 0, headerLength: UInt16 = 0
  ) {
    self.checksum = checksum
    self.segmentSize = segmentSize
    self.headerLength = headerLength
  }

  /// One packet with an ordinary checksum.
  @inlinable public static var none: OffloadFacts { OffloadFacts() }

  /// Whether the receiver must verify the transport checksum itself.
  @inlinable public var needsVerification: Bool { checksum == .complete }
}

/// What a device can do for its stack.
public struct OffloadCapabilities: Hashable, Sendable {
  /// The device, or the kernel behind it, finishes transport checksums.
  public var checksum: Bool
  /// The device takes TCP super-packets and cuts them into segments.
  public var segmentation: Bool
  /// The longest frame that may be handed over at once, in octets.
  public var maximumFrame: Int

  /// Capabilities from their parts.
  @inlinable public init(checksum: Bool, segmentation: Bool, maximumFrame: Int = 65_535) {
    self.checksum = checksum
    self.segmentation = segmentation
    self.maximumFrame = maximumFrame
  }

  /// A device that takes finished packets only.
  @inlinable public static var none: OffloadCapabilities {
    OffloadCapabilities(checksum: false, segmentation: false)
  }
}

/// Where frames go: a device, a simulated link, a test.
public protocol FrameSink: ~Copyable {
  /// Takes one frame, given in up to three pieces: its headers, its payload, and the rest of the
  /// payload where a ring buffer wrapped. The pieces are borrowed: what is kept must be copied.
  ///
  /// - Returns: false when there is no room now; the caller keeps its work and tries again later.
  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool

  /// Told why the next frame is sent, just before it is; only by a stack that explains itself.
  mutating func explain(_ explanation: RuleExplanation)
}

extension FrameSink where Self: ~Copyable {
  /// Most sinks don't ask why.
  public mutating func explain(_ explanation: RuleExplanation) {}
}
