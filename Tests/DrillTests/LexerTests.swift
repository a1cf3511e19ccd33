import Testing

@testable import Drill

@Suite("the words of a script")
struct LexerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let words: [(Token.Kind, String)]
    var testDescription: String { text }

    init(_ text: String, _ words: (Token.Kind, String)...) {
      self.text = text
      self.words = words
    }
  }

  static let cases: [Case] = [
    Case("", (.end, "")),
    Case("--mtu=1500", (.option, "mtu"), (.punctuation, "="), (.integer, "1500"), (.end, "")),
    Case("+.1", (.punctuation, "+"), (.float, ".1"), (.end, "")),
    Case("0...0.2", (.integer, "0"), (.ellipsis, "..."), (.float, "0.2"), (.end, "")),
    Case("0.1...0.2", (.float, "0.1"), (.ellipsis, "..."), (.float, "0.2"), (.end, "")),
    Case("S.", (.word, "S"), (.punctuation, "."), (.end, "")),
    Case("S.5", (.word, "S"), (.float, ".5"), (.end, "")),
    Case(
      "-5 -.5 - 5", (.integer, "-5"), (.float, "-.5"), (.punctuation, "-"), (.integer, "5"),
      (.end, "")),
    Case("0x2 0x 02", (.hexadecimal, "0x2"), (.word, "0x"), (.integer, "02"), (.end, "")),
    Case("3021b9d889017eeb 1000ms", (.word, "3021b9d889017eeb"), (.word, "1000ms"), (.end, "")),
    Case("192.0.2.1", (.ipv4Address, "192.0.2.1"), (.end, "")),
    Case("1.2.3", (.float, "1.2"), (.float, ".3"), (.end, "")),
    Case("2001:db8::1", (.ipv6Address, "2001:db8::1"), (.end, "")),
    Case("::ffff:192.0.2.1", (.ipv6Address, "::ffff:192.0.2.1"), (.end, "")),
    Case("1:2:3:4:5:6:7:8", (.ipv6Address, "1:2:3:4:5:6:7:8"), (.end, "")),
    Case("::1:", (.ipv6Address, "::1"), (.punctuation, ":"), (.end, "")),
    Case(
      "1:1001(1000)", (.integer, "1"), (.punctuation, ":"), (.integer, "1001"), (.punctuation, "("),
      (.integer, "1000"), (.punctuation, ")"), (.end, "")),
    Case("a//b\nc/*d\n*/e", (.word, "a"), (.word, "c"), (.word, "e"), (.end, "")),
    Case("\"a // \\\" b\"", (.string, "a // \\\" b"), (.end, "")),
    Case("`x\n\\`y`", (.backquoted, "x\n\\`y"), (.end, "")),
    Case("%{ \tassert 1\n }%", (.code, "assert 1\n"), (.end, "")),
    Case("% {", (.punctuation, "%"), (.punctuation, "{"), (.end, "")),
    Case("a\r\n#", (.word, "a"), (.punctuation, "#"), (.end, "")),
  ]

  @Test("words are cut where the longest match ends", arguments: cases)
  func words(_ example: Case) throws {
    let tokens = try Lexer.tokens(of: Array(example.text.utf8), file: "x.pkt")
    #expect(tokens.map(\.kind) == example.words.map(\.0))
    #expect(tokens.map(\.text) == example.words.map(\.1))
  }

  @Test(
    "what is opened must be closed; the message names the line where it was opened",
    arguments: [
      ("\n\"abc", "x.pkt:2: expected a closing '\"', found none"),
      ("`a\nb", "x.pkt:1: expected a closing '`', found none"),
      ("\n\n%{ assert 1 ", "x.pkt:3: expected a closing '}%', found none"),
      ("a /* b\n\n", "x.pkt:1: expected a closing '*/', found none"),
    ])
  func unclosed(text: String, message: String) {
    let error = #expect(throws: ScriptError.self) {
      _ = try Lexer.tokens(of: Array(text.utf8), file: "x.pkt")
    }
    #expect(error?.description == message)
  }

  @Test("a word knows its line, also behind strings and comments with several lines")
  func lines() throws {
    let tokens = try Lexer.tokens(of: Array("a\n/*\n*/b `\n` c".utf8), file: "x.pkt")
    #expect(tokens.map(\.line) == [1, 3, 3, 4, 4])
  }

  @Test(
    "an IPv6 address has a gap, eight groups, or a dotted quad at its end",
    arguments: [
      ("::", true), ("::1", true), ("1::", true), ("fd3d:fa7b:d17d:8888::0", true),
      ("1:2:3:4:5:6:7:8", true), ("1:2:3:4:5:6:192.0.2.1", true), ("1:2:3:4:5:6:7", false),
      ("1:2:3:4:5:6:7:8:9", false), ("1::2::3", false), (":::", false), ("12345::", false),
      ("1:2:3:4:5:6:7::", true), ("1:2:3:4:5:6:7::8", false), ("g::", false), ("1:1001", false),
      ("192.0.2.1::", false),
    ])
  func addresses(text: String, isAddress: Bool) {
    #expect(AddressScanner.isIPv6(text) == isAddress)
  }
}
