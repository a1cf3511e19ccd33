import Glibc
import Octets

/// Octets of a file, as a window that grows with what the file holds, never with what it claims.
struct OctetSource: ~Copyable, Sendable {
  /// Octets that are asked of the kernel at once.
  private static let portion = 256 << 10

  private let descriptor: Int32
  /// The octets from `start` to `end` are the window's.
  private var window: [UInt8]
  private var start = 0
  private var end: Int
  /// The errno that ended the reading, or 0.
  private(set) var failure: Int32 = 0
  /// Whether numbers are read least significant octet first.
  var isLittleEndian = true

  /// Octets at hand.
  init(octets: [UInt8]) {
    descriptor = -1
    window = octets
    end = octets.count
  }

  /// The octets of an open file, which is closed at the end.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    window = [UInt8](repeating: 0, count: Self.portion)
    end = 0
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Octets in the window.
  var available: Int { end &- start }

  /// Tries to have at least `count` octets in the window, and says whether they are there.
  @inline(__always)
  mutating func fill(_ count: Int) -> Bool { available >= count || read(until: count) }

  private mutating func read(until count: Int) -> Bool {
    guard descriptor >= 0 else { return false }
    makeRoom()
    while available < count {
      if end == window.count {
        window.append(contentsOf: repeatElement(0, count: window.count))
      }
      let free = end..<window.count
      let got = unsafe window.withUnsafeMutableBytes {
        unsafe Glibc.read(
          descriptor, $0.baseAddress.map { unsafe $0 + free.lowerBound }, free.count)
      }
      if got < 0 {
        if errno == EINTR { continue }
        failure = errno
        return false
      }
      guard got > 0 else { return false }
      end &+= got
    }
    return true
  }

  /// Moves what is left to the front.
  private mutating func makeRoom() {
    let left = start..<end
    unsafe window.withUnsafeMutableBytes { octets in
      guard let base = octets.baseAddress else { return }
      unsafe base.copyMemory(from: base + left.lowerBound, byteCount: left.count)
    }
    (start, end) = (0, left.count)
  }

  /// The octet at `offset` in the window, which the caller has filled.
  func octet(at offset: Int) -> UInt8 { window[start &+ offset] }

  /// The 16-bit number at `offset` in the file's byte order.
  func uint16(at offset: Int) -> UInt16 {
    let number = window.span.uint16(at: start &+ offset)
    return isLittleEndian ? number.byteSwapped : number
  }

  /// The 32-bit number at `offset` in the file's byte order.
  func uint32(at offset: Int) -> UInt32 {
    let number = window.span.uint32(at: start &+ offset)
    return isLittleEndian ? number.byteSwapped : number
  }

  /// Octets in the window.
  @_lifetime(borrow self)
  func octets(_ range: Range<Int>) -> Span<UInt8> {
    window.span.extracting((start &+ range.lowerBound)..<(start &+ range.upperBound))
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
