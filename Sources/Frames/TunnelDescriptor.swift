import CTun
import Glibc
import Octets

/// The descriptor of a TUN or TAP device and the buffer that its frames are read into.
///
/// Not copyable, so that the descriptor is closed once; whoever holds it holds it alone, which is why
/// it may move from one thread to another.
@safe
struct TunnelDescriptor: ~Copyable, @unchecked Sendable {
  /// A whole super-packet behind an Ethernet header with tags and the kernel's header.
  static let bufferSize = 65_536 + 64

  let descriptor: Int32
  let name: String
  let hasVNetHeader: Bool
  var counters = DeviceCounters()
  private let buffer: UnsafeMutablePointer<UInt8>

  /// Attaches to the device of that name, or creates it; an empty name lets the kernel choose one.
  init(name: String, isTAP: Bool, offload: Bool) throws(FrameError) {
    guard name.isEmpty || isInterfaceName(name) else { throw .invalidName(name) }
    var attached = try Self.open(name: name, isTAP: isTAP, vnetHeader: offload)
    if attached.result == -EINVAL, offload {
      attached = try Self.open(name: name, isTAP: isTAP, vnetHeader: false)
    }
    var withHeader = attached.vnetHeader
    if attached.result == 0, withHeader, postroad_tun_offload(attached.descriptor, 1) < 0 {
      // A kernel that cannot do both: give the device back, and take it without the header.
      close(attached.descriptor)
      attached = try Self.open(name: name, isTAP: isTAP, vnetHeader: false)
      withHeader = false
    }
    guard attached.result == 0 else {
      close(attached.descriptor)
      if attached.result == -EINVAL { throw .wrongKind(device: name) }
      throw .kernel("attach to", name.isEmpty ? "a new device" : name, attached.result)
    }
    // A persistent device keeps what its last user asked for.
    if !withHeader { _ = postroad_tun_offload(attached.descriptor, 0) }
    descriptor = attached.descriptor
    self.name = attached.name
    hasVNetHeader = withHeader
    unsafe buffer = .allocate(capacity: Self.bufferSize)
  }

  deinit {
    close(descriptor)
    unsafe buffer.deallocate()
  }

  private struct Attachment {
    var descriptor: Int32
    var name: String
    var vnetHeader: Bool
    var result: Int32
  }

  private static func open(
    name: String, isTAP: Bool, vnetHeader: Bool
  ) throws(FrameError) -> Attachment {
    let descriptor = postroad_tun_open()
    switch -descriptor {
    case ENOENT, ENODEV, ENXIO: throw .tunUnavailable
    case EPERM, EACCES:
      throw .notPermitted(device: "/dev/net/tun", capability: "CAP_NET_ADMIN")
    case let error where error > 0:
      throw .system(operation: "open", device: "/dev/net/tun", error: error)
    default: break
    }
    var text = Array(name.utf8.prefix(15)).map { CChar(bitPattern: $0) }
    text += [CChar](repeating: 0, count: 16 - text.count)
    let result = unsafe postroad_tun_attach(descriptor, &text, isTAP ? 1 : 0, vnetHeader ? 1 : 0)
    if result == -EINVAL, vnetHeader { close(descriptor) }
    let octets = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return Attachment(
      descriptor: descriptor, name: String(decoding: octets, as: UTF8.self),
      vnetHeader: vnetHeader, result: result)
  }

  /// What the kernel does with what we write.
  var offload: OffloadCapabilities {
    OffloadCapabilities(checksum: hasVNetHeader, segmentation: hasVNetHeader)
  }

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    var frames = 0
    let start = unsafe buffer + (hasVNetHeader ? MemoryLayout<postroad_vnet_header>.size : 0)
    while frames < limit {
      var header = postroad_vnet_header()
      let count =
        hasVNetHeader
        ? unsafe postroad_vnet_read(descriptor, &header, buffer, Self.bufferSize)
        : unsafe postroad_vnet_read(descriptor, nil, buffer, Self.bufferSize)
      guard count >= 0 else {
        switch Int32(truncatingIfNeeded: -count) {
        case EAGAIN: return frames
        case EINTR: continue
        // What was read counts; the next call tells.
        case _ where frames > 0: return frames
        case let error:
          counters.lastError = error
          if error == EBADFD { throw .gone(device: name) }
          throw .kernel("read from", name, -error)
        }
      }
      frames &+= 1
      guard let facts = Self.facts(header, count: count) else {
        counters.receiveErrors &+= 1
        continue
      }
      counters.received &+= 1
      body(unsafe Span(_unsafeStart: start, count: count), facts)
    }
    return frames
  }

  /// The facts in a header; nil for segmentation of a kind that we did not ask for.
  private static func facts(_ header: postroad_vnet_header, count: Int) -> OffloadFacts? {
    var facts = OffloadFacts.none
    if Int32(header.flags) & Int32(POSTROAD_VNET_NEEDS_CHECKSUM) != 0 {
      guard Int(header.checksum_start) &+ Int(header.checksum_offset) &+ 2 <= count else {
        return nil
      }
      facts.checksum = .partial(start: header.checksum_start, offset: header.checksum_offset)
    } else if Int32(header.flags) & Int32(POSTROAD_VNET_VALID) != 0 {
      facts.checksum = .verified
    }
    switch Int32(header.gso_type) & ~Int32(POSTROAD_VNET_GSO_ECN) {
    case Int32(POSTROAD_VNET_GSO_NONE): break
    case Int32(POSTROAD_VNET_GSO_TCPV4):
      facts.segmentSize = header.gso_size
      facts.headerLength = header.header_length
    default: return nil
    }
    return facts
  }

  /// Writes one frame from its pieces; false when the device's queue is full.
  mutating func transmit(
    _ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    var header = postroad_vnet_header()
    if case .partial(let start, let offset) = offload.checksum {
      header.flags = UInt8(POSTROAD_VNET_NEEDS_CHECKSUM)
      header.checksum_start = start
      header.checksum_offset = offset
    }
    if offload.segmentSize > 0 {
      header.gso_type = UInt8(POSTROAD_VNET_GSO_TCPV4)
      header.gso_size = offload.segmentSize
      header.header_length = offload.headerLength
    }
    if !hasVNetHeader, header.flags != 0 || header.gso_type != 0 {
      // Nobody behind a plain device could finish this frame.
      counters.transmitErrors &+= 1
      counters.lastError = EOPNOTSUPP
      return true
    }
    while true {
      switch -write(&header, first, second, third) {
      case EINTR: continue
      case EAGAIN, ENOBUFS:
        counters.refused &+= 1
        return false
      case let error where error > 0:
        counters.transmitErrors &+= 1
        counters.lastError = error
        return true
      default:
        counters.transmitted &+= 1
        return true
      }
    }
  }

  private func write(
    _ header: inout postroad_vnet_header, _ first: Span<UInt8>, _ second: Span<UInt8>,
    _ third: Span<UInt8>
  ) -> Int32 {
    unsafe withUnsafePointer(to: &header) { vnet in
      unsafe first.withUnsafeBufferPointer { first in
        unsafe second.withUnsafeBufferPointer { second in
          unsafe third.withUnsafeBufferPointer { third in
            let result = unsafe postroad_vnet_write(
              descriptor, hasVNetHeader ? vnet : nil, first.baseAddress, first.count,
              second.baseAddress, second.count, third.baseAddress, third.count)
            return Int32(truncatingIfNeeded: min(result, 0))
          }
        }
      }
    }
  }
}
