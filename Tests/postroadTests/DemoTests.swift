import Foundation
import ProgramRunner
import Testing

/// `postroad demo`, and `postroad replay` on the captures that are made from it.
@Suite("the demo and our captures")
struct DemoTests {
  @Test("one mail is drawn from the first SYN to the last ACK, with its dialogue")
  func mail() async throws {
    let done = try await run(Places.program, ["demo"])
    #expect(done.status == 0, "\(done.errors)")
    var rest = Substring(done.output)
    for part in [
      "── SYN seq 0", "SYN,ACK seq 0 ack 1", "S: 220 ", "C: EHLO ", "C: MAIL FROM:<",
      "C: RCPT TO:<", "C: DATA", "S: 354 ", "C: Subject: ", "C: (end of message", "S: 250 ",
      "C: QUIT", "S: 221 ", "FIN,ACK", "In all", "none lost",
    ] {
      let found = try #require(rest.range(of: part), "'\(part)' is missing:\n\(done.output)")
      rest = rest[found.upperBound...]
    }
    #expect(!done.output.contains("\u{1B}"), "colours without a terminal")
    for line in done.output.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    #expect(!done.output.contains("✗"))
  }

  @Test("on any bad link the mail gets through, and every frame has its reason", arguments: 1...20)
  func losses(seed: Int) async throws {
    let done = try await run(Places.program, ["demo", "--loss", "0.2", "--seed", "\(seed)"])
    #expect(done.status == 0, "seed \(seed): \(done.errors)\n\(done.output)")
    #expect(done.output.contains("S: 250 "))
    #expect(!done.output.contains("()"), "a step without a reason:\n\(done.output)")
    if done.output.contains("✗") { #expect(done.output.contains("sent again")) }
  }

  @Test("--explain names the rule of each frame and what its receiver decides")
  func explain() async throws {
    let done = try await run(Places.program, ["demo", "--explain"])
    for part in ["sendSYN: an active open", "· accepts acceptHandshake:", "· delays delayACK:"] {
      #expect(done.output.contains(part), "'\(part)':\n\(done.output)")
    }
    for line in done.output.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
  }

  @Test("every packet of a capture says why it was sent, and what became of it")
  func comments() async throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString).pcapng"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let made = try await run(
      Places.program, ["demo", "--loss", "0.15", "--seed", "3", "--pcap", path])
    #expect(made.status == 0)
    let read = try await run(Places.program, ["replay", path, "--explain"])
    let frames = read.output.split(separator: "\n").count { $0.contains(" > ") }
    let reasons = read.output.split(separator: "\n").filter { $0.contains(" sends: ") }
    #expect(frames > 20 && reasons.count == frames, "\(read.output)")
    for part in ["lost behind this point", "server: acceptData: ", "client: delayACK: "] {
      #expect(read.output.contains(part), "\(part)")
    }
  }

  @Test("--plot draws a run with its true windows, and a capture, into a file by its ending")
  func plot() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (svg, html) = (folder.appending(path: "a.svg"), folder.appending(path: "b.html"))
    let made = try await run(Places.program, ["demo", "--scene", "losses", "--plot", svg.path])
    #expect(made.status == 0, "\(made.errors)")
    let drawing = try String(contentsOf: svg, encoding: .utf8)
    for part in ["Congestion window of 192.0.2.10", "Retransmission time-out", "fastRetransmit"] {
      #expect(drawing.contains(part), "\(part)")
    }
    let capture = Places.root.appending(path: "captures/kernel-mail.pcap").path
    let read = try await run(Places.program, ["replay", capture, "--plot", html.path])
    #expect(read.status == 0, "\(read.errors)")
    let page = try String(contentsOf: html, encoding: .utf8)
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("Throughput from 198.51.100.1"))
    #expect(!page.contains("Congestion window"), "nobody knows it of a capture")
    let wrong = try await run(Places.program, ["demo", "--plot", "x.png"])
    #expect(wrong.status == 64 && wrong.errors.contains(".svg or .html"))
  }

  @Test("a connection is chosen for the picture, and the capture is read once: from a pipe, too")
  func chosenPlot() async throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString).svg"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let capture = Places.root.appending(path: "captures/fast-open.pcapng").path
    var pictures: [String] = []
    for stream in ["0", "1"] {
      let done = try await run(
        "/bin/sh",
        [
          "-c",
          "cat '\(capture)' | '\(Places.program)' replay /dev/stdin --stream \(stream) --plot '\(path)'",
        ])
      #expect(done.status == 0, "\(done.errors)")
      pictures.append(try String(contentsOfFile: path, encoding: .utf8))
    }
    #expect(pictures[0] != pictures[1])
    #expect(pictures[1].contains("sendSYNWithData"))
    let none = try await run(
      Places.program, ["replay", capture, "--stream", "7", "--plot", path])
    #expect(none.status == 1)
    #expect(none.errors.contains("there is no TCP connection 7 to draw"))
    let nowhere = try await run(
      Places.program, ["replay", capture, "--plot", "/nonexistent/x.svg"])
    #expect(nowhere.status == 1)
    #expect(nowhere.errors.contains("cannot write /nonexistent/x.svg: "))
  }

  @Test("each change of state is drawn beside its host, in the order of RFC 9293, figure 5")
  func states() async throws {
    let done = try await run(Places.program, ["demo"])
    let changes = done.output.split(separator: "\n").filter { $0.contains(" → ") }
      .map { $0.split(separator: "│")[1].dropFirst().dropLast() }
    let client = changes.filter { $0.last == " " }.map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    #expect(
      client == [
        "CLOSED → SYN-SENT", "SYN-SENT → ESTABLISHED", "ESTABLISHED → CLOSE-WAIT",
        "CLOSE-WAIT → LAST-ACK", "LAST-ACK → CLOSED",
      ])
    let server = changes.filter { $0.first == " " }.map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    #expect(
      server == [
        "LISTEN → SYN-RECEIVED", "SYN-RECEIVED → ESTABLISHED", "ESTABLISHED → FIN-WAIT-1",
        "FIN-WAIT-1 → FIN-WAIT-2", "FIN-WAIT-2 → TIME-WAIT",
      ])
  }

  @Test("segments of one flight stand together: the reason is told once")
  func flights() async throws {
    let done = try await run(Places.program, ["demo", "--scene", "losses"])
    let lines = done.output.split(separator: "\n")
    let flight = lines.filter { $0.hasPrefix(" 0.040 s │── ACK seq") }
    #expect(flight.count == 10, "\(done.output)")
    #expect(lines.count { $0.contains("a full segment fits into both") } < 8)
  }

  @Test("the same seed draws the same picture")
  func determinism() async throws {
    let options = ["demo", "--loss", "0.1", "--seed", "42"]
    let (one, two) = (
      try await run(Places.program, options), try await run(Places.program, options)
    )
    #expect(one.output == two.output)
    #expect(one.output != (try await run(Places.program, ["demo", "--loss", "0.1"])).output)
  }

  /// One of our captures and lines its replay must have, in this order.
  struct Capture: Sendable, CustomTestStringConvertible {
    let file: String
    let lines: [String]
    var testDescription: String { file }
  }

  static let captures = [
    Capture(
      file: "mail.pcapng",
      lines: [
        "Flags [S]", "Flags [S.]", "S: 220 ", "C: EHLO ", "C: MAIL FROM:<", "C: DATA",
        "S: 354 ", "C: Subject: ", "C: (end of message", "S: 250 ", "C: QUIT", "S: 221 ",
        "Flags [F.]",
      ]),
    Capture(
      file: "mail-with-loss.pcapng",
      lines: ["Flags [S]", "a retransmission", "C: (end of message", "S: 250 ", "S: 221 "]),
    Capture(
      file: "fragments.pcapng",
      lines: [
        "UDP, length 4000", "a fragment: the rest is waited for",
        "the last of 3 fragments: a datagram of 4008 octets", "the last of 3 fragments",
      ]),
    Capture(file: "refused.pcapng", lines: ["Flags [S]", "Flags [R.]", "refused or given up"]),
    Capture(
      file: "zero-window.pcapng",
      lines: [
        "client sends: zeroWindowProbe", "server: dropBeyondWindow", "server sends: answerProbe",
        "server sends: windowUpdate", "held back before by",
      ]),
    Capture(
      file: "keepalive.pcapng",
      lines: ["client sends: keepaliveProbe", "server sends: acknowledgeDuplicate", "Flags [F.]"]),
    Capture(
      file: "losses.pcapng",
      lines: [
        "lost behind this point", "client: enterRecovery", "client sends: fastRetransmit",
        "server: fillGap",
      ]),
    Capture(
      file: "simultaneous-close.pcapng",
      lines: ["client sends: sendFIN", "server sends: sendFIN", "enterTimeWait", "enterTimeWait"]),
    Capture(
      file: "fast-open.pcapng",
      lines: ["client sends: sendSYN:", "client sends: sendSYNWithData", "server: acceptEarlyData"]),
    Capture(file: "reset.pcapng", lines: ["client sends: resetAbort", "server: resetReceived"]),
    Capture(
      file: "kernel-mail.pcap",
      lines: ["S: 220 two.example.test", "C: ehlo one.example.net", "C: ..dot", "S: 221 bye"]),
    Capture(file: "kernel-starttls.pcap", lines: ["C: STARTTLS", "S: 220 go ahead"]),
  ]

  @Test("each of our captures is told as what it is", arguments: captures)
  func replay(_ capture: Capture) async throws {
    let path = Places.root.appending(path: "captures/\(capture.file)").path
    let done = try await run(Places.program, ["replay", path, "--explain"])
    #expect(done.status == 0, "\(done.errors)")
    var rest = Substring(done.output)
    for line in capture.lines {
      let found = try #require(rest.range(of: line), "'\(line)' is missing:\n\(done.output)")
      rest = rest[found.upperBound...]
    }
  }
}
