public import Octets
public import Wire
import CTun

/// A TUN device of Linux: whole IP packets, handed to and taken from the kernel's own stack.
///
/// Checksums and TCP segmentation are left to the kernel where it allows that (`IFF_VNET_HDR`).
/// Source: Linux, Documentation/networking/tuntap.rst.
public struct TUNDevice: FrameDevice, ~Copyable, Sendable {
  private var tunnel: TunnelDescriptor

  /// Attaches to the device of that name, or creates one that lives as long as this value.
  ///
  /// An existing device may be persistent or not, and up or not. An empty name lets the kernel choose.
  /// - Parameter offload: whether to ask for checksum and segmentation offload.
  public init(name: String, offload: Bool = true) throws(FrameError) {
    tunnel = try TunnelDescriptor(name: name, isTAP: false, offload: offload)
  }

  /// The interface's name.
  public var name: String { tunnel.name }
  /// IP packets without a link header.
  public var link: LinkType { .rawIP }
  /// The descriptor, readable when a packet waits.
  public var descriptor: Int32 { tunnel.descriptor }
  /// What the kernel finishes for us.
  public var offload: OffloadCapabilities { tunnel.offload }
  /// What happened so far.
  public var counters: DeviceCounters { tunnel.counters }

  /// Makes the device outlive this value, or not.
  public func setPersistent(_ isPersistent: Bool) throws(FrameError) {
    let result = postroad_tun_persist(descriptor, isPersistent ? 1 : 0)
    guard result == 0 else { throw .kernel("make persistent", name, result) }
  }

  /// Lends `body` the packets that wait, at most `limit` of them.
  public mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    try tunnel.receive(upTo: limit, into: body)
  }

  /// Hands the kernel one packet in its pieces; false when it has no room now.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    tunnel.transmit(header, payload, tail, offload: offload)
  }
}

/// A TAP device of Linux: as ``TUNDevice``, with Ethernet frames.
public struct TAPDevice: FrameDevice, ~Copyable, Sendable {
  private var tunnel: TunnelDescriptor

  /// Attaches to the device of that name, or creates one that lives as long as this value.
  public init(name: String, offload: Bool = true) throws(FrameError) {
    tunnel = try TunnelDescriptor(name: name, isTAP: true, offload: offload)
  }

  /// The interface's name.
  public var name: String { tunnel.name }
  /// Ethernet frames without a check sequence.
  public var link: LinkType { .ethernet }
  /// The descriptor, readable when a frame waits.
  public var descriptor: Int32 { tunnel.descriptor }
  /// What the kernel finishes for us.
  public var offload: OffloadCapabilities { tunnel.offload }
  /// What happened so far.
  public var counters: DeviceCounters { tunnel.counters }

  /// Lends `body` the frames that wait, at most `limit` of them.
  public mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    try tunnel.receive(upTo: limit, into: body)
  }

  /// Hands the kernel one frame in its pieces; false when it has no room now.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    tunnel.transmit(header, payload, tail, offload: offload)
  }
}
