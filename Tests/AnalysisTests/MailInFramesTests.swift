import Octets
import Testing
import Wire

@testable import Analysis

/// Sessions in frames: cut at random, sent again, overtaken; the mail that comes out is the mail that
/// went in.
@Suite("Mails out of frames, octet for octet")
struct MailInFramesTests {
  private struct Session {
    var random: RandomSource
    var traffic = RandomTraffic(seed: 1)
    var next: [UInt32]
    var frames: [MadeFrame] = []

    init(seed: UInt64) {
      var random = RandomSource.seeded(seed)
      // Numbers come round in the middle of many a session.
      next = (0..<2).map { _ in 0 &- UInt32.random(in: 0...4000, using: &random) }
      self.random = random
      frames.append(segment(0, .syn, []))
      frames.append(segment(1, [.syn, .ack], []))
      frames.append(segment(0, .ack, []))
    }

    mutating func segment(_ side: Int, _ flags: TCPFlags, _ payload: [UInt8]) -> MadeFrame {
      traffic.time += 1_000_000
      defer {
        next[side] &+= UInt32(payload.count) &+ (flags.contains(.syn) ? 1 : 0)
      }
      return traffic.segment(
        1, side, seq: next[side], ack: flags == .syn ? 0 : next[1 - side], flags, 8000, payload)
    }

    /// One side speaks: pieces of random length, some twice, neighbours perhaps changed over.
    mutating func say(_ octets: [UInt8], _ side: Int) {
      var pieces: [MadeFrame] = []
      var place = 0
      while place < octets.count {
        let end = min(place + Int.random(in: 1...200, using: &random), octets.count)
        pieces.append(segment(side, [.ack, .psh], Array(octets[place..<end])))
        if Int.random(in: 0..<8, using: &random) == 0,
          let again = pieces.randomElement(using: &random)
        {
          pieces.append(again)
        }
        place = end
      }
      for index in pieces.indices.dropLast() where Int.random(in: 0..<6, using: &random) == 0 {
        pieces.swapAt(index, index + 1)
      }
      frames += pieces
    }

    mutating func message() -> [UInt8] {
      let parts = [".", "..", "\r\n", "\r\n.", "\n", "\r", "\n.\n", "text", " ", "\u{e4}", "\0"]
      return (0..<Int.random(in: 0...300, using: &random)).flatMap { _ in
        Array(pick(parts, &random).utf8)
      } + [13, 10]
    }
  }

  /// A message as it goes over the wire, with the end. RFC 5321 4.5.2.
  private func stuffed(_ message: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for octet in message {
      if octet == 46, result.isEmpty || result.suffix(2) == [13, 10] { result.append(46) }
      result.append(octet)
    }
    return result + Array(".\r\n".utf8)
  }

  private func mails(in frames: [MadeFrame]) -> [Int: [UInt8]] {
    var analyzer = CaptureAnalyzer()
    var follower = StreamFollower()
    var dialogue: ConnectionDialogue?
    var mails: [Int: [UInt8]] = [:]
    for (index, frame) in frames.enumerated() {
      let octets = frame.octets.span
      let finding = analyzer.frameArrived(
        octets, wireLength: octets.count, link: .rawIP, number: index + 1, time: frame.time)
      guard let finding, let facts = finding.segment?.facts else { continue }
      var talk = dialogue ?? ConnectionDialogue(first: facts)
      analyzer.withPayload(of: facts, in: octets) { payload in
        _ = follower.segmentArrived(facts, at: finding.relative, payload: payload, to: &talk)
      }
      for event in talk.take().mail {
        switch event.kind {
        case .began: mails[event.number] = []
        case .octets(let octets): mails[event.number, default: []] += octets
        case .missing(let count): Issue.record("\(count) octets are missing")
        case .ended(let problem): #expect(problem == nil)
        case .answered(let isAccepted, _): #expect(isAccepted)
        }
      }
      dialogue = talk
    }
    return mails
  }

  @Test("by DATA and BDAT, three in a session", arguments: 0..<60)
  func smtp(_ seed: UInt64) {
    var session = Session(seed: seed)
    // The port is none of SMTP's: the greeting tells.
    session.say(Array("220 post.example.test\r\n".utf8), 1)
    session.say(Array("EHLO a.example\r\n".utf8), 0)
    session.say(Array("250-post.example.test\r\n250 CHUNKING\r\n".utf8), 1)
    var sent: [Int: [UInt8]] = [:]
    for number in 1...3 {
      let message = session.message()
      sent[number] = message
      session.say(Array("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n".utf8), 0)
      session.say(Array("250 ok\r\n250 ok\r\n".utf8), 1)
      if Bool.random(using: &session.random) {
        let cut = Int.random(in: 0...message.count, using: &session.random)
        session.say(Array("BDAT \(cut)\r\n".utf8) + message[..<cut], 0)
        session.say(Array("250 ok\r\n".utf8), 1)
        session.say(Array("BDAT \(message.count - cut) LAST\r\n".utf8) + message[cut...], 0)
      } else {
        session.say(Array("DATA\r\n".utf8), 0)
        session.say(Array("354 go\r\n".utf8), 1)
        session.say(stuffed(message), 0)
      }
      session.say(Array("250 taken\r\n".utf8), 1)
    }
    session.say(Array("QUIT\r\n".utf8), 0)
    #expect(mails(in: session.frames) == sent)
  }

  @Test("by RETR, three in a session", arguments: 0..<30)
  func pop3(_ seed: UInt64) {
    var session = Session(seed: seed)
    session.say(Array("+OK ready\r\n".utf8), 1)
    var sent: [Int: [UInt8]] = [:]
    for number in 1...3 {
      let message = session.message()
      sent[number] = message
      session.say(Array("RETR \(number)\r\n".utf8), 0)
      session.say(Array("+OK\r\n".utf8) + stuffed(message), 1)
    }
    session.say(Array("QUIT\r\n".utf8), 0)
    #expect(mails(in: session.frames) == sent)
  }
}
