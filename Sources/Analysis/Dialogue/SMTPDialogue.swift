import Octets

/// Reads an SMTP dialogue from the octets of both directions, and the mails in it.
///
/// It follows only as much of the protocol as is needed to tell a command from a message: DATA, when
/// it is granted, up to the lone dot, BDAT by count, STARTTLS to the end of what can be read. Where a
/// capture lacks the reply to DATA, that the client goes on tells enough.
public struct SMTPDialogue: SpokenProtocol {
  private enum Phase: Equatable {
    case commands
    /// DATA was sent: its reply decides what the next octets are. RFC 2920 3.1: it is the last.
    case waiting
    case message
    case chunk(left: Int)
    case unreadable
  }

  /// What waits for a reply. With pipelining there may be several.
  private enum Asked: Equatable {
    case command(String)
    case message(Int)
    case chunk(Int, isLast: Bool)
  }

  private struct Mail {
    let number: Int
    var octets = 0
    var missing = 0
    /// The reply to DATA was not seen.
    var isAssumed = false
  }

  /// How many commands may wait for their replies.
  static let maximumAsked = 1000
  /// Octets that may wait for the reply to DATA.
  static let maximumWaiting = 1 << 20

  private var phase = Phase.commands
  private var client = LineSplitter()
  private var server = LineSplitter()
  private var text = LineSplitter()
  private var asked: [Asked] = []
  private var waiting: [UInt8] = []
  private var scanner = MessageScanner()
  private var mail: Mail?
  private var mails = 0
  private var isLastChunk = false
  private var isGreeted = false
  private var unseenClient = 0
  private var unseenServer = 0
  /// A reply that came before the end of the message to which it may belong.
  private var early: String?

  /// A dialogue in which nothing was said.
  public init() {}

  /// Octets of one direction, in order.
  public mutating func read(
    _ octets: Span<UInt8>, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    if speaker == .client {
      unseenClient = 0
      if unseenServer > 0 { missing(unseenServer, from: .server, into: &told) }
      readClient(octets, into: &told)
    } else {
      unseenServer = 0
      var place = 0
      while phase != .unreadable, let line = server.next(in: octets, from: &place) {
        reply(line, into: &told)
      }
    }
  }

  /// Octets of one direction were acknowledged, and are not in the capture so far.
  public mutating func unseen(_ count: Int, from speaker: DialogueLine.Speaker) {
    if speaker == .client { unseenClient &+= count } else { unseenServer &+= count }
  }

  /// Octets of one direction are not in the capture.
  public mutating func missing(
    _ count: Int, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    guard phase != .unreadable else { return }
    if speaker == .server {
      told.lines.append(.hole(count, .server))
      unseenServer = 0
      server = LineSplitter()
      asked = []
      if phase == .waiting { assumeGranted(into: &told) }
      return
    }
    unseenClient = 0
    client = LineSplitter()
    if phase == .waiting { assumeGranted(into: &told) }
    switch phase {
    case .message:
      showRest(into: &told)
      scanner.interrupt()
      gap(count, into: &told)
    case .chunk(let left):
      gap(min(left, count), into: &told)
      phase = .chunk(left: left &- min(left, count))
      if left <= count { endChunk(into: &told) }
    default: break
    }
    told.lines.append(.hole(count, .client))
  }

  /// Octets that wait for the reply to DATA.
  public var waitingOctets: Int { waiting.count }

  /// There is no room for what waits for the reply to DATA: it is taken for granted.
  public mutating func waitNoLonger(into told: inout Told) {
    if !waiting.isEmpty { assumeGranted(into: &told) }
  }

  /// Nothing more will come.
  public mutating func ended(into told: inout Told) {
    waitNoLonger(into: &told)
    if mail != nil { endMail("the capture ends before it does", isAsked: false, into: &told) }
  }

  // MARK: The client

  private mutating func readClient(_ octets: Span<UInt8>, into told: inout Told) {
    var place = 0
    while place < octets.count {
      switch phase {
      case .unreadable: return
      case .waiting:
        waiting.append(copying: octets.extracting(droppingFirst: place))
        if waiting.count > Self.maximumWaiting { assumeGranted(into: &told) }
        return
      case .commands:
        guard let line = client.next(in: octets, from: &place) else { return }
        command(line, into: &told)
      case .message:
        var fresh: [UInt8] = []
        let (isEnd, next) = scanner.read(octets, from: place, into: &fresh)
        place = next
        show(fresh, into: &told)
        take(fresh, into: &told)
        if isEnd { endMail(nil, isAsked: true, into: &told) }
      case .chunk(let left):
        let count = min(left, octets.count &- place)
        take(Array(copying: octets.extracting(place..<(place &+ count))), into: &told)
        place &+= count
        phase = .chunk(left: left &- count)
        if left == count { endChunk(into: &told) }
      }
    }
  }

  private mutating func command(_ line: String, into told: inout Told) {
    told.say(.client, line)
    let words = line.uppercased().split(separator: " ")
    let verb = words.first.map(String.init) ?? ""
    if verb == "BDAT", words.count > 1, let count = Int(words[1]), count >= 0 {
      let mail = mail ?? begin(.chunks, into: &told)
      isLastChunk = words.count > 2 && words[2] == "LAST"
      ask(.chunk(mail.number, isLast: isLastChunk))
      phase = .chunk(left: count)
      if count == 0 { endChunk(into: &told) }
      return
    }
    if mail != nil, ["RSET", "QUIT", "EHLO", "HELO", "MAIL", "DATA"].contains(verb) {
      endMail("given up by \(verb)", isAsked: false, into: &told)
    }
    ask(.command(verb))
    if verb == "DATA" { phase = .waiting }
  }

  private mutating func ask(_ what: Asked) {
    if asked.count < Self.maximumAsked { asked.append(what) }
  }

  // MARK: The server

  private mutating func reply(_ line: String, into told: inout Told) {
    told.say(.server, line)
    // The last line of a reply has no hyphen. RFC 5321 4.2.1.
    guard line.dropFirst(3).first != "-" else { return }
    let code = line.prefix(3)
    if !isGreeted {
      isGreeted = true
      // The greeting answers nothing, even where the client did not wait for it.
      if asked.isEmpty || code == "220" && asked.first != .command("STARTTLS") { return }
    }
    switch phase {
    case .waiting where code == "354": return grant(isAssumed: false, into: &told)
    // The command was in octets that are not in the capture.
    case .commands where code == "354" && mail == nil:
      return grant(isAssumed: false, into: &told)
    case .message:
      guard code != "354" else { return }
      guard let problem = endWithoutDot(code) else {
        early = line
        return
      }
      if unseenClient > 0 { gap(unseenClient, into: &told) }
      endMail(problem, isAsked: true, into: &told)
    default: break
    }
    guard !asked.isEmpty else { return }
    answer(asked.removeFirst(), line, into: &told)
  }

  /// What a reply in the middle of a message says about its end; nil where the end may come yet.
  private func endWithoutDot(_ code: Substring) -> String? {
    if scanner.isAtLooseEnd { return "it ended with a dot between bare line ends, which is in it" }
    guard let mail else { return nil }
    if mail.isAssumed { return "the reply to DATA is not in the capture, nor the end" }
    if mail.missing > 0 || unseenClient > 0 { return "its end is not in the capture" }
    return code == "421" ? "the server gave the connection up" : nil
  }

  private mutating func answer(_ what: Asked, _ line: String, into told: inout Told) {
    let isAccepted = line.first == "2"
    switch what {
    case .message(let number):
      told.mail.append(
        MailEvent(number: number, kind: .answered(isAccepted: isAccepted, reply: line)))
    case .chunk(let number, let isLast):
      guard isLast || !isAccepted else { return }
      told.mail.append(
        MailEvent(number: number, kind: .answered(isAccepted: isAccepted, reply: line)))
    case .command("STARTTLS") where line.hasPrefix("220"):
      phase = .unreadable
      told.say(.server, "(encrypted from here on)")
    case .command("DATA") where phase == .waiting:
      phase = .commands
      readWaiting(into: &told)
    case .command: break
    }
  }

  // MARK: Mails

  @discardableResult
  private mutating func begin(_ origin: MailEvent.Origin, into told: inout Told) -> Mail {
    mails &+= 1
    let new = Mail(number: mails)
    mail = new
    told.mail.append(MailEvent(number: mails, kind: .began(origin)))
    return new
  }

  private mutating func assumeGranted(into told: inout Told) { grant(isAssumed: true, into: &told) }

  private mutating func grant(isAssumed: Bool, into told: inout Told) {
    asked = []
    early = nil
    phase = .message
    scanner = MessageScanner()
    begin(.data, into: &told)
    mail?.isAssumed = isAssumed
    readWaiting(into: &told)
  }

  private mutating func readWaiting(into told: inout Told) {
    let octets = waiting
    waiting = []
    readClient(octets.span, into: &told)
  }

  private mutating func take(_ octets: [UInt8], into told: inout Told) {
    guard !octets.isEmpty, let number = mail?.number else { return }
    mail?.octets &+= octets.count
    told.mail.append(MailEvent(number: number, kind: .octets(octets)))
  }

  private mutating func gap(_ count: Int, into told: inout Told) {
    guard count > 0, let number = mail?.number else { return }
    mail?.missing &+= count
    told.mail.append(MailEvent(number: number, kind: .missing(count)))
  }

  private mutating func show(_ octets: [UInt8], into told: inout Told) {
    var place = 0
    while let line = text.next(in: octets.span, from: &place) {
      told.say(.client, line, isMessage: true)
    }
  }

  private mutating func showRest(into told: inout Told) {
    if let line = text.rest() { told.say(.client, line, isMessage: true) }
  }

  private mutating func endChunk(into told: inout Told) {
    phase = .commands
    if isLastChunk { endMail(nil, isAsked: false, into: &told) }
  }

  /// - Parameter isAsked: whether a reply to it is still to come that nothing else waits for.
  private mutating func endMail(_ problem: String?, isAsked: Bool, into told: inout Told) {
    showRest(into: &told)
    phase = .commands
    guard let ended = mail else { return }
    mail = nil
    let problem =
      problem ?? (ended.missing > 0 ? "\(ended.missing) octets are not in the capture" : nil)
    told.say(
      .client, "(end of message, \(ended.octets) octets\(problem.map { ": \($0)" } ?? ""))")
    told.mail.append(MailEvent(number: ended.number, kind: .ended(problem: problem)))
    guard isAsked else { return }
    if let line = early {
      early = nil
      answer(.message(ended.number), line, into: &told)
    } else {
      asked.insert(.message(ended.number), at: 0)
    }
  }
}
