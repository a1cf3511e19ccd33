import Octets
import Testing
import Wire

@Suite("Counts of marked octets in an option (RFC 9768)")
struct AccurateECNOptionTests {
  @Test("what is emitted is read as the same value", arguments: [false, true], 0...3)
  func roundTrip(isReversed: Bool, fields: Int) throws {
    var options = TCPOptions()
    options.accurateECN = AccurateECNOption(
      ect0: 0x1_234567, ce: 0xABCDEF, ect1: 0xFFFFFF, isReversed: isReversed, fields: fields)
    let octets = emitted { options.emit(into: &$0) }
    #expect(octets.count == options.length && octets.count % 4 == 0)
    #expect(octets.count == [4, 8, 8, 12][fields])
    let read = try #require(TCPOptions(parsing: octets.span).accurateECN)
    #expect(read == options.accurateECN)
    let first: UInt32? = fields > 0 ? (isReversed ? 0xFFFFFF : 0x234567) : nil
    let third: UInt32? = fields > 2 ? (isReversed ? 0x234567 : 0xFFFFFF) : nil
    #expect(read.ect0 == (isReversed ? third : first))
    #expect(read.ect1 == (isReversed ? first : third))
    #expect(read.ce == (fields > 1 ? 0xABCDEF : nil))
  }

  @Test(
    "of another length the whole fields count, and the rest is padding",
    arguments: [(2, 0), (3, 0), (4, 0), (6, 1), (7, 1), (9, 2), (10, 2), (12, 3), (40, 3)])
  func lengths(octets: Int, fields: Int) throws {
    let content = (0..<octets - 2).map { UInt8($0 + 1) }
    let option = try #require(
      TCPOptions(parsing: ([172, UInt8(octets)] + content).span).accurateECN)
    #expect(option.fields == fields)
    #expect(option.ect0 == (fields > 0 ? 0x010203 : nil))
    #expect(option.ect1 == (fields > 2 ? 0x070809 : nil))
  }

  @Test("blocks of SACK get the room that is left")
  func besideSACK() {
    var options = TCPOptions()
    options.timestamps = TCPTimestamps(value: 1, echo: 2)
    options.accurateECN = AccurateECNOption(ect0: 1, ce: 2, ect1: 3, fields: 2)
    for number in 0..<4 as Range<UInt32> {
      options.sackBlocks.append(
        SACKBlock(SequenceNumber(number * 10), SequenceNumber(number * 10 + 5)))
    }
    let octets = emitted { options.emit(into: &$0) }
    #expect(octets.count == 40 && options.length == 40)
    let read = TCPOptions(parsing: octets.span)
    #expect(read.sackBlocks.count == 2 && read.accurateECN == options.accurateECN)
  }
}
