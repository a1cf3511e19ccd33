import Foundation
import Frames
import Octets
import Testing
import Wire

let none: [UInt8] = []

extension FrameDevice where Self: ~Copyable {
  /// Sends a frame in one piece.
  mutating func send(_ octets: [UInt8], _ facts: OffloadFacts = .none) -> Bool {
    transmit(octets.span, none.span, none.span, offload: facts)
  }

  /// Receives frames as copies.
  mutating func take(_ limit: Int) throws -> [[UInt8]] {
    var frames: [[UInt8]] = []
    let count = try receive(upTo: limit) { octets, _ in frames.append(Array(copying: octets)) }
    #expect(count == frames.count)
    return frames
  }
}

/// A TCP super-packet with `payload` octets, its checksum left to the device.
func superPacket(payload: Int) -> [UInt8] {
  var octets: [UInt8] = [0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0]
  octets += [192, 0, 2, 1, 192, 0, 2, 2, 0, 25, 0x30, 0x39, 0, 0, 0, 1, 0, 0, 0, 1]
  octets += [0x50, 0x19, 0xFF, 0xFF, 0, 0, 0, 0]
  octets += (0..<payload).map { UInt8(truncatingIfNeeded: $0) }
  octets[2] = UInt8(octets.count >> 8)
  octets[3] = UInt8(octets.count & 255)
  var header = InternetChecksum()
  header.add(octets.span.extracting(first: 20))
  octets[10] = UInt8(header.value >> 8)
  octets[11] = UInt8(header.value & 255)
  var pseudo = InternetChecksum()
  pseudo.add(octets.span.extracting(12..<20))
  pseudo.add(word: 6)
  pseudo.add(word: UInt16(octets.count - 20))
  octets[36] = UInt8(pseudo.folded >> 8)
  octets[37] = UInt8(pseudo.folded & 255)
  return octets
}

@Suite("Devices") struct DeviceTests {
  @Test("a memory link delivers in order, in both directions, with the facts")
  func memory() throws {
    var (left, right) = MemoryDevice.pair()
    let facts = OffloadFacts(checksum: .partial(start: 20, offset: 16))
    let sent = left.transmit([1].span, [2, 3].span, [4].span, offload: facts)
    #expect(sent)
    let sent1 = left.send([5])
    #expect(sent1)
    var seen: [[UInt8]] = []
    var known: [OffloadFacts] = []
    let count = try right.receive(upTo: 8) { octets, facts in
      seen.append(Array(copying: octets))
      known.append(facts)
    }
    #expect(count == 2)
    #expect(seen == [[1, 2, 3, 4], [5]])
    #expect(known == [facts, .none])
    let rest = try left.take(8)
    #expect(rest.isEmpty)
  }

  @Test("a full queue and an exhausted pool refuse, count, and recover")
  func bounds() throws {
    let pool = FramePool(smallLimit: 2, largeLimit: 1)
    var (left, right) = MemoryDevice.pair(capacity: 8, pool: pool)
    let sent2 = left.send([1])
    #expect(sent2)
    let sent3 = left.send([2])
    #expect(sent3)
    let sent4 = left.send([3])
    #expect(!sent4)
    #expect(left.counters.refused == 1 && pool.refusals == 1)
    let taken = try right.take(1)
    #expect(taken == [[1]])
    let sent5 = left.send([3])
    #expect(sent5)
    var (narrow, _) = MemoryDevice.pair(capacity: 1)
    let sent6 = narrow.send([1])
    #expect(sent6)
    let sent7 = narrow.send([1])
    #expect(!sent7)
  }

  @Test("a trace that asks why has the reason of each frame as its comment, in both directions")
  func reasons() throws {
    let (left, right) = MemoryDevice.pair()
    var traced = TracingDevice(
      left, name: "test", writer: PcapngWriter(), asksWhy: true, clock: { 42 })
    var other = right
    let packet = superPacket(payload: 10)
    let (one, two) = (RuleExplanation(SampleRule.taken), RuleExplanation(SampleRule.waits))
    let three = RuleExplanation(SampleRule.goes, heldBackBy: .waits)
    let wasHandedOver = other.send(packet, .none)
    #expect(wasHandedOver)
    let received = try traced.take(4)
    #expect(received == [packet])
    traced.explainReceived([[one, two]])
    traced.explainOthers([two])
    traced.explain(three)
    let empty = Span<UInt8>()
    let sent = traced.transmit(packet.span, empty, empty, offload: .none)
    let sentAgain = traced.transmit(packet.span, empty, empty, offload: .none)
    #expect(sent && sentAgain)
    var reader = try CaptureFileReader(octets: traced.takeOctets())
    let comments = reader.remaining().frames.map(\.comment)
    #expect(
      comments == [
        "taken: it is taken (RFC 1)\nwaits: it waits (RFC 2)",
        "waits: it waits (RFC 2)\ngoes: it goes (RFC 3); held back before by waits: it waits (RFC 2)",
        nil,
      ])
  }

  private enum SampleRule: UInt8, ProtocolRule {
    case taken, waits, goes

    var source: String { "RFC \(rawValue + 1)" }
    var sentence: String { "it \(self == .taken ? "is taken" : "\(self)")" }
    var effect: RuleEffect { self == .goes ? .sends : self == .waits ? .delays : .accepts }
  }

  @Test("a trace shows a super-packet as the segments a wire would carry")
  func trace() throws {
    let (left, right) = MemoryDevice.pair()
    var traced = TracingDevice(left, name: "test", writer: PcapngWriter(), clock: { 42 })
    var other = right
    let packet = superPacket(payload: 3_000)
    let facts = OffloadFacts(
      checksum: .partial(start: 20, offset: 16), segmentSize: 1_400, headerLength: 40)
    let header = packet.span.extracting(first: 40)
    let sent = traced.transmit(
      header, packet.span.extracting(40..<1_040),
      packet.span.extracting(droppingFirst: 1_040), offload: facts)
    #expect(sent)
    let answered = other.send(packet, facts)
    #expect(answered)
    let received = try traced.take(4)
    #expect(received == [packet])
    let file = traced.takeOctets()
    var reader = try CaptureFileReader(octets: file)
    let frames = reader.remaining().frames
    #expect(frames.map(\.octets.count) == [1_440, 1_440, 240, 1_440, 1_440, 240])
    let recorded = traced.recorded
    #expect(recorded == 6)
    var payload: [UInt8] = []
    for (index, frame) in frames.prefix(3).enumerated() {
      let view = try IPv4PacketView(parsing: frame.octets.span)
      #expect(view.headerChecksumIsRight && view.identification == 0x1234 + UInt16(index))
      let octets = frame.octets.span
      var sum = InternetChecksum()
      sum.add(octets.extracting(12..<20))
      sum.add(word: 6)
      sum.add(word: UInt16(octets.count - 20))
      sum.add(octets.extracting(droppingFirst: 20))
      #expect(sum.value == 0)
      #expect(octets[33] == (index == 2 ? 0x19 : 0x10))
      payload += frame.octets[40...]
    }
    #expect(payload == Array(packet[40...]))
    guard Machine.has("tcpdump") else { return }
    let path = NSTemporaryDirectory() + "trace-\(UUID().uuidString).pcapng"
    try Data(file).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let shown = try Machine.run("tcpdump", ["-vv", "-n", "-r", path])
    #expect(shown.text.contains("(correct)") && !shown.text.contains("incorrect"))
    #expect(!shown.text.contains("bad cksum"))
    guard Machine.has("tshark") else { return }
    let faults = try Machine.run(
      "tshark", ["-r", path, "-Y", "_ws.malformed", "-T", "fields", "-e", "frame.number"])
    #expect(!faults.text.split(separator: "\n").contains { Int($0) != nil }, "\(faults.text)")
  }

  @Test("a super-packet behind VLAN tags is cut behind them")
  func taggedTrace() throws {
    // A tag whose first octet could be IPv4's, and whose ninth could say TCP.
    let tags: [UInt8] = [0x88, 0xA8, 0x40, 5, 0x81, 0, 0x45, 7]
    var packet = superPacket(payload: 300)
    packet[1] = 6
    packet[5] = 6
    let link: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    for count in [0, 4, 8] {
      let header = link + tags.suffix(count) + [8, 0]
      let facts = OffloadFacts(
        checksum: .partial(start: UInt16(header.count + 20), offset: 16), segmentSize: 200,
        headerLength: UInt16(header.count + 40))
      var seen: [[UInt8]] = []
      FrameFinisher.finish((header + packet).span, facts: facts, link: .ethernet) {
        seen.append(Array(copying: $0))
      }
      #expect(seen.map(\.count) == [header.count + 240, header.count + 140])
      for frame in seen where frame.count > header.count + 40 {
        #expect(Array(frame.prefix(header.count)) == header)
        let view = try IPv4PacketView(
          parsing: frame.span.extracting(droppingFirst: header.count))
        let isHeaderRight = view.headerChecksumIsRight
        #expect(isHeaderRight)
        let segment = try TCPSegmentView(parsing: view.payload)
        let isRight = segment.checksumIsRight(source: view.source, destination: view.destination)
        #expect(isRight)
      }
    }
  }

  @Test("a filter is compiled for frames of a file, or its fault is told")
  func filter() throws {
    let packet = superPacket(payload: 1)
    let mail = try CaptureFilter("tcp port 25", link: .rawIP).matches(packet.span)
    let other = try CaptureFilter("udp", link: .rawIP).matches(packet.span)
    #expect(mail && !other)
    let error = #expect(throws: FrameError.self) {
      _ = try CaptureFilter("tcp prot 25", link: .rawIP)
    }
    #expect(error?.description.contains("cannot compile filter 'tcp prot 25'") == true)
  }

  @Test("a name that no interface can have is refused in a sentence")
  func names() {
    for name in ["a/b", "sixteen-octets-x", "a b", "a:b"] {
      #expect(throws: FrameError.invalidName(name)) { _ = try TUNDevice(name: name) }
    }
  }
}
