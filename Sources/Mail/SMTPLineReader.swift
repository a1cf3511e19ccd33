import Octets

/// Collects one command line in bounded memory. Source: RFC 5321 2.3.8, 4.5.3.1.4.
///
/// A line ends with CR LF and nothing else. One that is too long is read to its end in constant
/// memory, so that its tail never becomes a command.
struct SMTPLineReader: Sendable {
  /// What became of the octets read.
  enum Event: Hashable, Sendable {
    /// More octets are needed.
    case more
    /// A line is complete; take it.
    case line
    /// A line longer than the limit has ended.
    case tooLong
    /// A LF stood alone: said at once, the rest up to CR LF is dropped.
    case bareLineFeed
    /// A line with a CR alone has ended.
    case bareCarriageReturn
  }

  private let limit: Int
  private let normalizes: Bool
  private var octets: [UInt8] = []
  private var count = 0
  private var sawCarriageReturn = false
  private var isBare = false
  private var isDropping = false

  /// Whether the next octet begins a line.
  var isAtStart: Bool { count == 0 }

  /// - Parameter limit: octets of a line, its end included.
  init(limit: Int, normalizes: Bool) {
    self.limit = limit
    self.normalizes = normalizes
  }

  /// Reads from `start` up to the end of a line; gives what happened and where reading goes on.
  mutating func read(_ input: Span<UInt8>, from start: Int) -> (event: Event, next: Int) {
    var index = start
    while index < input.count {
      let octet = input[index]
      index &+= 1
      count &+= 1
      if octet == Octet.lineFeed, sawCarriageReturn || normalizes {
        // After a line that was dropped, too, whoever reads looks at the next one from its beginning.
        return (endLine() ?? .more, index)
      }
      if sawCarriageReturn { isBare = true }
      sawCarriageReturn = octet == Octet.carriageReturn
      if octet == Octet.lineFeed {
        guard !isDropping else { continue }
        isDropping = true
        return (.bareLineFeed, index)
      }
      if !sawCarriageReturn, octets.count < limit, !isDropping { octets.append(octet) }
    }
    return (.more, index)
  }

  /// The line read, given up to be used without a copy; give its storage back with ``recycle``.
  mutating func take() -> [UInt8] {
    let line = octets
    octets = []
    return line
  }

  mutating func recycle(_ line: consuming [UInt8]) {
    line.removeAll(keepingCapacity: true)
    octets = line
  }

  /// Nil for the end of what was dropped after it had been answered.
  private mutating func endLine() -> Event? {
    let event: Event? =
      if isDropping { nil } else if count > limit { .tooLong } else if isBare {
        .bareCarriageReturn
      } else { .line }
    count = 0
    sawCarriageReturn = false
    isBare = false
    isDropping = false
    if event != .line { octets.removeAll(keepingCapacity: true) }
    return event
  }
}
