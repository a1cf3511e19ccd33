import Octets

@testable import Analysis

/// A dialogue by hand: what each side says, and what comes of it.
struct Talk {
  struct Mail: Equatable {
    var origin: MailEvent.Origin
    var octets: [UInt8] = []
    var missing = 0
    var isEnded = false
    var problem: String?
    var isAccepted: Bool?

    var text: String { String(decoding: octets, as: UTF8.self) }
  }

  private var smtp: SMTPDialogue?
  private var pop3: POP3Dialogue?
  private(set) var lines: [String] = []
  private(set) var mails: [Mail] = []
  /// How octets are cut into pieces; nil for not at all.
  var cuts: RandomSource?

  static var overSMTP: Talk {
    var talk = Talk()
    talk.smtp = SMTPDialogue()
    return talk
  }

  static var overPOP3: Talk {
    var talk = Talk()
    talk.pop3 = POP3Dialogue()
    return talk
  }

  mutating func client(_ text: String) { say(Array(text.utf8), .client) }
  mutating func server(_ text: String) { say(Array(text.utf8), .server) }

  mutating func say(_ octets: [UInt8], _ speaker: DialogueLine.Speaker) {
    var place = 0
    while place < octets.count {
      let count =
        cuts == nil ? octets.count : min(random(), octets.count - place)
      var told = Told()
      let piece = Array(octets[place..<min(place + count, octets.count)])
      smtp?.read(piece.span, from: speaker, into: &told)
      pop3?.read(piece.span, from: speaker, into: &told)
      take(told)
      place += count
    }
  }

  private mutating func random() -> Int {
    var source = cuts ?? .seeded(0)
    defer { cuts = source }
    return Int.random(in: 1...3, using: &source)
  }

  mutating func missing(_ count: Int, _ speaker: DialogueLine.Speaker) {
    var told = Told()
    smtp?.missing(count, from: speaker, into: &told)
    pop3?.missing(count, from: speaker, into: &told)
    take(told)
  }

  mutating func unseen(_ count: Int, _ speaker: DialogueLine.Speaker) {
    smtp?.unseen(count, from: speaker)
    pop3?.unseen(count, from: speaker)
  }

  mutating func end() {
    var told = Told()
    smtp?.ended(into: &told)
    pop3?.ended(into: &told)
    take(told)
  }

  private mutating func take(_ told: Told) {
    lines += told.lines.map {
      "\($0.speaker == .client ? "C" : "S")\($0.isMessage ? "|" : ":") \($0.text)"
    }
    for event in told.mail {
      switch event.kind {
      case .began(let origin):
        mails.append(Mail(origin: origin))
        assert(mails.count == event.number)
      case .octets(let octets): mails[event.number - 1].octets += octets
      case .missing(let count): mails[event.number - 1].missing += count
      case .ended(let problem):
        mails[event.number - 1].isEnded = true
        mails[event.number - 1].problem = problem
      case .answered(let isAccepted, _): mails[event.number - 1].isAccepted = isAccepted
      }
    }
  }
}
