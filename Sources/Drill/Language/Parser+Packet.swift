// Packets: what stands in front of the transport header, UDP, and TCP without its options.
extension Parser {
  /// A packet behind its direction.
  mutating func parsePacket(isInbound: Bool) throws(ScriptError) -> PacketSyntax {
    var network = NetworkSyntax()
    if peek().isPunctuation("(") || peek().isPunctuation("[") {
      network = try parseNetwork(isInbound: isInbound)
    }
    var encapsulation: [EncapsulationSyntax] = []
    while let outer = try parseEncapsulation() { encapsulation.append(outer) }
    if network.isEmpty, peek().isPunctuation("(") || peek().isPunctuation("[") {
      network = try parseNetwork(isInbound: isInbound)
    }
    let body: PacketSyntax.Body
    if skip(word: "icmp") {
      body = .icmp(try parseICMP())
    } else if skip(word: "udp") {
      body = .udp(try parseDatagram())
    } else {
      body = .tcp(try parseSegment(isInbound: isInbound))
    }
    return PacketSyntax(network: network, encapsulation: encapsulation, body: body)
  }

  // MARK: The IP header

  private mutating func parseNetwork(isInbound: Bool) throws(ScriptError) -> NetworkSyntax {
    let closing = take().text == "(" ? ")" : "]"
    var network = NetworkSyntax()
    repeat {
      let token = take()
      switch token.kind == .word ? token.text : "" {
      case "noecn": network.congestion = .exactly(0)
      case "ect1": network.congestion = .exactly(1)
      case "ect0": network.congestion = .exactly(2)
      case "ce": network.congestion = .exactly(3)
      case "ect01":
        guard !isInbound else {
          throw mistake("one ECN value for an inbound packet", at: token)
        }
        network.congestion = .eitherCapable
      case "tos", "class": network.serviceType = UInt8(try hexadecimal("a type of service", 255))
      case "dscp":
        network.serviceType = UInt8(try hexadecimal("a code point", 63)) << 2
      case "ttl", "hlim":
        network.ttl = UInt8(try number("a number of hops", in: 0...255))
      case "flowlabel": network.flowLabel = UInt32(try hexadecimal("a flow label", 0xF_FFFF))
      default:
        throw mistake(
          "what the IP header holds ('ect0', 'ce', 'tos 0x..', 'ttl N', ...)", at: token)
      }
    } while skip(",")
    try expect(closing)
    return network
  }

  private mutating func hexadecimal(_ what: String, _ limit: Int64) throws(ScriptError) -> Int64 {
    guard peek().kind == .hexadecimal || dialect == .freebsd else {
      throw mistake("\(what) in hexadecimal (0x..)")
    }
    return try number(what, in: 0...limit, allowsHexadecimal: true)
  }

  private mutating func parseEncapsulation() throws(ScriptError) -> EncapsulationSyntax? {
    let token = peek()
    guard token.kind == .word else { return nil }
    switch token.text {
    case "ipv4", "ipv6":
      skip()
      try expectAddress()
      try expect(">")
      try expectAddress()
      try expect(":")
    case "gre", "GREv0", "mpls":
      skip()
      // The numbers of these headers are read over: no stack of ours takes such packets.
      while !peek().isPunctuation(":") {
        guard peek().kind != .end else { throw mistake("':' behind '\(token.text)'") }
        skip()
      }
      skip()
    case "encap":
      skip()
      guard skip(word: "psp"), skip(word: "spi") else { throw mistake("'psp spi'") }
      _ = try number("a parameter index", in: 0...Int64(UInt32.max), allowsHexadecimal: true)
    default: return nil
    }
    return EncapsulationSyntax(name: token.text)
  }

  private mutating func expectAddress() throws(ScriptError) {
    guard peek().kind == .ipv4Address || peek().kind == .ipv6Address else {
      throw mistake("an IP address")
    }
    skip()
  }

  // MARK: Transport headers

  private mutating func parsePorts() throws(ScriptError) -> PortsSyntax? {
    guard peek().kind == .integer, peek(1).isPunctuation(">") else { return nil }
    return try parsePortPair()
  }

  private mutating func parsePortPair() throws(ScriptError) -> PortsSyntax {
    let source = UInt16(try number("a port", in: 0...65_535))
    try expect(">")
    return PortsSyntax(source: source, destination: UInt16(try number("a port", in: 0...65_535)))
  }

  private mutating func parseDatagram() throws(ScriptError) -> DatagramSyntax {
    let ports = try parsePorts()
    try expect("(")
    let length = UInt16(try number("octets of payload", in: 0...65_507))
    try expect(")")
    return DatagramSyntax(ports: ports, length: length)
  }

  private mutating func parseSegment(isInbound: Bool) throws(ScriptError) -> SegmentSyntax {
    let ports = try parsePorts()
    let flags = try parseFlags()
    var segment: SegmentSyntax
    if dialect == .freebsd, peek().kind == .ellipsis {
      skip()
      try expect("(")
      let length = UInt16(try number("octets of payload", in: 0...65_535))
      try expect(")")
      segment = SegmentSyntax(ports: ports, flags: flags, start: 0, length: length)
      segment.hasAnySequence = true
    } else {
      let (start, length) = try parseRange()
      segment = SegmentSyntax(ports: ports, flags: flags, start: start, length: length)
    }
    if dialect == .freebsd, skip("!") { segment.isAbsolute = true }
    if skip(word: "ack") {
      segment.acknowledgment = UInt32(
        try number("an acknowledgment number", in: 0...Int64(UInt32.max)))
    }
    if skip(word: "win") {
      segment.window = UInt16(try number("a window", in: 0...65_535))
    } else if isInbound {
      throw mistake("'win N' for an inbound segment")
    }
    if skip(word: "urg") {
      segment.urgentPointer = UInt16(try number("an urgent pointer", in: 0...65_535))
    }
    if peek().isPunctuation("<") { segment.options = try parseOptions(isInbound: isInbound) }
    if dialect == .freebsd, skip("/") {
      guard skip(word: "udp") else { throw mistake("'udp(SRC > DST)'") }
      try expect("(")
      segment.udpPorts = try parsePortPair()
      try expect(")")
    }
    return segment
  }

  /// `start:end(length)`, where the end must be the start and the length together.
  mutating func parseRange() throws(ScriptError) -> (start: UInt32, length: UInt16) {
    let start = UInt32(try number("a sequence number", in: 0...Int64(UInt32.max)))
    try expect(":")
    let endToken = peek()
    let end = UInt32(try number("a sequence number", in: 0...Int64(UInt32.max)))
    try expect("(")
    let length = UInt16(try number("octets of payload", in: 0...65_535))
    try expect(")")
    guard start &+ UInt32(length) == end else {
      throw mistake("\(start &+ UInt32(length)), which is \(start) + \(length)", at: endToken)
    }
    return (start, length)
  }

  // MARK: Flags

  private mutating func parseFlags() throws(ScriptError) -> SegmentFlags {
    if skip("-") { return [] }
    let first = peek()
    var flags: SegmentFlags = []
    var hasAny = false
    if first.kind == .word {
      flags = try parseLetters()
      hasAny = true
    }
    if peek().kind == .float, peek().text.hasPrefix(".") {
      let token = take()
      guard token.text.count == 2, let digit = UInt8(token.text.dropFirst()), digit < 8,
        flags.isDisjoint(with: [.ece, .cwr, .ae])
      else {
        throw mistake("one digit of 0 to 7 for the ACE field, and none of E, W, A", at: token)
      }
      return flags.union(.ack).union(Self.accurate(digit))
    }
    if skip(".") {
      flags.insert(.ack)
      hasAny = true
      // The fork takes letters behind the dot too.
      if dialect == .freebsd, peek().kind == .word { flags.formUnion(try parseLetters()) }
    }
    guard hasAny else { throw mistake("the flags of a segment: letters of FSRPUEWA, '.' or '-'") }
    return flags
  }

  private mutating func parseLetters() throws(ScriptError) -> SegmentFlags {
    let token = take()
    var flags: SegmentFlags = []
    var accurate: UInt8?
    for letter in token.text {
      if let digit = letter.wholeNumberValue, digit < 8, accurate == nil {
        accurate = UInt8(digit)
      } else if let (flag, _) = SegmentFlags.letters.first(where: { $0.1 == letter }), letter != "."
      {
        flags.insert(flag)
      } else {
        throw mistake("the flags of a segment: letters of FSRPUEWA, '.' or '-'", at: token)
      }
    }
    if let accurate {
      guard flags.isDisjoint(with: [.ece, .cwr, .ae]) else {
        throw mistake("either a digit for the ACE field or letters of E, W, A", at: token)
      }
      flags.formUnion(Self.accurate(accurate))
    }
    return flags
  }

  private static func accurate(_ digit: UInt8) -> SegmentFlags {
    var flags: SegmentFlags = []
    if digit & 4 != 0 { flags.insert(.ae) }
    if digit & 2 != 0 { flags.insert(.cwr) }
    if digit & 1 != 0 { flags.insert(.ece) }
    return flags
  }
}
