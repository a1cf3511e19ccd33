import Octets

/// Reads an SMTP dialogue from the octets of both directions, line by line.
///
/// It follows only as much of the protocol as is needed to tell a command from a message:
/// DATA up to its lone dot, BDAT by count, STARTTLS to the end of what can be read.
struct DialogueReader {
  /// Who speaks.
  enum Speaker: String {
    case client, server
  }

  /// One thing said.
  struct Line: Equatable {
    var speaker: Speaker
    var text: String
    /// A line of the message itself, not of the protocol.
    var isMessage = false
  }

  private enum Phase: Equatable {
    case commands
    case message
    case chunk(left: Int)
    case unreadable
  }

  /// The longest line that is shown; RFC 5321's limit is 1,000.
  static let maximumLine = 4096
  /// How many commands may wait for their replies.
  static let maximumUnanswered = 1000

  private var phase = Phase.commands
  /// Lines without their ends yet.
  private var (fromClient, fromServer) = ([UInt8](), [UInt8]())
  private var messageOctets = 0
  /// Commands without a reply yet, oldest first: with pipelining there may be several.
  private var unanswered: [String] = []

  /// Octets of one direction, in order.
  mutating func read(_ octets: Span<UInt8>, from speaker: Speaker) -> [Line] {
    var said: [Line] = []
    var buffer: [UInt8] = []
    exchange(&buffer, speaker)
    var place = 0
    while place < octets.count, phase != .unreadable {
      if speaker == .client, case .chunk(let left) = phase {
        let taken = min(left, octets.count - place)
        place += taken
        phase = left > taken ? .chunk(left: left - taken) : .commands
        if left == taken { said.append(messageEnd()) }
        continue
      }
      let end = octets.firstIndex(of: 10, from: place)
      let part = octets.extracting(place..<(end ?? octets.count))
      place = end.map { $0 + 1 } ?? octets.count
      if end != nil, buffer.isEmpty {
        line(part.extracting(first: min(part.count, Self.maximumLine)), from: speaker, to: &said)
        continue
      }
      let room = max(Self.maximumLine - buffer.count, 0)
      unsafe part.extracting(first: min(part.count, room)).withUnsafeBufferPointer {
        unsafe buffer.append(contentsOf: $0)
      }
      guard end != nil else { break }
      line(buffer.span, from: speaker, to: &said)
      buffer.removeAll(keepingCapacity: true)
    }
    if phase == .unreadable { buffer = [] }
    exchange(&buffer, speaker)
    return said
  }

  private mutating func exchange(_ buffer: inout [UInt8], _ speaker: Speaker) {
    if speaker == .client { swap(&buffer, &fromClient) } else { swap(&buffer, &fromServer) }
  }

  /// Octets that the capture does not have.
  mutating func hole(_ count: Int, from speaker: Speaker) -> Line {
    var none: [UInt8] = []
    exchange(&none, speaker)
    if speaker == .server {
      // Replies are missing; that the client goes on as if DATA was granted tells enough.
      if phase == .commands && unanswered.last == "DATA" {
        phase = .message
        messageOctets = 0
      }
      unanswered = phase == .message ? ["(message)"] : []
    }
    return Line(speaker: speaker, text: "(\(count) octets are not in the capture)")
  }

  /// A line without its line feed.
  private mutating func line(
    _ line: Span<UInt8>, from speaker: Speaker, to said: inout [Line]
  ) {
    let hasReturn = line.count > 0 && line[line.count - 1] == 13
    let octets = hasReturn ? line.extracting(droppingLast: 1) : line
    guard speaker == .client else { return reply(Self.printable(octets), to: &said) }
    if phase == .message {
      messageOctets += octets.count + 2
      guard octets.count == 1, octets[0] == UInt8(ascii: ".") else {
        return said.append(
          Line(speaker: .client, text: Self.printable(octets), isMessage: true))
      }
      said.append(messageEnd())
      return phase = .commands
    }
    let text = Self.printable(octets)
    let words = text.uppercased().split(separator: " ")
    if unanswered.count < Self.maximumUnanswered {
      unanswered.append(words.first.map(String.init) ?? "")
    }
    if words.first == "BDAT", words.count > 1, let count = Int(words[1]), count > 0 {
      messageOctets = count
      phase = .chunk(left: count)
    }
    said.append(Line(speaker: .client, text: text))
  }

  private mutating func reply(_ text: String, to said: inout [Line]) {
    said.append(Line(speaker: .server, text: text))
    // The last line of a reply has no hyphen; the greeting answers nothing.
    guard text.dropFirst(3).first != "-", !unanswered.isEmpty else { return }
    switch (unanswered.removeFirst(), text.prefix(3)) {
    case ("DATA", "354"):
      phase = .message
      messageOctets = 0
      unanswered.insert("(message)", at: 0)
    case ("STARTTLS", "220"):
      phase = .unreadable
      said.append(Line(speaker: .server, text: "(encrypted from here on)"))
    default: break
    }
  }

  private mutating func messageEnd() -> Line {
    defer { messageOctets = 0 }
    return Line(speaker: .client, text: "(end of message, \(messageOctets) octets)")
  }

  /// ASCII as it is, everything else as an escape.
  static func printable(_ octets: Span<UInt8>) -> String {
    if isPrintable(octets) {
      return unsafe octets.withUnsafeBufferPointer {
        unsafe String(decoding: $0, as: UTF8.self)
      }
    }
    return printable(odd: [UInt8](copying: octets))
  }

  /// Whether all is ASCII and nothing a control; eight octets are looked at together.
  private static func isPrintable(_ octets: Span<UInt8>) -> Bool {
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
