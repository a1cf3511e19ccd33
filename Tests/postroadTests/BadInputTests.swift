import Foundation
import ProgramRunner
import Testing

/// What a person may get wrong that needs no device: one sentence, and the documented exit code.
@Suite("bad input from a person")
struct BadInputTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let words: [String]
    let code: Int32
    let said: String
    var testDescription: String { words.joined(separator: " ") }

    init(_ words: String, _ code: Int32, _ said: String) {
      // '' stands for an empty word.
      self.words = words.split(separator: " ").map { $0 == "''" ? "" : String($0) }
      (self.code, self.said) = (code, said)
    }
  }

  static let send = "send --from a@example.net --to b@example.test --server 127.0.0.1:1"
  static let cases = [
    Case("serve", 64, "--tun is missing"), Case("serve --tun a", 64, "--address is missing"),
    Case("serve --tun a --address 192.0.2.0/24", 64, "'192.0.2.0/24'"),
    Case("serve --tun a --address 192.0.2.1/24 --smtp-port -1", 64, "--smtp-port must be"),
    Case("serve --tun a --address 192.0.2.1/24 --max-size -1", 64, "--max-size must be"),
    Case("serve --tun a --address 192.0.2.1/24 --idle-timeout -1", 64, "--idle-timeout must"),
    Case("serve --tun a --address 192.0.2.1/24 --max-sessions -1", 64, "--max-sessions must"),
    Case("serve --config /nowhere/x", 64, "/nowhere/x"),
    Case("serve --tun a --address 192.0.2.1/24 more", 64, "'more'"),
    Case("serve --tun a --address 192.0.2.1/24 --frob", 64, "--frob"),
    Case("send", 64, "--from"), Case(send, 64, "--tun NAME --address A/P, or --kernel"),
    Case(send + " --kernel --tun a", 64, "either"),
    Case(send + " --tun a", 64, "--address is missing"),
    Case(send + " --kernel --address 192.0.2.1/24", 64, "--address is for our own stack"),
    Case(send + " --kernel --peer 192.0.2.1", 64, "--peer is for our own stack"),
    Case(send + " --kernel --hostname ''", 64, "--hostname must be"),
    Case("send --from a --to b@c --server d --kernel", 64, "--from must be a mail address"),
    Case("send --from a@b --to c --server d --kernel", 64, "--to must be a mail address"),
    Case("send --from a@b --to c@d --server e:0 --kernel", 64, "--server must be"),
    Case("send --from a@b --to c@d --server e:70000 --kernel", 64, "--server must be"),
    Case(send + " --kernel /nowhere/message", 1, "cannot read the message in /nowhere/message"),
    Case(send + " --kernel /tmp", 1, "cannot read the message in /tmp"),
    Case(send + " --kernel", 1, "there is no message in standard input"),
    Case(send + " --kernel /dev/null", 1, "there is no message in /dev/null"),
    Case(send + " --kernel /etc/passwd", 69, "connection refused"),
    Case("replay", 64, "<file>"), Case("replay /nowhere.pcap", 1, "/nowhere.pcap"),
    Case("replay /tmp", 1, "/tmp"), Case("replay /etc/passwd", 1, "not a capture file"),
    Case("replay /dev/null", 1, "not a capture file"),
    Case("demo --loss 2", 64, "--loss must be from 0 to 0.5"),
    Case("demo --loss nan", 64, "--loss"), Case("demo --loss -0.1", 64, "--loss must be"),
    Case("demo --loss x", 64, "'x'"), Case("demo --seed -1", 64, "'-1'"),
    Case("demo --scene opera", 64, "'opera'"), Case("demo --pcap /nowhere/x", 1, "/nowhere/x"),
    Case("drill", 64, "<file>"), Case("drill /nowhere.pkt", 64, "/nowhere.pkt"),
    Case("drill --define X a.pkt", 64, "NAME=VALUE"), Case("drill --seed -1 a.pkt", 64, "'-1'"),
    Case("drill --pcap /nowhere/x a.pkt", 1, "/nowhere/x"),
    Case("drill /etc/postroad-none", 64, "no such file"), Case("fly", 64, "'fly'"),
  ]

  @Test("each is named in the first line, with the documented exit code", arguments: cases)
  func named(_ wrong: Case) async throws {
    let done = try await run(Places.program, wrong.words, deadline: .seconds(60))
    #expect(done.status == wrong.code, "\(done.errors)")
    let first = done.errors.split(separator: "\n").first ?? ""
    #expect(first.hasPrefix("error: "), "\(done.errors)")
    #expect(first.contains(wrong.said), "\(done.errors)")
    // Wrong usage has a second line, which says where help is.
    let isLong = wrong.code == 64 && done.errors.contains("--help'\n")
    #expect(done.errors.split(separator: "\n").count == (isLong ? 2 : 1), "\(done.errors)")
    #expect(done.output.isEmpty)
  }

  @Test(
    "results that cannot be written are an error, not a trap",
    arguments: [
      ["demo"], ["replay", "captures/mail.pcapng"], ["drill", "Tests/DrillTests/Scripts"],
    ]
  )
  func fullDisk(_ words: [String]) async throws {
    let there = words.map { word in
      word.contains("/") ? Places.root.appending(path: word).path : word
    }
    let done = try await run(
      Places.program, there, output: "/dev/full", deadline: .seconds(120))
    #expect(done.status == 1)
    #expect(
      done.errors == "error: cannot write to standard output: no space left on device\n",
      "\(done.errors)")
  }

  @Test(
    "help goes to standard output and ends well", arguments: ["serve", "send", "replay", "demo"])
  func help(_ command: String) async throws {
    let done = try await run(Places.program, [command, "--help"], deadline: .seconds(60))
    #expect(done.status == 0)
    #expect(done.output.contains("USAGE: postroad \(command)"))
    #expect(done.errors.isEmpty)
  }
}
