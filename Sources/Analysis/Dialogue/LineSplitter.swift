import Octets

/// Cuts octets into lines, wherever the pieces end; of a long line only the beginning is kept.
struct LineSplitter: Sendable {
  /// The longest line that is kept; RFC 5321 4.5.3.1.6 allows 1,000 octets.
  static let maximumLine = 4096

  private var line: [UInt8] = []

  /// The next line as text, without its end; nil, and all is kept, where no end is in sight.
  mutating func next(in input: Span<UInt8>, from place: inout Int) -> String? {
    let end = input.firstIndex(of: 10, from: place)
    let room = max(Self.maximumLine &- line.count, 0)
    let part = input.extracting(place..<min(end ?? input.count, place &+ room))
    place = end.map { $0 &+ 1 } ?? input.count
    if end != nil, line.isEmpty { return Self.text(part) }
    line.append(copying: part)
    guard end != nil else { return nil }
    defer { line.removeAll(keepingCapacity: true) }
    return Self.text(line.span)
  }

  private static func text(_ line: Span<UInt8>) -> String {
    let hasReturn = line.count > 0 && line[line.count &- 1] == 13
    return DialogueLine.printable(hasReturn ? line.extracting(droppingLast: 1) : line)
  }

  /// What there is of a line that will have no end; nil where that is nothing.
  mutating func rest() -> String? {
    guard !line.isEmpty else { return nil }
    defer { line = [] }
    return DialogueLine.printable(line.span)
  }
}
