import Octets

/// Reads a message up to the line with a dot alone, and takes away the dots that were stuffed.
///
/// Every other octet stays as it is, CR and LF alone too; only CR LF . CR LF is the end. The result
/// does not depend on how the octets come in pieces. Source: RFC 5321 4.5.2; RFC 1939 section 3.
struct MessageScanner: Sendable {
  private enum State: Sendable {
    case lineStart, text, carriageReturn, dot, dotCarriageReturn
  }

  private var state = State.lineStart
  /// The last four octets as they came.
  private var tail: UInt32 = 0

  /// Octets were missed: this is the middle of a line.
  mutating func interrupt() { (state, tail) = (.text, 0) }

  /// Whether what was read last is an end to those who take LF alone for a line end.
  var isAtLooseEnd: Bool { tail & 0xFF_FFFF == 0x0A2E0A || tail == 0x0A2E_0D0A }

  /// Reads from `start`, appends what belongs to the message; says whether the end was reached, and
  /// where reading goes on.
  mutating func read(
    _ input: Span<UInt8>, from start: Int, into output: inout [UInt8]
  ) -> (isEnd: Bool, next: Int) {
    var index = start
    while index < input.count {
      let octet = input[index]
      switch state {
      case .lineStart:
        state = octet == 46 ? .dot : .text
        guard octet == 46 else { continue }
      case .dot:
        state = octet == 13 ? .dotCarriageReturn : .text
        guard octet == 13 else { continue }
      case .dotCarriageReturn:
        guard octet == 10 else {
          output.append(13)
          state = .carriageReturn
          continue
        }
        return (true, index &+ 1)
      case .carriageReturn:
        guard octet == 10 || octet == 13 else {
          state = .text
          continue
        }
        output.append(octet)
        if octet == 10 { state = .lineStart }
      case .text:
        guard octet == 13 else {
          let end = input.firstIndex(of: 13, from: index) ?? input.count
          let run = input.extracting(index..<end)
          output.append(copying: run)
          for place in max(run.count &- 4, 0)..<run.count { tail = tail << 8 | UInt32(run[place]) }
          index = end
          continue
        }
        output.append(octet)
        state = .carriageReturn
      }
      tail = tail << 8 | UInt32(octet)
      index &+= 1
    }
    return (false, index)
  }
}
