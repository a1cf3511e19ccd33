/// Buffers for frames, in two sizes: for packets of an ordinary MTU, and for whole super-packets.
///
/// One thread owns a pool. Leases are bounded in number for each size; a lease that is refused is
/// counted, for the caller then drops a frame. Buffers are kept and used again: in the steady state
/// nothing is allocated, and a lease retains and releases nothing.
public final class FramePool {
  /// Octets in a buffer of the small size, headroom included.
  public static let smallSize = 2048
  /// Octets in a buffer of the large size: 65,535 and headroom for every header.
  public static let largeSize = 68 * 1024

  /// Buffers of one size.
  @safe
  private struct SizeClass {
    let size: Int
    let limit: Int
    var leased = 0
    var free: [UnsafeMutablePointer<UInt8>] = unsafe []

    mutating func take() -> UnsafeMutablePointer<UInt8>? {
      guard leased < limit else { return nil }
      leased &+= 1
      if let buffer = unsafe free.popLast() { return unsafe buffer }
      return .allocate(capacity: size)
    }

    mutating func giveBack(_ buffer: UnsafeMutablePointer<UInt8>) {
      leased &-= 1
      unsafe free.append(buffer)
    }
  }

  private var small: SizeClass
  private var large: SizeClass
  /// Leases refused because the bound was reached.
  public private(set) var refusals: UInt64 = 0

  /// A pool that lends at most so many buffers of each size at once.
  public init(smallLimit: Int = 8192, largeLimit: Int = 128) {
    unsafe small = SizeClass(size: Self.smallSize, limit: smallLimit)
    unsafe large = SizeClass(size: Self.largeSize, limit: largeLimit)
  }

  deinit {
    unsafe small.free.forEach { unsafe $0.deallocate() }
    unsafe large.free.forEach { unsafe $0.deallocate() }
  }

  /// Small buffers lent now.
  public var smallLeased: Int { small.leased }
  /// Large buffers lent now.
  public var largeLeased: Int { large.leased }

  /// Lends a buffer that can hold `octets` behind `headroom`: nil, and counted, at the bound.
  public func lease(forAtLeast octets: Int, headroom: Int = Frame.defaultHeadroom) -> Frame? {
    let sizes = 0...Self.largeSize
    guard sizes.contains(octets), sizes.contains(headroom) else { return refuse() }
    let needed = octets &+ headroom
    guard needed <= Self.largeSize else { return refuse() }
    if needed <= Self.smallSize {
      guard let buffer = unsafe small.take() else { return refuse() }
      return unsafe Frame(
        buffer: buffer, capacity: Self.smallSize, headroom: headroom, pool: .passUnretained(self))
    }
    guard let buffer = unsafe large.take() else { return refuse() }
    return unsafe Frame(
      buffer: buffer, capacity: Self.largeSize, headroom: headroom, pool: .passUnretained(self))
  }

  private func refuse() -> Frame? {
    refusals &+= 1
    return nil
  }

  /// Called by a frame when it is first lent: a pool lives as long as any of its leases.
  fileprivate func hold() {
    guard small.leased &+ large.leased == 1 else { return }
    _ = unsafe Unmanaged.passRetained(self)
  }

  fileprivate func giveBack(_ buffer: UnsafeMutablePointer<UInt8>, capacity: Int) {
    if capacity == Self.smallSize {
      unsafe small.giveBack(buffer)
    } else {
      unsafe large.giveBack(buffer)
    }
    guard small.leased &+ large.leased == 0 else { return }
    unsafe Unmanaged.passUnretained(self).release()
  }
}

/// A leased buffer with a frame in it; it goes back to its pool when it ends.
@safe
public struct Frame: ~Copyable {
  /// Room in front of a new frame for headers that are put there later.
  public static let defaultHeadroom = 64

  private let buffer: UnsafeMutablePointer<UInt8>
  private let size: Int
  private var start: Int
  private var end: Int
  private let pool: Unmanaged<FramePool>
  /// What is known about the frame's checksum and segmentation.
  public var offload = OffloadFacts.none

  fileprivate init(
    buffer: UnsafeMutablePointer<UInt8>, capacity: Int, headroom: Int, pool: Unmanaged<FramePool>
  ) {
    unsafe self.buffer = unsafe buffer
    size = capacity
    start = headroom
    end = headroom
    unsafe self.pool = unsafe pool
    unsafe pool._withUnsafeGuaranteedRef { $0.hold() }
  }

  deinit { unsafe pool._withUnsafeGuaranteedRef { unsafe $0.giveBack(buffer, capacity: size) } }

  /// Octets in the frame.
  public var count: Int { end &- start }
  /// Octets that can still be put in front.
  public var headroom: Int { start }
  /// Octets that can still be appended.
  public var spare: Int { size &- end }

  /// The frame's octets.
  public var octets: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: UnsafePointer(buffer + start), count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The frame's octets, to be changed in place.
  public var mutableOctets: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      let span = unsafe MutableSpan(_unsafeStart: buffer + start, count: count)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }

  /// Lets `body` append octets behind the frame's last.
  public mutating func withSpare<Result, Failure: Error>(
    _ body: (inout OutputSpan<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let free = unsafe UnsafeMutableBufferPointer(start: buffer + end, count: spare)
    var output = unsafe OutputSpan(buffer: free, initializedCount: 0)
    let result: Result
    do throws(Failure) {
      result = try body(&output)
    } catch {
      end &+= unsafe output.finalize(for: free)
      throw error
    }
    end &+= unsafe output.finalize(for: free)
    return result
  }

  /// Appends as many of the octets as fit, and says how many that were.
  @discardableResult
  public mutating func append(_ octets: Span<UInt8>) -> Int {
    let taken = min(octets.count, spare)
    withSpare { output in output.append(copying: octets.extracting(first: taken)) }
    return taken
  }

  /// Puts octets in front of the frame's first. There must be headroom for them.
  public mutating func prepend(_ octets: Span<UInt8>) {
    precondition(
      octets.count <= headroom, "more octets put in front of a frame than it has headroom")
    start &-= octets.count
    var span = mutableOctets
    span.copy(from: octets, at: 0)
  }

  /// Drops octets at the front, such as a header that has been read.
  public mutating func removeFirst(_ length: Int) {
    precondition(length >= 0 && length <= count, "more octets removed from a frame than it holds")
    start &+= length
  }

  /// Cuts the frame to its first `length` octets, such as link padding off.
  public mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count, "a frame cut to more octets than it holds")
    end = start &+ length
  }
}
