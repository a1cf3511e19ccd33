import Mail
import Octets

private func given<Value>(_ value: Value?) -> Value {
  guard let value else { preconditionFailure("the fuzz target's own text is not valid") }
  return value
}

/// What a server made of a client's octets.
private struct Served: Equatable {
  var replies: [UInt8] = []
  var messages: [[UInt8]] = []
  var aborted = 0
}

/// The first octet chooses policy and cuts, the rest is what the client sends.
func fuzzServer(_ input: [UInt8]) {
  var choices = Choices(input)
  let choice = choices.octet()
  let stride = choices.below(17) + 1
  let octets = choices.rest()
  let whole = serve(octets, piece: max(octets.count, 1), choice)
  let pieces = serve(octets, piece: stride, choice)
  mustHold(whole == pieces, "a session depends on how its octets were cut")
  for line in whole.replies.split(separator: 10) {
    mustHold(line.count >= 5 && line.last == 13, "a reply's line is not whole")
    mustHold(line.prefix(3).allSatisfy { (48...57).contains($0) }, "a reply without a code")
    mustHold(line.allSatisfy { $0 == 13 || (32...126).contains($0) }, "a reply with odd octets")
  }
  for message in whole.messages {
    for (index, octet) in message.enumerated() where octet == 10 || octet == 13 {
      let isPair =
        octet == 10
        ? index > 0 && message[index - 1] == 13
        : index + 1 < message.count && message[index + 1] == 10
      mustHold(isPair, "a bare CR or LF was stored")
    }
  }
}

private func serve(_ octets: [UInt8], piece: Int, _ choice: UInt8) -> Served {
  var configuration = SMTPServerConfiguration(
    hostname: given(DomainName("post.example.test")),
    policy: RecipientPolicy(
      domains: [given(MailDomain("example.test"))],
      mailboxes: choice & 2 == 0 ? nil : [given(LocalPart("a"))]))
  // What comes out of turn depends on what has arrived, and so on the cuts.
  configuration.pipelining = .any
  if choice & 1 != 0 { configuration.bareLineEnds = .normalize }
  if choice & 4 != 0 { configuration.limits.messageOctets = 100 }
  if choice & 8 != 0 { configuration.limits.textLine = 20 }
  var session = SMTPServerSession(configuration: configuration, peer: "192.0.2.9", at: .start)
  var served = Served()
  var open: [UInt8]?
  func drain() {
    while true {
      served.replies += session.takeOutput()
      guard let action = session.nextAction() else { return }
      switch action {
      case .beginMessage:
        mustHold(open == nil, "a message began within another")
        open = []
      case .messageOctets(let octets):
        mustHold(open != nil, "octets without a message")
        open?.append(contentsOf: octets)
      case .endMessage(let count):
        mustHold(open?.count == count, "a message has another length than it is said to have")
        served.messages.append(open ?? [])
        open = nil
        session.messageStored(choice & 16 == 0 ? .success("id") : .failure(.full), at: .start)
      case .abortMessage:
        mustHold(open != nil, "abort without a message")
        open = nil
        served.aborted += 1
      case .close: break
      }
    }
  }
  drain()
  var start = 0
  while start < octets.count {
    let end = min(start + piece, octets.count)
    session.receive(octets.span.extracting(start..<end), at: .start)
    drain()
    start = end
  }
  session.streamEnded(at: .start)
  drain()
  mustHold(open == nil && session.isClosed, "a session did not end with its stream")
  return served
}

/// The first octet chooses the message, the rest is what the server says.
func fuzzClient(_ input: [UInt8]) {
  var choices = Choices(input)
  let choice = choices.octet()
  let stride = choices.below(17) + 1
  let octets = choices.rest()
  var session = SMTPClientSession(
    helloName: given(MailDomain("me.example.net")),
    submission: SMTPSubmission(
      from: choice & 1 == 0 ? .null : .address(given(MailAddress("a@example.net"))),
      to: (0...Int(choice >> 6)).map { .address(given(MailAddress("b\($0)@example.test"))) },
      size: choice & 2 == 0 ? nil : 20, isEightBit: choice & 4 != 0),
    at: .start)
  var delivery: SMTPDelivery?
  var isClosed = false
  var saidEnd = false
  func drain() {
    while true {
      let said = session.takeOutput()
      mustHold(said.isEmpty || said.last == 10, "a command without its end")
      guard let action = session.nextAction() else { return }
      switch action {
      case .finished(let result):
        mustHold(delivery == nil, "finished twice")
        delivery = result
        mustHold(!result.isComplete || saidEnd, "delivered without having sent the message")
      case .close: isClosed = true
      case .sendMessage:
        session.message(Array(".a\r\n..\r\n".utf8).span, at: .start)
        if choice & 8 != 0 {
          session.abandonMessage(at: .start)
        } else {
          saidEnd = true
          session.endMessage(at: .start)
        }
      }
    }
  }
  drain()
  var start = 0
  while start < octets.count, !isClosed {
    let end = min(start + stride, octets.count)
    session.receive(octets.span.extracting(start..<end), at: .start)
    drain()
    start = end
  }
  session.streamEnded(at: .start)
  drain()
  mustHold(delivery != nil && isClosed, "a client did not end with its stream")
}

/// The input is an address, a path, a domain and a command's line.
func fuzzAddresses(_ input: [UInt8]) {
  if let address = try? MailAddress(parsing: input.span) {
    mustHold(MailAddress(address.description) == address, "\(address) is read as another")
    mustHold(address.description.utf8.allSatisfy { (32...126).contains($0) }, "\(address)")
  }
  if let path = try? ReversePath(parsing: input.span) {
    let text = Array(path.description.utf8)
    mustHold((try? ReversePath(parsing: text.span)) == path, "\(path) is read as another")
  }
  if let path = try? ForwardPath(parsing: input.span) {
    let text = Array(path.description.utf8)
    mustHold((try? ForwardPath(parsing: text.span)) == path, "\(path) is read as another")
  }
  let text = String(decoding: input, as: UTF8.self)
  if let domain = MailDomain(text) {
    mustHold(MailDomain(domain.description) == domain, "\(domain) is read as another")
  }
}
