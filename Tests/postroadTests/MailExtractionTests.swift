import Foundation
import ProgramRunner
import Testing

/// `postroad replay --mail` and `--follow`, on captures.
@Suite("replay takes out mails and streams")
struct MailExtractionTests {
  static let tshark: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { "\($0)/tshark" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  private func capture(_ name: String) -> String? {
    [Places.root.appending(path: "captures"), Places.foreignCaptures]
      .map { $0.appending(path: name).path }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// The contents of files in a folder, in order of the contents.
  private func contents(of folder: URL) throws -> [Data] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .map { try Data(contentsOf: folder.appending(path: $0)) }
      .sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "postroad-mails-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  @Test(
    "the mails are those that tshark exports, octet for octet",
    .enabled(if: tshark != nil, "tshark is not installed"),
    arguments: [
      "mail.pcapng", "mail-with-loss.pcapng", "kernel-mail.pcap",
      "smtp-multi-addr.pcap", "smtp-one-side-only.pcap",
      "smtp-starttls.pcap",
    ])
  func exported(_ name: String) async throws {
    // Captures of others are not part of the repository.
    guard let path = capture(name) else { return }
    try await withFolder { folder in
      let (ours, theirs) = (folder.appending(path: "ours"), folder.appending(path: "theirs"))
      let done = try await run(Places.program, ["replay", path, "--mail", ours.path])
      #expect(done.status == 0, "\(done.errors)")
      _ = try await run(
        try #require(Self.tshark), ["-q", "-r", path, "--export-objects", "imf,\(theirs.path)"])
      let exported = (try? contents(of: theirs)) ?? []
      // tshark leaves the dots in that were stuffed.
      let stuffed = try contents(of: ours).map { mail in
        mail.indices.reduce(into: Data()) { result, index in
          if mail[index] == 46, result.isEmpty || result.suffix(2).elementsEqual([13, 10]) {
            result.append(46)
          }
          result.append(mail[index])
        }
      }
      #expect(stuffed.sorted { $0.lexicographicallyPrecedes($1) } == exported)
      #expect(exported.isEmpty == (name == "smtp-starttls.pcap"))
      for mail in try FileManager.default.contentsOfDirectory(atPath: ours.path) {
        #expect(done.output.contains("mail \(ours.path)/\(mail): "))
      }
    }
  }

  @Test("as JSON a mail tells by what it went, how long it is and what was said to it")
  func json() async throws {
    let path = try #require(capture("mail-with-loss.pcapng"))
    try await withFolder { folder in
      let done = try await run(Places.program, ["replay", path, "--json", "--mail", folder.path])
      let objects = try done.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let mail = try #require(objects.first { $0["mail"] != nil })
      #expect(mail["by"] as? String == "DATA" && mail["accepted"] as? Bool == true)
      #expect(mail["problem"] == nil && mail["stream"] as? Int == 0)
      let file = try Data(contentsOf: URL(filePath: try #require(mail["mail"] as? String)))
      #expect(mail["octets"] as? Int == file.count && !file.isEmpty)
    }
  }

  @Test(
    "--follow --raw writes what tshark writes",
    .enabled(if: tshark != nil, "tshark is not installed"),
    arguments: ["mail-with-loss.pcapng", "losses.pcapng", "kernel-mail.pcap"], [0, 3])
  func raw(_ name: String, _ stream: Int) async throws {
    let path = try #require(capture(name))
    let ours = try await run(
      Places.program, ["replay", path, "--follow", "\(stream)", "--raw"])
    let theirs = try await run(
      try #require(Self.tshark), ["-q", "-r", path, "-z", "follow,tcp,raw,\(stream)"])
    #expect(ours.status == 0 && ours.output == theirs.output)
  }

  @Test("--follow tells what was said, with the frames")
  func followed() async throws {
    let path = try #require(capture("mail.pcapng"))
    let done = try await run(Places.program, ["replay", path, "--follow", "0"])
    let lines = done.output.split(separator: "\n")
    #expect(lines.first?.hasPrefix("stream 0: ") == true)
    #expect(lines.contains { $0.hasSuffix(" C: DATA") })
    #expect(
      lines.dropFirst().allSatisfy {
        Int($0.prefix(6).trimmingCharacters(in: .whitespaces)) != nil
      })
  }

  @Test(
    "what makes no sense is said with its flag",
    arguments: [
      (["--follow=-1"], 64, "--follow -1"), (["--raw"], 64, "--raw"),
      (["--follow", "0", "--json"], 64, "--follow"), (["--mail", "/nowhere/x"], 1, "/nowhere/x"),
    ])
  func nonsense(_ options: [String], _ code: Int32, _ said: String) async throws {
    let path = try #require(capture("mail.pcapng"))
    let done = try await run(Places.program, ["replay", path] + options)
    #expect(done.status == code && done.errors.contains(said), "\(done.errors)")
  }
}
