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
  private var partial: [Speaker: [UInt8]] = [:]
  private var messageOctets = 0
  /// Commands without a reply yet, oldest first: with pipelining there may be several.
  private var unanswered: [String] = []

  /// Octets of one direction, in order.
  mutating func read(_ octets: [UInt8], from speaker: Speaker) -> [Line] {
    var said: [Line] = []
    var buffer = partial[speaker] ?? []
    for octet in octets {
      if phase == .unreadable { break }
      if speaker == .client, case .chunk(let left) = phase {
        phase = left > 1 ? .chunk(left: left - 1) : .commands
        if left == 1 { said.append(messageEnd()) }
        continue
      }
      if octet != 10 {
        if buffer.count < Self.maximumLine { buffer.append(octet) }
        continue
      }
      if buffer.last == 13 { buffer.removeLast() }
      said += line(buffer, from: speaker)
      buffer.removeAll(keepingCapacity: true)
    }
    partial[speaker] = phase == .unreadable ? [] : buffer
    return said
  }

  /// Octets that the capture does not have.
  mutating func hole(_ count: Int, from speaker: Speaker) -> Line {
    partial[speaker] = []
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

  private mutating func line(_ octets: [UInt8], from speaker: Speaker) -> [Line] {
    let text = Self.printable(octets)
    guard speaker == .client else { return reply(text) }
    if phase == .message {
      messageOctets += octets.count + 2
      guard octets == [46] else {
        return [Line(speaker: .client, text: text, isMessage: true)]
      }
      let end = messageEnd()
      phase = .commands
      return [end]
    }
    let words = text.uppercased().split(separator: " ")
    if unanswered.count < Self.maximumUnanswered {
      unanswered.append(words.first.map(String.init) ?? "")
    }
    if words.first == "BDAT", words.count > 1, let count = Int(words[1]), count > 0 {
      messageOctets = count
      phase = .chunk(left: count)
    }
    return [Line(speaker: .client, text: text)]
  }

  private mutating func reply(_ text: String) -> [Line] {
    let said = [Line(speaker: .server, text: text)]
    // The last line of a reply has no hyphen; the greeting answers nothing.
    guard text.dropFirst(3).first != "-", !unanswered.isEmpty else { return said }
    switch (unanswered.removeFirst(), text.prefix(3)) {
    case ("DATA", "354"):
      phase = .message
      messageOctets = 0
      unanswered.insert("(message)", at: 0)
    case ("STARTTLS", "220"):
      phase = .unreadable
      return said + [Line(speaker: .server, text: "(encrypted from here on)")]
    default: break
    }
    return said
  }

  private mutating func messageEnd() -> Line {
    defer { messageOctets = 0 }
    return Line(speaker: .client, text: "(end of message, \(messageOctets) octets)")
  }

  /// ASCII as it is, everything else as an escape.
  static func printable(_ octets: [UInt8]) -> String {
    if let text = String(validating: octets, as: UTF8.self),
      octets.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 })
    {
      return text.replacing("\t", with: "  ")
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
