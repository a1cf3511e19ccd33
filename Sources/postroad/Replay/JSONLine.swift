import Octets

/// Writes one JSON object a line, without making objects first: captures have millions of frames.
struct JSONLine: ~Copyable {
  /// What was written so far.
  private(set) var text: TextBuffer
  private var isFirst = true

  init(capacity: Int = 256) { text = TextBuffer(capacity: capacity) }

  /// Octets written so far.
  var count: Int { text.count }

  mutating func removeAll() { text.removeAll() }

  mutating func begin(_ bracket: Unicode.Scalar = "{") {
    separate()
    text.append(octet: UInt8(ascii: bracket))
    isFirst = true
  }

  mutating func end(_ bracket: Unicode.Scalar = "}") {
    text.append(octet: UInt8(ascii: bracket))
    isFirst = false
  }

  mutating func newline() {
    text.append(octet: 10)
    isFirst = true
  }

  /// A line of plain text.
  mutating func line(_ string: String) {
    text.append(string: string)
    newline()
  }

  /// A line of plain text.
  mutating func line(_ body: (inout TextBuffer) -> Void) {
    body(&text)
    newline()
  }

  /// The name of the next member.
  @inline(__always)
  mutating func key(_ name: StaticString) {
    let length = name.utf8CodeUnitCount
    let place = unsafe text.room(for: length + 4)
    unsafe place[0] = UInt8(ascii: ",")
    let start = isFirst ? 0 : 1
    unsafe place[start] = UInt8(ascii: "\"")
    unsafe (place + (start &+ 1)).update(from: name.utf8Start, count: length)
    unsafe place[start &+ length &+ 1] = UInt8(ascii: "\"")
    unsafe place[start &+ length &+ 2] = UInt8(ascii: ":")
    text.advance(by: start &+ length &+ 3)
    isFirst = true
  }

  @inline(__always)
  mutating func member(_ name: StaticString, _ number: Int?) {
    guard let number else { return }
    key(name)
    value(number)
  }

  @inline(__always)
  mutating func member(_ name: StaticString, _ text: String) {
    key(name)
    value(text)
  }

  /// What `body` writes, as a text; there is nothing in it that must be escaped.
  @inline(__always)
  mutating func member(_ name: StaticString, plain body: (inout TextBuffer) -> Void) {
    key(name)
    value(plain: body)
  }

  /// A time in nanoseconds, told in seconds.
  @inline(__always)
  mutating func member(_ name: StaticString, seconds nanoseconds: Int64?) {
    guard let nanoseconds else { return }
    key(name)
    seconds(nanoseconds)
  }

  mutating func value(_ number: Int) {
    separate()
    text.append(decimal: number)
  }

  mutating func value(_ flag: Bool) {
    separate()
    if flag { text.append("true") } else { text.append("false") }
  }

  /// Nanoseconds as seconds, with nine places.
  mutating func seconds(_ nanoseconds: Int64) {
    separate()
    text.append(seconds: nanoseconds)
  }

  mutating func value(_ string: String) {
    separate()
    text.append(octet: UInt8(ascii: "\""))
    let mark = text.count
    text.append(string: string)
    escape(from: mark)
    text.append(octet: UInt8(ascii: "\""))
  }

  /// What `body` writes, as a text; there is nothing in it that must be escaped.
  @inline(__always)
  mutating func value(plain body: (inout TextBuffer) -> Void) {
    separate()
    text.append(octet: UInt8(ascii: "\""))
    body(&text)
    text.append(octet: UInt8(ascii: "\""))
  }

  /// A member with what `body` writes, if it writes anything; nothing in it must be escaped.
  @inline(__always)
  mutating func member(_ name: StaticString, plainIfAny body: (inout TextBuffer) -> Void) {
    let (count, wasFirst) = (text.count, isFirst)
    key(name)
    let empty = text.count + 2
    value(plain: body)
    guard text.count == empty else { return }
    text.truncate(to: count)
    isFirst = wasFirst
  }

  /// RFC 8259 section 7. Nearly no text has anything to escape.
  private mutating func escape(from mark: Int) {
    guard !Self.isPlain(text.octets.extracting(mark..<text.count)) else { return }
    let octets = [UInt8](copying: text.octets.extracting(mark..<text.count))
    text.truncate(to: mark)
    for octet in octets {
      switch octet {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        text.append(octet: UInt8(ascii: "\\"))
        text.append(octet: octet)
      case 0..<32, 127:
        text.append("\\u00")
        text.append(hexadecimal: UInt64(octet), digits: 2)
      default: text.append(octet: octet)
      }
    }
  }

  /// Whether nothing is to be escaped; eight octets are looked at together.
  private static func isPlain(_ octets: Span<UInt8>) -> Bool {
    unsafe octets.withUnsafeBytes { octets in
      let (ones, tops) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
      var odd: UInt64 = 0
      var place = 0
      while place &+ 8 <= octets.count {
        let eight = unsafe octets.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        // A top bit is set where an octet was below 32, or what it is compared with; and perhaps in
        // the one after that.
        let (quote, backslash) = (eight ^ (ones &* 34), eight ^ (ones &* 92))
        let delete = eight ^ (ones &* 127)
        odd |= (eight &- ones &* 32) & ~eight | (quote &- ones) & ~quote
        odd |= (backslash &- ones) & ~backslash | (delete &- ones) & ~delete
        place &+= 8
      }
      guard odd & tops == 0 else { return false }
      while place < octets.count {
        let octet = unsafe octets[place]
        if octet < 32 || octet == 34 || octet == 92 || octet == 127 { return false }
        place &+= 1
      }
      return true
    }
  }

  @inline(__always)
  private mutating func separate() {
    if !isFirst { text.append(octet: UInt8(ascii: ",")) }
    isFirst = false
  }
}
