// Times, and what happens at them.
extension Parser {
  /// An event: its time and its action.
  mutating func parseEvent() throws(ScriptError) -> ScriptEvent {
    let line = peek().line
    let time = try parseTime()
    let action = try parseAction()
    if time.isForOutboundOnly {
      guard case .outbound = action else {
        throw ScriptError(
          at: SourcePosition(file: file, line: line),
          expected: "an exact time for anything but an outbound packet")
      }
    }
    return ScriptEvent(
      time: time, action: action, line: line, lastLine: max(peek(-1).lastLine, line))
  }

  private mutating func parseTime() throws(ScriptError) -> EventTime {
    if skip("*") { return .any }
    let isRelative = skip("+")
    let start = try parseSeconds()
    guard skip("~") else { return isRelative ? .relative(start) : .absolute(start) }
    if isRelative { try expect("+") }
    let endToken = peek()
    let end = try parseSeconds()
    guard start <= end else {
      throw mistake("a range that does not end before it starts", at: endToken)
    }
    return isRelative ? .relativeRange(start, end) : .absoluteRange(start, end)
  }

  /// Seconds as microseconds; further digits are cut off.
  mutating func parseSeconds() throws(ScriptError) -> Int64 {
    let token = peek()
    guard token.kind == .float || token.kind == .integer else {
      throw mistake("a time in seconds")
    }
    guard !token.text.hasPrefix("-") else { throw mistake("a time of 0 or more") }
    let parts = token.text.split(separator: ".", omittingEmptySubsequences: false)
    let whole = token.kind == .integer ? token.number : parts[0].isEmpty ? 0 : Int64(parts[0])
    guard let whole, whole < 1_000_000_000 else { throw mistake("a time below 10^9 seconds") }
    var fraction: Int64 = 0
    if parts.count > 1 {
      let digits = String((parts[1] + "000000").prefix(6))
      fraction = Int64(digits) ?? 0
    }
    skip()
    return whole * 1_000_000 + fraction
  }

  private mutating func parseAction() throws(ScriptError) -> ScriptEvent.Action {
    let token = peek()
    switch token.kind {
    case .backquoted:
      skip()
      return .command(token.text)
    case .code:
      skip()
      return .code(token.text)
    case .punctuation where token.text == "<":
      skip()
      return .inbound(try parsePacket(isInbound: true))
    case .punctuation where token.text == ">":
      skip()
      return .outbound(try parsePacket(isInbound: false))
    case .ellipsis: return .call(try parseCall())
    case .word where peek(1).isPunctuation("("): return .call(try parseCall())
    default: throw mistake("a packet ('<' or '>'), a system call, a command or code")
    }
  }
}
