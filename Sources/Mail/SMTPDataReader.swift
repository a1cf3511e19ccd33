import Octets

/// Reads the octets behind DATA: takes away the dots that were stuffed, and finds the end.
///
/// The end is CR LF . CR LF and nothing else; the first CR LF may be the one of the DATA command.
/// Source: RFC 5321 4.1.1.4, 4.5.2.
///
/// ```text
///            '.'                CR                     LF
/// lineStart ─────► dot ─────────────► dotCarriageReturn ─────► end
///     ▲             │ other: the dot is dropped
///     │ CR LF       ▼
///     └─────────── text
/// ```
///
/// Invariants: 1. the result does not depend on how the octets are cut into pieces; 2. a CR is
/// held back until it is known to begin CR LF; 3. once there is a flaw nothing more is written.
struct SMTPDataReader: Sendable {
  private enum State: Sendable {
    case lineStart, text, carriageReturn, dot, dotCarriageReturn
    // After a LF alone that was taken as a line end: a dot here is stuffed, never the end.
    case lineStartAfterBare, dotAfterBare
  }

  private let normalizes: Bool
  private let limits: SMTPLimits
  private var state = State.lineStart
  private var lineOctets = 0
  private var header = HeaderWatch()
  /// Octets of the message so far, dots taken away, line ends counted as two.
  private(set) var octetCount = 0
  /// The first thing that is wrong with the message.
  private(set) var flaw: SMTPRule?
  /// Line feeds that became CR LF.
  private(set) var normalizedLines = 0

  init(limits: SMTPLimits, normalizes: Bool) {
    self.limits = limits
    self.normalizes = normalizes
  }

  /// Reads from `start`, appends what belongs to the message; says whether the end was reached,
  /// and where reading goes on.
  mutating func read(
    _ input: Span<UInt8>, from start: Int, into output: inout [UInt8]
  ) -> (isComplete: Bool, next: Int) {
    var index = start
    while index < input.count {
      switch state {
      case .text:
        index = readText(input, from: index, into: &output)
      case .lineStart, .lineStartAfterBare:
        if input[index] == Octet.dot {
          state = state == .lineStart ? .dot : .dotAfterBare
          index &+= 1
        } else {
          state = .text
        }
      case .dot, .dotAfterBare:
        if input[index] == Octet.carriageReturn, state == .dot {
          state = .dotCarriageReturn
          index &+= 1
        } else {
          state = .text
        }
      case .dotCarriageReturn:
        if input[index] == Octet.lineFeed { return (true, index &+ 1) }
        state = .carriageReturn
      case .carriageReturn:
        if input[index] == Octet.lineFeed {
          index &+= 1
          endLine(into: &output, next: .lineStart)
        } else {
          // RFC 5321 2.3.8: CR only occurs as part of CR LF.
          note(.bareLineEndInMessage)
          state = .text
        }
      }
    }
    return (false, index)
  }

  /// Reads text up to a CR or LF, and that one too.
  private mutating func readText(
    _ input: Span<UInt8>, from start: Int, into output: inout [UInt8]
  ) -> Int {
    var index = start
    if header.wantsText { watchHeader(input, from: start) }
    while index < input.count, input[index] != Octet.carriageReturn,
      input[index] != Octet.lineFeed
    {
      index &+= 1
    }
    append(input.extracting(start..<index), to: &output)
    guard index < input.count else { return index }
    if input[index] == Octet.carriageReturn {
      state = .carriageReturn
    } else if normalizes {
      normalizedLines &+= 1
      endLine(into: &output, next: .lineStartAfterBare)
    } else {
      note(.bareLineEndInMessage)
    }
    return index &+ 1
  }

  private mutating func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    guard !text.isEmpty else { return }
    lineOctets &+= text.count
    octetCount &+= text.count
    if lineOctets &+ 2 > limits.textLine { note(.textLineTooLong) }
    if octetCount > limits.messageOctets { note(.messageTooBig) }
    guard flaw == nil else { return }
    unsafe text.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
  }

  private mutating func endLine(into output: inout [UInt8], next: State) {
    header.endLine(isEmpty: lineOctets == 0)
    octetCount &+= 2
    if octetCount > limits.messageOctets { note(.messageTooBig) }
    lineOctets = 0
    state = next
    guard flaw == nil else { return }
    output.append(Octet.carriageReturn)
    output.append(Octet.lineFeed)
  }

  private mutating func note(_ rule: SMTPRule) {
    if flaw == nil { flaw = rule }
  }

  private mutating func watchHeader(_ input: Span<UInt8>, from start: Int) {
    header.look(at: input, from: start)
    if header.receivedLines > limits.receivedLines { note(.mailLoop) }
    if header.lines > limits.headerLines { note(.headerTooLong) }
  }
}
