// The options of a TCP segment.
extension Parser {
  /// `<...>` or a list; nil means any options.
  mutating func parseOptions(isInbound: Bool) throws(ScriptError) -> [OptionSyntax]? {
    let opening = peek()
    try expect("<")
    if peek().kind == .ellipsis {
      guard !isInbound else { throw mistake("the options of an inbound segment") }
      skip()
      try expect(">")
      return nil
    }
    var options: [OptionSyntax] = []
    if !peek().isPunctuation(">") {
      repeat { options.append(try parseOption()) } while skip(",")
    }
    try expect(">")
    let length = options.reduce(0) { $0 + $1.length }
    guard length <= 40 else {
      throw ScriptError(
        at: SourcePosition(file: file, line: opening.line),
        expected: "at most 40 octets of options",
        found: "\(length)")
    }
    guard length % 4 == 0 else {
      throw ScriptError(
        at: SourcePosition(file: file, line: opening.line),
        expected: "a multiple of 4 octets of options (pad with nop or eol)", found: "\(length)")
    }
    return options
  }

  private mutating func parseOption() throws(ScriptError) -> OptionSyntax {
    let token = take()
    if dialect == .freebsd, token.kind == .hexadecimal {
      guard let octets = Self.octets(token.text.dropFirst(2)) else {
        throw mistake("an even number of hexadecimal digits", at: token)
      }
      return .raw(octets)
    }
    switch token.kind == .word ? token.text : "" {
    case "nop": return .noOperation
    case "eol": return .endOfList
    case "mss": return .maximumSegmentSize(UInt16(try number("an MSS", in: 0...65_535)))
    case "wscale": return .windowScale(UInt8(try number("a shift", in: 0...255)))
    case "sackOK": return .sackPermitted
    case "sack": return try parseSACK()
    case "TS", "ts": return try parseTimestamps()
    case "md5":
      if dialect == .freebsd, skip(word: "valid") { return .validMD5 }
      let octets = try cookie("a digest", limit: 16)
      return .md5(octets)
    case "FO": return .fastOpen(isCookie ? try cookie("a cookie", limit: 38) : [])
    case "FOEXP": return .fastOpenExperimental(isCookie ? try cookie("a cookie", limit: 36) : [])
    case "ECN": return try parseAccurateECN()
    case "exp" where dialect == .freebsd && skip("-"):
      guard skip(word: "FO") else { throw mistake("'FO' behind 'exp-'") }
      return .fastOpenExperimental(isCookie ? try cookie("a cookie", limit: 36) : [])
    case "gen" where peek().number != nil:
      // The fork's form for any kind serves in both dialects. The minus sign of `gen-254` belongs to the number.
      let kind = 0 &- (take().number ?? 0)
      guard (2...255).contains(kind) else { throw mistake("an option kind of 2 to 255", at: token) }
      return .other(kind: UInt8(kind), isCookie ? try cookie("octets", limit: 38) : [])
    case "AccECN0" where dialect == .freebsd, "AccECN1" where dialect == .freebsd:
      return try parseForkECN(order: token.text == "AccECN0" ? 0 : 1)
    default:
      throw mistake(
        "an option (nop, eol, mss N, wscale N, sackOK, sack L:R, TS val V ecr E, md5, FO, FOEXP, ECN)",
        at: token)
    }
  }

  private mutating func parseSACK() throws(ScriptError) -> OptionSyntax {
    var blocks: [SACKSyntax] = []
    while peek().kind == .integer {
      let left = UInt32(try number("a sequence number", in: 0...Int64(UInt32.max)))
      try expect(":")
      let right = UInt32(try number("a sequence number", in: 0...Int64(UInt32.max)))
      blocks.append(SACKSyntax(left: left, right: right))
    }
    guard (1...4).contains(blocks.count) else { throw mistake("one to four blocks 'LEFT:RIGHT'") }
    return .sack(blocks)
  }

  private mutating func parseTimestamps() throws(ScriptError) -> OptionSyntax {
    guard skip(word: "val") else { throw mistake("'val N ecr N'") }
    let value = UInt32(try number("a timestamp", in: 0...Int64(UInt32.max)))
    guard skip(word: "ecr") else { throw mistake("'ecr N'") }
    let echo = UInt32(try number("a timestamp", in: 0...Int64(UInt32.max)))
    return .timestamps(value: value, echo: echo)
  }

  private mutating func parseAccurateECN() throws(ScriptError) -> OptionSyntax {
    let names: [String]
    let order: Int
    if peek().text == "e0b" {
      (names, order) = (["e0b", "ceb", "e1b"], 0)
    } else if peek().text == "e1b" {
      (names, order) = (["e1b", "ceb", "e0b"], 1)
    } else {
      throw mistake("'e0b N' or 'e1b N'")
    }
    var counters: [UInt32] = []
    for name in names {
      guard skip(word: name) else { break }
      counters.append(UInt32(try number("a counter", in: 0...0xFF_FFFF)))
    }
    return .accurateECN(order: order, counters: counters)
  }

  private mutating func parseForkECN(order: Int) throws(ScriptError) -> OptionSyntax {
    var counters: [UInt32] = []
    while counters.count < 3, peek().kind == .integer {
      counters.append(UInt32(try number("a counter", in: 0...0xFF_FFFF)))
    }
    return .accurateECN(order: order, counters: counters)
  }

  // MARK: Octets in hexadecimal

  /// Whether octets follow: anything but the end of the option.
  private var isCookie: Bool { !peek().isPunctuation(",") && !peek().isPunctuation(">") }

  private mutating func cookie(_ what: String, limit: Int) throws(ScriptError) -> [UInt8] {
    let token = peek()
    let digits = token.kind == .hexadecimal ? token.text.dropFirst(2) : token.text[...]
    switch token.kind {
    case .word, .integer, .hexadecimal: break
    default: throw mistake("\(what) in hexadecimal digits")
    }
    guard let octets = Self.octets(digits), octets.count <= limit else {
      throw mistake("\(what) of an even number of hexadecimal digits, at most \(limit * 2)")
    }
    skip()
    return octets
  }

  /// Octets from an even number of hexadecimal digits.
  static func octets(_ digits: Substring) -> [UInt8]? {
    let characters = Array(digits.utf8)
    guard characters.count % 2 == 0, characters.allSatisfy(\.isHexadecimal) else { return nil }
    return stride(from: 0, to: characters.count, by: 2).compactMap {
      UInt8(String(decoding: characters[$0..<($0 + 2)], as: UTF8.self), radix: 16)
    }
  }
}
