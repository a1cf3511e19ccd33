import Glibc

/// Octets of a file, as a window that grows with what the file holds, never with what it claims.
struct OctetSource: ~Copyable, Sendable {
  private let descriptor: Int32
  private var window: [UInt8]
  private var start = 0
  private var chunk: [UInt8]
  /// The errno that ended the reading, or 0.
  private(set) var failure: Int32 = 0
  /// Whether numbers are read least significant octet first.
  var isLittleEndian = true

  /// Octets at hand.
  init(octets: [UInt8]) {
    descriptor = -1
    window = octets
    chunk = []
  }

  /// The octets of an open file, which is closed at the end.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    window = []
    chunk = [UInt8](repeating: 0, count: 65_536)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Octets in the window.
  var available: Int { window.count &- start }

  /// Tries to have at least `count` octets in the window, and says whether they are there.
  mutating func fill(_ count: Int) -> Bool {
    while available < count {
      guard descriptor >= 0 else { return false }
      if start > 0 {
        window.removeFirst(start)
        start = 0
      }
      let got = unsafe read(descriptor, &chunk, chunk.count)
      if got < 0 {
        if errno == EINTR { continue }
        failure = errno
        return false
      }
      guard got > 0 else { return false }
      window.append(contentsOf: chunk[..<got])
    }
    return true
  }

  /// The octet at `offset` in the window, which the caller has filled.
  func octet(at offset: Int) -> UInt8 { window[start &+ offset] }

  /// The 16-bit number at `offset` in the file's byte order.
  func uint16(at offset: Int) -> UInt16 {
    let first = UInt16(octet(at: offset))
    let second = UInt16(octet(at: offset &+ 1))
    return isLittleEndian ? second << 8 | first : first << 8 | second
  }

  /// The 32-bit number at `offset` in the file's byte order.
  func uint32(at offset: Int) -> UInt32 {
    let first = UInt32(uint16(at: offset))
    let second = UInt32(uint16(at: offset &+ 2))
    return isLittleEndian ? second << 16 | first : first << 16 | second
  }

  /// A copy of octets in the window.
  func copy(_ range: Range<Int>) -> [UInt8] {
    Array(window[(start &+ range.lowerBound)..<(start &+ range.upperBound)])
  }

  /// Drops octets at the front of the window.
  mutating func consume(_ count: Int) { start &+= count }

  /// Drops octets, read first where need be; false when the file ends before.
  mutating func skip(_ count: Int) -> Bool {
    var left = count
    while left > 0 {
      guard fill(1) else { return false }
      let step = min(left, available)
      consume(step)
      left &-= step
    }
    return true
  }
}
