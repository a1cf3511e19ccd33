import Octets

/// Cuts octets into lines, wherever the pieces end; of a long line only the beginning is kept.
struct LineSplitter: Sendable {
  /// The longest line that is kept; RFC 5321 4.5.3.1.6 allows 1,000 octets.
  static let maximumLine = 4096

  private var line: [UInt8] = []

  /// The next line without its end; nil, and all is kept, where no end is in sight.
  mutating func next(in input: Span<UInt8>, from place: inout Int) -> [UInt8]? {
    let end = input.firstIndex(of: 10, from: place)
    let stop = end ?? input.count
    let room = min(stop &- place, Self.maximumLine &- line.count)
    for index in place..<(place &+ max(room, 0)) { line.append(input[index]) }
    place = end.map { $0 &+ 1 } ?? input.count
    guard end != nil else { return nil }
    if line.last == 13 { line.removeLast() }
    return take()
  }

  /// The line so far.
  mutating func take() -> [UInt8] {
    defer { line = [] }
    return line
  }
}
