import Foundation
import ProgramRunner
import Testing

/// Captures that take longer than one batch of what is told on the second thread.
@Suite("replay of many frames")
struct ReplayLargeTests {
  /// A pcap of UDP datagrams, each with its number as its source port.
  private func capture(_ count: Int) -> Data {
    func little(_ number: Int) -> [UInt8] {
      (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
    var octets = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0] as [UInt8]
    octets += little(0) + little(0) + little(65_535) + little(101)
    for number in 1...count {
      let length = 28 + number % 1300
      var packet = [UInt8](repeating: 0, count: length)
      packet[0] = 0x45
      packet.replaceSubrange(2..<4, with: [UInt8(length >> 8), UInt8(length & 255)])
      packet.replaceSubrange(8..<20, with: [64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2])
      packet.replaceSubrange(
        20..<28,
        with: [UInt8(number >> 8), UInt8(number & 255), 0, 9, 0, UInt8(number & 127 | 8), 0, 0])
      octets += little(number) + little(0) + little(length) + little(length) + packet
    }
    return Data(octets)
  }

  @Test("each is told, in its order, as text and as JSON", arguments: [1, 2, 1023, 20_000])
  func order(_ count: Int) async throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-large-\(UUID().uuidString).pcap")
    defer { try? FileManager.default.removeItem(at: path) }
    try capture(count).write(to: path)
    let text = try await run(Places.program, ["replay", path.path])
    let lines = text.output.split(separator: "\n")
    #expect(text.status == 0 && lines.count == count)
    let json = try await run(Places.program, ["replay", "--json", path.path])
    let objects = json.output.split(separator: "\n")
    #expect(json.status == 0 && objects.count == count)
    for number in 1...min(lines.count, objects.count) {
      let ends = "IP 192.0.2.1:\(number) > 192.0.2.2:9: "
      let isRight =
        lines[number - 1].contains(ends)
        && objects[number - 1].hasPrefix("{\"frame\":\(number),")
        && objects[number - 1].contains(ends)
      #expect(isRight, "frame \(number): \(lines[number - 1]) \(objects[number - 1])")
      if !isRight { break }
    }
  }

  @Test("where the output cannot be written the reading ends, and that is said once")
  func fullDevice() async throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-large-\(UUID().uuidString).pcap")
    defer { try? FileManager.default.removeItem(at: path) }
    try capture(20_000).write(to: path)
    let done = try await run(Places.program, ["replay", path.path], output: "/dev/full")
    #expect(done.status == 1)
    #expect(done.errors == "error: cannot write to standard output: no space left on device\n")
  }
}
