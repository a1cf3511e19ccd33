import Octets
import Testing
import Wire

@Suite("What RFC 9293 asks of TCP options")
struct OptionRulesTests {
  private func parse(_ octets: [UInt8]) -> TCPOptions { TCPOptions(parsing: octets.span) }

  /// Kinds that we read, with the length of a whole one and where its value shows.
  static let known: [[UInt8]] = [
    [2, 4, 0x05, 0xB4], [3, 3, 7], [4, 2], [8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
    [5, 10, 0, 0, 0, 9, 0, 0, 0, 20], [34, 10, 1, 2, 3, 4, 5, 6, 7, 8],
  ]
  static let unknown = (2...255 as ClosedRange<UInt8>).filter {
    ![2, 3, 4, 5, 8, 28, 34, 172, 174, 254].contains($0)
  }

  @Test(
    "end of list, no-operation and MSS are understood, and MSS is written as it is read",
    .requirement("RFC 9293 MUST-4"))
  func mandatory() {
    let read = parse([1, 1, 2, 4, 0x05, 0xB4, 1, 0, 2, 4, 0, 99])
    #expect(read.maximumSegmentSize == 1460 && !read.isMalformed)
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    #expect(read == options)
    #expect(emitted { options.emit(into: &$0) } == [2, 4, 0x05, 0xB4])
  }

  @Test(
    "an option of an unknown kind is stepped over, however long it is",
    .requirement("RFC 9293 MUST-6"), .requirement("RFC 9293 MUST-68"))
  func unknownKinds() {
    var expected = TCPOptions()
    expected.maximumSegmentSize = 536
    for kind in Self.unknown {
      // Its octets would be ends or other options, if they were looked at.
      for length in 2...36 {
        for filler in [0, 1, 3, 255] as [UInt8] {
          let option = [kind, UInt8(length)] + Array(repeating: filler, count: length - 2)
          #expect(parse(option + [2, 4, 2, 0x18]) == expected, "\(kind), \(length), \(filler)")
        }
      }
    }
  }

  @Test(
    "a length that cannot be ends the reading; what stood before it counts, what follows does not",
    .requirement("RFC 9293 MUST-7"), .requirement("RFC 9293 MUST-68"))
  func impossibleLengths() {
    for kind in 2...255 as ClosedRange<UInt8> {
      for length in [0, 1, 9, 255] as [UInt8] {
        // Eight octets are left from the option on.
        let read = parse([2, 4, 2, 0x18, kind, length, 3, 3, 7, 1, 1, 1])
        #expect(read.isMalformed && read.maximumSegmentSize == 536, "\(kind), \(length)")
        #expect(read.windowScale == nil && !read.sackPermitted && read.timestamps == nil)
      }
      #expect(parse([1, 1, 1, kind]).isMalformed, "\(kind) without a length")
    }
  }

  @Test(
    "an option is read wherever it begins", .requirement("RFC 9293 MUST-64"), arguments: known)
  func alignment(_ option: [UInt8]) {
    let expected = parse(option)
    #expect(expected != TCPOptions() && !expected.isMalformed)
    for place in 1...(40 - option.count) {
      let padding = [UInt8](repeating: 1, count: place)
      #expect(parse(padding + option) == expected, "at octet \(place)")
      // Behind one of odd length, too.
      guard place >= 2 else { continue }
      let other = [77, UInt8(place)] + [UInt8](repeating: 0, count: place - 2)
      #expect(parse(other + option) == expected, "behind \(place) octets")
    }
  }

  @Test("nothing behind the end of the list is looked at", .requirement("RFC 9293 MUST-69"))
  func behindTheEnd() {
    var expected = TCPOptions()
    expected.windowScale = 7
    for option in Self.known { #expect(parse([3, 3, 7, 0] + option) == expected) }
    #expect(parse([3, 3, 7, 0, 99, 0, 99, 255]) == expected)
  }

  @Test(
    "what we write: each option has its length, and behind an end there are zeros alone",
    .requirement("RFC 9293 MUST-68"), .requirement("RFC 9293 MUST-69"),
    arguments: TCPOptionsTests.combinations)
  func written(_ options: TCPOptions) {
    let octets = emitted { options.emit(into: &$0) }
    #expect(octets.count % 4 == 0, "the data offset counts words of four octets")
    var place = 0
    walk: while place < octets.count {
      switch octets[place] {
      case 0:
        #expect(octets[place...].allSatisfy { $0 == 0 })
        break walk
      case 1: place += 1
      default:
        guard place + 1 < octets.count, octets[place + 1] >= 2 else {
          Issue.record("no length at octet \(place) of \(octets)")
          break walk
        }
        place += Int(octets[place + 1])
        #expect(place <= octets.count, "\(octets)")
      }
    }
  }
}
