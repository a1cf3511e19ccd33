import Foundation
import Frames
import Octets
import Testing
import Wire

/// Numbers laid out in one byte order.
struct Layout {
  var isLittle: Bool
  var octets: [UInt8] = []
  mutating func put(_ value: UInt32) {
    let shifts: [UInt32] = isLittle ? [0, 8, 16, 24] : [24, 16, 8, 0]
    octets += shifts.map { UInt8(truncatingIfNeeded: value >> $0) }
  }
  mutating func put(short value: UInt16) {
    octets +=
      isLittle ? [UInt8(value & 255), UInt8(value >> 8)] : [UInt8(value >> 8), UInt8(value & 255)]
  }
}

struct PcapKind: Sendable, CustomTestStringConvertible {
  var isLittle: Bool
  var magic: UInt32
  var nanoseconds: Int64
  var testDescription: String { "\(isLittle ? "little" : "big") endian, \(nanoseconds) ns" }
  static let all = [true, false].flatMap {
    [
      PcapKind(isLittle: $0, magic: 0xA1B2_C3D4, nanoseconds: 7_000),
      PcapKind(isLittle: $0, magic: 0xA1B2_3C4D, nanoseconds: 7),
    ]
  }
  func file(captured: UInt32? = nil) -> [UInt8] {
    var layout = Layout(isLittle: isLittle)
    layout.put(magic)
    layout.put(short: 2)
    layout.put(short: 4)
    for value: UInt32 in [0, 0, 65_535, 101] { layout.put(value) }
    for index: UInt32 in 0..<2 {
      for value in [100 + index, 7, captured ?? 3, 60] { layout.put(value) }
      layout.octets += [1, 2, UInt8(index)]
    }
    return layout.octets
  }
}

func pcapng(isLittle: Bool, resolution: UInt8 = 9) -> [UInt8] {
  var layout = Layout(isLittle: isLittle)
  for value: UInt32 in [0x0A0D_0D0A, 28, 0x1A2B_3C4D] { layout.put(value) }
  layout.put(short: 1)
  layout.put(short: 0)
  for value: UInt32 in [.max, .max, 28, 1, 32] { layout.put(value) }
  layout.put(short: 1)
  layout.put(short: 0)
  layout.put(65_535)
  layout.put(short: 9)
  layout.put(short: 1)
  layout.octets += [resolution, 0, 0, 0]
  for value: UInt32 in [0, 32] { layout.put(value) }
  for value: UInt32 in [0xBAD, 16, 99, 16] { layout.put(value) }
  for value: UInt32 in [6, 48, 0, 0, 5, 3, 70] { layout.put(value) }
  layout.octets += [1, 2, 3, 0]
  layout.put(short: 1)
  layout.put(short: 2)
  layout.octets += Array("hi".utf8) + [0, 0]
  for value: UInt32 in [0, 48] { layout.put(value) }
  for value: UInt32 in [3, 20, 2] { layout.put(value) }
  layout.octets += [8, 9, 0, 0]
  layout.put(20)
  layout.put(2)
  layout.put(36)
  layout.put(short: 0)
  layout.put(short: 0)
  for value: UInt32 in [0, 6, 1, 1] { layout.put(value) }
  layout.octets += [5, 0, 0, 0]
  layout.put(36)
  return layout.octets
}

@Suite("Capture files") struct CaptureFileTests {
  @Test("pcap is read in both byte orders and with both clocks", arguments: PcapKind.all)
  func pcapKinds(_ kind: PcapKind) throws {
    var reader = try CaptureFileReader(octets: kind.file())
    let (frames, damage) = reader.remaining()
    #expect(damage == nil)
    #expect(frames.map(\.octets) == [[1, 2, 0], [1, 2, 1]])
    #expect(frames.first?.time == 100_000_000_000 + kind.nanoseconds)
    #expect(frames.first?.originalLength == 60)
    #expect(frames.map(\.number) == [1, 2])
    #expect(frames.allSatisfy { $0.linkType == .rawIP })
  }

  @Test("pcapng is read in both byte orders, unknown blocks are skipped", arguments: [true, false])
  func pcapngKinds(isLittle: Bool) throws {
    var reader = try CaptureFileReader(
      octets: pcapng(isLittle: isLittle) + pcapng(isLittle: !isLittle, resolution: 6))
    let (frames, damage) = reader.remaining()
    #expect(damage == nil)
    #expect(frames.map(\.octets) == [[1, 2, 3], [8, 9], [5], [1, 2, 3], [8, 9], [5]])
    #expect(frames.map(\.time) == [5, 0, 6, 5_000, 0, 6_000])
    #expect(frames.first?.comment == "hi")
    #expect(frames.first?.originalLength == 70)
  }

  @Test(
    "the ticks of a clock are nanoseconds, of powers of ten and of two",
    arguments: [
      (0, 5_000_000_000), (3, 5_000_000), (9, 5), (12, 0), (0x80, 5_000_000_000),
      (0x8A, 4_882_812), (0x94, 4_768), (0x9E, 4), (0xFF, 0),
    ] as [(UInt8, Int64)])
  func clocks(_ resolution: UInt8, _ nanoseconds: Int64) throws {
    var reader = try CaptureFileReader(octets: pcapng(isLittle: true, resolution: resolution))
    let frame = try reader.next()
    #expect(frame?.time == nanoseconds)
  }

  @Test("a section of another version is damage, not frames", arguments: [true, false])
  func version(isLittle: Bool) throws {
    var later = pcapng(isLittle: isLittle)
    later[isLittle ? 12 : 13] = 2
    var reader = try CaptureFileReader(octets: pcapng(isLittle: true) + later)
    let (frames, damage) = reader.remaining()
    #expect(frames.count == 3)
    #expect(damage == .damaged(frame: 4, reason: "its section has version 2.0"))
  }

  @Test(
    "every interface of every section has a clock, an offset and a link of its own",
    arguments: [true, false])
  func interfaces(isLittle: Bool) throws {
    var file: [UInt8] = []
    for (isLittle, seconds) in [(isLittle, 1000), (!isLittle, -3)] as [(Bool, Int64)] {
      var layout = Layout(isLittle: isLittle)
      for value: UInt32 in [0x0A0D_0D0A, 28, 0x1A2B_3C4D] { layout.put(value) }
      layout.put(short: 1)
      layout.put(short: 0)
      for value: UInt32 in [.max, .max, 28] { layout.put(value) }
      for (link, resolution) in [(1, 3), (101, 9)] as [(UInt16, UInt8)] {
        layout.put(1)
        layout.put(44)
        layout.put(short: link)
        layout.put(short: 0)
        layout.put(0)
        layout.put(short: 9)
        layout.put(short: 1)
        layout.octets += [resolution, 0, 0, 0]
        layout.put(short: 14)
        layout.put(short: 8)
        let offset = UInt64(bitPattern: seconds)
        let halves = [UInt32(truncatingIfNeeded: offset >> 32), UInt32(truncatingIfNeeded: offset)]
        for half in isLittle ? halves.reversed() : halves { layout.put(half) }
        layout.put(0)
        layout.put(44)
      }
      for interface: UInt32 in [1, 0] {
        for value: UInt32 in [6, 36, interface, 0, 7000, 1, 1] { layout.put(value) }
        layout.octets += [UInt8(interface), 0, 0, 0]
        layout.put(36)
      }
      file += layout.octets
    }
    var reader = try CaptureFileReader(octets: file)
    let (frames, damage) = reader.remaining()
    #expect(damage == nil)
    let second: Int64 = 1_000_000_000
    #expect(
      frames.map(\.time) == [
        1000 * second + 7000, 1007 * second, -3 * second + 7000, 4 * second,
      ])
    #expect(frames.map(\.linkType) == [.rawIP, .ethernet, .rawIP, .ethernet])
    #expect(frames.map(\.octets) == [[1], [0], [1], [0]])
  }

  @Test("a block whose two lengths differ is damage, of whatever kind it is")
  func twoLengths() throws {
    let whole = pcapng(isLittle: true)
    // The second lengths of the section, the interface, the unknown block, and the three frames.
    for (place, frame) in [(24, 1), (56, 1), (72, 1), (120, 1), (140, 2), (176, 3)] {
      var changed = whole
      #expect(changed[place] > 0)
      changed[place] ^= 4
      var reader = try CaptureFileReader(octets: changed)
      let (frames, damage) = reader.remaining()
      #expect(frames.count == frame - 1, "octet \(place)")
      #expect(
        damage == .damaged(frame: frame, reason: "the two lengths of a block differ"),
        "octet \(place)")
    }
  }

  @Test("a file cut off at any octet gives the frames before the cut and never traps")
  func cuts() throws {
    for whole in [PcapKind.all[0].file(), pcapng(isLittle: true)] {
      var reader = try CaptureFileReader(octets: whole)
      let all = reader.remaining().frames
      var most = 0
      for length in 0..<whole.count {
        guard var cut = try? CaptureFileReader(octets: Array(whole[..<length])) else { continue }
        let (frames, damage) = cut.remaining()
        #expect(frames == Array(all.prefix(frames.count)))
        #expect(frames.count >= most && frames.count < all.count)
        most = frames.count
        if let damage { #expect(damage == .truncated(frame: frames.count + 1)) }
      }
      #expect(most == all.count - 1)
    }
  }

  @Test("any octet may be changed without a trap")
  func changes() {
    for whole in [PcapKind.all[0].file(), pcapng(isLittle: true)] {
      for index in whole.indices {
        for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
          var changed = whole
          changed[index] = value
          guard var reader = try? CaptureFileReader(octets: changed) else { continue }
          #expect(reader.remaining().frames.count <= 3)
        }
      }
    }
  }

  @Test("a length that no file holds is damage at that frame")
  func lies() throws {
    var reader = try CaptureFileReader(octets: PcapKind.all[0].file(captured: .max))
    let (frames, damage) = reader.remaining()
    #expect(frames.isEmpty)
    #expect("\(try #require(damage))".contains("damaged at frame 1"))
    let after = try reader.next()
    #expect(after == nil)
  }

  @Test("every shared capture is read to its end", .needsCaptures)
  func shared() throws {
    let folder = try #require(Machine.captures)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.contains(".pcap") }
    #expect(!names.isEmpty)
    for name in names {
      let (frames, damage) = try CaptureFileReader.frames(path: folder + "/" + name)
      #expect(damage == nil, "\(name)")
      guard Machine.has("tcpdump") else { continue }
      let shown = try Machine.run("tcpdump", ["-tt", "-n", "--count", "-r", folder + "/" + name])
      guard let line = shown.text.split(separator: "\n").last(where: { $0.contains("packet") })
      else { continue }
      #expect(Int(line.split(separator: " ")[0]) == frames.count, "\(name): \(line)")
    }
  }

  @Test("what the writer wrote the reader reads")
  func roundTrip() throws {
    var writer = PcapngWriter()
    let first = writer.addInterface(name: "tun0", link: .rawIP)
    let second = writer.addInterface(name: "tap0", link: .ethernet)
    for length in 0..<20 {
      let octets = [UInt8](repeating: UInt8(length), count: length)
      writer.write(
        octets.span, interface: length & 1 == 0 ? first : second, time: Int64(length) << 33,
        originalLength: 100, direction: .outbound, comment: length == 3 ? "three" : nil)
    }
    var reader = try CaptureFileReader(octets: writer.takeOctets())
    let (frames, damage) = reader.remaining()
    #expect(damage == nil)
    #expect(frames.map(\.octets.count) == Array(0..<20))
    #expect(frames.map(\.time) == (0..<20).map { Int64($0) << 33 })
    #expect(frames[3].comment == "three" && frames[3].linkType == .ethernet)
    #expect(frames[4].comment == nil && frames[4].linkType == .rawIP)
  }

  @Test("files that cannot be read are told in a sentence")
  func sentences() {
    let missing = #expect(throws: CaptureError.self) {
      _ = try CaptureFileReader(path: "/nonexistent/file.pcap")
    }
    #expect(missing?.description.contains("No such file") == true)
    // The first page of memory is nobody's: the file can be opened and not read.
    let unreadable = "/proc/self/mem"
    #expect(throws: CaptureError.file(path: unreadable, error: EIO)) {
      _ = try CaptureFileReader(path: unreadable)
    }
    #expect(throws: CaptureError.unknownFormat) { _ = try CaptureFileReader(octets: [1, 2, 3, 4]) }
    #expect(throws: CaptureError.unknownFormat) { _ = try CaptureFileReader(octets: []) }
  }
}
