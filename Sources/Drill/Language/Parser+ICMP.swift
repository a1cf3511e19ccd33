// ICMP messages by the names of their types and codes.
extension Parser {
  /// An ICMP message behind `icmp`.
  mutating func parseICMP() throws(ScriptError) -> ICMPSyntax {
    let typeToken = take()
    var isIPv6 = configuration.isIPv6
    // A script for IPv6 alone need not say so; it is not malformed, only not for this version.
    if !isIPv6, ICMPNames.version4.type(typeToken.text) == nil { isIPv6 = true }
    let names = isIPv6 ? ICMPNames.version6 : ICMPNames.version4
    guard let type = names.type(typeToken.text) else {
      throw mistake("a type of ICMP message, such as 'unreachable' or 'type_3'", at: typeToken)
    }
    var message = ICMPSyntax(type: type, code: 0, isIPv6: isIPv6, name: typeToken.text)
    if peek().kind == .word, !["mtu", "id"].contains(peek().text) {
      guard let code = names.code(peek().text, of: type) else {
        throw mistake("a code of '\(typeToken.text)', such as 'code_0'")
      }
      skip()
      message.code = code
    }
    if skip(word: "mtu") {
      guard names.hasMTU(type: type, code: message.code) else {
        throw mistake("'mtu' with frag_needed or packet_too_big only", at: typeToken)
      }
      message.mtu = UInt32(try number("an MTU", in: 0...Int64(UInt32.max)))
    }
    if skip(word: "id") {
      message.identifier = UInt16(try number("an identifier", in: 0...65_535))
    }
    if skip("[") {
      message.quote = try parseQuote()
      if dialect == .freebsd, skip("/") {
        while !peek().isPunctuation("]") {
          guard peek().kind != .end else { throw mistake("']'") }
          skip()
        }
      }
      try expect("]")
    }
    return message
  }

  private mutating func parseQuote() throws(ScriptError) -> ICMPSyntax.Quote {
    for name in ["udp", "raw"] where skip(word: name) {
      try expect("(")
      let length = UInt16(try number("octets", in: 0...65_507))
      try expect(")")
      return name == "udp" ? .datagram(length: length) : .raw(length: length)
    }
    let (start, length) = try parseRange()
    return .segment(start: start, length: length)
  }
}

/// The names of ICMP types and codes. Source: RFC 792 and RFC 1122; RFC 4443.
struct ICMPNames: Sendable {
  private var types: [String: UInt8]
  private var codes: [UInt8: [String]]
  private var aliases: [UInt8: [String: UInt8]] = [:]
  private var withMTU: (type: UInt8, code: UInt8)

  /// The number of a type, by its name or as `type_N`.
  func type(_ name: String) -> UInt8? { types[name] ?? Self.number(name, behind: "type_") }

  /// The number of a code, by its name or as `code_N`.
  func code(_ name: String, of type: UInt8) -> UInt8? {
    if let place = codes[type]?.firstIndex(of: name) { return UInt8(place) }
    return aliases[type]?[name] ?? Self.number(name, behind: "code_")
  }

  /// Whether the message tells an MTU.
  func hasMTU(type: UInt8, code: UInt8) -> Bool { withMTU == (type, code) }

  private static func number(_ name: String, behind prefix: String) -> UInt8? {
    name.hasPrefix(prefix) ? UInt8(name.dropFirst(prefix.count)) : nil
  }

  static let version4 = ICMPNames(
    types: [
      "echo_reply": 0, "unreachable": 3, "source_quench": 4, "redirect": 5, "echo_request": 8,
      "time_exceeded": 11, "parameter_problem": 12, "timestamp_request": 13, "timestamp_reply": 14,
      "information_request": 15, "information_reply": 16, "address_mask_request": 17,
      "address_mask_reply": 18,
    ],
    codes: [
      3: [
        "net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable",
        "frag_needed", "source_route_failed", "net_unknown", "host_unknown",
        "source_host_isolated", "net_prohibited", "host_prohibited", "net_unreachable_for_tos",
        "host_unreachable_for_tos", "packet_filtered", "precedence_violation", "precedence_cutoff",
      ],
      11: ["ttl_exceeded_in_transit", "fragment_reassembly_time_exceeded"],
    ],
    aliases: [
      11: ["exceeded_hop_limit": 0, "exceeded_frag_time": 1, "frag_reass_exceeded": 1]
    ], withMTU: (3, 4))

  static let version6 = ICMPNames(
    types: [
      "unreachable": 1, "packet_too_big": 2, "time_exceeded": 3, "parameter_problem": 4,
      "echo_request": 128, "echo_reply": 129,
    ],
    codes: [
      1: [
        "no_route", "admin_prohibited", "not_neighbour", "address_unreachable", "port_unreachable",
      ],
      3: ["exceeded_hop_limit", "exceeded_frag_time"],
      4: ["header_field", "unknown_next_header", "unknown_option"],
    ],
    aliases: [1: ["net_unreachable": 0, "host_unreachable": 3]], withMTU: (2, 0))
}
