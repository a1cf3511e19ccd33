import Octets
public import Wire

/// Follows the TCP connections in a row of packets, so that the one with most octets can be drawn.
public struct FlowCollector: Sendable {
  /// Connections that are followed at once; further ones are not.
  public static let maximumFlows = 1024
  /// Segments that are kept in all; later ones are not drawn.
  public static let maximumSegments = 2_000_000

  private struct Key: Hashable {
    let low: SocketAddress
    let high: SocketAddress
  }

  fileprivate struct Known {
    var flow: Flow
    let client: SocketAddress
    var origins: [Flow.Side: SequenceNumber] = [:]
    var furthest: [Flow.Side: Int] = [:]
    var scales: [Flow.Side: UInt8] = [:]
    var octets = 0
    /// Whether both SYNs were seen, so that windows can be read.
    var isScaled: Bool { scales.count == 2 }
  }

  private var flows: [Key: Known] = [:]
  private var order: [Key] = []
  private var kept = 0
  /// Segments that were not kept, for there were too many.
  public private(set) var omitted = 0

  /// Nothing seen yet.
  public init() {}

  /// A frame of a capture.
  public mutating func add(
    _ frame: Span<UInt8>, link: LinkType, at time: Double, reason: String? = nil
  ) {
    guard let place = NetworkPacketPlace(in: frame, link: link), place.type == .ipv4 else { return }
    add(packet: frame.extracting(droppingFirst: place.offset), at: time, reason: reason)
  }

  /// An IPv4 packet; others, and fragments, are passed over.
  public mutating func add(
    packet octets: Span<UInt8>, at time: Double, reason: String? = nil, isLost: Bool = false
  ) {
    guard let packet = try? IPv4PacketView(parsing: octets), !packet.isFragment,
      packet.transport == .tcp, let segment = try? TCPSegmentView(parsing: packet.payload)
    else { return }
    guard kept < Self.maximumSegments else {
      omitted += 1
      return
    }
    let from = SocketAddress(packet.source, segment.sourcePort)
    let to = SocketAddress(packet.destination, segment.destinationPort)
    let isLow =
      (from.address.rawValue, from.port.rawValue) < (to.address.rawValue, to.port.rawValue)
    let key = isLow ? Key(low: from, high: to) : Key(low: to, high: from)
    if flows[key] == nil {
      guard flows.count < Self.maximumFlows else { return omitted += 1 }
      let isServer =
        segment.flags.contains(.syn)
        ? segment.flags.contains(.ack) : from.port.rawValue < to.port.rawValue
      let (client, server) = isServer ? (to, from) : (from, to)
      flows[key] = Known(flow: Flow(client: "\(client)", server: "\(server)"), client: client)
      order.append(key)
    }
    kept += 1
    flows[key]?.add(segment, from: from, at: time, reason: reason, isLost: isLost)
  }

  /// The connection with most octets, the first among equals; nil when there was none.
  public var busiest: Flow? {
    var best: Known?
    for key in order {
      if let known = flows[key], known.octets > best?.octets ?? -1 { best = known }
    }
    return best?.flow
  }
}

extension FlowCollector.Known {
  fileprivate mutating func add(
    _ segment: borrowing TCPSegmentView, from: SocketAddress, at time: Double, reason: String?,
    isLost: Bool
  ) {
    let side: Flow.Side = from == client ? .client : .server
    let other: Flow.Side = side == .client ? .server : .client
    let (flags, options) = (segment.flags, TCPOptions(parsing: segment.options))
    if flags.contains(.syn) {
      if let known = origins[side], known != segment.sequence, !flags.contains(.ack) {
        // The ports are used again: it goes on from where it was.
        origins = [:]
        furthest = [:]
        scales = [:]
      }
      origins[side] = segment.sequence
      if let scale = options.windowScale { scales[side] = min(scale, 14) }
    }
    let origin = origins[side] ?? segment.sequence - 1
    origins[side] = origin
    var entry = Flow.Segment(
      time: time, side: side, sequence: origin.distance(to: segment.sequence),
      length: segment.payload.count, acknowledgment: nil,
      window: Int(segment.window)
        << (isScaled && !flags.contains(.syn) ? Int(scales[side] ?? 0) : 0))
    if flags.contains(.ack) {
      let base = origins[other] ?? segment.acknowledgment - 1
      origins[other] = base
      entry.acknowledgment = base.distance(to: segment.acknowledgment)
      for index in 0..<options.sackBlocks.count {
        let block = options.sackBlocks[index]
        let (start, end) = (base.distance(to: block.left), base.distance(to: block.right))
        if start <= end { entry.blocks.append(start...end) }
      }
    }
    entry.flags = Self.names(flags)
    entry.reason = reason
    entry.isLost = isLost
    let end = entry.sequence + segment.length
    if segment.length > 0 {
      entry.isCopy = end <= furthest[side] ?? .min
      furthest[side] = max(end, furthest[side] ?? .min)
    }
    octets += entry.length
    flow.segments.append(entry)
  }

  private static func names(_ flags: TCPFlags) -> String {
    let known: [(TCPFlags, String)] = [(.syn, "SYN"), (.fin, "FIN"), (.rst, "RST")]
    return known.filter { flags.contains($0.0) }.map(\.1).joined(separator: " ")
  }
}
