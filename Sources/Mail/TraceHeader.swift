/// A moment in the form of a message's date. Source: RFC 5322 3.3.
public struct MailDate: Hashable, Sendable, CustomStringConvertible {
  /// Seconds since 1970-01-01 00:00 UTC.
  public let seconds: Int64

  /// A date from seconds since 1970.
  public init(secondsSince1970 seconds: Int64) { self.seconds = seconds }

  /// Such as `Mon, 23 Nov 2026 22:35:00 +0000`.
  public var description: String {
    let bounded = min(max(seconds, 0), 253_402_300_799)
    let days = bounded / 86_400
    let (year, month, day) = Self.civil(fromDays: days)
    let week = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let time = [bounded / 3600 % 24, bounded / 60 % 60, bounded % 60]
      .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    return "\(week[Int(days % 7)]), \(day) \(months[month]) \(year) \(time) +0000"
  }

  /// The year, month (from 0) and day of a number of days since 1970, by counting.
  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int64) {
    // Whole cycles of 400 years have 146097 days; then years and months are counted off.
    var year: Int64 = 1970 + days / 146_097 * 400
    var rest = days % 146_097
    while rest >= (isLeap(year) ? 366 : 365) {
      rest -= isLeap(year) ? 366 : 365
      year += 1
    }
    let lengths: [Int64] = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var month = 0
    while rest >= lengths[month] {
      rest -= lengths[month]
      month += 1
    }
    return (year, month, rest + 1)
  }

  private static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }
}

/// What the server that delivers a message writes in front of it. Source: RFC 5321 4.4.
///
/// The lines are those of a final delivery, in the order in which Postfix writes them:
/// `Return-Path:` with the reverse-path as MAIL gave it (`<>` if null), `Delivered-To:`, `Received:`.
/// Every part comes from a type that cannot hold a line end, so nothing can be injected.
public struct TraceHeader: Hashable, Sendable {
  /// Whom failures are told; becomes `Return-Path:`.
  public var reversePath: ReversePath
  /// The name the client greeted with.
  public var helloName: MailDomain
  /// The client's address.
  public var peer: MailDomain?
  /// The server's name.
  public var hostname: DomainName
  /// Whether the client greeted with EHLO.
  public var isExtended: Bool
  /// The message's name in the store; only letters, digits and `.-_=+` of it are written.
  public var identifier: String
  /// The recipient, when there is one only: the others shall not learn of each other. Becomes
  /// `Delivered-To:` too.
  public var recipient: ForwardPath?
  /// When the message came.
  public var date: MailDate

  /// A header from the envelope of a message.
  public init(
    envelope: SMTPEnvelope, hostname: DomainName, identifier: String, date: MailDate
  ) {
    reversePath = envelope.reversePath
    helloName = envelope.helloName
    peer = envelope.peer
    self.hostname = hostname
    isExtended = envelope.isExtended
    self.identifier = identifier
    recipient = envelope.recipients.count == 1 ? envelope.recipients.first : nil
    self.date = date
  }

  /// The octets of the lines, each with its CR LF.
  public var octets: [UInt8] {
    let id = String(decoding: identifier.utf8.filter(Self.isSafe), as: UTF8.self)
    var text = "Return-Path: \(reversePath)\r\n"
    switch recipient {
    case .address(let address)?: text += "Delivered-To: \(address)\r\n"
    case .postmaster?: text += "Delivered-To: Postmaster@\(hostname)\r\n"
    case nil: break
    }
    text += "Received: from \(helloName)"
    if let peer { text += " (\(peer))" }
    text += "\r\n\tby \(hostname) with \(isExtended ? "ESMTP" : "SMTP") id \(id)"
    if let recipient { text += "\r\n\tfor \(recipient)" }
    text += "; \(date)\r\n"
    return Array(text.utf8)
  }

  private static func isSafe(_ octet: UInt8) -> Bool {
    octet.isLetterOrDigit || octet == 46 || octet == 45 || octet == 95 || octet == 61
      || octet == 43
  }
}

/// Sender, recipients and circumstances of a message. Source: RFC 5321 2.3.1.
public struct SMTPEnvelope: Hashable, Sendable {
  /// The name the client greeted with.
  public var helloName: MailDomain
  /// Whether the client greeted with EHLO.
  public var isExtended: Bool
  /// The client's address, if known.
  public var peer: MailDomain?
  /// Whom failures are told.
  public var reversePath: ReversePath
  /// The parameters of MAIL.
  public var parameters: MailParameters
  /// The recipients that were accepted, in order.
  public var recipients: [ForwardPath] = []
}
