/// Writes one JSON object a line, without making objects first: captures have millions of frames.
struct JSONLine {
  private(set) var octets: [UInt8] = []
  private var isFirst = true

  /// Octets written so far.
  var count: Int { octets.count }

  mutating func removeAll() { octets.removeAll(keepingCapacity: true) }

  mutating func begin(_ bracket: Unicode.Scalar = "{") {
    separate()
    octets.append(UInt8(ascii: bracket))
    isFirst = true
  }

  mutating func end(_ bracket: Unicode.Scalar = "}") {
    octets.append(UInt8(ascii: bracket))
    isFirst = false
  }

  mutating func newline() {
    octets.append(10)
    isFirst = true
  }

  /// A line of plain text.
  mutating func line(_ text: String) {
    octets.append(contentsOf: text.utf8)
    newline()
  }

  /// The name of the next member.
  mutating func key(_ name: StaticString) {
    separate()
    octets.append(UInt8(ascii: "\""))
    unsafe octets.append(
      contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    octets.append(UInt8(ascii: "\""))
    octets.append(UInt8(ascii: ":"))
    isFirst = true
  }

  mutating func member(_ name: StaticString, _ number: Int?) {
    guard let number else { return }
    key(name)
    value(number)
  }

  mutating func member(_ name: StaticString, _ text: String) {
    key(name)
    value(text)
  }

  /// A time in nanoseconds, told in seconds.
  mutating func member(_ name: StaticString, seconds nanoseconds: Int64?) {
    guard let nanoseconds else { return }
    key(name)
    seconds(nanoseconds)
  }

  mutating func value(_ number: Int) {
    separate()
    digits(number)
  }

  mutating func value(_ flag: Bool) {
    separate()
    octets.append(contentsOf: (flag ? "true" : "false").utf8)
  }

  /// Nanoseconds as seconds, with nine places.
  mutating func seconds(_ nanoseconds: Int64) {
    separate()
    if nanoseconds < 0 { octets.append(UInt8(ascii: "-")) }
    let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    digits(Int(whole))
    octets.append(UInt8(ascii: "."))
    var divisor: UInt64 = 100_000_000
    while divisor > 0 {
      octets.append(UInt8(ascii: "0") &+ UInt8(rest / divisor % 10))
      divisor /= 10
    }
  }

  /// RFC 8259 section 7.
  mutating func value(_ text: String) {
    separate()
    octets.append(UInt8(ascii: "\""))
    for octet in text.utf8 {
      switch octet {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        octets.append(UInt8(ascii: "\\"))
        octets.append(octet)
      case 0..<32, 127:
        octets.append(contentsOf: "\\u00".utf8)
        octets.append(hex(octet >> 4))
        octets.append(hex(octet & 15))
      default: octets.append(octet)
      }
    }
    octets.append(UInt8(ascii: "\""))
  }

  private mutating func separate() {
    if !isFirst { octets.append(UInt8(ascii: ",")) }
    isFirst = false
  }

  private func hex(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
  }

  private mutating func digits(_ number: Int) {
    if number < 0 { octets.append(UInt8(ascii: "-")) }
    var rest = number.magnitude
    let start = octets.count
    repeat {
      octets.append(UInt8(ascii: "0") &+ UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    octets[start...].reverse()
  }
}
