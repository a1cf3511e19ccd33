import Octets
import Testing

@testable import Analysis

@Suite("Mails out of an SMTP dialogue, octet for octet")
struct SMTPDialogueTests {
  private func greeted(_ seed: UInt64? = nil) -> Talk {
    var talk = Talk.overSMTP
    talk.cuts = seed.map { .seeded($0) }
    talk.server("220 post.example.test ESMTP\r\n")
    talk.client("EHLO client.example\r\n")
    talk.server("250-post.example.test\r\n250 PIPELINING\r\n")
    return talk
  }

  @Test(
    "several in a connection, however the octets are cut, with dots taken away", arguments: 0..<20)
  func several(_ seed: UInt64) {
    var talk = greeted(seed)
    for (number, body) in ["Subject: x\r\n\r\n..dot\r\n...\r\nend", ""].enumerated() {
      talk.client("MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n")
      talk.server("250 ok\r\n250 ok\r\n354 go\r\n")
      talk.client(body.isEmpty ? ".\r\n" : body + "\r\n.\r\n")
      talk.server(number == 0 ? "250 2.0.0 taken\r\n" : "554 5.6.0 no header\r\n")
    }
    talk.client("QUIT\r\n")
    talk.server("221 bye\r\n")
    #expect(talk.mails.map(\.text) == ["Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n", ""])
    #expect(talk.mails.map(\.isAccepted) == [true, false])
    #expect(talk.mails.allSatisfy { $0.isEnded && $0.problem == nil })
    #expect(talk.lines.contains("C| .dot") && talk.lines.contains("C: (end of message, 29 octets)"))
    #expect(talk.lines.suffix(2) == ["C: QUIT", "S: 221 bye"])
  }

  @Test("bare line ends stay, and are no end", arguments: 0..<10)
  func bare(_ seed: UInt64) {
    var talk = greeted(seed)
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("a\n.\r\nb\r.\r\nc\r\r\n.\rd\r\n.\r\n")
    talk.server("250 ok\r\n")
    #expect(talk.mails.map(\.text) == ["a\n.\r\nb\r.\r\nc\r\r\n\rd\r\n"])
    #expect(talk.mails.first?.isAccepted == true)
  }

  @Test("a server that took a dot between bare line ends for the end is told")
  func looseEnd() {
    var talk = greeted()
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("a\n.\n")
    talk.server("250 ok\r\n")
    talk.client("NOOP\r\n")
    #expect(talk.mails.first?.problem?.contains("bare line ends") == true)
    #expect(talk.mails.first?.isAccepted == true && talk.lines.last == "C: NOOP")
  }

  @Test("DATA that is refused begins no mail: what follows are commands")
  func refused() {
    var talk = greeted()
    talk.client("MAIL FROM:<a@b>\r\nDATA\r\nRSET\r\n")
    #expect(!talk.lines.contains("C: RSET"))
    talk.server("250 ok\r\n503 5.5.1 no recipients\r\n250 ok\r\n")
    #expect(talk.mails.isEmpty && talk.lines.contains("C: RSET"))
  }

  @Test("chunks, one mail after the other, and a chunk that is refused", arguments: 0..<10)
  func chunks(_ seed: UInt64) {
    var talk = greeted(seed)
    talk.client("BDAT 5\r\na\r\n.\rBDAT 2 LAST\r\n\nbBDAT 0 LAST\r\n")
    talk.server("250 5 octets\r\n250 ok\r\n")
    talk.server("503 5.5.1 no mail\r\n")
    talk.client("BDAT 3\r\nxyz")
    talk.server("552 5.3.4 too much\r\n")
    talk.client("RSET\r\n")
    talk.server("250 ok\r\n")
    #expect(talk.mails.map(\.text) == ["a\r\n.\r\nb", "", "xyz"])
    #expect(talk.mails.map(\.isAccepted) == [true, false, false])
    #expect(talk.mails.map(\.problem) == [nil, nil, "given up by RSET"])
    #expect(talk.mails.allSatisfy { $0.origin == .chunks })
    #expect(talk.lines.contains("C: RSET") && talk.lines.last == "S: 250 ok")
  }

  @Test("STARTTLS ends what can be read, and says so")
  func encrypted() {
    var talk = greeted()
    talk.client("STARTTLS\r\n")
    talk.server("220 go ahead\r\n")
    talk.client("\u{16}\u{3}DATA\r\n")
    talk.server("\u{16}\u{3}354\r\n")
    talk.end()
    #expect(talk.lines.last == "S: (encrypted from here on)" && talk.mails.isEmpty)
  }

  @Test("a hole in a mail is counted, and the end is found behind it")
  func hole() {
    var talk = greeted()
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("one\r\n")
    talk.missing(100, .client)
    talk.client(".two\r\n.\r\n")
    talk.server("250 ok\r\n")
    #expect(talk.mails.first?.text == "one\r\n.two\r\n" && talk.mails.first?.missing == 100)
    #expect(talk.mails.first?.problem == "100 octets are not in the capture")
    #expect(talk.mails.first?.isAccepted == true)
  }

  @Test("a mail whose end is in a hole ends with the reply to it")
  func endInHole() {
    var talk = greeted()
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("one\r\n")
    talk.unseen(50, .client)
    talk.server("250 ok\r\n")
    talk.missing(50, .client)
    talk.client("QUIT\r\n")
    #expect(talk.mails.first?.problem == "its end is not in the capture")
    #expect(talk.mails.first?.missing == 50 && talk.mails.first?.isAccepted == true)
    #expect(talk.lines.last == "C: QUIT")
  }

  @Test("without the server's side, or with a hole in it, a client that goes on was granted DATA")
  func oneSide() {
    var talk = Talk.overSMTP
    talk.client("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<b@c>\r\n")
    talk.client("DATA\r\n")
    talk.unseen(37, .server)
    talk.client("one\r\n.\r\n")
    talk.client("QUIT\r\n")
    talk.end()
    #expect(talk.mails.map(\.text) == ["one\r\n"] && talk.mails.first?.problem == nil)
    #expect(talk.mails.first?.isAccepted == nil && talk.lines.last == "C: QUIT")
    #expect(talk.lines.contains("S: (37 octets are not in the capture)"))
  }

  @Test("a reply that comes before its message is kept for it")
  func early() {
    var talk = greeted()
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("one\r\n")
    talk.server("250 ok\r\n")
    talk.client(".\r\nQUIT\r\n")
    talk.server("221 bye\r\n")
    #expect(talk.mails.map(\.text) == ["one\r\n"] && talk.mails.first?.isAccepted == true)
  }

  @Test("a capture that ends in a mail leaves it incomplete")
  func cut() {
    var talk = greeted()
    talk.client("DATA\r\n")
    talk.server("354 go\r\n")
    talk.client("one\r\n.")
    talk.end()
    #expect(talk.mails.first?.problem == "the capture ends before it does")
    #expect(talk.mails.first?.text == "one\r\n")
  }

  @Test("nothing that is said traps, whatever is missing", arguments: 0..<40)
  func anything(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    var talk = seed % 2 == 0 ? Talk.overSMTP : Talk.overPOP3
    let words = [
      "DATA\r\n", "BDAT 4\r\n", "BDAT 9 LAST\r\n", "BDAT 99999999999999999999\r\n", ".\r\n", "\r\n",
      "QUIT\r\n", "354 go\r\n", "250 ok\r\n", "220-\r\n", "220 \r\n", "5\r\n", "STARTTLSX\r\n",
      "RETR 1\r\n", "TOP 1 2\r\n", "+OK\r\n", "+ \r\n", "-ERR\r\n", "a\r\n..b\r\n", "\n.\n", "\r",
      "RSET\r\n", "421 \r\n",
    ]
    for _ in 0..<400 {
      let speaker: DialogueLine.Speaker = Bool.random(using: &random) ? .client : .server
      switch Int.random(in: 0..<12, using: &random) {
      case 0: talk.missing(Int.random(in: 1...30, using: &random), speaker)
      case 1: talk.unseen(Int.random(in: 1...30, using: &random), speaker)
      default: talk.say(Array(pick(words, &random).utf8), speaker)
      }
    }
    talk.end()
    #expect(talk.mails.allSatisfy(\.isEnded) && !talk.lines.isEmpty)
  }
}
