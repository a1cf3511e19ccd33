import Mail
import Octets
import Testing

/// CVE-2023-51764, -51765 and -51766, CERT VU#302671: where two servers disagree about the end of a
/// message, a second one travels inside the first.
@Suite("Attacks: SMTP smuggling")
struct SmugglingTests {
  /// The ends that some server has taken for CR LF . CR LF.
  static let ends = [
    "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r",
    "\r\n\u{0}.\r\n",
    "\r\n.\u{0}\r\n",
  ]
  /// Where the false end stands: first thing behind 354, in the header, in the text, behind a line.
  static let places = ["", "Subject: x", "Subject: x\r\n\r\ntext", "Subject: x\r\n\r\ntext\r\n"]

  static func attack(_ end: String, behind text: String) -> [UInt8] {
    bytes(
      text + end + "MAIL FROM:<evil@b>\r\nRCPT TO:<d@example.test>\r\nDATA\r\nsmuggled\r\n.\r\n")
  }

  @Test(
    "no false end makes a second message, wherever it stands and however it is cut",
    arguments: ends, places)
  func secondMessage(end: String, place: String) {
    let attack = Self.attack(end, behind: place)
    for policy in [BareLineEndPolicy.refuse, .normalize] {
      let server = configuration { $0.bareLineEnds = policy }
      let whole = DataPhaseTests.send(attack, server)
      // One reply to the message and one to QUIT: what was inside was not followed.
      #expect(whole.replyLines.count == 11, "\(policy)")
      #expect(whole.messages.count <= 1)
      for message in whole.messages {
        let text = String(decoding: message.octets, as: UTF8.self)
        #expect(text.contains("MAIL FROM:<evil@b>\r\n"), "what looked like commands is text")
        #expect(FuzzTests.hasOnlyWholeLineEnds(message.octets), "no line end is passed on bare")
      }
      if policy == .refuse, end.utf8.contains(0) == false { #expect(whole.messages.isEmpty) }
      for cut in 0...attack.count {
        #expect(
          DataPhaseTests.send(attack, server, cutAt: cut) == whole, "\(policy), cut at \(cut)")
      }
    }
  }

  @Test(
    "with each octet of a false end, and of the true one, in a segment of its own", arguments: ends)
  func twoCuts(end: String) {
    let attack = Self.attack(end, behind: "a")
    let whole = DataPhaseTests.send(attack)
    let octets = attack + bytes("QUIT\r\n")
    for first in 0...8 {
      for second in max(first, octets.count - 14)...octets.count {
        let pieces = [
          DataPhaseTests.start + octets[..<first], Array(octets[first..<second]),
          Array(octets[second...]),
        ]
        #expect(serve(pieces) == whole, "cuts at \(first) and \(second)")
      }
    }
  }

  @Test("clients that may be lax are those of their networks only")
  func exceptions() throws {
    let ours = try #require(AddressRange("192.0.2.0/29"))
    let others = try #require(AddressRange("198.51.100.0/24"))
    let attack = Self.attack("\n.\n", behind: "a")
    // The harness's client is 192.0.2.7.
    let lax = DataPhaseTests.send(attack, configuration { $0.normalizedClients = [others, ours] })
    #expect(lax.messages.count == 1)
    let text = String(decoding: lax.messages.first?.octets ?? [], as: UTF8.self)
    #expect(text.hasPrefix("a\r\n\r\nMAIL FROM:<evil@b>\r\n"))
    let strict = DataPhaseTests.send(attack, configuration { $0.normalizedClients = [others] })
    #expect(strict.messages.isEmpty)
    #expect(strict.replyLines.contains { $0.hasPrefix("550 5.5.2") })
  }

  @Test(
    "ranges of addresses",
    arguments: [
      ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false),
      ("0.0.0.0/0", "203.0.113.9", true), ("192.0.2.7", "192.0.2.7", true),
      ("192.0.2.7", "192.0.2.6", false), ("192.0.2.6/31", "192.0.2.7", true),
      ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
      ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false), ("0.0.0.0/0", "::1", false),
    ])
  func ranges(range: String, address: String, isIn: Bool) throws {
    let range = try #require(AddressRange(range))
    #expect(range.contains(try #require(MailDomain(address: address))) == isIn)
    #expect(AddressRange(range.description) == range)
  }

  @Test(
    "what is no range of addresses",
    arguments: [
      "", "/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+1", "192.0.2.0/", "192.0.2/24", "::/129",
      "192.0.2.1:25/24", "192.0.2.0/24/24", "all", "192.0.2.0/99999999999999999999",
    ])
  func noRange(text: String) { #expect(AddressRange(text) == nil) }
}
