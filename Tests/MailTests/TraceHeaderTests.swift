import Mail
import Testing

@Suite("Trace headers")
struct TraceHeaderTests {
  @Test(
    "dates",
    arguments: [
      (0, "Thu, 1 Jan 1970 00:00:00 +0000"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
      (951_868_799, "Tue, 29 Feb 2000 23:59:59 +0000"),
      (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 +0000"),
      (1_795_475_700, "Mon, 23 Nov 2026 23:15:00 +0000"),
      (4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000"),
      (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 +0000"),
    ] as [(Int64, String)])
  func dates(seconds: Int64, text: String) {
    #expect(MailDate(secondsSince1970: seconds).description == text)
  }

  private func envelope(_ recipients: Int = 1, hello: String = "EHLO") throws -> SMTPEnvelope {
    let text =
      "\(hello) me.example.net\r\nMAIL FROM:<a@example.net>\r\n"
      + (0..<recipients).map { "RCPT TO:<u\($0)@example.test>\r\n" }.joined()
      + "DATA\r\n.\r\n"
    return try #require(serve([bytes(text)]).messages.first?.envelope)
  }

  private func text(_ envelope: SMTPEnvelope, id: String = "id-1") -> String {
    let header = TraceHeader(
      envelope: envelope, hostname: configuration().hostname, identifier: id,
      date: MailDate(secondsSince1970: 0))
    return String(decoding: header.octets, as: UTF8.self)
  }

  @Test("from, by, with, id, for, date, behind the return path")
  func full() throws {
    #expect(
      text(try envelope())
        == "Return-Path: <a@example.net>\r\nDelivered-To: u0@example.test\r\n"
        + "Received: from me.example.net ([192.0.2.7])\r\n"
        + "\tby post.example.test with ESMTP id id-1\r\n\tfor <u0@example.test>"
        + "; Thu, 1 Jan 1970 00:00:00 +0000\r\n")
  }

  @Test("HELO is SMTP, and several recipients do not learn of each other")
  func several() throws {
    let written = text(try envelope(2, hello: "HELO"))
    #expect(written.contains("with SMTP id"))
    #expect(!written.contains("for <"))
    #expect(!written.contains("Delivered-To:"))
  }

  @Test("the postmaster without a domain is this server's, and nobody is <>")
  func postmaster() throws {
    var mail = try envelope()
    mail.reversePath = .null
    mail.recipients = [.postmaster]
    #expect(
      text(mail).hasPrefix(
        "Return-Path: <>\r\nDelivered-To: Postmaster@post.example.test\r\nReceived: "))
  }

  @Test("nothing can be injected through the name of a message")
  func injection() throws {
    #expect(!text(try envelope(), id: "x\r\nBcc: y").contains("\r\nBcc"))
  }

  @Test("lines keep within 998 octets for the longest names")
  func length() throws {
    let label = String(repeating: "l", count: 63)
    var long = try envelope()
    long.helloName = try #require(MailDomain([label, label, label].joined(separator: ".")))
    for line in lines(of: Array(text(long).utf8)) { #expect(line.utf8.count <= 998) }
  }
}
