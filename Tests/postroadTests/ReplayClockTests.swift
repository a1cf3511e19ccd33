import Foundation
import ProgramRunner
import Testing

@Suite("replay's time is the capture's")
struct ReplayClockTests {
  private static func words(_ numbers: UInt32...) -> [UInt8] {
    numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
  }

  /// A fragment of 8 octets of a UDP datagram of 16, in an IPv4 packet with a right checksum.
  private static func fragment(isLast: Bool) -> [UInt8] {
    var octets: [UInt8] = [
      0x45, 0, 0, 28, 0, 7, isLast ? 0 : 0x20, isLast ? 1 : 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0,
      2, 2,
    ]
    var sum = stride(from: 0, to: 20, by: 2).reduce(0) {
      $0 + Int(octets[$1]) << 8 + Int(octets[$1 + 1])
    }
    sum = (sum & 0xFFFF) + sum >> 16
    octets[10] = UInt8(~sum >> 8 & 255)
    octets[11] = UInt8(~sum & 255)
    return octets + (isLast ? [1, 2, 3, 4, 5, 6, 7, 8] : [0, 9, 0, 9, 0, 16, 0, 0])
  }

  @Test(
    "fragments that lie further apart than a host waits do not make a datagram",
    arguments: [29, 31])
  func waited(_ seconds: UInt32) async throws {
    var file = Self.words(0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, 101)
    for (time, isLast) in [(100 as UInt32, false), (100 + seconds, true)] {
      file += Self.words(time, 0, 28, 28) + Self.fragment(isLast: isLast)
    }
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-clock-\(UUID().uuidString).pcap")
    defer { try? FileManager.default.removeItem(at: path) }
    try Data(file).write(to: path)
    let done = try await run(Places.program, ["replay", path.path, "--explain"])
    #expect(done.status == 0, "\(done.errors)")
    #expect(done.output.contains("have waited too long") == (seconds > 30), "\(done.output)")
    #expect(done.output.contains("the last of 2 fragments") == (seconds < 30), "\(done.output)")
  }
}
