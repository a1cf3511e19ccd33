import Mail
import Testing

@Suite("Dialogues")
struct DialogueTests {
  static let scripts: [Script] = [
    Script(
      name: "one mail, command by command",
      text: """
        S: 220 post.example.test ESMTP
        C: EHLO me.example.net
        S: 250-post.example.test
        S: 250-PIPELINING
        S: 250-8BITMIME
        S: 250-SIZE 52428800
        S: 250 ENHANCEDSTATUSCODES
        C: MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME
        S: 250 2.1.0
        C: RCPT TO:<b@example.test>
        S: 250 2.1.5
        C: RCPT TO:<Postmaster>
        S: 250 2.1.5
        C: DATA
        S: 354
        C: Subject: x
        C: .. stuffed
        C: ...
        C: .
        S: 250 2.0.0 message kept as id
        C: QUIT
        S: 221 2.0.0
        """,
      messages: ["Subject: x\r\n. stuffed\r\n..\r\n"]),
    Script(
      name: "an empty message, the null sender, HELO",
      text: """
        S: 220
        C: HELO me
        S: 250 post.example.test
        C: MAIL FROM:<>
        S: 250
        C: RCPT TO:<"b c"@EXAMPLE.TEST>
        S: 250
        C: DATA
        S: 354
        C: .
        S: 250
        C: QUIT
        S: 221
        """,
      messages: [""]),
    Script(
      name: "wrong order",
      text: """
        S: 220
        C: MAIL FROM:<a@b>
        S: 503 5.5.1
        C: RCPT TO:<b@example.test>
        S: 503 5.5.1
        C: DATA
        S: 503 5.5.1
        C: HELO me
        S: 250
        C: DATA
        S: 503 5.5.1 MAIL
        C: RCPT TO:<b@example.test>
        S: 503 5.5.1 MAIL
        C: MAIL FROM:<a@b>
        S: 250
        C: MAIL FROM:<a@b>
        S: 503 5.5.1
        C: DATA
        S: 503 5.5.1 no valid recipient
        C: RCPT TO:<b@example.test>
        S: 250
        C: RSET
        S: 250 2.0.0
        C: RCPT TO:<b@example.test>
        S: 503 5.5.1
        C: MAIL FROM:<a@b>
        S: 250
        C: EHLO me
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250 
        C: DATA
        S: 503 5.5.1
        C: QUIT
        S: 221
        """),
    Script(
      name: "unknown, bad, and commands that change nothing",
      text: """
        S: 220
        C: FROB
        S: 500 5.5.1
        C:
        S: 500 5.5.1
        C: HELO me
        S: 250
        C: MAIL FROM:a@b
        S: 501 5.1.7
        C: MAIL FROM:<a@b> FOO=1
        S: 555 5.5.4
        C: MAIL FROM:<ä@b>
        S: 553 5.6.7
        C: MAIL FROM:<a@b> SIZE=99999999
        S: 552 5.3.4
        C: VRFY someone
        S: 252
        C: EXPN list
        S: 502 5.5.1
        C: HELP
        S: 214
        C: NOOP ignored
        S: 250
        C: QUIT now
        S: 501 5.5.4
        C: QUIT
        S: 221
        C: NOOP
        """),
    Script(
      name: "recipients: ours, foreign, unknown, routed",
      configuration: configuration(mailboxes: ["box", "\"a b\""]),
      text: """
        S: 220
        C: HELO me
        S: 250
        C: MAIL FROM:<a@b>
        S: 250
        C: RCPT TO:<box@foreign.example>
        S: 550 5.7.1
        C: RCPT TO:<nobody@example.test>
        S: 550 5.1.1
        C: RCPT TO:<box%foreign.example@example.test>
        S: 550 5.1.1
        C: RCPT TO:<box@[192.0.2.9]>
        S: 550 5.7.1
        C: DATA
        S: 503
        C: RCPT TO:<BOX@Example.Test>
        S: 250
        C: RCPT TO:<@relay.example:box@example.test>
        S: 250
        C: RCPT TO:<@example.test:box@foreign.example>
        S: 550 5.7.1
        C: RCPT TO:<"a b"@[192.0.2.1]>
        S: 250
        C: RCPT TO:<PostMaster@example.test>
        S: 250
        C: RCPT TO:<postmaster>
        S: 250
        C: DATA
        S: 354
        C: x
        C: .
        S: 250
        """,
      messages: ["x\r\n"]),
    Script(
      name: "with any mailbox ours, old ways of asking for relaying are refused",
      text: """
        S: 220
        C: HELO me
        S: 250
        C: MAIL FROM:<a@b>
        S: 250
        C: RCPT TO:<a%foreign.example@example.test>
        S: 550 5.7.1
        C: RCPT TO:<foreign.example!a@example.test>
        S: 550 5.7.1
        C: RCPT TO:<"a@foreign.example"@example.test>
        S: 550 5.7.1
        C: RCPT TO:<anybody@example.test>
        S: 250
        """),
    Script(
      name: "two messages, the second pipelined behind the first",
      text: """
        S: 220
        C: EHLO me
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250 
        C: MAIL FROM:<a@b>
        S: 250
        C: RCPT TO:<b@example.test>
        S: 250
        C: DATA
        S: 354
        C: first
        C: .
        S: 250
        C: MAIL FROM:<>
        S: 250
        C: RCPT TO:<b@example.test>
        S: 250
        C: DATA
        S: 354
        C: second
        C: .
        S: 250
        C: QUIT
        S: 221
        """,
      messages: ["first\r\n", "second\r\n"]),
    Script(
      name: "another protocol is told so and cut off",
      text: """
        S: 220
        C: POST / HTTP/1.1
        S: 502 5.5.1
        C: Host: example.test
        C: HELO me
        """),
  ]

  @Test("dialogues go as written", arguments: scripts)
  func dialogue(script: Script) {
    let served = serve([script.client], script.configuration)
    #expect(difference(script.server, served.replyLines) == nil)
    #expect(served.messages.map { String(decoding: $0.octets, as: UTF8.self) } == script.messages)
  }

  @Test("dialogues go the same however their octets are cut", arguments: scripts)
  func cuts(script: Script) {
    let octets = script.client
    let whole = serve([octets], script.configuration)
    #expect(serve(octets.map { [$0] }, script.configuration) == whole, "one octet at a time")
    for cut in octets.indices {
      let pieces = [Array(octets[..<cut]), Array(octets[cut...])]
      #expect(serve(pieces, script.configuration) == whole, "cut at octet \(cut)")
    }
  }

  @Test("the envelope holds what was accepted")
  func envelope() throws {
    let served = serve([Self.scripts[0].client])
    let envelope = try #require(served.messages.first?.envelope)
    #expect(envelope.helloName.description == "me.example.net")
    #expect(envelope.isExtended)
    #expect(envelope.peer?.description == "[192.0.2.7]")
    #expect(envelope.reversePath.description == "<a@example.net>")
    #expect(envelope.recipients.map(\.description) == ["<b@example.test>", "<Postmaster>"])
    #expect(envelope.parameters == MailParameters(size: 100, body: .eightBit))
  }

  @Test("every reply line has at most 512 octets")
  func replyLength() {
    let long =
      Array(repeating: String(repeating: "h", count: 63), count: 3)
      .joined(separator: ".") + ".example.test"
    let server = configuration { $0.hostname = given(DomainName(long)) }
    let served = serve([bytes("EHLO \(long)\r\nHELP\r\nQUIT\r\n")], server)
    for line in served.replyLines { #expect(line.utf8.count <= 510) }
    #expect(served.replyLines.count == 8)
  }
}
