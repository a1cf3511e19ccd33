import Foundation
import Frames
import Octets
import ProgramRunner
import Testing
import Wire

@testable import Analysis

@Suite("Agreement with tshark, flag for flag", .needsTshark)
struct AgreementTests {
  private static func captures(in folder: URL) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.contains(".pcap") }.sorted().map { folder.appending(path: $0).path }
  }

  @Test(
    "on the project's own captures",
    arguments: captures(in: Places.root.appending(path: "captures")))
  func own(_ capture: String) async throws {
    try await expectAgreement(on: capture)
  }

  @Test(
    "on captures of others",
    .enabled(
      if: FileManager.default.fileExists(atPath: Places.foreignCaptures.path),
      "the captures are not part of the repository"),
    arguments: captures(in: Places.foreignCaptures))
  func foreign(_ capture: String) async throws {
    try await expectAgreement(on: capture)
  }

  @Test("on connections of random frames at every edge", arguments: 1...6)
  func random(_ seed: UInt64) async throws {
    var random = RandomSource.seeded(seed)
    var connections = (0..<40).map { RandomConnection($0, using: &random) }
    var order = connections.indices.flatMap { Array(repeating: $0, count: 40) }
    if seed % 2 == 0 { order.shuffle(using: &random) }
    var time: Int64 = 1_000_000_000_000_000_000
    let pauses: [Int64] = [1, 100, 1000, 2500, 5000, 19_000, 30_000, 200_000]
    let frames = order.map { index in
      time += pick(pauses, &random) * 1000
      return (time, connections[index].frame(using: &random))
    }
    try await withCapture(frames) { path in
      let said = try await expectAgreement(on: path)
      // A test that saw nothing would prove nothing.
      let seen = said.values.reduce(into: Set<String>()) { $0.formUnion($1.flags) }
      #expect(seen.count >= 12, "\(seen.sorted())")
    }
  }

  @Test("on sessions of our own stack over bad links", arguments: 0..<5)
  func sessions(_ part: UInt64) async throws {
    let frames = try (0..<40).flatMap { try WorldSessions.frames(seed: part * 40 + $0) }
    try await withCapture(frames) { path in
      let said = try await expectAgreement(on: path)
      let seen = said.values.reduce(into: Set<String>()) { $0.formUnion($1.flags) }
      #expect(Set(said.values.map(\.stream)).count == 40)
      #expect(
        seen.isSuperset(of: ["retransmission", "duplicate_ack", "zero_window", "window_update"]),
        "\(seen.sorted())")
    }
  }
}
