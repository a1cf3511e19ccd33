import Octets

/// Reads a POP3 dialogue from the octets of both directions, and the mails in it.
///
/// Which command a reply answers tells whether it goes on to a lone dot. Source: RFC 1939; RFC 2449
/// for CAPA and pipelining, RFC 2595 for STLS.
public struct POP3Dialogue: SpokenProtocol {
  private struct Asked: Equatable {
    var verb: String
    var hasArgument: Bool

    /// Whether its reply has several lines, if it is good.
    var isLong: Bool {
      switch verb {
      case "RETR", "TOP", "CAPA": true
      case "LIST", "UIDL": !hasArgument
      default: false
      }
    }

    var origin: MailEvent.Origin? { MailEvent.Origin(rawValue: verb) }
  }

  /// How many commands may wait for their replies.
  static let maximumAsked = 1000

  private var client = LineSplitter()
  private var server = LineSplitter()
  private var text = LineSplitter()
  private var asked: [Asked] = []
  private var isGreeted = false
  private var isUnreadable = false
  /// The client's next line answers a challenge. RFC 5034.
  private var isChallenged = false
  /// A reply of several lines goes on.
  private var scanner: MessageScanner?
  private var mail: (number: Int, octets: Int, missing: Int)?
  private var mails = 0
  private var unseenServer = 0

  /// A dialogue in which nothing was said.
  public init() {}

  /// Octets of one direction, in order.
  public mutating func read(
    _ octets: Span<UInt8>, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    if speaker == .client {
      if unseenServer > 0 { missing(unseenServer, from: .server, into: &told) }
      readClient(octets, into: &told)
    } else {
      unseenServer = 0
      readServer(octets, into: &told)
    }
  }

  /// Octets of one direction were acknowledged, and are not in the capture so far.
  public mutating func unseen(_ count: Int, from speaker: DialogueLine.Speaker) {
    if speaker == .server { unseenServer &+= count }
  }

  /// Octets of one direction are not in the capture.
  public mutating func missing(
    _ count: Int, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    guard !isUnreadable else { return }
    defer { told.lines.append(.hole(count, speaker)) }
    guard speaker == .server else {
      client = LineSplitter()
      return
    }
    unseenServer = 0
    server = LineSplitter()
    if scanner == nil, let last = asked.last, last.origin != nil {
      // Its first line is missing: what follows can only be its text.
      asked = []
      beginLong(last, into: &told)
    }
    guard scanner != nil else {
      asked = []
      return
    }
    showRest(into: &told)
    scanner?.interrupt()
    guard let number = mail?.number else { return }
    mail?.missing &+= count
    told.mail.append(MailEvent(number: number, kind: .missing(count)))
  }

  /// Nothing more will come.
  public mutating func ended(into told: inout Told) {
    if scanner != nil { endLong("the capture ends before it does", into: &told) }
  }

  private mutating func readClient(_ octets: Span<UInt8>, into told: inout Told) {
    var place = 0
    while !isUnreadable, let line = client.next(in: octets, from: &place) {
      if scanner != nil, mail?.missing ?? 0 > 0, asked.isEmpty {
        endLong("its end is not in the capture", into: &told)
      }
      told.say(.client, line)
      if isChallenged {
        isChallenged = false
        continue
      }
      let words = line.uppercased().split(separator: " ")
      guard asked.count < Self.maximumAsked else { continue }
      asked.append(
        Asked(verb: words.first.map(String.init) ?? "", hasArgument: words.count > 1))
    }
  }

  private mutating func readServer(_ octets: Span<UInt8>, into told: inout Told) {
    var place = 0
    while !isUnreadable, place < octets.count {
      guard scanner == nil else {
        var fresh: [UInt8] = []
        let (isEnd, next) =
          scanner?.read(octets, from: place, into: &fresh) ?? (false, octets.count)
        place = next
        takeText(fresh, into: &told)
        if isEnd { endLong(nil, into: &told) }
        continue
      }
      guard let line = server.next(in: octets, from: &place) else { return }
      reply(line, into: &told)
    }
  }

  private mutating func reply(_ line: String, into told: inout Told) {
    told.say(.server, line)
    guard isGreeted || !asked.isEmpty else {
      isGreeted = true
      return
    }
    if line == "+" || line.hasPrefix("+ ") {
      isChallenged = true
      return
    }
    guard !asked.isEmpty else { return }
    let question = asked.removeFirst()
    guard line.uppercased().hasPrefix("+OK") else { return }
    if question.verb == "STLS" {
      isUnreadable = true
      told.say(.server, "(encrypted from here on)")
    } else if question.isLong {
      beginLong(question, into: &told)
    }
  }

  private mutating func beginLong(_ question: Asked, into told: inout Told) {
    scanner = MessageScanner()
    guard let origin = question.origin else { return }
    mails &+= 1
    mail = (mails, 0, 0)
    told.mail.append(MailEvent(number: mails, kind: .began(origin)))
  }

  private mutating func takeText(_ octets: [UInt8], into told: inout Told) {
    var place = 0
    while let line = text.next(in: octets.span, from: &place) {
      told.say(.server, line, isMessage: mail != nil)
    }
    guard !octets.isEmpty, let number = mail?.number else { return }
    mail?.octets &+= octets.count
    told.mail.append(MailEvent(number: number, kind: .octets(octets)))
  }

  private mutating func showRest(into told: inout Told) {
    if let line = text.rest() { told.say(.server, line, isMessage: mail != nil) }
  }

  private mutating func endLong(_ problem: String?, into told: inout Told) {
    showRest(into: &told)
    scanner = nil
    guard let ended = mail else { return told.say(.server, ".") }
    mail = nil
    let problem =
      problem ?? (ended.missing > 0 ? "\(ended.missing) octets are not in the capture" : nil)
    told.say(
      .server, "(end of message, \(ended.octets) octets\(problem.map { ": \($0)" } ?? ""))")
    told.mail.append(MailEvent(number: ended.number, kind: .ended(problem: problem)))
  }
}
