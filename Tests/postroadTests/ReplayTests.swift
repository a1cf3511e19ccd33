import Foundation
import ProgramRunner
import Testing

/// `postroad replay` on captures that the project did not make; skipped where they are absent.
@Suite("replay of foreign captures", .needsForeignCaptures)
struct ForeignCaptureTests {
  /// A capture and some of the lines that its replay must have, in this order.
  struct Capture: Sendable, CustomTestStringConvertible {
    let file: String
    let lines: [String]
    var testDescription: String { file }
  }

  static let captures = [
    Capture(
      file: "smtp-multi-addr.pcap",
      lines: [
        "Flags [S], seq 309484744", "S: 220 cernmxlb4.cern.ch", "C: EHLO gras-os-desk.cern.ch",
        "S: 250 XSHADOW", "C: RCPT To:<jan.grashofer@cern.ch>", "C: DATA",
        "S: 354 Start mail input", "C: Subject: Testmail", "C: (end of message, 684 octets)",
        "S: 451 4.7.0 Timeout waiting for client input",
      ]),
    Capture(
      file: "smtp-mail-transactions-invalid.pcap",
      lines: ["C: EHLO Bob-PC", "S: 220 tinkyx390", "S: 250-PIPELINING"]),
    Capture(
      file: "rfc3030-bdat-example1.pcap",
      lines: ["C: BDAT 86 LAST", "C: (end of message, 86 octets)", "S: 250 2.0.0 Ok", "C: QUIT"]),
    Capture(
      file: "smtp-starttls.pcap",
      lines: ["C: STARTTLS", "S: 220 2.0.0 Ready to start TLS", "S: (encrypted from here on)"]),
    Capture(
      file: "smtp-one-side-only.pcap",
      lines: [
        "112 octets that are not in this capture", "C: ehlo enzo.icir.org",
        "C: mail FROM:<robin@icir.org>", "C: (end of message,",
      ]),
    Capture(file: "smtp.pcap", lines: ["a retransmission", "C: (end of message,", "S: 250"]),
    Capture(file: "fragmented-2.pcap", lines: ["fragment 242 48, 116 octets"]),
    Capture(file: "fragmented-1.pcap", lines: ["fragments overlap: the whole"]),
    Capture(file: "arp-who-has.pcap", lines: ["ARP, who has 10.0.0.1? tell 10.0.0.2", "is at"]),
    Capture(file: "ip-bogus-header-len.pcap", lines: ["a host drops this packet"]),
    Capture(file: "truncated-header.pcap", lines: ["68 of 74 octets kept", "Flags [S.]"]),
    Capture(file: "retransmit-timeout.pcapng", lines: ["300.000010", "a retransmission"]),
    Capture(file: "syn-then-stuff-then-rst.pcap", lines: ["Flags [R"]),
    Capture(file: "empty.pcap", lines: []),
  ]

  @Test("a replay tells what happened", arguments: captures)
  func replay(_ capture: Capture) async throws {
    let path = Places.foreignCaptures.appending(path: capture.file).path
    let done = try await run(Places.program, ["replay", path, "--explain"])
    #expect(done.status == 0, "\(done.errors)")
    var rest = Substring(done.output)
    for line in capture.lines {
      let found = try #require(
        rest.range(of: line), "'\(line)' is missing or in the wrong place:\n\(done.output)")
      rest = rest[found.upperBound...]
    }
    if capture.lines.isEmpty { #expect(done.output.isEmpty) }
  }

  @Test("every capture is read to its end, as text and as JSON")
  func everything() async throws {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: Places.foreignCaptures.path
    ).filter { $0.contains(".pcap") }
    #expect(names.count >= 20)
    for name in names {
      let path = Places.foreignCaptures.appending(path: name).path
      let text = try await run(Places.program, ["replay", path])
      #expect(text.status == 0, "\(name): \(text.errors)")
      let json = try await run(Places.program, ["replay", path, "--json"])
      #expect(json.status == 0, "\(name): \(json.errors)")
      for line in json.output.split(separator: "\n") {
        #expect(throws: Never.self, "\(name): \(line)") {
          _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
        }
      }
    }
  }

  @Test("a capture that is cut off is read up to there, and the frame is named")
  func cutOff() async throws {
    let whole = try Data(
      contentsOf: Places.foreignCaptures.appending(path: "smtp-multi-addr.pcap"))
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-cut-\(UUID().uuidString).pcap")
    defer { try? FileManager.default.removeItem(at: path) }
    try whole.prefix(1000).write(to: path)
    let done = try await run(Places.program, ["replay", path.path])
    #expect(done.status == 1)
    #expect(done.output.contains("S: 220 cernmxlb4.cern.ch"))
    #expect(done.errors.contains("cut off in frame 8"), "\(done.errors)")
    #expect(done.errors.split(separator: "\n").count == 1, "\(done.errors)")
  }

  @Test("what is no capture is named as such")
  func noCapture() async throws {
    let done = try await run(Places.program, ["replay", "/etc/passwd"])
    #expect(done.status == 1)
    #expect(done.errors.hasPrefix("error: /etc/passwd: not a capture file"), "\(done.errors)")
  }
}

extension Trait where Self == ConditionTrait {
  /// Needs captures that are not part of the repository.
  static var needsForeignCaptures: Self {
    .enabled(
      if: FileManager.default.fileExists(atPath: Places.foreignCaptures.path),
      "needs captures in ../shared/captures")
  }
}
