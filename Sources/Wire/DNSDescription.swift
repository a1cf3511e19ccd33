public import Octets

/// One line for a DNS message: its questions, its answers, and how it ended.
///
/// Names are read with their compression pointers, each of which must point further back than the one
/// before; so the reading of a name ends. Sources: RFC 1035 section 4; RFC 3596 for AAAA, RFC 2782
/// for SRV, RFC 6891 for OPT.
public enum DNSDescription {
  /// Records of a section that are told; further ones are counted.
  static let maximumTold = 8
  /// RFC 1035 2.3.4.
  static let longestName = 255

  /// Describes a message; never fails: what cannot be read is said in the line.
  public static func line(for message: Span<UInt8>) -> String {
    TextBuffer.string { write(message, to: &$0) }
  }

  /// Appends what ``line(for:)`` gives.
  public static func write(_ message: Span<UInt8>, to text: inout TextBuffer) {
    guard message.count >= 12 else { return text.append("DNS, cut off") }
    let flags = message.uint16(at: 2)
    text.append(flags & 0x8000 == 0 ? "DNS query " : "DNS answer ")
    text.append(decimal: message.uint16(at: 0))
    let operation = flags >> 11 & 15
    if operation != 0 {
      text.append(", operation ")
      text.append(decimal: operation)
    }
    if flags & 0x8000 != 0 { code(flags & 15, to: &text) }
    if flags & 0x0200 != 0 { text.append(", truncated") }
    var place: Int? = 12
    let questions = Int(message.uint16(at: 4))
    for index in 0..<min(questions, maximumTold) {
      text.append(index == 0 ? " " : ", ")
      place = question(message, place, to: &text)
    }
    more(questions, to: &text)
    // Further questions were not read, so that it is not known where the answers begin.
    guard questions <= maximumTold, flags & 0x8000 != 0 else { return }
    let answers = Int(message.uint16(at: 6))
    for index in 0..<min(answers, maximumTold) {
      guard let start = place else { break }
      text.append(index == 0 ? ": " : ", ")
      place = record(message, start, to: &text)
    }
    if place != nil { more(answers, to: &text) }
  }

  private static func more(_ count: Int, to text: inout TextBuffer) {
    guard count > maximumTold else { return }
    text.append(" and ")
    text.append(decimal: count &- maximumTold)
    text.append(" more")
  }

  /// RCODE. RFC 1035 4.1.1; the IANA registry for the names.
  private static func code(_ code: UInt16, to text: inout TextBuffer) {
    switch code {
    case 0: break
    case 1: text.append(" FORMERR")
    case 2: text.append(" SERVFAIL")
    case 3: text.append(" NXDOMAIN")
    case 4: text.append(" NOTIMP")
    case 5: text.append(" REFUSED")
    default:
      text.append(" code ")
      text.append(decimal: code)
    }
  }

  private static func type(_ type: UInt16, to text: inout TextBuffer) {
    switch type {
    case 1: text.append("A")
    case 2: text.append("NS")
    case 5: text.append("CNAME")
    case 6: text.append("SOA")
    case 12: text.append("PTR")
    case 15: text.append("MX")
    case 16: text.append("TXT")
    case 28: text.append("AAAA")
    case 33: text.append("SRV")
    case 41: text.append("OPT")
    case 252: text.append("AXFR")
    case 255: text.append("ANY")
    default:
      text.append("TYPE")
      text.append(decimal: type)
    }
  }

  /// - Returns: where the next one begins; nil where this one is cut off.
  private static func question(
    _ message: Span<UInt8>, _ start: Int?, to text: inout TextBuffer
  ) -> Int? {
    guard let start, let end = skip(message, start), end &+ 4 <= message.count else {
      text.append("(cut off)")
      return nil
    }
    type(message.uint16(at: end), to: &text)
    text.append(" ")
    name(message, start, to: &text)
    return end &+ 4
  }

  private static func record(
    _ message: Span<UInt8>, _ start: Int, to text: inout TextBuffer
  ) -> Int? {
    guard let end = skip(message, start), end &+ 10 <= message.count else {
      text.append("(cut off)")
      return nil
    }
    let kind = message.uint16(at: end)
    let data = end &+ 10
    let next = data &+ Int(message.uint16(at: end &+ 8))
    type(kind, to: &text)
    text.append(" ")
    guard next <= message.count else {
      text.append("(cut off)")
      return nil
    }
    value(message, kind, data..<next, to: &text)
    return next
  }

  private static func value(
    _ message: Span<UInt8>, _ kind: UInt16, _ data: Range<Int>, to text: inout TextBuffer
  ) {
    switch (kind, data.count) {
    case (1, 4):
      text.append(IPv4Address(rawValue: message.uint32(at: data.lowerBound)))
    case (28, 16): address(message, data.lowerBound, to: &text)
    case (2, 1...), (5, 1...), (12, 1...): name(message, data.lowerBound, to: &text)
    case (15, 3...):
      text.append(decimal: message.uint16(at: data.lowerBound))
      text.append(" ")
      name(message, data.lowerBound &+ 2, to: &text)
    case (33, 7...):
      name(message, data.lowerBound &+ 6, to: &text)
      text.append(":")
      text.append(decimal: message.uint16(at: data.lowerBound &+ 4))
    case (16, 1...): strings(message, data, to: &text)
    default:
      text.append("(")
      text.append(decimal: data.count)
      text.append(" octets)")
    }
  }

  /// The groups as they are, without the short form of RFC 5952.
  private static func address(_ message: Span<UInt8>, _ start: Int, to text: inout TextBuffer) {
    for group in 0..<8 {
      if group > 0 { text.append(":") }
      text.append(hexadecimal: UInt64(message.uint16(at: start &+ 2 &* group)))
    }
  }

  /// Character strings, each behind its length. RFC 1035 3.3.14.
  private static func strings(
    _ message: Span<UInt8>, _ data: Range<Int>, to text: inout TextBuffer
  ) {
    var place = data.lowerBound
    text.append("\"")
    while place < data.upperBound {
      let end = min(place &+ 1 &+ Int(message[place]), data.upperBound)
      place &+= 1
      while place < end {
        escape(message[place], to: &text)
        place &+= 1
      }
    }
    text.append("\"")
  }

  /// An octet as master files write it. RFC 1035 5.1.
  private static func escape(_ octet: UInt8, to text: inout TextBuffer) {
    guard !(33..<127 ~= octet || octet == 32) || octet == 34 || octet == 92 else {
      return text.append(octet: octet)
    }
    text.append("\\")
    if octet < 100 { text.append("0") }
    if octet < 10 { text.append("0") }
    text.append(decimal: octet)
  }

  /// The place behind a name, without following pointers.
  private static func skip(_ message: Span<UInt8>, _ start: Int) -> Int? {
    var place = start
    while place < message.count {
      let length = message[place]
      if length == 0 { return place &+ 1 }
      if length >= 0xC0 { return place &+ 2 <= message.count ? place &+ 2 : nil }
      // 01 and 10 begin nothing that is in use. RFC 6891 section 5.
      guard length < 0x40 else { return nil }
      place &+= 1 &+ Int(length)
    }
    return nil
  }

  private static func name(_ message: Span<UInt8>, _ start: Int, to text: inout TextBuffer) {
    var place = start
    /// Pointers must lead to before this.
    var bound = start
    var told = 0
    while place < message.count {
      let length = Int(message[place])
      switch length {
      case 0:
        if told == 0 { text.append(".") }
        return
      case 0xC0...:
        guard place &+ 1 < message.count else { return text.append("(cut off)") }
        let target = Int(message.uint16(at: place) & 0x3FFF)
        guard target < bound else { return text.append("(pointer not backwards)") }
        (place, bound) = (target, target)
      case 1..<0x40:
        guard place &+ 1 &+ length <= message.count else { return text.append("(cut off)") }
        if told > 0 { text.append(".") }
        told &+= length &+ 1
        guard told <= longestName else { return text.append("(name too long)") }
        for index in (place &+ 1)..<(place &+ 1 &+ length) {
          if message[index] == 46 { text.append("\\") }
          escape(message[index], to: &text)
        }
        place &+= 1 &+ length
      default: return text.append("(not a label)")
      }
    }
    text.append("(cut off)")
  }
}
