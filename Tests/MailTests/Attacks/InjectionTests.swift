import Mail
import Octets
import Testing

/// CR, LF, NUL and other controls in what a program hands to the client, or a store to the server.
@Suite("Attacks: injection through values")
struct InjectionTests {
  static let controls = (0..<32).map { UInt8($0) } + [127]

  @Test("no address, domain or path can hold a control, wherever it is put")
  func unrepresentable() {
    for text in ["a@b", "\"a b\"@b.example", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@[x-y:z]"] {
      let octets = bytes(text)
      for place in 0...octets.count {
        for control in Self.controls {
          let wrong = Array(octets[..<place] + [control] + octets[place...])
          #expect(throws: MailAddressError.self) { try MailAddress(parsing: wrong.span) }
          #expect(throws: MailAddressError.self) {
            try ForwardPath(parsing: (bytes("<") + wrong + bytes(">")).span)
          }
          #expect(throws: MailAddressError.self) {
            try ReversePath(parsing: (bytes("<") + wrong + bytes(">")).span)
          }
          #expect(MailAddress(String(decoding: wrong, as: UTF8.self)) == nil)
        }
      }
    }
    for control in Self.controls {
      let scalar = String(UnicodeScalar(control))
      for name in ["me\(scalar)", "\(scalar)me", "m\(scalar)e", "[x:\(scalar)y]"] {
        #expect(DomainName(name) == nil && MailDomain(name) == nil)
      }
      #expect(LocalPart("a\(scalar)b") == nil)
      #expect(GeneralAddressLiteral(tag: "x\(scalar)", content: "y") == nil)
      #expect(GeneralAddressLiteral(tag: "x", content: "y\(scalar)z") == nil)
    }
  }

  @Test("the classic: a recipient with a command behind it")
  func classic() {
    for text in [
      "a@b>\r\nRCPT TO:<evil@c", "a@b\r\nDATA\r\n", "\"a\r\nDATA\"@b", "a@b> SIZE=1", "a@b>",
      "<a@b",
      "a@b\n", "a@b ", " a@b", "a@b\u{0}", "a@[x:y]\r\nQUIT", "a@[x:y>]\r\n",
    ] {
      #expect(MailAddress(text) == nil, "\(text)")
    }
  }

  @Test("a literal is what the grammar allows, as it was given")
  func literals() throws {
    #expect(try #require(GeneralAddressLiteral(tag: "x-y", content: "z:1")).tag == "x-y")
    for (tag, content) in [
      ("", "y"), ("x", ""), ("x-", "y"), ("x]", "y"), ("x", "y]"), ("x", "[y"), ("x", "y z"),
      ("IPv6", "::1"),
      ("x:y", "z"), ("x", "y\\z"), ("x", "\u{e9}"),
    ] {
      #expect(GeneralAddressLiteral(tag: tag, content: content) == nil, "\(tag):\(content)")
    }
  }

  @Test("a store's name for a message cannot say more than its part of one reply")
  func identifier() {
    var harness = ServerHarness()
    harness.results = [.success("id\r\n250 2.0.0 forged\u{0}\u{1b}[2J\u{e9}")]
    harness.receive(DataPhaseTests.start + bytes("x\r\n.\r\n"))
    let last = harness.served.replyLines.last
    #expect(last == "250 2.0.0 message kept as id??250 2.0.0 forged??[2J??")
  }

  @Test("a message that the client is given cannot end itself, whatever is in it")
  func message() throws {
    for end in SmugglingTests.ends + ["\r\n.\r\n", ".\r\n", "\r\n.\r\n.\r\n"] {
      for place in SmugglingTests.places {
        let attack = SmugglingTests.attack(end, behind: place)
        for piece in [1, 2, 5, attack.count] {
          let (delivery, served) = PairTests.run(attack, piece: piece)
          #expect(delivery?.isComplete == true && served.messages.count == 1)
          let text = String(decoding: served.messages.first?.octets ?? [], as: UTF8.self)
          #expect(text.contains("MAIL FROM:<evil@b>"))
        }
      }
    }
  }
}
