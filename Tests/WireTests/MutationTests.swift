import Octets
import Testing
import Wire

@Suite("Malformed octets")
struct MutationTests {
  static let links: [LinkType] = [
    .null, .ethernet, .rawIP, .loop, .linuxCooked, .ipv4, .linuxCooked2, LinkType(rawValue: 9),
  ]

  /// Reads octets with every parser, looks at every field, and checks what must hold of any input.
  static func read(_ octets: Span<UInt8>) {
    if let frame = try? EthernetFrameView(parsing: octets) {
      #expect(frame.headerLength + frame.payload.count == octets.count)
      _ = (frame.vlan, EthernetHeader(frame))
    }
    if let packet = try? ARPPacket(parsing: octets) {
      #expect(emitted { packet.emit(into: &$0) } == [UInt8](copying: octets.extracting(first: 28)))
    }
    if let packet = try? IPv4PacketView(parsing: octets) {
      #expect(packet.totalLength == packet.headerLength + packet.payload.count)
      look(packet)
    }
    if let packet = try? IPv4PacketView(quoted: octets) { look(packet) }
    transports(octets, from: ours, to: theirs)
    _ = IPv4OptionsSummary(parsing: octets)
    _ = TCPOptions(parsing: octets)
    for link in links {
      let line = PacketDescription.line(for: octets, link: link)
      #expect(!line.isEmpty && line.utf8.allSatisfy { (32...126).contains($0) })
    }
  }

  static func look(_ packet: borrowing IPv4PacketView) {
    _ = packet.headerChecksumIsRight
    let summary = IPv4OptionsSummary(parsing: packet.options)
    #expect((summary.malformedAt ?? 0) < packet.headerLength)
    let header = IPv4Header(packet)
    let copy = emitted { header.emit(into: &$0) }
    let view = try? IPv4PacketView(quoted: copy.span)
    #expect(view?.source == header.source && view?.fragmentOffset == header.fragmentOffset)
    #expect(view?.headerChecksumIsRight == true)
    transports(packet.payload, from: packet.source, to: packet.destination)
  }

  static func transports(_ octets: Span<UInt8>, from source: IPv4Address, to target: IPv4Address) {
    if let message = try? ICMPv4MessageView(parsing: octets) {
      _ = (message.kind, message.checksumIsRight)
      if message.kind.isError, let quote = try? IPv4PacketView(quoted: message.payload) {
        _ = (quote.payload.count, quote.source)
      }
    }
    if let datagram = try? UDPDatagramView(parsing: octets) {
      _ = datagram.checksumIsRight(source: source, destination: target)
      #expect(datagram.payload.count + 8 == datagram.octets.count)
      #expect(UDPHeader(datagram).payloadLength == datagram.payload.count)
    }
    guard let segment = try? TCPSegmentView(parsing: octets) else { return }
    _ = segment.checksumIsRight(source: source, destination: target)
    #expect(segment.headerLength + segment.payload.count == octets.count)
    #expect(segment.length >= segment.payload.count)
    // What we understood of a header can be emitted, and understood again.
    let header = TCPHeader(segment)
    var expected = header
    expected.options.isMalformed = false
    let copy = emitted { header.emit(into: &$0) }
    #expect(copy.count == header.length && copy.count <= 60)
    if let again = try? TCPSegmentView(parsing: copy.span) {
      var read = TCPHeader(again)
      if read.options.sackBlocks.count < expected.options.sackBlocks.count {
        read.options.sackBlocks = expected.options.sackBlocks
      }
      #expect(read == expected)
    } else {
      Issue.record("an emitted header cannot be read")
    }
  }

  @Test("every sample cut off at every octet is read without harm")
  func truncations() {
    for (link, frame) in Sample.frames {
      for length in 0...frame.count {
        Self.read(frame.span.extracting(first: length))
        _ = PacketDescription.line(for: frame.span.extracting(first: length), link: link)
      }
    }
  }

  @Test("every octet of every sample with every value is read without harm")
  func everyOctet() {
    for (link, frame) in Sample.frames {
      for place in 0..<min(frame.count, 74) {
        for value in [0, 1, 2, 4, 5, 15, 20, 60, 0x45, 0x7F, 0x80, 0xFE, 0xFF] as [UInt8] {
          var changed = frame
          changed[place] = value
          _ = PacketDescription.line(for: changed.span, link: link)
          if value == 0 || value == 0xFF { Self.read(changed.span) }
        }
      }
    }
  }

  @Test("mutated samples are read without harm", arguments: 0..<16 as Range<UInt64>)
  func mutations(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    let samples = Sample.frames.map(\.1)
    for _ in 0..<500 {
      var octets = samples[Int.random(in: 0..<samples.count, using: &random)]
      for _ in 0...Int.random(in: 0..<6, using: &random) { Self.mutate(&octets, &random) }
      Self.read(octets.span)
    }
  }

  private static func mutate(_ octets: inout [UInt8], _ random: inout RandomSource) {
    guard !octets.isEmpty else { return octets = [UInt8.random(in: 0...255, using: &random)] }
    let place = Int.random(in: 0..<octets.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: octets[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: octets[place] = UInt8.random(in: 0...255, using: &random)
    case 2: octets[place] = [0, 1, 255, 0x7F, 0x80, 20].randomElement(using: &random) ?? 0
    case 3: octets.removeLast(Int.random(in: 0...octets.count, using: &random))
    case 4: octets.remove(at: place)
    default: octets.insert(UInt8.random(in: 0...255, using: &random), at: place)
    }
  }

  @Test("octets at random are read without harm", arguments: 0..<8 as Range<UInt64>)
  func noise(_ seed: UInt64) {
    var random = RandomSource.seeded(seed &+ 1000)
    for _ in 0..<300 {
      let count = Int.random(in: 0...120, using: &random)
      let octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      Self.read(octets.span)
    }
  }
}
