import Octets
import Testing
import Wire

@Suite("TCP segments")
struct TCPTests {
  static let headers: [TCPHeader] = {
    let plain = TCPHeader(
      sourcePort: 1, destinationPort: 65535, sequence: SequenceNumber(0xFFFF_FFFF), flags: [],
      window: 0)
    var all = plain
    all.flags = TCPFlags(rawValue: 511)
    all.acknowledgment = SequenceNumber(0x8000_0000)
    all.window = 65535
    all.urgentPointer = 0xABCD
    var full = all
    full.options = Sample.fullOptions
    return [plain, all, full]
  }()

  @Test("a header that is emitted is read as the same value", arguments: headers, [0, 1, 1460])
  func roundTrip(_ header: TCPHeader, _ count: Int) throws {
    let octets = emitted { header.emit(into: &$0) } + Array(repeating: 5, count: count)
    #expect(octets.count == header.length + count)
    let view = try TCPSegmentView(parsing: octets.span)
    #expect(TCPHeader(view) == header)
    #expect(view.headerLength == header.length)
    #expect(view.payload.count == count)
    let controls = (header.flags.contains(.syn) ? 1 : 0) + (header.flags.contains(.fin) ? 1 : 0)
    #expect(view.length == count + controls)
  }

  @Test("the flags lie where the standard draws them")
  func flags() throws {
    let order: [TCPFlags] = [.fin, .syn, .rst, .psh, .ack, .urg, .ece, .cwr, .ae]
    for (bit, flag) in order.enumerated() {
      #expect(flag.rawValue == 1 << bit)
      let octets = Sample.tcp(flag)
      let view = try TCPSegmentView(parsing: octets.span.extracting(droppingFirst: 20))
      #expect(view.flags == flag)
    }
  }

  @Test(
    "checksums that others computed are right, and wrong after any change of one bit",
    arguments: [Known.syn, Known.data])
  func checksum(_ packet: [UInt8]) throws {
    let segment = Array(packet.dropFirst(20))
    let view = try TCPSegmentView(parsing: segment.span)
    #expect(view.checksumIsRight(source: theirs, destination: ours) == true)
    #expect(
      view.checksumIsRight(source: ours, destination: IPv4Address(rawValue: 0)) == false)
    for bit in 0..<segment.count * 8 {
      var changed = segment
      changed[bit / 8] ^= 1 << (bit % 8)
      guard let view = try? TCPSegmentView(parsing: changed.span) else { continue }
      #expect(view.checksumIsRight(source: theirs, destination: ours) == false, "bit \(bit)")
    }
  }

  @Test("a segment that others made is emitted octet for octet")
  func known() throws {
    let segment = Array(Known.data.dropFirst(20))
    let view = try TCPSegmentView(parsing: segment.span)
    #expect(
      emitted { TCPHeader(view).emit(into: &$0, checksum: view.checksum) }
        == Array(segment.prefix(20)))
  }

  @Test("a header cut off, or shorter or longer than can be, is refused")
  func lengths() {
    let segment = Array(Known.syn.dropFirst(20))
    for length in 0..<20 {
      #expect(throws: ParseError.truncated(needed: 20, available: length)) {
        _ = try TCPSegmentView(parsing: segment.span.extracting(first: length))
      }
    }
    for length in 20..<40 {
      #expect(throws: ParseError.headerLength(40)) {
        _ = try TCPSegmentView(parsing: segment.span.extracting(first: length))
      }
    }
    for words in [0, 1, 4, 11, 15] {
      var changed = segment
      changed[12] = UInt8(words) << 4
      #expect(throws: ParseError.headerLength(words * 4)) {
        _ = try TCPSegmentView(parsing: changed.span)
      }
    }
  }
}
