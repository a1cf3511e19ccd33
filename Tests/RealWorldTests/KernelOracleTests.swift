import Foundation
import ProgramRunner
import Testing

extension RealWorldTests {
  /// What two kernels say to each other, and what our stack would have said in the place of each.
  @Suite("the kernel as an oracle", .needs("tcpdump"), .needs("openssl"))
  struct KernelOracle {
    @Test("fresh captures of the kernel are played from both ends, and every difference has a rule")
    func fresh() async throws {
      let folder = FileManager.default.temporaryDirectory.appending(
        path: "postroad-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let script = Places.root.appending(path: "tools/support/kernel-captures.py").path
      let made = try await run("/usr/bin/env", ["python3", script, folder.path])
      #expect(made.status == 0, "\(made.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(names.count >= 4)
      for name in names {
        for role in ["client", "server"] {
          let path = folder.appending(path: name).path
          let done = try await run(Places.program, ["replay", path, "--as", role, "--json"])
          #expect(done.status == 0, "\(done.errors)")
          let objects = try done.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
          }
          #expect((objects.last?["alike"] as? Int ?? 0) > 2, "\(name) as \(role): \(done.output)")
          for object in objects.dropLast() {
            let reasons = object["reasons"] as? [[String: Any]] ?? []
            let sources = reasons.compactMap { $0["source"] as? String }
            #expect(!sources.isEmpty && sources.allSatisfy { $0.hasPrefix("RFC ") }, "\(object)")
          }
        }
      }
    }
  }
}
