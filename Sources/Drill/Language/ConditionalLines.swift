/// The fork's `#ifdef NAME` and `#endif`, each on a line of its own.
enum ConditionalLines {
  /// Empties the lines whose condition does not hold, so that the others keep their numbers.
  static func strip(
    _ octets: [UInt8], names: Set<String>, file: String
  ) throws(ScriptError) -> [UInt8] {
    guard octets.contains(UInt8(ascii: "#")) else { return octets }
    var kept: [UInt8] = []
    var conditions: [(holds: Bool, line: Int)] = []
    var number = 0
    for line in octets.split(separator: 10, omittingEmptySubsequences: false) {
      number += 1
      if number > 1 { kept.append(10) }
      let position = SourcePosition(file: file, line: number)
      guard line.first == UInt8(ascii: "#") else {
        if conditions.allSatisfy(\.holds) { kept += line }
        continue
      }
      let words = String(decoding: line, as: UTF8.self).split {
        $0 == " " || $0 == "\t" || $0 == "\r"
      }
      switch (words.first, words.count) {
      case ("#ifdef", 2): conditions.append((names.contains(String(words[1])), number))
      case ("#ifndef", 2): conditions.append((!names.contains(String(words[1])), number))
      case ("#else", _):
        guard let last = conditions.popLast() else {
          throw ScriptError(at: position, expected: "'#ifdef NAME' before '#else'")
        }
        conditions.append((!last.holds, last.line))
      case ("#endif", _):
        guard conditions.popLast() != nil else {
          throw ScriptError(at: position, expected: "'#ifdef NAME' before '#endif'")
        }
      default:
        throw ScriptError(
          at: position, expected: "'#ifdef NAME' or '#endif'",
          found: "'\(String(decoding: line.prefix(40), as: UTF8.self))'")
      }
    }
    if let open = conditions.last {
      throw ScriptError(
        at: SourcePosition(file: file, line: open.line), expected: "'#endif' for this '#ifdef'",
        found: "none")
    }
    return kept
  }
}
