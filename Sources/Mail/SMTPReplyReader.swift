import Octets

/// Why what a server sent is not a reply.
public enum SMTPReplyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A line does not begin with a code from 200 to 599 and a blank or dash.
  case notAReply
  /// The lines of one reply have different codes. Source: RFC 5321 4.2.1.
  case codesDiffer(UInt16, UInt16)
  /// A line is longer than is taken.
  case lineTooLong
  /// A reply has more lines than are taken.
  case tooManyLines

  /// One sentence for people.
  public var description: String {
    switch self {
    case .notAReply: "a line does not begin with a reply code from 200 to 599"
    case .codesDiffer(let first, let second):
      "the lines of one reply have different codes, \(first) and \(second)"
    case .lineTooLong: "a line of a reply is longer than \(SMTPReplyReader.longestLine) octets"
    case .tooManyLines: "a reply has more than \(SMTPReplyReader.mostLines) lines"
    }
  }
}

/// Puts replies together from octets of a server, which is not trusted: lines, their lengths and
/// their codes are bounded and checked. Source: RFC 5321 4.2.
struct SMTPReplyReader: Sendable {
  /// Four times what RFC 5321 4.5.3.1.5 asks for.
  static let longestLine = 2048
  static let mostLines = 128

  private var line: [UInt8] = []
  private var code: UInt16?
  private var texts: [String] = []

  /// Reads up to the end of a reply; gives it, or nil when more octets are needed.
  mutating func read(
    _ input: Span<UInt8>, from index: inout Int
  ) throws(SMTPReplyError) -> SMTPReply? {
    while index < input.count {
      let octet = input[index]
      index &+= 1
      guard octet == Octet.lineFeed else {
        line.append(octet)
        guard line.count <= Self.longestLine else { throw .lineTooLong }
        continue
      }
      // A LF alone is taken as the end here: it only ends what the server itself says.
      if line.last == Octet.carriageReturn { line.removeLast() }
      if let reply = try endLine() { return reply }
    }
    return nil
  }

  private mutating func endLine() throws(SMTPReplyError) -> SMTPReply? {
    guard line.count >= 3, line[0] >= 50, line[0] <= 53, line[1].isDigit, line[2].isDigit else {
      throw .notAReply
    }
    let number = line[..<3].reduce(UInt16(0)) { $0 * 10 + UInt16($1 - 48) }
    let isLast = line.count == 3 || line[3] == Octet.blank
    guard isLast || line[3] == Octet.dash else { throw .notAReply }
    if let code, code != number { throw .codesDiffer(code, number) }
    guard texts.count < Self.mostLines else { throw .tooManyLines }
    texts.append(Self.showable(line.dropFirst(4)))
    line.removeAll(keepingCapacity: true)
    code = number
    guard isLast else { return nil }
    let reply = SMTPReply(code: SMTPReplyCode(rawValue: number), lines: texts)
    code = nil
    texts = []
    return reply
  }

  /// Text that may end up in a log or a terminal: what moves the cursor, ends a line or turns the
  /// order of letters around (controls C0 and C1, bidirectional and other format characters)
  /// becomes a question mark.
  private static func showable(_ octets: ArraySlice<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: octets, as: UTF8.self).unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: text.append("?")
      default: text.append(scalar)
      }
    }
    return String(text)
  }
}
