import Wire

/// What a pcapng section says of one of its interfaces.
struct CapturedInterface: Sendable {
  var link: LinkType
  var snapLength: Int
  /// `if_tsresol`: a power of 10, or of 2 when the top bit is set.
  var resolution: UInt8 = 6 {
    didSet { nanosecondsPerTick = Self.wholeNanoseconds(resolution) }
  }
  /// Nil where a tick is no whole number of nanoseconds.
  private var nanosecondsPerTick: UInt64? = 1000
  /// `if_tsoffset`, in seconds.
  var offset: Int64 = 0

  init(link: LinkType, snapLength: Int) {
    self.link = link
    self.snapLength = snapLength
  }

  private static func wholeNanoseconds(_ resolution: UInt8) -> UInt64? {
    guard resolution <= 9 else { return nil }
    return (resolution..<9).reduce(1) { product, _ in product &* 10 }
  }

  /// Nanoseconds since 1970 for a count of ticks; saturates.
  func nanoseconds(_ ticks: UInt64) -> Int64 {
    if let nanosecondsPerTick {
      let (high, low) = ticks.multipliedFullWidth(by: nanosecondsPerTick)
      return shifted(high == 0 ? Int64(clamping: low) : .max)
    }
    let exponent = Int(resolution & 0x7F)
    let value: UInt128
    if resolution & 0x80 != 0 {
      guard exponent < 96 else { return shifted(0) }
      // A shift binds more tightly than a product.
      value = (UInt128(ticks) &* 1_000_000_000) >> UInt128(exponent)
    } else {
      guard exponent <= 28 else { return shifted(0) }
      var divisor: UInt128 = 1
      for _ in 0..<exponent { divisor &*= 10 }
      value = UInt128(ticks) &* 1_000_000_000 / divisor
    }
    return shifted(Int64(clamping: value))
  }

  private func shifted(_ time: Int64) -> Int64 {
    let (seconds, overflow) = offset.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return time }
    let (sum, carried) = time.addingReportingOverflow(seconds)
    return carried ? time : sum
  }
}

extension CaptureFileReader {
  /// Reads blocks up to the next one that holds a frame; nil at the end of the file.
  mutating func nextPacketBlock() throws(CaptureError) -> FrameRecord? {
    while true {
      let number = count &+ 1
      guard source.fill(12) else {
        if source.available == 0 { return nil }
        throw .truncated(frame: number)
      }
      let kind = source.uint32(at: 0)
      if kind == 0x0A0D_0D0A { try chooseByteOrder(number) }
      let length = Int(source.uint32(at: 4))
      guard length >= 12, length & 3 == 0 else {
        throw .damaged(frame: number, reason: "a block says it is \(length) octets long")
      }
      let isKnown =
        switch kind {
        case 0x0A0D_0D0A, 1, 2, 3, 6: true
        default: false
        }
      guard isKnown else {
        guard source.skip(length &- 4), source.fill(4) else { throw .truncated(frame: number) }
        let repeated = Int(source.uint32(at: 0))
        source.consume(4)
        guard repeated == length else { throw Self.lengthsDiffer(number) }
        continue
      }
      guard length <= Self.longestBlock else {
        throw .damaged(frame: number, reason: "a block says it is \(length) octets long")
      }
      guard source.fill(length) else { throw .truncated(frame: number) }
      guard Int(source.uint32(at: length &- 4)) == length else {
        throw Self.lengthsDiffer(number)
      }
      var record: FrameRecord?
      switch kind {
      case 0x0A0D_0D0A: try beginSection(length, number)
      case 1: try describeInterface(length, number)
      case 2: record = try packet(length, number, isObsolete: true)
      case 3: record = try simplePacket(length, number)
      case 6: record = try packet(length, number, isObsolete: false)
      default: break
      }
      if let record { return record }
      source.consume(length)
    }
  }

  private static func lengthsDiffer(_ number: Int) -> CaptureError {
    .damaged(frame: number, reason: "the two lengths of a block differ")
  }

  /// A section header: its byte order holds until the next one, and its interfaces are new.
  private mutating func chooseByteOrder(_ number: Int) throws(CaptureError) {
    source.isLittleEndian = true
    switch source.uint32(at: 8) {
    case 0x1A2B_3C4D: break
    case 0x4D3C_2B1A: source.isLittleEndian = false
    default: throw .damaged(frame: number, reason: "a section has no byte-order magic")
    }
    interfaces.removeAll()
  }

  private func beginSection(_ length: Int, _ number: Int) throws(CaptureError) {
    guard length >= 28 else {
      throw .damaged(frame: number, reason: "a section header is too short")
    }
    let (major, minor) = (source.uint16(at: 12), source.uint16(at: 14))
    guard major == 1 else {
      throw .damaged(frame: number, reason: "its section has version \(major).\(minor)")
    }
  }

  private mutating func describeInterface(
    _ length: Int, _ number: Int
  ) throws(CaptureError) {
    guard length >= 20 else {
      throw .damaged(frame: number, reason: "an interface description is too short")
    }
    guard interfaces.count < 65_536 else {
      throw .damaged(frame: number, reason: "there are more than 65536 interfaces")
    }
    var interface = CapturedInterface(
      link: LinkType(rawValue: source.uint16(at: 8)), snapLength: Int(source.uint32(at: 12)))
    let options = 16..<(length &- 4)
    if let place = option(9, in: options), place.count >= 1 {
      interface.resolution = source.octet(at: place.lowerBound)
    }
    if let place = option(14, in: options), place.count >= 8 {
      let first = UInt64(source.uint32(at: place.lowerBound))
      let second = UInt64(source.uint32(at: place.lowerBound &+ 4))
      interface.offset = Int64(
        bitPattern: source.isLittleEndian ? second << 32 | first : first << 32 | second)
    }
    interfaces.append(interface)
  }

  /// An enhanced packet block, or the packet block that it replaced.
  private func packet(
    _ length: Int, _ number: Int, isObsolete: Bool
  ) throws(CaptureError) -> FrameRecord {
    guard length >= 32 else {
      throw .damaged(frame: number, reason: "its block is only \(length) octets long")
    }
    let index = isObsolete ? Int(source.uint16(at: 8)) : Int(source.uint32(at: 8))
    guard index < interfaces.count else {
      throw .damaged(frame: number, reason: "it names interface \(index), which is not described")
    }
    let captured = Int(source.uint32(at: 20))
    let padded = (captured &+ 3) & ~3
    guard 28 &+ padded &+ 4 <= length else {
      throw .damaged(frame: number, reason: "\(captured) octets do not fit its block")
    }
    let ticks = UInt64(source.uint32(at: 12)) << 32 | UInt64(source.uint32(at: 16))
    return FrameRecord(
      number: number, time: interfaces[index].nanoseconds(ticks),
      linkType: interfaces[index].link, originalLength: Int(source.uint32(at: 24)),
      octets: 28..<(28 &+ captured),
      comment: option(1, in: (28 &+ padded)..<(length &- 4)), length: length)
  }

  /// A simple packet block: no time, the first interface, the length cut at its snap length.
  private func simplePacket(_ length: Int, _ number: Int) throws(CaptureError) -> FrameRecord {
    guard length >= 16, let interface = interfaces.first else {
      throw .damaged(frame: number, reason: "a simple packet without an interface or a length")
    }
    let original = Int(source.uint32(at: 8))
    let limit = interface.snapLength == 0 ? original : min(original, interface.snapLength)
    guard limit <= length &- 16 else {
      throw .damaged(frame: number, reason: "\(limit) octets do not fit its block")
    }
    return FrameRecord(
      number: number, time: 0, linkType: interface.link, originalLength: original,
      octets: 12..<(12 &+ limit), length: length)
  }

  /// Where the first option of a kind is, in a part of the window; they end at one that does not fit.
  private func option(_ wanted: UInt16, in range: Range<Int>) -> Range<Int>? {
    var offset = range.lowerBound
    while offset &+ 4 <= range.upperBound {
      let code = source.uint16(at: offset)
      let length = Int(source.uint16(at: offset &+ 2))
      let begin = offset &+ 4
      guard code != 0, begin &+ length <= range.upperBound else { return nil }
      if code == wanted { return begin..<(begin &+ length) }
      offset = begin &+ (length &+ 3) & ~3
    }
    return nil
  }
}
