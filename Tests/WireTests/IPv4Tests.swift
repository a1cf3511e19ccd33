import Octets
import Testing
import Wire

@Suite("IPv4")
struct IPv4Tests {
  static let headers: [IPv4Header] = {
    let plain = IPv4Header(payloadLength: 9, transport: .udp, source: theirs, destination: ours)
    var marked = plain
    marked.dscp = 63
    marked.ecn = .ce
    marked.ttl = 255
    marked.identification = 0xFFFF
    marked.dontFragment = true
    var first = plain
    first.moreFragments = true
    var last = plain
    last.fragmentOffset = 65_512
    last.ttl = 0
    last.transport = IPProtocol(rawValue: 255)
    var empty = plain
    empty.payloadLength = 0
    var longest = plain
    longest.payloadLength = 65_515
    return [plain, marked, first, last, empty, longest]
  }()

  @Test(
    "a header that is emitted is read as the same value, its checksum right", arguments: headers)
  func roundTrip(_ header: IPv4Header) throws {
    let octets =
      emitted { header.emit(into: &$0) } + Array(repeating: 7, count: header.payloadLength)
    let view = try IPv4PacketView(parsing: octets.span)
    #expect(IPv4Header(view) == header)
    #expect(view.headerChecksumIsRight == true)
    #expect(view.totalLength == octets.count)
    #expect(view.payload.count == header.payloadLength)
    #expect(view.isFragment == (header.moreFragments || header.fragmentOffset > 0))
    #expect(view.options.isEmpty == true)
  }

  @Test("checksums that others computed are right, and wrong after any change of one bit")
  func checksum() throws {
    for packet in Known.packets {
      #expect(try IPv4PacketView(parsing: packet.span).headerChecksumIsRight == true)
      for bit in 0..<160 {
        var changed = packet
        changed[bit / 8] ^= 1 << (bit % 8)
        guard let view = try? IPv4PacketView(parsing: changed.span), view.headerLength == 20
        else { continue }
        #expect(view.headerChecksumIsRight == false, "bit \(bit)")
      }
    }
  }

  @Test("octets behind the total length are not seen")
  func padding() throws {
    let octets = Known.echo + Array(repeating: 0xEE, count: 11)
    let view = try IPv4PacketView(parsing: octets.span)
    #expect(view.octets.count == Known.echo.count)
    #expect([UInt8](copying: view.octets) == Known.echo)
  }

  @Test("a packet cut off anywhere is refused, and its quotation is read from the header on")
  func cutOff() {
    let whole = Known.syn
    for length in 0..<whole.count {
      #expect(throws: ParseError.self, "\(length)") {
        _ = try IPv4PacketView(parsing: whole.span.extracting(first: length))
      }
      let quote = try? IPv4PacketView(quoted: whole.span.extracting(first: length)).payload.count
      #expect(quote == (length >= 20 ? length - 20 : nil))
    }
  }

  @Test("a version, header length or total length that lies is refused by name")
  func lies() {
    func error(_ change: (inout [UInt8]) -> Void) -> ParseError? {
      var octets = Known.udp
      change(&octets)
      do throws(ParseError) {
        _ = try IPv4PacketView(parsing: octets.span)
        return nil
      } catch { return error }
    }
    for version in UInt8(0)...15 where version != 4 {
      #expect(error { $0[0] = version << 4 | 5 } == .version(version))
    }
    for words in UInt8(0)...4 {
      #expect(error { $0[0] = 0x40 | words } == .headerLength(Int(words) * 4))
    }
    // 33 octets are there: a header of 36 and more is not.
    for words in UInt8(9)...15 {
      #expect(error { $0[0] = 0x40 | words } == .headerLength(Int(words) * 4))
    }
    for total in [0, 1, 19] {
      #expect(error { $0[3] = UInt8(total) } == .totalLength(total, available: 33))
    }
    #expect(
      error {
        $0[0] = 0x46; $0[3] = 23
      } == .totalLength(23, available: 33))
    #expect(error { $0[3] = 34 } == .totalLength(34, available: 33))
    #expect(error { $0[2] = 0xFF } == .totalLength(0xFF21, available: 33))
    #expect(error { $0[3] = 20 } == nil)
  }

  struct Options: Sendable, CustomTestStringConvertible {
    var name: String
    var octets: [UInt8]
    var hasSourceRoute = false
    var malformedAt: Int?
    var testDescription: String { name }
  }

  static let walks: [Options] = [
    Options(name: "none", octets: []),
    Options(name: "no operations", octets: [1, 1, 1, 1]),
    Options(name: "the end hides what follows", octets: [0, 131, 0, 0]),
    Options(name: "loose source route", octets: [131, 7, 4, 1, 2, 3, 4, 0], hasSourceRoute: true),
    Options(name: "strict source route", octets: [1, 137, 3, 4], hasSourceRoute: true),
    Options(name: "record route", octets: [7, 7, 4, 0, 0, 0, 0, 0]),
    Options(name: "router alert", octets: [148, 4, 0, 0]),
    Options(name: "unknown", octets: [200, 3, 9, 1]),
    Options(name: "length 0", octets: [7, 0, 0, 0], malformedAt: 20),
    Options(name: "length 1", octets: [1, 1, 7, 1], malformedAt: 22),
    Options(name: "length one over", octets: [7, 5, 0, 0], malformedAt: 20),
    Options(name: "length 255", octets: [131, 255, 4, 0], malformedAt: 20),
    Options(name: "no length at all", octets: [1, 1, 1, 7], malformedAt: 23),
    Options(
      name: "a route before the damage", octets: [131, 3, 4, 7, 9, 0, 0, 0], hasSourceRoute: true,
      malformedAt: 23),
  ]

  @Test("options are walked safely", arguments: walks)
  func walk(_ known: Options) throws {
    let summary = IPv4OptionsSummary(parsing: known.octets.span)
    #expect(summary.hasSourceRoute == known.hasSourceRoute)
    #expect(summary.malformedAt == known.malformedAt)
    var packet = Known.echo
    packet.insert(contentsOf: known.octets, at: 20)
    packet[0] = 0x40 | UInt8(5 + known.octets.count / 4)
    packet[3] = UInt8(packet.count)
    let view = try IPv4PacketView(parsing: packet.span)
    #expect([UInt8](copying: view.options) == known.octets)
    #expect([UInt8](copying: view.payload) == Array(Known.echo.dropFirst(20)))
  }

  @Test("options of every first two octets end in time")
  func everyOption() {
    for kind in UInt8.min ... .max {
      for length in UInt8.min ... .max {
        let octets = [kind, length] + Array(repeating: kind, count: 38)
        let summary = IPv4OptionsSummary(parsing: octets.span)
        #expect((summary.malformedAt ?? 20) < 60)
      }
    }
  }
}
