import Mail
import Testing

@Suite("Addresses")
struct AddressTests {
  static let validAddresses: [(String, String)] = [
    ("a@b", "a@b"), ("a.b.c@example.test", "a.b.c@example.test"),
    ("!#$%&'*+-/=?^_`{|}~@example.test", "!#$%&'*+-/=?^_`{|}~@example.test"),
    ("\"john doe\"@example.test", "\"john doe\"@example.test"),
    ("\"a@b\"@example.test", "\"a@b\"@example.test"),
    ("\"john\"@example.test", "john@example.test"),
    ("\"j\\o\\\"e\"@example.test", "\"jo\\\"e\"@example.test"),
    ("\"\"@example.test", "\"\"@example.test"), ("\".a\"@example.test", "\".a\"@example.test"),
    ("a@[192.0.2.1]", "a@[192.0.2.1]"), ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
    ("a@[ipv6:2001:DB8:0:0:0:0:0:1]", "a@[IPv6:2001:db8::1]"),
    ("a@[IPv6:::]", "a@[IPv6:::]"), ("a@[IPv6:::ffff:192.0.2.1]", "a@[IPv6:::ffff:c000:201]"),
    ("a@[IPv6:1:2:3:4:5:6:192.0.2.1]", "a@[IPv6:1:2:3:4:5:6:c000:201]"),
    ("a@[IPv6:1:2:3:4:5:6:7:8]", "a@[IPv6:1:2:3:4:5:6:7:8]"),
    ("a@[IPv6:1::]", "a@[IPv6:1::]"), ("a@[tag:content!]", "a@[tag:content!]"),
    ("a@1.2.3.4", "a@1.2.3.4"), ("a@x-y.example", "a@x-y.example"),
    (String(repeating: "l", count: 64) + "@b", String(repeating: "l", count: 64) + "@b"),
  ]

  @Test("valid addresses are read, and written in one form", arguments: validAddresses)
  func valid(text: String, written: String) throws {
    let address = try MailAddress(parsing: bytes(text).span)
    #expect(address.description == written)
    #expect(MailAddress(address.description) == address, "what is written can be read again")
  }

  static let invalidAddresses: [String] = [
    "", "a", "a@", "@b", "a@@b", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b c", "a@-b", "a@b-",
    "a@b..c", "a@.b", "a@b.", "a@b_c", "\"a@b", "\"a\"b@c", "\"a\\", "a\"b\"@c", "a@[1.2.3]",
    "a@[1.2.3.256]", "a@[1.2.3.4", "a@[1.2.3.4]x", "a@[01234.2.3.4]", "a@[IPv6:1]",
    "a@[IPv6:1:2:3:4:5:6:7:8:9]", "a@[IPv6:1::2::3]", "a@[IPv6:12345::]", "a@[IPv6::1:2]",
    "a@[IPv6:1:2:3:4:5:6:7::]", "a@[IPv6:1:2:3:4:5:6:7:1.2.3.4]", "a@[tag:]", "a@[tag-:x]",
    "a@[tag:a[b]", "a@[]", "a\r\n@b", "\"a\r\nb\"@c", "\"a\u{0}\"@b", "\"a\tb\"@c", "a@b\u{0}",
    "ä@b", "a@bücher.example", "<a@b>", "a,b@c", "a:b@c", "a;b@c", "(x)a@b",
    String(repeating: "l", count: 65) + "@b", "a@" + String(repeating: "d", count: 64),
    "a@" + Array(repeating: "abcdefg", count: 33).joined(separator: "."),
  ]

  @Test("invalid addresses are refused", arguments: invalidAddresses)
  func invalid(text: String) {
    #expect(MailAddress(text) == nil)
  }

  @Test("the error says what is wrong")
  func errors() {
    func error(_ text: String) -> MailAddressError? {
      let octets = bytes(text)
      do throws(MailAddressError) { _ = try MailAddress(parsing: octets.span) } catch {
        return error
      }
      return nil
    }
    #expect(error("a b@c") == .syntax(at: 1))
    #expect(error("ä@b") == .eightBit(at: 0))
    #expect(error("a\u{7}@b") == .control(at: 1))
    #expect(error(String(repeating: "l", count: 70) + "@b") == .localPartTooLong(70))
    #expect(error("a@" + String(repeating: "d", count: 70)) == .domainTooLong(70))
  }

  static let paths: [(String, String?)] = [
    ("<>", "<>"), ("<a@b>", "<a@b>"), ("<@x,@y:a@b>", "<a@b>"), ("<@x:a@b>", "<a@b>"),
    ("<a@b", nil), ("a@b", nil), ("<@x:>", nil), ("<@x,y:a@b>", nil), ("<@x a@b>", nil),
    ("<<a@b>>", nil), ("< a@b>", nil), ("<a@b >", nil), ("<Postmaster>", nil), ("<a>", nil),
    ("<@[1.2.3.4]:a@b>", nil), ("", nil), ("<", nil),
    (
      "<@" + String(repeating: "r.", count: 100) + "r,@"
        + String(repeating: "r.", count: 100) + "r:a@b>", nil
    ),
  ]

  @Test("reverse-paths: null, addresses, and source routes that are ignored", arguments: paths)
  func reversePath(text: String, written: String?) {
    let octets = bytes(text)
    let path = try? ReversePath(parsing: octets.span)
    #expect(path?.description == written)
  }

  @Test("Postmaster needs no domain, in any case of letters; nobody else may go without")
  func postmaster() throws {
    for text in ["<Postmaster>", "<POSTMASTER>", "<postmaster>"] {
      let octets = bytes(text)
      #expect(try ForwardPath(parsing: octets.span) == .postmaster)
    }
    for text in ["<>", "<Postmaste>", "<Postmasters>", "<root>"] {
      let octets = bytes(text)
      #expect(throws: MailAddressError.self) { try ForwardPath(parsing: octets.span) }
    }
  }

  @Test("domains are equal whatever the case of their letters, local parts are not")
  func comparing() throws {
    #expect(DomainName("Example.TEST") == DomainName("example.test"))
    #expect(MailDomain("Example.TEST").hashValue == MailDomain("example.test").hashValue)
    #expect(MailAddress("A@b") != MailAddress("a@b"))
    #expect(MailAddress("\"a\"@b") == MailAddress("a@b"))
    #expect(try #require(LocalPart("A")).matches(#require(LocalPart("a"))))
  }

  @Test(
    "a peer's address becomes a literal",
    arguments: [
      ("192.0.2.7", "[192.0.2.7]"), ("192.0.2.7:2525", "[192.0.2.7]"),
      ("2001:db8::7", "[IPv6:2001:db8::7]"), ("host", nil), ("1.2.3.4\r\nX: y", nil),
    ] as [(String, String?)])
  func literal(text: String, written: String?) {
    #expect(MailDomain(address: text)?.description == written)
  }
}
