import Octets
import Testing

@Suite("Text in one buffer")
struct TextBufferTests {
  static let numbers: [Int64] =
    [.min, .min + 1, -1, 0, .max]
    + (0...18).flatMap { digits in
      let power = (0..<digits).reduce(Int64(1)) { product, _ in product * 10 }
      return [power - 1, power, power + 1, -power]
    }

  @Test("numbers are told as Swift tells them", arguments: numbers)
  func decimal(_ number: Int64) {
    #expect(TextBuffer.string { $0.append(decimal: number) } == "\(number)")
    #expect(TextBuffer.string { $0.append(decimal: number.magnitude) } == "\(number.magnitude)")
    let hexadecimal = TextBuffer.string { $0.append(hexadecimal: number.magnitude) }
    #expect(hexadecimal == String(number.magnitude, radix: 16))
  }

  @Test("every number of eight bits, in both ways of counting")
  func octets() {
    for number in UInt8.min ... .max {
      #expect(TextBuffer.string { $0.append(decimal: number) } == "\(number)")
      let two = TextBuffer.string { $0.append(hexadecimal: UInt64(number), digits: 2) }
      #expect(two.utf8.count == 2 && UInt8(two, radix: 16) == number)
    }
  }

  @Test(
    "times have their places, and what is smaller is cut off",
    arguments: [
      (0, "0.000000000", "0.000000", "0.000"),
      (1, "0.000000001", "0.000000", "0.000"),
      (-1, "-0.000000001", "-0.000000", "0.000"),
      (1_002_003_004, "1.002003004", "1.002003", "1002.003"),
      (-999_999_999, "-0.999999999", "-0.999999", "-999.999"),
      (90_000_000_000, "90.000000000", "90.000000", "90000.000"),
      (Int64.min, "-9223372036.854775808", "-9223372036.854775", "-9223372036854.775"),
    ])
  func times(_ nanoseconds: Int64, _ nine: String, _ six: String, _ milli: String) {
    #expect(TextBuffer.string { $0.append(seconds: nanoseconds) } == nine)
    #expect(TextBuffer.string { $0.append(secondsToMicroseconds: nanoseconds) } == six)
    #expect(TextBuffer.string { $0.append(milliseconds: nanoseconds) } == milli)
  }

  @Test("pieces of all kinds follow one another, beyond the room there was")
  func pieces() {
    var text = TextBuffer(capacity: 1)
    var expected = ""
    for number in 0..<300 {
      text.append("–literal–")
      text.append(string: "string ä ")
      text.append(copying: Array("octets".utf8).span)
      text.append(octet: 65)
      text.append(decimal: number)
      expected += "–literal–string ä octetsA\(number)"
    }
    #expect(text.string == expected)
    #expect(text.count == expected.utf8.count)
    text.truncate(to: 5)
    #expect([UInt8](copying: text.octets) == Array("–li".utf8))
    text.removeAll()
    #expect(text.string.isEmpty)
  }

  @Test("what is aligned to the right fills its width, and no more")
  func alignment() {
    var text = TextBuffer(capacity: 1)
    text.append("<")
    text.append(decimal: 42)
    text.alignRight(from: 1, width: 100)
    #expect(text.string == "<" + String(repeating: " ", count: 98) + "42")
    text.alignRight(from: 0, width: 10)
    #expect(text.count == 101)
  }
}
