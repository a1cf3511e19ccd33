import Octets
import Wire

/// A field of a packet: where it lies, its name in the RFC, and its value.
public struct DissectedField: Hashable, Sendable {
  /// Its first octet in the packet.
  public var offset: Int
  /// Octets that it touches.
  public var count: Int
  /// The name that the RFC gives it.
  public var name: String
  /// Its value, for people.
  public var value: String
  /// Where it is described.
  public var source: String
}

/// A packet's octets, field by field, each under the name that its RFC gives it.
///
/// Fields come in the order of the wire, and together they touch every octet. Where a packet
/// cannot be read, the rest of it is one field that says so.
public enum PacketDissection {
  /// The fields of an IPv4 packet.
  public static func fields(of octets: [UInt8]) -> [DissectedField] {
    guard let packet = try? IPv4PacketView(parsing: octets.span) else {
      return [rest(octets, from: 0, "not an IPv4 packet", "RFC 791 3.1")]
    }
    var fields = internet(octets, packet)
    let start = packet.octets.count - packet.payload.count
    let end = packet.octets.count
    if packet.transport == .tcp, !packet.isFragment,
      let segment = try? TCPSegmentView(parsing: packet.payload)
    {
      fields += transport(segment, at: start, packet)
    } else if end > start {
      fields.append(rest(octets, from: start, to: end, "Data", "RFC 791 3.1"))
    }
    if octets.count > end {
      fields.append(rest(octets, from: end, "behind the packet", "RFC 894"))
    }
    return fields
  }

  private static func internet(
    _ octets: [UInt8], _ packet: borrowing IPv4PacketView
  ) -> [DissectedField] {
    func field(_ offset: Int, _ count: Int, _ name: String, _ value: String) -> DissectedField {
      DissectedField(offset: offset, count: count, name: name, value: value, source: "RFC 791 3.1")
    }
    let headerLength = Int(octets[0] & 15) * 4
    let flags = octets[6] >> 5
    var flagNames: [String] = []
    if flags & 2 != 0 { flagNames.append("DF") }
    if flags & 1 != 0 { flagNames.append("MF") }
    let check = packet.headerChecksumIsRight ? "right" : "wrong"
    var fields = [
      field(0, 1, "Version", "\(octets[0] >> 4)"),
      field(0, 1, "IHL", "\(octets[0] & 15) (\(headerLength) octets)"),
      field(1, 1, "Type of Service", hex(octets[1], 2)),
      field(2, 2, "Total Length", "\(octets.span.uint16(at: 2))"),
      field(4, 2, "Identification", "\(octets.span.uint16(at: 4))"),
      field(6, 1, "Flags", flagNames.isEmpty ? "none" : flagNames.joined(separator: " ")),
      field(6, 2, "Fragment Offset", "\(octets.span.uint16(at: 6) & 0x1FFF)"),
      field(8, 1, "Time to Live", "\(octets[8])"),
      field(9, 1, "Protocol", "\(octets[9])" + (octets[9] == 6 ? " (TCP)" : "")),
      field(10, 2, "Header Checksum", "\(hex(octets.span.uint16(at: 10), 4)), \(check)"),
      field(12, 4, "Source Address", "\(packet.source)"),
      field(16, 4, "Destination Address", "\(packet.destination)"),
    ]
    if headerLength > 20 {
      fields.append(rest(octets, from: 20, to: headerLength, "Options", "RFC 791 3.1"))
    }
    return fields
  }

  private static func transport(
    _ segment: borrowing TCPSegmentView, at start: Int, _ packet: borrowing IPv4PacketView
  ) -> [DissectedField] {
    func field(_ offset: Int, _ count: Int, _ name: String, _ value: String) -> DissectedField {
      DissectedField(
        offset: start + offset, count: count, name: name, value: value, source: "RFC 9293 3.1")
    }
    let isRight = segment.checksumIsRight(source: packet.source, destination: packet.destination)
    let reserved = segment.octets[12] & 15
    var fields = [
      field(0, 2, "Source Port", "\(segment.sourcePort)"),
      field(2, 2, "Destination Port", "\(segment.destinationPort)"),
      field(4, 4, "Sequence Number", "\(segment.sequence)"),
      field(8, 4, "Acknowledgment Number", "\(segment.acknowledgment)"),
      field(12, 1, "Data Offset", "\(segment.headerLength / 4) (\(segment.headerLength) octets)"),
      field(12, 1, "Reserved", "\(reserved)"),
      field(13, 1, "Control bits", controlBits(segment.flags)),
      field(14, 2, "Window", "\(segment.window)"),
      field(16, 2, "Checksum", "\(hex(segment.checksum, 4)), \(isRight ? "right" : "wrong")"),
      field(18, 2, "Urgent Pointer", "\(segment.urgentPointer)"),
    ]
    fields += TCPOptionFields.fields(segment.options, at: start + 20)
    if segment.payload.count > 0 {
      fields.append(
        field(
          segment.headerLength, segment.payload.count, "Data",
          "\(segment.payload.count) octets: \(printable(segment.payload))"))
    }
    return fields
  }

  /// The control bits in the order in which they lie.
  private static func controlBits(_ flags: TCPFlags) -> String {
    let bits: [(TCPFlags, String)] = [
      (.ae, "AE"), (.cwr, "CWR"), (.ece, "ECE"), (.urg, "URG"), (.ack, "ACK"), (.psh, "PSH"),
      (.rst, "RST"), (.syn, "SYN"), (.fin, "FIN"),
    ]
    let list = bits.filter { flags.contains($0.0) }.map(\.1)
    return list.isEmpty ? "none" : list.joined(separator: " ")
  }

  private static func rest(
    _ octets: [UInt8], from start: Int, to end: Int? = nil, _ name: String, _ source: String
  ) -> DissectedField {
    let end = end ?? octets.count
    return DissectedField(
      offset: start, count: end - start, name: name, value: "\(end - start) octets",
      source: source)
  }

  static func hex(_ value: some BinaryInteger, _ digits: Int) -> String {
    let text = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: max(digits - text.count, 0)) + text
  }

  /// Text for people: what cannot be shown is a dot, line ends are named.
  static func printable(_ octets: Span<UInt8>) -> String {
    var text = ""
    for index in octets.indices {
      switch octets[index] {
      case 13: text += "\\r"
      case 10: text += "\\n"
      case 32...126: text.unicodeScalars.append(Unicode.Scalar(octets[index]))
      default: text += "."
      }
    }
    return text
  }
}

/// TCP's options, one field each. Source: RFC 9293 section 3.2.
enum TCPOptionFields {
  static func fields(_ options: Span<UInt8>, at start: Int) -> [DissectedField] {
    var fields: [DissectedField] = []
    var place = 0
    while place < options.count {
      let kind = options[place]
      var length = 1
      if kind > 1 {
        length = place + 1 < options.count ? Int(options[place + 1]) : 0
        guard length >= 2, place + length <= options.count else {
          fields.append(
            DissectedField(
              offset: start + place, count: options.count - place, name: "Options",
              value: "impossible length", source: "RFC 9293 3.2"))
          break
        }
      } else if kind == 0 {
        // What follows the end of the list is padding.
        length = options.count - place
      }
      let (name, value, source) = tell(kind, options.extracting(place..<(place + length)))
      fields.append(
        DissectedField(
          offset: start + place, count: length, name: name, value: value, source: source))
      place += length
    }
    return fields
  }

  private static func tell(
    _ kind: UInt8, _ option: Span<UInt8>
  ) -> (name: String, value: String, source: String) {
    switch (kind, option.count) {
    case (0, _): return ("End of Option List", "\(option.count) octets", "RFC 9293 3.2")
    case (1, _): return ("No-Operation", "padding", "RFC 9293 3.2")
    case (2, 4): return ("Maximum Segment Size", "\(option.uint16(at: 2))", "RFC 9293 3.2")
    case (3, 3): return ("Window Scale", "shift \(option[2])", "RFC 7323 2.2")
    case (4, 2): return ("SACK-Permitted", "yes", "RFC 2018 2")
    case (5, _) where option.count >= 10 && (option.count - 2) % 8 == 0:
      var blocks: [String] = []
      for place in stride(from: 2, to: option.count, by: 8) {
        blocks.append("\(option.uint32(at: place)) to \(option.uint32(at: place + 4))")
      }
      return ("SACK", blocks.joined(separator: ", "), "RFC 2018 3")
    case (8, 10):
      let value = "TSval \(option.uint32(at: 2)), TSecr \(option.uint32(at: 6))"
      return ("Timestamps", value, "RFC 7323 3.2")
    case (34, _): return ("Fast Open Cookie", "\(option.count - 2) octets", "RFC 7413 4.1.1")
    default: return ("Option of kind \(kind)", "\(option.count) octets", "RFC 9293 3.2")
    }
  }
}
