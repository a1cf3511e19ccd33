public import Octets

/// A range of sequence numbers that has arrived: `left` is its first, `right` the one after its
/// last. Source: RFC 2018 section 3.
public struct SACKBlock: Hashable, Sendable {
  /// The first sequence number of the range.
  public var left: SequenceNumber
  /// The sequence number behind the range.
  public var right: SequenceNumber

  /// A range from its edges.
  @inlinable public init(_ left: SequenceNumber, _ right: SequenceNumber) {
    self.left = left
    self.right = right
  }
}

/// Up to four SACK blocks, in the order of the option, without memory of their own.
public struct SACKBlocks: Hashable, Sendable {
  @usableFromInline var blocks = InlineArray<4, SACKBlock>(
    repeating: SACKBlock(SequenceNumber(0), SequenceNumber(0)))
  /// Blocks held, 0...4.
  public private(set) var count = 0

  /// No blocks.
  public init() {}

  /// Whether there are none.
  @inlinable public var isEmpty: Bool { count == 0 }

  /// The block at a place below ``count``.
  @inlinable public subscript(index: Int) -> SACKBlock { blocks[index] }

  /// Appends a block; a fifth is left out.
  public mutating func append(_ block: SACKBlock) {
    guard count < 4 else { return }
    blocks[count] = block
    count += 1
  }

  /// Compares the blocks held.
  public static func == (left: SACKBlocks, right: SACKBlocks) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }

  /// Hashes the blocks held.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for index in 0..<count { hasher.combine(blocks[index]) }
  }
}

/// The timestamps option. Source: RFC 7323 section 3.2.
public struct TCPTimestamps: Hashable, Sendable {
  /// TSval: the sender's clock.
  public var value: UInt32
  /// TSecr: the receiver's clock as the sender last heard it; valid with ACK only.
  public var echo: UInt32

  /// Timestamps from their parts.
  @inlinable public init(value: UInt32, echo: UInt32) {
    self.value = value
    self.echo = echo
  }
}

/// The options of a TCP segment that we understand, in any segment. Source: RFC 9293 section 3.2,
/// MUST-4, MUST-5.
public struct TCPOptions: Hashable, Sendable {
  /// The largest segment the sender can receive (kind 2; in a SYN only).
  public var maximumSegmentSize: UInt16?
  /// The shift of the sender's windows (kind 3; in a SYN only), as received: RFC 7323 allows 0...14.
  public var windowScale: UInt8?
  /// The sender understands SACK (kind 4; in a SYN only).
  public var sackPermitted = false
  /// Timestamps (kind 8).
  public var timestamps: TCPTimestamps?
  /// Fast Open: a cookie, or the request for one (kind 34, or 254; in a SYN only).
  public var fastOpen: FastOpenOption?
  /// How long the sender waits for an acknowledgment (kind 28).
  public var userTimeout: UserTimeoutOption?
  /// Octets that came with each ECN codepoint (kinds 172 and 174; never in a SYN).
  public var accurateECN: AccurateECNOption?
  /// What has arrived out of order (kind 5).
  public var sackBlocks = SACKBlocks()
  /// An option had an impossible length; those before it were read (RFC 9293 3.1 MUST-7).
  public var isMalformed = false

  /// No options.
  @inlinable public init() {}

  /// Reads options at any alignment (MUST-64); unknown ones are skipped by their length.
  @inlinable public init(parsing options: Span<UInt8>) {
    // The form that nearly every segment has: two NOPs and timestamps. RFC 7323 appendix A.
    if options.count == 12, options.uint32(at: 0) == 0x0101_080A {
      timestamps = TCPTimestamps(value: options.uint32(at: 4), echo: options.uint32(at: 8))
      return
    }
    if options.count > 0 { parseAll(options) }
  }

  @usableFromInline mutating func parseAll(_ options: Span<UInt8>) {
    let malformedAt = walkOptions(options) { kind, place in
      read(kind, options.extracting(place))
    }
    if malformedAt != nil { isMalformed = true }
  }

  private mutating func read(_ kind: UInt8, _ option: Span<UInt8>) {
    switch (kind, option.count) {
    case (2, 4): maximumSegmentSize = option.uint16(at: 2)
    case (3, 3): windowScale = option[2]
    case (4, 2): sackPermitted = true
    case (8, 10):
      timestamps = TCPTimestamps(value: option.uint32(at: 2), echo: option.uint32(at: 6))
    case (5, 10...):
      guard (option.count - 2) % 8 == 0 else { return isMalformed = true }
      for start in stride(from: 2, to: option.count, by: 8) {
        sackBlocks.append(
          SACKBlock(
            SequenceNumber(option.uint32(at: start)),
            SequenceNumber(option.uint32(at: start + 4))))
      }
    case (28, 4): userTimeout = UserTimeoutOption(rawValue: option.uint16(at: 2))
    case (172, _), (174, _): accurateECN = AccurateECNOption(kind: kind, option)
    case (34, _), (254, _): fastOpen = FastOpenOption(kind: kind, option) ?? fastOpen
    case (2, _), (3, _), (4, _), (5, _), (8, _), (28, _): isMalformed = true
    // RFC 9293 3.1 MUST-6: an option that we don't know is skipped without error.
    default: break
    }
  }

  /// Octets that ``emit(into:)`` appends: a multiple of 4, at most 40.
  @inlinable public var length: Int {
    var sum = 0
    if maximumSegmentSize != nil { sum &+= 4 }
    if windowScale != nil { sum &+= 4 }
    if timestamps != nil { sum &+= 12 } else if sackPermitted { sum &+= 4 }
    if let fastOpen { sum &+= fastOpen.length }
    if userTimeout != nil { sum &+= 4 }
    if let accurateECN { sum &+= accurateECN.length }
    guard !sackBlocks.isEmpty else { return sum }
    let blocks = emittedBlocks(after: sum)
    return blocks > 0 ? sum &+ 4 &+ 8 &* blocks : sum
  }

  /// SACK blocks that fit into the 40 octets behind the other options: with none, the option is left
  /// out.
  @inlinable func emittedBlocks(after used: Int) -> Int {
    min(sackBlocks.count, (40 &- used &- 4) / 8)
  }

  /// Appends the options, each group padded in front to 4 octets.
  @inlinable public func emit(into output: inout OutputSpan<UInt8>) {
    var used = 0
    if let size = maximumSegmentSize {
      output.append(bigEndian: 0x0204 as UInt16)
      output.append(bigEndian: size)
      used &+= 4
    }
    if let timestamps {
      // SACK-permitted takes the place of the two NOPs, so that a SYN's options stay within 24.
      output.append(bigEndian: sackPermitted ? 0x0402_080A : 0x0101_080A as UInt32)
      output.append(bigEndian: timestamps.value)
      output.append(bigEndian: timestamps.echo)
      used &+= 12
    } else if sackPermitted {
      output.append(bigEndian: 0x0101_0402 as UInt32)
      used &+= 4
    }
    if let shift = windowScale {
      output.append(bigEndian: 0x0103_0300 | UInt32(shift))
      used &+= 4
    }
    if let fastOpen {
      fastOpen.emit(into: &output)
      used &+= fastOpen.length
    }
    if let userTimeout {
      output.append(bigEndian: 0x1C04_0000 | UInt32(userTimeout.rawValue))
      used &+= 4
    }
    if let accurateECN {
      accurateECN.emit(into: &output)
      used &+= accurateECN.length
    }
    guard !sackBlocks.isEmpty else { return }
    let blocks = emittedBlocks(after: used)
    guard blocks > 0 else { return }
    output.append(bigEndian: 0x0101_0500 | UInt32(2 &+ 8 &* blocks))
    for index in 0..<blocks {
      output.append(bigEndian: sackBlocks[index].left.rawValue)
      output.append(bigEndian: sackBlocks[index].right.rawValue)
    }
  }
}
