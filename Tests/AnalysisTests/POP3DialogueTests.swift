import Octets
import Testing

@testable import Analysis

@Suite("Mails out of a POP3 dialogue, octet for octet")
struct POP3DialogueTests {
  @Test(
    "RETR and TOP, pipelined, with dots taken away, and lists that are no mails", arguments: 0..<20)
  func mails(_ seed: UInt64) {
    var talk = Talk.overPOP3
    talk.cuts = .seeded(seed)
    talk.server("+OK ready\r\n")
    talk.client("AUTH PLAIN\r\n")
    talk.server("+ \r\n")
    talk.client("AGEAYg==\r\n")
    talk.server("+OK\r\n")
    talk.client("LIST\r\nLIST 1\r\nRETR 1\r\nRETR 9\r\nTOP 2 0\r\nQUIT\r\n")
    talk.server(
      "+OK 2\r\n1 20\r\n2 30\r\n.\r\n+OK 1 20\r\n+OK\r\nSubject: x\r\n\r\n..\r\nend\r\n.\r\n")
    talk.server("-ERR no such message\r\n+OK\r\nSubject: y\r\n\r\n.\r\n+OK bye\r\n")
    talk.end()
    #expect(talk.mails.map(\.text) == ["Subject: x\r\n\r\n.\r\nend\r\n", "Subject: y\r\n\r\n"])
    #expect(talk.mails.map(\.origin) == [.retrieved, .top])
    #expect(talk.mails.allSatisfy { $0.isEnded && $0.problem == nil })
    #expect(talk.lines.contains("S: 1 20") && talk.lines.contains("S| Subject: x"))
    #expect(talk.lines.last == "S: +OK bye")
  }

  @Test("holes at the beginning, in the middle and at the end of a mail are told")
  func holes() {
    var talk = Talk.overPOP3
    talk.server("+OK ready\r\n")
    talk.client("RETR 1\r\n")
    talk.missing(10, .server)
    talk.server("one\r\n.\r\n")
    talk.client("RETR 2\r\n")
    talk.server("+OK\r\ntwo\r\n")
    talk.missing(20, .server)
    talk.client("RETR 3\r\n")
    talk.server("+OK\r\nthree\r\n")
    talk.end()
    #expect(talk.mails.map(\.text) == ["one\r\n", "two\r\n", "three\r\n"])
    #expect(talk.mails.map(\.missing) == [10, 20, 0])
    #expect(
      talk.mails.map(\.problem) == [
        "10 octets are not in the capture", "its end is not in the capture",
        "the capture ends before it does",
      ])
  }

  @Test("STLS ends what can be read")
  func encrypted() {
    var talk = Talk.overPOP3
    talk.server("+OK ready\r\n")
    talk.client("STLS\r\n")
    talk.server("+OK begin\r\n")
    talk.client("RETR 1\r\n")
    #expect(talk.lines.last == "S: (encrypted from here on)" && talk.mails.isEmpty)
  }
}
