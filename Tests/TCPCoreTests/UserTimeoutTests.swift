import Octets
import TCPCore
import Testing
import Wire

@Suite("User time-outs that the ends tell each other (RFC 5482)")
struct UserTimeoutTests {
  static func configuration(
    _ change: (inout TCPConfiguration) -> Void = { _ in }
  ) -> TCPConfiguration {
    var configuration = TCPConfiguration()
    configuration.usesTimestamps = false
    configuration.advertisedUserTimeout = .seconds(120)
    change(&configuration)
    return configuration
  }

  static func options(_ seconds: Int?) -> TCPOptions {
    var options = TCPOptions()
    options.userTimeout = seconds.map { UserTimeoutOption(seconds: $0) }
    return options
  }

  /// A client whose server has told so much with its SYN,ACK; data is under way.
  static func client(_ configuration: TCPConfiguration, told seconds: Int?) -> Script {
    var script = Script(opening: configuration)
    script.expect(.syn)
    script.inject(.synAck, seq: 0, ack: 1, options: options(seconds))
    script.expect(.ack)
    script.send(100)
    script.expect(.ack, length: 100)
    return script
  }

  @Test("ours goes with the SYN, with what ends the handshake, and with a change")
  func told() throws {
    var script = Script(opening: Self.configuration())
    let syn = script.expect(.syn)
    #expect(syn?.options.userTimeout?.seconds == 120)
    script.send(100)
    script.inject(.synAck, seq: 0, ack: 1)
    let third = script.expect(.ack, seq: 1)
    #expect(third?.options.userTimeout?.seconds == 120)
    let data = script.expect(.ack, seq: 1, length: 100)
    #expect(data?.options.userTimeout == nil)
    script.connection.configure(at: script.now) { $0.advertisedUserTimeout = .seconds(40_000) }
    let change = script.expect(.ack, rule: .tellUserTimeout)
    #expect(change?.options.userTimeout?.seconds == 40_020)
    script.connection.configure(at: script.now) { $0.advertisedUserTimeout = nil }
    script.expectNothing()
  }

  @Test("a listener tells it in its SYN,ACK, and in its first acknowledgment")
  func listener() {
    var script = Script(accepting: Self.options(300), configuration: Self.configuration())
    let answer = script.expect(.synAck)
    #expect(answer?.options.userTimeout?.seconds == 120)
    script.inject(.ack, seq: 1, ack: 1)
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    let first = script.expect(.ack, ack: 101)
    #expect(first?.options.userTimeout?.seconds == 120)
    // The SYN's own option counts: 300 s.
    script.send(100)
    script.expect(.ack, length: 100)
    script.wait(.seconds(299))
    script.expect(state: .established)
    script.wait(.seconds(2))
    script.expect(closed: .timedOut)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var told: Int?
    var ours: Int? = 120
    var own: Int?
    var lasts: Int
    var testDescription: String { "told \(told ?? 0), ours \(ours ?? 0), set \(own ?? 0)" }
  }

  @Test(
    "data waits as long as section 3.1 says: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))",
    arguments: [
      Case(told: 300, lasts: 300), Case(told: 10, lasts: 120), Case(told: 10, ours: 20, lasts: 100),
      Case(told: 30_000, lasts: 3600),
      // Nobody has told anything, we don't take part, or the user has the last word.
      Case(told: nil, lasts: 924), Case(told: 300, ours: nil, lasts: 924),
      Case(told: 300, own: 30, lasts: 30),
    ])
  func bounds(_ test: Case) {
    var script = Self.client(
      Self.configuration {
        $0.advertisedUserTimeout = test.ours.map { .seconds($0) }
        $0.userTimeout = test.own.map { .seconds($0) }
      }, told: test.told)
    script.wait(.seconds(test.lasts - 1))
    script.expect(state: .established)
    // R2 is looked at when a time-out runs out, at most a minute later.
    script.wait(.seconds(test.lasts == 924 ? 62 : 2))
    script.expect(closed: .timedOut)
  }

  @Test("one that comes later counts from the last progress, and never cuts below a retransmission")
  func later() {
    var script = Self.client(
      Self.configuration { $0.userTimeoutBounds = .seconds(1)...(.seconds(3600)) }, told: nil)
    script.connection.configure(at: script.now) { $0.advertisedUserTimeout = .seconds(1) }
    script.wait(.seconds(1))
    script.inject(.ack, seq: 1, ack: 1, options: Self.options(20))
    let ledger = script.ledger
    #expect(ledger.count(.adoptUserTimeout) == 1)
    // Nothing new is told.
    script.inject(.ack, seq: 1, ack: 1, options: Self.options(20))
    let again = script.ledger
    #expect(again.count(.adoptUserTimeout) == 1)
    script.wait(.seconds(18))
    script.expect(state: .established)
    script.wait(.seconds(2))
    script.expect(closed: .timedOut)
  }
}
