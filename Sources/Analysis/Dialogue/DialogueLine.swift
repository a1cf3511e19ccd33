import Octets

/// One thing said on a connection.
public struct DialogueLine: Hashable, Sendable {
  /// Who speaks.
  public enum Speaker: String, Hashable, Sendable {
    /// Who opened the connection.
    case client
    /// Who was asked.
    case server

    /// The other one.
    public var other: Speaker { self == .client ? .server : .client }
  }

  /// Who says it.
  public var speaker: Speaker
  /// What is said, without its line end; what cannot be shown is escaped.
  public var text: String
  /// A line of the message itself, not of the protocol.
  public var isMessage: Bool

  /// A line.
  public init(speaker: Speaker, text: String, isMessage: Bool = false) {
    (self.speaker, self.text, self.isMessage) = (speaker, text, isMessage)
  }

  /// The text as it went over the wire: in a message a dot at the beginning of a line is doubled. RFC
  /// 5321 4.5.2.
  public var textOnWire: String { isMessage && text.first == "." ? "." + text : text }

  /// Octets that the capture does not have.
  static func hole(_ count: Int, _ speaker: Speaker) -> DialogueLine {
    DialogueLine(speaker: speaker, text: "(\(count) octets are not in the capture)")
  }

  /// ASCII and UTF-8 as they are, a tab as two spaces, everything else as an escape.
  public static func printable(_ octets: Span<UInt8>) -> String {
    guard isPlain(octets) else { return printable(odd: Array(copying: octets)) }
    return unsafe octets.withUnsafeBufferPointer {
      unsafe String(decoding: $0, as: UTF8.self)
    }
  }

  /// Whether all is ASCII and nothing a control; eight octets are looked at together.
  private static func isPlain(_ octets: Span<UInt8>) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var odd: UInt64 = 0
    var place = 0
    while place &+ 8 <= octets.count {
      let eight = octets.uint64(at: place)
      // A top bit is set by one in the octet, by what is below 32, and by 127.
      odd |= eight | (eight &- ones &* 32) | (eight &+ ones)
      place &+= 8
    }
    guard odd & (ones &* 0x80) == 0 else { return false }
    while place < octets.count {
      guard (32..<127).contains(octets[place]) else { return false }
      place &+= 1
    }
    return true
  }

  private static func printable(odd octets: [UInt8]) -> String {
    if octets.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }),
      let text = String(validating: octets.flatMap { $0 == 9 ? [32, 32] : [$0] }, as: UTF8.self)
    {
      return text
    }
    return octets.reduce(into: "") { text, octet in
      switch octet {
      case 32..<127: text.unicodeScalars.append(Unicode.Scalar(octet))
      default:
        let digits = String(octet, radix: 16)
        text += "\\x" + (digits.count == 1 ? "0" : "") + digits
      }
    }
  }
}

/// Something that happened to a mail which a connection carries.
public struct MailEvent: Sendable {
  /// By which command a mail goes.
  public enum Origin: String, Hashable, Sendable {
    /// SMTP's DATA.
    case data = "DATA"
    /// SMTP's BDAT. RFC 3030.
    case chunks = "BDAT"
    /// POP3's RETR. RFC 1939.
    case retrieved = "RETR"
    /// POP3's TOP: the header and some lines.
    case top = "TOP"
  }

  /// What happened.
  public enum Kind: Hashable, Sendable {
    /// It begins.
    case began(Origin)
    /// Octets of it, without dots that were stuffed.
    case octets([UInt8])
    /// So many octets are not in the capture; those of stuffed dots are counted too.
    case missing(Int)
    /// It ends: whole, or with what is wrong with it.
    case ended(problem: String?)
    /// What the server said to it.
    case answered(isAccepted: Bool, reply: String)
  }

  /// Which mail of the connection, from 1.
  public var number: Int
  /// What happened to it.
  public var kind: Kind
}

/// What octets of a connection told.
public struct Told: Sendable {
  /// Lines that are complete now.
  public internal(set) var lines: [DialogueLine] = []
  /// What happened to mails.
  public var mail: [MailEvent] = []
  /// Octets that were acknowledged and are not in the capture.
  public internal(set) var unseen = 0

  /// Nothing yet.
  public init() {}

  mutating func say(_ speaker: DialogueLine.Speaker, _ text: String, isMessage: Bool = false) {
    lines.append(DialogueLine(speaker: speaker, text: text, isMessage: isMessage))
  }
  /// Goes on with what was told later.
  mutating func append(_ later: Told) {
    lines += later.lines
    mail += later.mail
    unseen &+= later.unseen
  }
}
