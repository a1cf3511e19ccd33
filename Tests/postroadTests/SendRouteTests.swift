import Foundation
import Mail
import MailService
import Synchronization
import Testing
import Wire

@testable import postroad

/// A server with several addresses, on loopback: 127.0.0.1 answers, 127.0.0.2 has nobody.
@Suite("send to a server with several addresses", .timeLimit(.minutes(1)))
struct SendRouteTests {
  static let (nobody, somebody) = (IPv4Address(127, 0, 0, 2), IPv4Address(127, 0, 0, 1))
  static let taken = [
    "220 me", "250 hello", "250 ok", "250 ok", "354 go", "250 kept", "221 bye",
  ]

  private func deliver(
    _ addresses: [IPv4Address], servers: [ScriptedServer], notes: Notes = Notes()
  ) async throws -> SendRoute.Ending {
    let to = try #require(MailAddress("b@example.test"))
    let message = Array("Subject: x\r\n".utf8)
    let route = SendRoute(
      addresses: addresses,
      submission: SMTPSubmission(from: .null, to: [.address(to)], size: message.count),
      message: message, helloName: try #require(MailDomain("me.example.net")),
      note: { line in notes.lines.withLock { $0.append(line) } })
    var turn = 0
    return await route.deliver { (address, limit) async throws in
      defer { turn += 1 }
      let port = servers[min(turn, servers.count - 1)].port
      return try await KernelStream.connect(to: address.rawValue, port: port, within: limit)
    }
  }

  /// What was said of addresses that were left.
  private final class Notes: Sendable {
    let lines = Mutex<[String]>([])
  }

  @Test("who cannot be reached is followed by the next, and that is said")
  func next() async throws {
    let server = try ScriptedServer(Self.taken)
    let notes = Notes()
    let ending = try await deliver(
      [Self.nobody, Self.somebody], servers: [server], notes: notes)
    guard case .answered(let delivery?, _) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(delivery.isComplete && server.heard.contains("RCPT TO:<b@example.test>"))
    let said = notes.lines.withLock { $0 }
    #expect(said.count == 1 && said[0].hasPrefix("note: 127.0.0.2: cannot connect"), "\(said)")
  }

  @Test(
    "who turns us away at the door is followed by the next",
    arguments: [["421 busy"], ["554 not here"], ["220 me", "421 going down"], ["nonsense"], []])
  func turnedAway(replies: [String]) async throws {
    let servers = [try ScriptedServer(replies), try ScriptedServer(Self.taken)]
    let ending = try await deliver([Self.somebody, Self.somebody], servers: servers)
    guard case .answered(let delivery?, _) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(delivery.isComplete)
  }

  @Test(
    "who has heard of the message is not followed, for it may have it",
    arguments: [
      ["220 me", "250 hello", "550 no"], ["220 me", "250 hello", "451 later"],
      ["220 me", "250 hello", "250 ok", "250 ok", "354 go"],
    ])
  func heard(replies: [String]) async throws {
    let servers = [try ScriptedServer(replies), try ScriptedServer(Self.taken)]
    let ending = try await deliver([Self.somebody, Self.somebody], servers: servers)
    guard case .answered(let delivery?, isFinal: true) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(!delivery.isComplete && servers[1].heard.isEmpty)
  }

  @Test("a refusal at one door is not the last word while another address is silent")
  func open() async throws {
    let refusing = try ScriptedServer(["554 not here"])
    let ending = try await deliver([Self.somebody, Self.nobody], servers: [refusing])
    guard case .answered(let delivery?, isFinal: false) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(delivery.isRefused)
    let doors = [try ScriptedServer(["554 no"]), try ScriptedServer(["554 no"])]
    guard
      case .answered(_, isFinal: true) = try await deliver(
        [Self.somebody, Self.somebody], servers: doors)
    else {
      Issue.record("two refusals are final")
      return
    }
  }

  @Test("no more than five addresses are tried")
  func bound() async throws {
    let server = try ScriptedServer(Self.taken)
    let notes = Notes()
    let ending = try await deliver(
      Array(repeating: Self.nobody, count: 9) + [Self.somebody], servers: [server], notes: notes)
    guard case .unreachable(let reason) = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(notes.lines.withLock { $0.count } == 4)
    #expect(reason.contains("cannot connect to 127.0.0.2"))
    guard case .untried = try await deliver([], servers: []) else {
      Issue.record("nothing to try")
      return
    }
  }

  @Test("a name's addresses are each there once; an address is its own")
  func names() {
    #expect(SendRoute.addresses(of: "192.0.2.9") == [IPv4Address(192, 0, 2, 9)])
    #expect(SendRoute.addresses(of: "localhost") == [Self.somebody])
    #expect(SendRoute.addresses(of: "nobody.invalid").isEmpty)
  }
}
