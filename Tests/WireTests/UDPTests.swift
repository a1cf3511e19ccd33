import Octets
import Testing
import Wire

@Suite("UDP")
struct UDPTests {
  static func datagram(_ header: UDPHeader, _ payload: [UInt8]) -> [UInt8] {
    emitted(capacity: 8 + payload.count) { output in
      header.emit(into: &output)
      output.append(copying: payload.span)
    }
  }

  @Test(
    "a header that is emitted is read as the same value, its checksum right",
    arguments: [0, 1, 2, 511, 65_507])
  func roundTrip(_ count: Int) throws {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 1) }
    var header = UDPHeader(sourcePort: 65535, destinationPort: 53, payloadLength: count)
    header.fillChecksum(source: theirs, destination: ours, payload: payload.span)
    let octets = Self.datagram(header, payload)
    let view = try UDPDatagramView(parsing: octets.span)
    #expect(UDPHeader(view) == header)
    #expect(view.checksumIsRight(source: theirs, destination: ours) == true)
    #expect(
      view.checksumIsRight(source: theirs, destination: IPv4Address(192, 0, 2, 2)) == false)
    #expect([UInt8](copying: view.payload) == payload)
  }

  @Test("a checksum that others computed is ours too")
  func known() throws {
    let datagram = Array(Known.udp.dropFirst(20))
    var header = UDPHeader(sourcePort: 5353, destinationPort: 53, payloadLength: 5)
    header.fillChecksum(source: theirs, destination: ours, payload: Array("hello".utf8).span)
    #expect(header.checksum == 0x22D9)
    #expect(Self.datagram(header, Array("hello".utf8)) == datagram)
  }

  @Test("a checksum that computes to zero is sent as all ones and accepted")
  func zero() throws {
    let payload: [UInt8] = [0x66, 0xB1]
    var header = UDPHeader(sourcePort: 5353, destinationPort: 53, payloadLength: 2)
    header.fillChecksum(source: theirs, destination: ours, payload: payload.span)
    #expect(header.checksum == 0xFFFF)
    let octets = Self.datagram(header, payload)
    let view = try UDPDatagramView(parsing: octets.span)
    #expect(view.checksumIsRight(source: theirs, destination: ours) == true)
  }

  @Test("a datagram without a checksum is accepted")
  func none() throws {
    let octets = Self.datagram(
      UDPHeader(sourcePort: 1, destinationPort: 2, payloadLength: 3), [1, 2, 3])
    let view = try UDPDatagramView(parsing: octets.span)
    #expect(view.checksumIsRight(source: theirs, destination: ours) == true)
  }

  @Test("a length that lies is refused, and octets behind it are not seen")
  func lengths() throws {
    let whole = Array(Known.udp.dropFirst(20))
    for length in 0..<whole.count {
      #expect(throws: ParseError.self, "\(length)") {
        _ = try UDPDatagramView(parsing: whole.span.extracting(first: length))
      }
    }
    for stated in [0, 1, 7, 14, 0xFFFF] {
      var octets = whole
      octets[4] = UInt8(stated >> 8)
      octets[5] = UInt8(stated & 255)
      #expect(throws: ParseError.totalLength(stated, available: 13)) {
        _ = try UDPDatagramView(parsing: octets.span)
      }
    }
    let padded = whole + [9, 9, 9]
    #expect(try UDPDatagramView(parsing: padded.span).octets.count == whole.count)
  }
}
