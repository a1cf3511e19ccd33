import Foundation
import Frames
import Octets
import Testing
import Wire

@Suite("Frames that a reader lends")
struct LentFrameTests {
  @Test("they are those that it copies, however long, where the file is read in portions")
  func lentAndCopied() throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-lent-\(UUID().uuidString).pcapng"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = RandomSource.seeded(4)
    var frames: [CapturedFrame] = []
    var writer = try PcapngWriter(path: path)
    _ = writer.addInterface(name: "wire", link: .rawIP)
    // Some are longer than what is read at once.
    for (index, length) in ([0, 700_000, 1, 262_144, 900_000] + Array(repeating: 1500, count: 600))
      .enumerated()
    {
      let frame = CapturedFrame(
        number: index + 1, time: Int64(index), linkType: .rawIP, originalLength: length,
        octets: (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) },
        comment: index % 3 == 0 ? "comment \(index)" : nil)
      writer.write(frame.octets.span, time: frame.time, comment: frame.comment)
      frames.append(frame)
    }
    try writer.flush()
    var reader = try CaptureFileReader(path: path)
    var index = 0
    while let lent = try reader.lend() {
      #expect(CapturedFrame(lent) == frames[index], "frame \(index + 1)")
      index += 1
    }
    #expect(index == frames.count)
    #expect(try CaptureFileReader.frames(path: path).frames == frames)
  }
}
