import Foundation
import ProgramRunner
import Testing

/// `postroad replay` with a choice of frames, and its JSON, on the project's own captures.
@Suite("replay tells of what it is asked for")
struct ReplayChoiceTests {
  private static let capture = Places.root.appending(path: "captures/mail-with-loss.pcapng").path

  /// The objects of a replay.
  private func objects(_ options: String...) async throws -> [[String: Any]] {
    let done = try await run(Places.program, ["replay", Self.capture, "--json"] + options)
    #expect(done.status == 0, "\(done.errors)")
    return try done.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test("each TCP frame has flags and values, what has a flag is explained, and a sum ends it all")
  func json() async throws {
    let all = try await objects()
    let frames = all.filter { $0["frame"] != nil }
    #expect(frames.count > 20 && frames.allSatisfy { $0["flags"] is [String] })
    #expect(frames.allSatisfy { $0["values"] is [String: Any] })
    let again = frames.filter { ($0["flags"] as? [String])?.contains("retransmission") ?? false }
    #expect(!again.isEmpty && again.allSatisfy { $0["explanation"] is String })
    let sums = all.filter { $0["frame"] == nil }
    #expect(sums.count == 1)
    let client = try #require(sums.first?["from_client"] as? [String: Any])
    let server = try #require(sums.first?["from_server"] as? [String: Any])
    let copies = [client, server].compactMap { $0["retransmissions"] as? Int }.reduce(0, +)
    #expect(copies == again.count)
    #expect(sums.first?["ending"] as? String == "closed")
  }

  @Test("a filter and a connection choose frames, which keep their numbers and judgments")
  func choice() async throws {
    let all = try await objects()
    let some = try await objects("--filter", "src port 25 and tcp[tcpflags] & tcp-push != 0")
    let numbers = some.compactMap { $0["frame"] as? Int }
    #expect(!numbers.isEmpty && numbers.count < all.count / 2)
    for object in some {
      guard let number = object["frame"] as? Int else { continue }
      let same = all.first { $0["frame"] as? Int == number }
      #expect(same?["flags"] as? [String] == object["flags"] as? [String])
    }
    #expect(try await objects("--stream", "1").isEmpty)
    #expect(try await objects("--stream", "0").count == all.count)
  }

  @Test(
    "what makes no sense is said with its flag",
    arguments: [["--filter", "tcp port"], ["--stream", "one"], ["--stream=-1"]])
  func nonsense(_ options: [String]) async throws {
    let done = try await run(Places.program, ["replay", Self.capture] + options)
    #expect(done.status == 64)
    #expect(done.errors.contains(options[0].split(separator: "=")[0]), "\(done.errors)")
  }
}
