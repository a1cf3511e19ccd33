import Octets
import Testing
import Wire

@Suite("DNS in a line")
struct DNSDescriptionTests {
  private static func name(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
  }

  private static func header(_ flags: UInt16, _ questions: UInt8, _ answers: UInt8) -> [UInt8] {
    [0x12, 0x34, UInt8(flags >> 8), UInt8(flags & 255), 0, questions, 0, answers, 0, 0, 0, 0]
  }

  private static func record(_ type: UInt8, _ data: [UInt8]) -> [UInt8] {
    [0xC0, 12, 0, type, 0, 1, 0, 0, 0, 60, UInt8(data.count >> 8), UInt8(data.count & 255)] + data
  }

  private static let question = name("mail.example.test") + [0, 15, 0, 1]

  struct Case: Sendable, CustomTestStringConvertible {
    let octets: [UInt8]
    let line: String
    var testDescription: String { line }
  }

  static let cases = [
    Case(octets: header(0x0100, 1, 0) + question, line: "DNS query 4660 MX mail.example.test"),
    Case(
      octets: header(0x8183, 1, 0) + question,
      line: "DNS answer 4660 NXDOMAIN MX mail.example.test"),
    Case(
      octets: header(0x8180, 1, 4) + question + record(15, [0, 10, 2, 109, 120, 0xC0, 17])
        + record(1, [192, 0, 2, 1]) + record(16, [3, 97, 34, 1, 1, 98])
        + record(28, [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
      line: "DNS answer 4660 MX mail.example.test: MX 10 mx.example.test, A 192.0.2.1,"
        + " TXT \"a\\034\\001b\", AAAA 2001:db8:0:0:0:0:0:1"),
    Case(octets: [1, 2, 3], line: "DNS, cut off"),
    Case(octets: header(0x0100, 1, 0) + [3, 97], line: "DNS query 4660 (cut off)"),
    Case(
      octets: header(0x0100, 1, 0) + [0xC0, 12, 0, 1, 0, 1],
      line: "DNS query 4660 A (pointer not backwards)"),
    Case(
      octets: header(0x8180, 1, 1) + question + record(1, [192, 0]).dropLast(),
      line: "DNS answer 4660 MX mail.example.test: A (cut off)"),
    Case(
      octets: header(0x0100, 1, 0) + [3, 97, 46, 0, 0, 0, 1, 0, 1],
      line: "DNS query 4660 A a\\.\\000"),
  ]

  @Test("questions, answers and how it ended", arguments: cases)
  func line(_ one: Case) {
    #expect(DNSDescription.line(for: one.octets.span) == one.line)
  }

  @Test("random octets, and messages with a changed octet, are described and never trap")
  func random() {
    var random = RandomSource.seeded(3)
    for _ in 0..<20_000 {
      var octets: [UInt8] = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
        Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random)
          : [0, 1, 0xC0, 12][Int.random(in: 0..<4, using: &random)]
      }
      if Bool.random(using: &random) {
        octets = Self.cases[2].octets
        octets[Int.random(in: octets.indices, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      #expect(DNSDescription.line(for: octets.span).hasPrefix("DNS"))
    }
  }
}
