import Octets
public import Wire

/// An end of a connection in a capture: an address of either family, and a port.
public struct CapturedEnd: Hashable, Comparable, Sendable {
  /// The address; IPv4 in the form `::ffff:a.b.c.d`.
  public let high: UInt64
  /// The lower half of the address.
  public let low: UInt64
  /// The port.
  public let port: UInt16

  /// An end with an IPv4 address.
  package init(_ address: IPv4Address, _ port: UInt16) {
    (high, low) = (0, 0xFFFF_0000_0000 | UInt64(address.rawValue))
    self.port = port
  }

  init(_ high: UInt64, _ low: UInt64, _ port: UInt16) {
    (self.high, self.low, self.port) = (high, low, port)
  }

  /// Orders ends by address, then by port.
  public static func < (left: CapturedEnd, right: CapturedEnd) -> Bool {
    (left.high, left.low, left.port) < (right.high, right.low, right.port)
  }

  /// Whether the address is of IPv4.
  public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }
}

extension CapturedEnd: CustomStringConvertible {
  /// `192.0.2.1:25`, or `[2001:db8::1]:25`.
  public var description: String { isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

  /// The address alone.
  public var address: String {
    if isIPv4 { return "\(IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)))" }
    let groups = (0..<8).map { index in
      UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64((3 - index % 4) * 16))
    }
    return Self.text(groups)
  }

  /// Source: RFC 5952 section 4: the longest run of zeros, of two or more, becomes `::`.
  private static func text(_ groups: [UInt16]) -> String {
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    let hex = { (part: Range<Int>) in
      part.map { String(groups[$0], radix: 16) }.joined(separator: ":")
    }
    return best.isEmpty ? hex(0..<8) : hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
  }
}

/// How much of a TCP header there is, and whether it makes sense.
public enum HeaderCondition: Hashable, Sendable {
  /// All of it.
  case whole
  /// The capture kept the fixed part up to the window at least, and not all of the options: it is
  /// remembered, not told.
  case withoutOptions
  /// It says that it is shorter than its fixed part: it is remembered, not told.
  case tooShort
  /// It is longer than its segment: it only names the connection.
  case unusable
  /// An ICMP error quotes it.
  case quoted
}

/// What the analysis needs to know of one TCP segment in a capture.
///
/// Lengths are those on the wire, as the IP header tells them, whatever the capture has kept.
public struct TCPFacts: Hashable, Sendable {
  /// The sender.
  public var source: CapturedEnd
  /// The receiver.
  public var destination: CapturedEnd
  /// SEG.SEQ.
  public var sequence: UInt32
  /// SEG.ACK, as it stands in the header even without the ACK flag.
  public var acknowledgment: UInt32
  /// The control bits.
  public var flags: TCPFlags
  /// SEG.WND before scaling.
  public var window: UInt16
  /// Octets of payload on the wire.
  public var length: Int
  /// The shift that a SYN offers; nil without the option.
  public var windowScale: UInt8?
  /// The MSS option; nil without.
  public var maximumSegmentSize: UInt16?
  /// SACK-permitted.
  public var permitsSACK = false
  /// Whether there are timestamps.
  public var hasTimestamps = false
  /// SACK blocks.
  public var sackBlocks = SACKBlocks()
  /// Octets of the Fast Open option's cookie; nil without the option.
  public var cookieLength: Int?
  /// Subtypes 0 to 7 of Multipath TCP's option, a bit each. RFC 8684 section 3.
  public var multipathSubtypes: UInt8 = 0
  /// How much of the header there is.
  public var header = HeaderCondition.whole
  /// Where the payload is that the capture has kept: in the frame, or in the datagram that its
  /// fragments made. See ``CaptureAnalyzer/withPayload(of:in:_:)``.
  public internal(set) var payload = 0..<0

  /// Whether any of SYN, FIN and RST is set.
  @inlinable var hasControl: Bool { flags.rawValue & 7 != 0 }
  /// SYN, and not ACK.
  @inlinable var opens: Bool { flags.contains(.syn) && !flags.contains(.ack) }
  /// SYN and ACK.
  @inlinable var answers: Bool { flags.contains(.syn) && flags.contains(.ack) }

  /// Reads a segment of which `octets` were kept, and which had `wireLength` on the wire.
  ///
  /// - Returns: nil where not even the first 16 octets are there.
  init?(
    _ octets: Span<UInt8>, wireLength: Int, source: (UInt64, UInt64),
    destination: (UInt64, UInt64), isQuoted: Bool = false
  ) {
    guard octets.count >= 16 else { return nil }
    let headerLength = Int(octets[12] >> 4) &* 4
    self.source = CapturedEnd(source.0, source.1, octets.uint16(at: 0))
    self.destination = CapturedEnd(destination.0, destination.1, octets.uint16(at: 2))
    sequence = octets.uint32(at: 4)
    acknowledgment = octets.uint32(at: 8)
    flags = TCPFlags(rawValue: octets.uint16(at: 12) & 0x1FF)
    window = octets.uint16(at: 14)
    length = max(wireLength &- headerLength, 0)
    if isQuoted {
      header = .quoted
    } else if headerLength > wireLength {
      header = .unusable
    } else if headerLength < 20 {
      header = octets.count < 20 ? .unusable : .tooShort
    } else if octets.count < 20 {
      header = .withoutOptions
    } else if octets.count < headerLength {
      let part = octets.extracting(droppingFirst: 20)
      header = .withoutOptions
      readOptions(part)
      readCutBlocks(in: part)
    } else if headerLength > 20 {
      // Two NOPs and timestamps, which nearly every segment has, tell the analysis nothing.
      if headerLength == 32, octets.uint32(at: 20) == 0x0101_080A {
        hasTimestamps = true
        return
      }
      readOptions(octets.extracting(20..<headerLength))
    }
  }

  private mutating func readOptions(_ octets: Span<UInt8>) {
    let options = TCPOptions(parsing: octets)
    windowScale = options.windowScale
    sackBlocks = options.sackBlocks
    maximumSegmentSize = options.maximumSegmentSize
    permitsSACK = options.sackPermitted
    hasTimestamps = options.timestamps != nil
    cookieLength = options.fastOpen.map { $0.cookie.count }
    multipathSubtypes = Self.multipathSubtypes(in: octets)
  }

  private static func multipathSubtypes(in options: Span<UInt8>) -> UInt8 {
    var subtypes: UInt8 = 0
    _ = walkOptions(options) { kind, place in
      guard kind == 30, place.count > 2 else { return }
      let subtype = options[place.lowerBound &+ 2] >> 4
      if subtype < 8 { subtypes |= 1 << subtype }
    }
    return subtypes
  }

  /// Adds the SACK blocks that are whole in an option that was cut off.
  private mutating func readCutBlocks(in options: Span<UInt8>) {
    guard let place = walkOptions(options, { _, _ in }), place &+ 1 < options.count,
      options[place] == 5, options[place &+ 1] % 8 == 2
    else { return }
    let end = min(place &+ Int(options[place &+ 1]), options.count)
    var start = place &+ 2
    while start &+ 8 <= end {
      sackBlocks.append(
        SACKBlock(
          SequenceNumber(options.uint32(at: start)),
          SequenceNumber(options.uint32(at: start &+ 4))))
      start &+= 8
    }
  }
}
