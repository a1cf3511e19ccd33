import Glibc
public import Wire

/// Writes a pcapng file as frames come: one section, any number of interfaces, nanoseconds.
///
/// A failed write is remembered and ends the writing; ``flush()`` tells. Numbers are least significant
/// octet first. Source: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3.
public struct PcapngWriter: ~Copyable, Sendable {
  /// Which way a frame went, as `epb_flags` tells it.
  public enum Direction: UInt32, Sendable {
    /// Not known.
    case unknown = 0
    /// Received by the interface.
    case inbound = 1
    /// Sent by the interface.
    case outbound = 2
  }

  private static let bufferLimit = 65_536
  private let descriptor: Int32
  private let path: String
  private var buffer: [UInt8] = []
  private var interfaceCount: UInt32 = 0
  private var failure: Int32 = 0
  /// Frames written.
  public private(set) var count = 0

  /// Makes or overwrites a file.
  public init(path: String) throws(CaptureError) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .file(path: path, error: errno) }
    self.init(descriptor: descriptor, path: path)
  }

  /// Writes to an open descriptor, which is closed at the end.
  public init(descriptor: Int32, path: String = "descriptor") {
    self.descriptor = descriptor
    self.path = path
    beginSection()
  }

  /// Keeps everything in memory, to be taken by ``takeOctets()``.
  public init() {
    descriptor = -1
    path = "memory"
    beginSection()
  }

  deinit {
    guard descriptor >= 0 else { return }
    if failure == 0 { _ = Self.write(buffer, to: descriptor) }
    close(descriptor)
  }

  /// Describes an interface, and returns the number that its frames are written under.
  public mutating func addInterface(
    name: String, link: LinkType, snapLength: UInt32 = 262_144
  ) -> UInt32 {
    let text = Array(name.utf8.prefix(1024))
    let padded = (text.count &+ 3) & ~3
    let total = UInt32(truncatingIfNeeded: 16 &+ 4 &+ padded &+ 8 &+ 4 &+ 4)
    append(1)
    append(total)
    append(UInt32(link.rawValue))
    append(snapLength)
    append(option: 2, text)
    append(option: 9, [9])
    append(0)
    append(total)
    interfaceCount &+= 1
    return interfaceCount &- 1
  }

  /// Writes one frame.
  ///
  /// - Parameter time: nanoseconds since 1970-01-01 00:00 UTC.
  public mutating func write(
    _ octets: Span<UInt8>, interface: UInt32 = 0, time: Int64, originalLength: Int? = nil,
    direction: Direction = .unknown, comment: String? = nil
  ) {
    guard failure == 0 else { return }
    let note = comment.map { Array($0.utf8.prefix(32_768)) }
    var optionsLength = 0
    if let note { optionsLength &+= 4 &+ (note.count &+ 3) & ~3 }
    if direction != .unknown { optionsLength &+= 8 }
    if optionsLength > 0 { optionsLength &+= 4 }
    let padded = (octets.count &+ 3) & ~3
    let total = UInt32(truncatingIfNeeded: 32 &+ padded &+ optionsLength)
    let ticks = UInt64(max(time, 0))
    append(6)
    append(total)
    append(interface)
    append(UInt32(truncatingIfNeeded: ticks >> 32))
    append(UInt32(truncatingIfNeeded: ticks))
    append(UInt32(truncatingIfNeeded: octets.count))
    append(UInt32(truncatingIfNeeded: originalLength ?? octets.count))
    unsafe octets.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    for _ in octets.count..<padded { buffer.append(0) }
    if let note { append(option: 1, note) }
    if direction != .unknown { append(option: 2, [UInt8(direction.rawValue), 0, 0, 0]) }
    if optionsLength > 0 { append(0) }
    append(total)
    count &+= 1
    if descriptor >= 0, buffer.count >= Self.bufferLimit { drain() }
  }

  /// Hands everything written so far to the kernel; throws the first failure there was.
  public mutating func flush() throws(CaptureError) {
    drain()
    guard failure == 0 else { throw .file(path: path, error: failure) }
  }

  /// Takes what was written to memory since the last time.
  public mutating func takeOctets() -> [UInt8] {
    var taken: [UInt8] = []
    if descriptor < 0 { swap(&taken, &buffer) }
    return taken
  }

  private mutating func drain() {
    guard descriptor >= 0, failure == 0 else { return }
    failure = Self.write(buffer, to: descriptor)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes all octets; 0 or an errno.
  private static func write(_ octets: [UInt8], to descriptor: Int32) -> Int32 {
    unsafe octets.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
        let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        written &+= count
      }
      return 0
    }
  }

  private mutating func beginSection() {
    append(0x0A0D_0D0A)
    append(28)
    append(0x1A2B_3C4D)
    append(1)  // version 1.0
    append(.max)  // the section's length is not known in advance
    append(.max)
    append(28)
  }

  private mutating func append(_ value: UInt32) {
    buffer.append(UInt8(truncatingIfNeeded: value))
    buffer.append(UInt8(truncatingIfNeeded: value >> 8))
    buffer.append(UInt8(truncatingIfNeeded: value >> 16))
    buffer.append(UInt8(truncatingIfNeeded: value >> 24))
  }

  private mutating func append(option code: UInt32, _ octets: [UInt8]) {
    append(code | UInt32(truncatingIfNeeded: octets.count) << 16)
    buffer += octets
    for _ in octets.count..<((octets.count &+ 3) & ~3) { buffer.append(0) }
  }
}
