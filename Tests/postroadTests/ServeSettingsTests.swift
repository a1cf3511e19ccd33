import Foundation
import Mail
import ProgramRunner
import Testing
import Wire

@testable import postroad

/// What `serve` takes from its options and its file.
@Suite("settings of serve")
struct ServeSettingsTests {
  struct Wrong: Sendable, CustomTestStringConvertible {
    let name: String
    let value: String
    var testDescription: String { "--\(name) '\(value)'" }
    init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }

  static let wrong = [
    Wrong("tun", ""), Wrong("tun", "a-name-far-too-long"), Wrong("tun", "a b"), Wrong("tun", "."),
    Wrong("tun", ".."), Wrong("tun", "post%d"), Wrong("tun", "a/b"),
    Wrong("address", "192.0.2.1"), Wrong("address", "192.0.2.1/33"),
    Wrong("address", "192.0.2.1/0"),
    Wrong("address", "192.0.2.0/24"), Wrong("address", "192.0.2.255/24"),
    Wrong("address", "127.0.0.1/8"), Wrong("address", "224.0.0.1/4"), Wrong("address", "0.0.0.0/8"),
    Wrong("address", "192.0.2.300/24"), Wrong("peer", "nobody"), Wrong("peer", "192.0.2.1/24"),
    Wrong("max-size", "0"), Wrong("max-size", "-1"), Wrong("max-size", "many"),
    Wrong("max-size", "99999999999999999999"), Wrong("idle-timeout", "0"),
    Wrong("idle-timeout", "1.5"), Wrong("max-sessions", "0"), Wrong("max-sessions", "-5"),
    Wrong("max-sessions-per-peer", "0"), Wrong("max-sessions-per-peer", "all"),
    Wrong("greeting-delay", "-1"), Wrong("greeting-delay", "301"), Wrong("pipelining", "all"),
    Wrong("pipelining", ""), Wrong("normalize-from", "everybody"),
    Wrong("normalize-from", "::/129"),
    Wrong("smtp-port", "0"), Wrong("smtp-port", "65536"), Wrong("smtp-port", "-1"),
    Wrong("service", "gopher"), Wrong("service", ""), Wrong("service", "echo,"),
    Wrong("congestion", "hope"), Wrong("hostname", "not a name"), Wrong("hostname", ""),
    Wrong("domain", "bad-.x"), Wrong("domain", "a..b"), Wrong("mailbox", "a b"),
    Wrong("mailbox", ""), Wrong("maildir", ""), Wrong("pcap", ""), Wrong("explain", "perhaps"),
  ]

  @Test("what cannot be is refused with the option's name and the value", arguments: wrong)
  func refused(_ wrong: Wrong) throws {
    var settings = ServeSettings()
    let error = #expect(throws: SettingError.self) {
      try settings.set(wrong.name, to: wrong.value)
    }
    let sentence = try #require(error).sentence
    #expect(sentence.hasPrefix("--\(wrong.name) must be "), "\(sentence)")
    #expect(wrong.value.contains(",") || sentence.contains("'\(wrong.value)'"), "\(sentence)")
  }

  @Test(
    "two hosts may share a /31, and a /32 has one", arguments: ["192.0.2.0/31", "192.0.2.0/32"])
  func smallNetworks(_ address: String) throws {
    var settings = ServeSettings()
    try settings.set("address", to: address)
    try settings.set("tun", to: "post0")
    try settings.check()
    #expect(settings.kernelAddress == IPv4Address(192, 0, 2, 1))
  }

  @Test(
    "the kernel's side gets the next address that a host can have",
    arguments: [("192.0.2.1/24", "192.0.2.2"), ("192.0.2.254/24", "192.0.2.253")])
  func neighbour(_ ours: String, _ kernel: String) throws {
    var settings = ServeSettings()
    try settings.set("address", to: ours)
    #expect(settings.kernelAddress == IPv4Address(kernel))
  }

  @Test("what a client may do is set by name, and lists grow")
  func strictness() throws {
    var settings = ServeSettings()
    #expect(settings.greetingDelay == 0 && settings.pipelining == .groups)
    try settings.set("greeting-delay", to: "6")
    try settings.set("pipelining", to: "any")
    try settings.set("normalize-from", to: "192.0.2.0/24")
    try settings.set("normalize-from", to: "2001:db8::1")
    #expect(settings.greetingDelay == 6 && settings.pipelining == .any)
    #expect(
      settings.normalizedClients.map(\.description) == ["192.0.2.0/24", "2001:db8::1/128"])
    try settings.set("pipelining", to: "groups")
    #expect(settings.pipelining == .groups)
  }

  @Test(
    "a peer is a host of our network, and not we",
    arguments: ["192.0.2.1", "192.0.2.0", "192.0.2.255", "198.51.100.9"])
  func peers(_ peer: String) throws {
    var settings = ServeSettings()
    try settings.set("tun", to: "post0")
    try settings.set("address", to: "192.0.2.1/24")
    try settings.set("peer", to: peer)
    let error = #expect(throws: SettingError.self) { try settings.check() }
    #expect(try #require(error).sentence.contains(peer))
  }

  @Test(
    "a file's errors name file and line",
    arguments: [
      ("tun = pr0\naddress 192.0.2.1/24\n", 2, "'name = value'"),
      ("# good\n\nspeed = 3\n", 3, "speed"), ("max-size = -3\n", 1, "-3"),
      ("service = echo,gopher\n", 1, "gopher"), ("config = other\n", 1, "config"),
      ("tun = a\nmailbox = a\nmailbox = b\ntun = b\n", 4, "tun is set in line 1 already"),
      ("=\n", 1, "no setting"), ("# from afar\r\ntun = a\r\nspeed = 3\r\n", 3, "speed"),
    ])
  func file(_ text: String, _ line: Int, _ word: String) throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "postroad-\(UUID().uuidString).conf"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(filePath: path))
    var settings = ServeSettings()
    let error = #expect(throws: SettingError.self) {
      try ConfigurationFile.read(path, into: &settings)
    }
    let sentence = try #require(error).sentence
    #expect(sentence.hasPrefix("\(path):\(line): "), "\(sentence)")
    #expect(sentence.contains(word), "\(sentence)")
  }

  @Test(
    "a file may be a pipe, which can be read but once",
    arguments: [
      ("hostname = me.example\nmaildir = /nowhere/x", 1, "Maildir /nowhere/x is not usable"),
      ("speed = 3", 64, "/dev/stdin:3: "),
    ])
  func piped(_ lines: String, _ code: Int32, _ sentence: String) async throws {
    let text = "tun = none0\naddress = 192.0.2.1/24\n" + lines
    let done = try await run(
      "/bin/sh",
      ["-c", "printf '%s\n' \"$1\" | \"$0\" serve --config /dev/stdin", Places.program, text],
      deadline: .seconds(60))
    #expect(done.status == code)
    #expect(done.errors.hasPrefix("error: \(sentence)"), "\(done.errors)")
  }
}
