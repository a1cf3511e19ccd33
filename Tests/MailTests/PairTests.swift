import Mail
import Octets
import Testing

/// A client session and a server session whose octets reach each other in small pieces.
@Suite("Client and server together")
struct PairTests {
  /// Runs both until neither has more to say; gives what each made of it.
  static func run(
    _ message: [UInt8], to recipients: [String] = ["b@example.test"], eightBit: Bool = false,
    piece: Int, server configuration: SMTPServerConfiguration = configuration()
  ) -> (SMTPDelivery?, Served) {
    var client = ClientHarness(submission(recipients, eightBit: eightBit, size: message.count))
    client.message = stride(from: 0, to: message.count, by: piece).map {
      Array(message[$0..<min($0 + piece, message.count)])
    }
    var server = ServerHarness(configuration)
    var told = 0
    var heard = 0
    while told < server.served.replies.count || heard < client.said.count {
      let down = server.served.replies[told..<min(told + piece, server.served.replies.count)]
      told += down.count
      if !down.isEmpty { client.receive(Array(down)) }
      let up = client.said[heard..<min(heard + piece, client.said.count)]
      heard += up.count
      if !up.isEmpty { server.receive(Array(up)) }
    }
    return (client.delivery, server.served)
  }

  static let messages: [(name: String, text: String)] = [
    ("empty", ""), ("one line", "x\r\n"), ("lone dots", ".\r\n..\r\n...\r\n.\r\n"),
    ("a dot first", ".x\r\n"), ("8-bit", "Gr\u{fc}\u{df}e \u{1f4ee}\r\n"),
    ("a long line", String(repeating: "x", count: 60_000) + "\r\n"),
    ("998 octets", String(repeating: "y", count: 998) + "\r\n"), ("NUL", "a\u{0}b\r\n"),
    ("blank lines", "\r\n\r\n\r\n"), ("what looks like commands", "QUIT\r\nRSET\r\n.\r\nDATA\r\n"),
  ]

  @Test("messages arrive octet for octet", arguments: messages.map(\.name), [1, 2, 3, 7, 1500])
  func arrives(name: String, piece: Int) throws {
    let text = try #require(Self.messages.first { $0.name == name }?.text)
    let (delivery, served) = Self.run(bytes(text), eightBit: true, piece: piece)
    #expect(delivery?.isComplete == true)
    #expect(served.messages.map(\.octets) == [bytes(text)])
    #expect(served.isClosed)
  }

  @Test("each recipient has a result of its own")
  func recipients() {
    let (delivery, served) = Self.run(
      bytes("x\r\n"), to: ["box@example.test", "no@example.test", "box@foreign.example"],
      piece: 5, server: configuration(mailboxes: ["box"]))
    #expect(delivery?.outcomes.map(\.outcome.isDelivered) == [true, false, false])
    #expect(served.messages.first?.envelope.recipients.count == 1)
  }

  @Test("nothing a client is given makes the server see a bare line end or a second message")
  func noSmuggling() {
    for sequence in DataPhaseTests.smuggling {
      let text = "first\(sequence)MAIL FROM:<evil@b>\r\nRCPT TO:<d@example.test>\r\nDATA\r\nx\r\n"
      let (delivery, served) = Self.run(bytes(text), piece: 3)
      #expect(delivery?.isComplete == true)
      #expect(served.messages.count == 1)
    }
  }

  @Test("random messages arrive with CR LF at each line end", arguments: 0..<50)
  func random(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed))
    let palette: [UInt8] = [10, 13, 46, 46, 13, 10, 120, 0, 200]
    let message = (0..<Int.random(in: 0...400, using: &random)).map { _ in
      palette.randomElement(using: &random) ?? 0
    }
    let piece = Int.random(in: 1...40, using: &random)
    let (delivery, served) = Self.run(message, eightBit: true, piece: piece)
    #expect(delivery?.isComplete == true, "seed \(seed)")
    #expect(served.messages.map(\.octets) == [Self.canonical(message)], "seed \(seed)")
  }

  /// The slow and plain way to the canonical form.
  static func canonical(_ message: [UInt8]) -> [UInt8] {
    var lines: [[UInt8]] = [[]]
    var index = 0
    while index < message.count {
      if message[index] == 13 {
        if index + 1 < message.count, message[index + 1] == 10 { index += 1 }
        lines.append([])
      } else if message[index] == 10 {
        lines.append([])
      } else {
        lines[lines.count - 1].append(message[index])
      }
      index += 1
    }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.flatMap { $0 + [13, 10] }
  }
}
