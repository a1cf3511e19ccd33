import Octets

/// Watches the header of a message go by: counts its lines, and those that are Received lines.
///
/// Source: RFC 5322 2.2, RFC 5321 6.3. Looks at each line only until it is known what it is.
struct HeaderWatch: Sendable {
  /// Lines of the header so far, folded ones too.
  private(set) var lines = 0
  /// Lines that begin with "Received:", up to the first empty line.
  private(set) var receivedLines = 0
  /// No empty line yet.
  private var isOpen = true
  /// Every line so far was one of a header.
  private var isHeader = true
  /// It is known whether the present line is one of a header.
  private var isDecided = false
  /// Octets of the present line that were looked at.
  private var place = 0
  /// How many octets of "received:" the line has matched; nil when it cannot any more.
  private var matched: Int? = 0

  /// Whether the text of the present line is of interest still.
  var wantsText: Bool { isOpen && (matched != nil || isHeader && !isDecided) }

  /// Looks at text from `start` on, up to the end of the line or of the text.
  mutating func look(at text: Span<UInt8>, from start: Int) {
    var index = start
    while wantsText, index < text.count {
      let octet = text[index]
      if octet == Octet.carriageReturn || octet == Octet.lineFeed { return }
      matchReceived(octet)
      if isHeader, !isDecided { decide(octet) }
      place &+= 1
      index &+= 1
    }
  }

  /// The line has ended.
  mutating func endLine(isEmpty: Bool) {
    if isEmpty { isOpen = false }
    if !isDecided { isHeader = false }
    isDecided = false
    place = 0
    matched = 0
  }

  private mutating func matchReceived(_ octet: UInt8) {
    guard let count = matched else { return }
    let name: StaticString = "RECEIVED:"
    let wanted = unsafe name.utf8Start[count]
    guard octet.uppercased == wanted else { return matched = nil }
    matched = count &+ 1
    guard count &+ 1 == name.utf8CodeUnitCount else { return }
    matched = nil
    receivedLines &+= 1
  }

  /// A name and a colon, or a blank that continues what is there; anything else is text already.
  private mutating func decide(_ octet: UInt8) {
    let isBlank = octet == Octet.blank || octet == Octet.tab
    let isFolded = place == 0 && isBlank && lines > 0
    if isFolded || place > 0 && octet == Octet.colon {
      lines &+= 1
      isDecided = true
    } else if place == 0 && (isBlank || octet == Octet.colon)
      || !isBlank && !(33...126).contains(octet)
    {
      isHeader = false
    }
  }
}
