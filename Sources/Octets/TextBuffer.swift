/// Text as UTF-8 octets, appended to one piece of memory that is used again for the next text.
///
/// What is told of millions of packets has no time for a `String` each.
@safe
public struct TextBuffer: ~Copyable, @unchecked Sendable {
  // `@unchecked`: the memory is this buffer's alone, and goes where it goes.
  @usableFromInline var start: UnsafeMutablePointer<UInt8>
  @usableFromInline var capacity: Int
  @usableFromInline var length = 0
  /// Octets held.
  @inlinable public var count: Int { length }

  /// An empty buffer with room for so many octets; it grows by itself.
  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 64)
    unsafe start = .allocate(capacity: self.capacity)
  }

  deinit { unsafe start.deallocate() }

  /// What `body` writes, as a string.
  public static func string(_ body: (inout TextBuffer) -> Void) -> String {
    var text = TextBuffer()
    body(&text)
    return text.string
  }

  /// The text, copied.
  public var string: String {
    unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  /// The octets of the text.
  public var octets: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: UnsafePointer(start), count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Empties the buffer and keeps its memory.
  public mutating func removeAll() { length = 0 }

  /// Drops what was appended after there were `count` octets.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= length, "a text cut to more octets than it holds")
    length = count
  }

  /// Where the next octets go, with room for `length` of them.
  @unsafe @inlinable @inline(__always)
  package mutating func room(for length: Int) -> UnsafeMutablePointer<UInt8> {
    if length > capacity &- count { grow(by: length) }
    return unsafe start + count
  }

  @inline(never)
  @usableFromInline mutating func grow(by length: Int) {
    let size = max(capacity * 2, count + length)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    unsafe grown.initialize(from: start, count: count)
    unsafe start.deallocate()
    unsafe start = grown
    capacity = size
  }

  /// Counts octets that were put where ``room(for:)`` says.
  @inlinable @inline(__always)
  package mutating func advance(by length: Int) { self.length &+= length }

  /// Appends text that stands in the program.
  @inlinable @inline(__always)
  public mutating func append(_ literal: StaticString) {
    let length = literal.utf8CodeUnitCount
    unsafe room(for: length).update(from: literal.utf8Start, count: length)
    advance(by: length)
  }

  /// Appends a string.
  public mutating func append(string: String) {
    var string = string
    string.withUTF8 { octets in
      guard let from = octets.baseAddress else { return }
      unsafe room(for: octets.count).update(from: from, count: octets.count)
      advance(by: octets.count)
    }
  }

  /// Appends octets, which are UTF-8.
  public mutating func append(copying octets: Span<UInt8>) {
    unsafe octets.withUnsafeBufferPointer { octets in
      guard let from = octets.baseAddress else { return }
      unsafe room(for: octets.count).update(from: from, count: octets.count)
      advance(by: octets.count)
    }
  }

  /// Appends one octet of UTF-8.
  @inlinable @inline(__always)
  public mutating func append(octet: UInt8) {
    unsafe room(for: 1).pointee = octet
    advance(by: 1)
  }
}

// Numbers.
extension TextBuffer {
  /// Appends a number in decimal digits.
  @inlinable @inline(__always)
  public mutating func append(decimal number: some FixedWidthInteger) {
    if number < 0 { append(octet: UInt8(ascii: "-")) }
    appendDigits(UInt64(number.magnitude))
  }

  /// Appends a number of 8 bits in decimal digits.
  @inlinable @inline(__always)
  public mutating func append(decimal number: UInt8) {
    let place = unsafe room(for: 3)
    var length = 0
    if number > 9 {
      if number > 99 {
        unsafe place[0] = 48 &+ number / 100
        length = 1
      }
      unsafe place[length] = 48 &+ number / 10 % 10
      length &+= 1
    }
    unsafe place[length] = 48 &+ number % 10
    advance(by: length &+ 1)
  }

  @usableFromInline mutating func appendDigits(_ number: UInt64) {
    let place = unsafe room(for: 20)
    guard number > 99_999_999 else {
      return advance(by: unsafe Self.put(UInt32(truncatingIfNeeded: number), at: place))
    }
    var length: Int
    let (high, low) = number.quotientAndRemainder(dividingBy: 100_000_000)
    if high > 99_999_999 {
      let (highest, middle) = high.quotientAndRemainder(dividingBy: 100_000_000)
      length = unsafe Self.put(UInt32(truncatingIfNeeded: highest), at: place)
      unsafe Self.put(eight: UInt32(truncatingIfNeeded: middle), at: place + length)
      length &+= 8
    } else {
      length = unsafe Self.put(UInt32(truncatingIfNeeded: high), at: place)
    }
    unsafe Self.put(eight: UInt32(truncatingIfNeeded: low), at: place + length)
    advance(by: length &+ 8)
  }

  /// Puts a number of at most eight digits at a place, and says how many it has.
  @inline(__always)
  private static func put(_ number: UInt32, at place: UnsafeMutablePointer<UInt8>) -> Int {
    if number < 10_000 { return unsafe put(small: number, at: place) }
    let (high, low) = number.quotientAndRemainder(dividingBy: 10_000)
    let length = unsafe put(small: high, at: place)
    unsafe put(four: low, at: place + length)
    return length &+ 4
  }

  /// Puts a number of at most four digits at a place, and says how many it has.
  @inline(__always)
  private static func put(small number: UInt32, at place: UnsafeMutablePointer<UInt8>) -> Int {
    if number < 100 {
      if number > 9 {
        unsafe put(pair: number, at: place)
        return 2
      }
      unsafe place[0] = 48 &+ UInt8(truncatingIfNeeded: number)
      return 1
    }
    if number > 999 {
      unsafe put(four: number, at: place)
      return 4
    }
    let high = number / 100
    unsafe place[0] = 48 &+ UInt8(truncatingIfNeeded: high)
    unsafe put(pair: number &- high &* 100, at: place + 1)
    return 3
  }

  @inline(__always)
  private static func put(eight number: UInt32, at place: UnsafeMutablePointer<UInt8>) {
    let high = number / 10_000
    unsafe put(four: high, at: place)
    unsafe put(four: number &- high &* 10_000, at: place + 4)
  }

  @inline(__always)
  private static func put(four number: UInt32, at place: UnsafeMutablePointer<UInt8>) {
    let high = number / 100
    unsafe put(pair: high, at: place)
    unsafe put(pair: number &- high &* 100, at: place + 2)
  }

  /// The numbers from 00 to 99, one behind the other.
  private static var pairs: StaticString {
    """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839\
    40414243444546474849505152535455565758596061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899
    """
  }

  @inline(__always)
  private static func put(pair: UInt32, at place: UnsafeMutablePointer<UInt8>) {
    let from = unsafe UnsafeRawPointer(pairs.utf8Start)
    let two = unsafe from.loadUnaligned(fromByteOffset: Int(pair &* 2), as: UInt16.self)
    unsafe UnsafeMutableRawPointer(place).storeBytes(of: two, as: UInt16.self)
  }

  /// Appends the four octets of a number in decimal digits, with dots between them.
  public mutating func append(dotted number: UInt32) {
    // One more than the longest, for the dot that is taken away again.
    let place = unsafe room(for: 16)
    var length = 0
    for shift in stride(from: 24 as UInt32, through: 0, by: -8) {
      length &+= unsafe Self.put(small: number >> shift & 255, at: place + length)
      unsafe place[length] = UInt8(ascii: ".")
      length &+= 1
    }
    advance(by: length &- 1)
  }

  /// Appends nanoseconds as seconds with nine places.
  public mutating func append(seconds nanoseconds: Int64) {
    if nanoseconds < 0 { append(octet: UInt8(ascii: "-")) }
    let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    appendDigits(whole)
    let place = unsafe room(for: 10)
    let tenth = UInt32(truncatingIfNeeded: rest / 100_000_000)
    unsafe place[0] = UInt8(ascii: ".")
    unsafe place[1] = 48 &+ UInt8(truncatingIfNeeded: tenth)
    unsafe Self.put(eight: UInt32(truncatingIfNeeded: rest) &- tenth &* 100_000_000, at: place + 2)
    advance(by: 10)
  }

  /// Appends nanoseconds as seconds with six places; what is smaller is cut off.
  public mutating func append(secondsToMicroseconds nanoseconds: Int64) {
    if nanoseconds < 0 { append(octet: UInt8(ascii: "-")) }
    let (whole, rest) = (nanoseconds.magnitude / 1000).quotientAndRemainder(dividingBy: 1_000_000)
    appendDigits(whole)
    let place = unsafe room(for: 7)
    let high = UInt32(truncatingIfNeeded: rest) / 100
    unsafe place[0] = UInt8(ascii: ".")
    unsafe Self.put(four: high, at: place + 1)
    unsafe Self.put(pair: UInt32(truncatingIfNeeded: rest) &- high &* 100, at: place + 5)
    advance(by: 7)
  }

  /// Appends nanoseconds as milliseconds with three places; what is smaller is cut off.
  public mutating func append(milliseconds nanoseconds: Int64) {
    let micro = nanoseconds / 1000
    if micro < 0 { append(octet: UInt8(ascii: "-")) }
    let (whole, rest) = micro.magnitude.quotientAndRemainder(dividingBy: 1000)
    appendDigits(whole)
    let place = unsafe room(for: 4)
    unsafe place[0] = UInt8(ascii: ".")
    unsafe place[1] = 48 &+ UInt8(truncatingIfNeeded: rest / 100)
    unsafe Self.put(pair: UInt32(truncatingIfNeeded: rest % 100), at: place + 2)
    advance(by: 4)
  }

  /// Appends a number in hexadecimal digits, at least so many.
  public mutating func append(hexadecimal number: UInt64, digits least: Int = 1) {
    var shift = 60
    while shift > 0, number >> UInt64(shift) == 0, shift >= least &* 4 { shift &-= 4 }
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
      append(octet: digit < 10 ? 48 &+ digit : 87 &+ digit)
      shift &-= 4
    }
  }

  /// Moves what was appended after there were `mark` octets to the right, so that it fills `width`.
  public mutating func alignRight(from mark: Int, width: Int) {
    precondition(mark >= 0 && mark <= count, "a mark behind the end of a text")
    let length = count &- mark
    guard length < width else { return }
    let missing = width &- length
    _ = unsafe room(for: missing)
    let from = unsafe start + mark
    unsafe (from + missing).update(from: from, count: length)
    unsafe from.update(repeating: 32, count: missing)
    advance(by: missing)
  }
}
