import Octets
import Testing
import Wire

@Suite("TCP options")
struct TCPOptionsTests {
  struct Known: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var octets: [UInt8]
    var expected: TCPOptions

    init(_ name: String, _ octets: [UInt8], _ change: (inout TCPOptions) -> Void = { _ in }) {
      testDescription = name
      self.octets = octets
      expected = TCPOptions()
      change(&expected)
    }
  }

  static let known: [Known] = [
    Known("none", []),
    Known("padding", [0, 0, 0, 0]),
    Known("no operations", [1, 1, 1, 1]),
    Known("what follows the end is padding", [0, 3, 3, 7]),
    Known("maximum segment size", [2, 4, 0x05, 0xB4]) { $0.maximumSegmentSize = 1460 },
    Known("window scale behind a no-operation", [1, 3, 3, 14]) { $0.windowScale = 14 },
    Known("window scale beyond 14 as received", [1, 3, 3, 255]) { $0.windowScale = 255 },
    Known("SACK-permitted at an odd place", [1, 4, 2, 1]) { $0.sackPermitted = true },
    Known("timestamps in the usual form", hex("01 01 08 0a 00 00 00 01 ff ff ff ff")) {
      $0.timestamps = TCPTimestamps(value: 1, echo: .max)
    },
    Known("timestamps first", hex("08 0a 00 00 00 01 00 00 00 02 01 01")) {
      $0.timestamps = TCPTimestamps(value: 1, echo: 2)
    },
    Known(
      "as Linux sends a SYN", hex("02 04 05 b4 04 02 08 0a 00 00 00 05 00 00 00 00 01 03 03 07")
    ) {
      $0.maximumSegmentSize = 1460
      $0.sackPermitted = true
      $0.timestamps = TCPTimestamps(value: 5, echo: 0)
      $0.windowScale = 7
    },
    Known("one block", hex("01 01 05 0a 00 00 00 01 00 00 00 09")) {
      $0.sackBlocks.append(SACKBlock(SequenceNumber(1), SequenceNumber(9)))
    },
    Known("an unknown option is skipped", [254, 4, 9, 9, 2, 4, 2, 0x18]) {
      $0.maximumSegmentSize = 536
    },
    Known("the last of two counts", [2, 4, 0, 1, 2, 4, 0, 2]) { $0.maximumSegmentSize = 2 },
    Known("length 0", [2, 4, 2, 0x18, 99, 0, 1, 1]) {
      $0.maximumSegmentSize = 536
      $0.isMalformed = true
    },
    Known("length 1", [99, 1, 3, 3, 7, 1, 1, 1]) { $0.isMalformed = true },
    Known("length one over", [99, 5, 0, 0]) { $0.isMalformed = true },
    Known("length 255", [99, 255, 0, 0]) { $0.isMalformed = true },
    Known("no length at all", [1, 1, 1, 8]) { $0.isMalformed = true },
    Known("maximum segment size of 3 octets", [2, 3, 1, 0]) { $0.isMalformed = true },
    Known("maximum segment size of 5 octets, scale behind it", [2, 5, 1, 0, 0, 3, 3, 2]) {
      $0.isMalformed = true
      $0.windowScale = 2
    },
    Known("SACK-permitted of 3 octets", [4, 3, 0, 0]) { $0.isMalformed = true },
    Known("timestamps of 9 octets", [8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) {
      $0.isMalformed = true
    },
    Known("SACK without blocks", [5, 2, 1, 1]) { $0.isMalformed = true },
    Known("SACK with half a block", [5, 6, 0, 0, 0, 1, 1, 1]) { $0.isMalformed = true },
    Known("SACK with a block and a half", [5, 14] + Array(repeating: 0, count: 14)) {
      $0.isMalformed = true
    },
  ]

  @Test("options are read as they lie", arguments: known)
  func parse(_ known: Known) {
    #expect(TCPOptions(parsing: known.octets.span) == known.expected)
  }

  /// Every combination of options that a segment of ours may carry.
  static let combinations: [TCPOptions] = (0..<64).flatMap { mask in
    (0...4).map { blocks in
      var options = TCPOptions()
      if mask & 1 != 0 { options.maximumSegmentSize = 1460 }
      if mask & 2 != 0 { options.windowScale = 7 }
      if mask & 4 != 0 { options.sackPermitted = true }
      if mask & 8 != 0 { options.timestamps = TCPTimestamps(value: 0x0A0B_0C0D, echo: .max) }
      if mask & 16 != 0, let cookie = FastOpenCookie([UInt8](repeating: 7, count: 16).span) {
        options.fastOpen = FastOpenOption(cookie, isExperimental: mask & 32 != 0)
      }
      for block in 0..<blocks {
        let left = SequenceNumber(0xFFFF_FFF0) + block * 100
        options.sackBlocks.append(SACKBlock(left, left + 50))
      }
      return options
    }
  }

  @Test(
    "what is emitted is read as the same options, as many blocks as fit", arguments: combinations)
  func roundTrip(_ options: TCPOptions) {
    let octets = emitted { options.emit(into: &$0) }
    #expect(octets.count == options.length)
    #expect(octets.count % 4 == 0 && octets.count <= 40)
    let read = TCPOptions(parsing: octets.span)
    var expected = options
    expected.sackBlocks = SACKBlocks()
    for index in 0..<read.sackBlocks.count { expected.sackBlocks.append(options.sackBlocks[index]) }
    #expect(read == expected)
    let others = octets.count - (read.sackBlocks.isEmpty ? 0 : 4 + 8 * read.sackBlocks.count)
    #expect(
      read.sackBlocks.count == options.sackBlocks.count
        || others + 4 + 8 * (read.sackBlocks.count + 1) > 40, "a block that fits was left out")
  }

  @Test("a fifth block is left out, and equality looks at the blocks held only")
  func blocks() {
    var blocks = SACKBlocks()
    for number in 0..<6 as Range<UInt32> {
      blocks.append(SACKBlock(SequenceNumber(number), SequenceNumber(number + 1)))
    }
    #expect(blocks.count == 4)
    #expect(blocks[3].left == SequenceNumber(3))
    var same = SACKBlocks()
    for number in 0..<4 as Range<UInt32> {
      same.append(SACKBlock(SequenceNumber(number), SequenceNumber(number + 1)))
    }
    #expect(blocks == same && blocks.hashValue == same.hashValue)
    #expect(blocks != SACKBlocks())
  }

  @Test("options cut off anywhere are read up to there and never beyond")
  func cutOff() {
    for options in Self.combinations {
      let octets = emitted { options.emit(into: &$0) }
      for length in 0..<octets.count {
        let read = TCPOptions(parsing: octets.span.extracting(first: length))
        if let size = read.maximumSegmentSize { #expect(size == options.maximumSegmentSize) }
        if let shift = read.windowScale { #expect(shift == options.windowScale) }
        if let times = read.timestamps { #expect(times == options.timestamps) }
        for index in 0..<read.sackBlocks.count {
          #expect(read.sackBlocks[index] == options.sackBlocks[index])
        }
      }
    }
  }

  @Test("every kind with every length ends in time")
  func everyOption() {
    for kind in UInt8.min ... .max {
      for length in UInt8.min ... .max {
        let octets = [kind, length] + Array(repeating: kind, count: 38)
        let read = TCPOptions(parsing: octets.span)
        if kind > 1, length < 2 || length > 40 { #expect(read.isMalformed, "\(kind), \(length)") }
      }
    }
  }
}
