import Foundation
import ProgramRunner
import Testing

/// `postroad replay --as`: our stack in the place of one end.
@Suite("replay puts our stack in an end's place")
struct ReplayAsTests {
  private static func path(_ name: String) -> String {
    Places.root.appending(path: "captures/\(name)").path
  }

  private func replay(_ name: String, _ options: String...) async throws -> Finished {
    try await run(Places.program, ["replay", Self.path(name)] + options)
  }

  @Test("a ladder of lines with marks, and a sum")
  func text() async throws {
    let done = try await replay("kernel-keepalive.pcap", "--as", "server")
    #expect(done.status == 0, "\(done.errors)")
    let lines = done.output.split(separator: "\n")
    #expect(lines.first?.contains("our stack stands in for the server") == true)
    #expect(lines.contains { $0.contains(" = [S.] seq 0 ack 1 win 65160 <mss 1460,wscale 10") })
    #expect(lines.contains { $0.contains(" . [P.] seq 1:2 ack 1") })
    let place = try #require(lines.firstIndex { $0.contains(" > [.] seq 1 ack 3") })
    #expect(lines[place + 1].contains("the peer's FIN is acknowledged at once (RFC 9293 3.6)"))
    #expect(lines.last == "6 segments alike, 1 only ours")
  }

  @Test("JSON has one object for each difference, with its reasons, and one for all")
  func json() async throws {
    let done = try await replay("kernel-zero-window.pcap", "--as", "server", "--json")
    #expect(done.status == 0, "\(done.errors)")
    let objects = try done.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    let sum = try #require(objects.last)
    let differences = objects.dropLast()
    let counts = ["changed", "only_theirs", "only_ours"].map { sum[$0] as? Int ?? -1 }
    #expect(!differences.isEmpty && differences.count == counts.reduce(0, +))
    for object in differences {
      let mark = try #require(object["mark"] as? String)
      #expect(["~", "<", ">"].contains(mark))
      let reasons = try #require(object["reasons"] as? [[String: Any]])
      #expect(!reasons.isEmpty)
      for key in ["rule", "sentence", "source"] {
        #expect(reasons.allSatisfy { ($0[key] as? String)?.isEmpty == false })
      }
      let (theirs, ours) = (object["theirs"] as? [Any], object["ours"] as? [Any])
      #expect((theirs?.isEmpty == true) == (mark == ">"))
      #expect((ours?.isEmpty == true) == (mark == "<"))
      #expect((object["kinds"] as? [String])?.isEmpty == (mark != "~"))
    }
  }

  @Test("differences are no failure, unless that is asked for")
  func strict() async throws {
    let strict = try await replay("kernel-keepalive.pcap", "--as", "server", "--strict")
    #expect(strict.status == 1 && strict.errors.isEmpty)
    #expect(strict.output.hasSuffix("6 segments alike, 1 only ours\n"))
    let same = try await replay("mail.pcapng", "--as", "client", "--strict")
    #expect(same.status == 0 && same.output.hasSuffix("9 segments alike\n"))
  }

  @Test("one connection of several is chosen, and which one is said")
  func stream() async throws {
    let first = try await replay("fast-open.pcapng", "--as", "server")
    #expect(first.status == 0 && first.output.hasPrefix("connection 0: "))
    #expect(first.errors.contains("connection 0 of 2 is compared; --stream chooses another"))
    let second = try await replay("fast-open.pcapng", "--as", "server", "--stream", "1")
    #expect(second.status == 0 && second.output.hasPrefix("connection 1: "))
    #expect(second.errors.isEmpty)
  }

  @Test("a tolerance of nothing tells every moment")
  func tolerance() async throws {
    let done = try await replay(
      "kernel-zero-window.pcap", "--as", "server", "--tolerance", "60000")
    #expect(!done.output.contains("at another time"), "\(done.output)")
    let fine = try await replay("kernel-zero-window.pcap", "--as", "server", "--tolerance", "0")
    #expect(fine.output.contains("at another time"), "\(fine.output)")
  }

  @Test(
    "what cannot be compared is said in one sentence",
    arguments: [
      ("fragments.pcapng", [], "no TCP connection in the capture that begins with a SYN"),
      ("mail.pcapng", ["--stream", "7"], "there is no connection 7 in the capture"),
    ])
  func refused(_ name: String, _ options: [String], _ sentence: String) async throws {
    let done = try await run(
      Places.program, ["replay", Self.path(name), "--as", "client"] + options)
    #expect(done.status == 1 && done.output.isEmpty)
    #expect(done.errors.contains(sentence), "\(done.errors)")
    #expect(done.errors.split(separator: "\n").count == 1)
  }

  @Test(
    "what makes no sense is said with its flag",
    arguments: [
      ["--as", "both"], ["--as", "server", "--tolerance=-1"], ["--strict"], ["--heard-there"],
    ])
  func nonsense(_ options: [String]) async throws {
    let done = try await run(Places.program, ["replay", Self.path("mail.pcapng")] + options)
    #expect(done.status == 64)
    let flag = options.count > 1 && options[0] == "--as" && options.count > 2 ? 2 : 0
    #expect(done.errors.contains(options[flag].split(separator: "=")[0]), "\(done.errors)")
  }

  @Test("captures of others are played or refused, and none is a trap", .needsForeignCaptures)
  func foreign() async throws {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: Places.foreignCaptures.path
    ).filter { $0.contains(".pcap") }
    var played = 0
    for name in names {
      let path = Places.foreignCaptures.appending(path: name).path
      for role in ["server", "client"] {
        let done = try await run(Places.program, ["replay", path, "--as", role, "--json"])
        let isRefused = done.status == 1 && done.output.isEmpty && !done.errors.isEmpty
        #expect(done.status == 0 || isRefused, "\(name) \(role): \(done.errors)")
        if done.status == 0 { played += 1 }
        for line in done.output.split(separator: "\n") {
          let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
          let reasons = object?["reasons"] as? [Any]
          #expect(object?["mark"] == nil || reasons?.isEmpty == false, "\(name): \(line)")
        }
      }
    }
    #expect(played >= 25)
  }
}
