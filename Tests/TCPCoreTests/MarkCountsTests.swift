import Octets
import TCPCore
import Testing
import Wire

@Suite("Accurate feedback of congestion marks (RFC 9768)")
struct MarkCountsTests {
  static let configuration: TCPConfiguration = {
    var configuration = TCPConfiguration()
    configuration.ecn = .accurate
    configuration.usesTimestamps = false
    return configuration
  }()

  /// The three bits as flags.
  static func bits(_ number: UInt16) -> TCPFlags { TCPFlags(rawValue: number << 6) }
  static let all = bits(7)

  static let offer: TCPOptions = {
    var options = TCPOptions()
    options.maximumSegmentSize = 1000
    options.sackPermitted = true
    return options
  }()

  /// A server whose handshake is over, and its SYN,ACK taken.
  static func server() -> Script {
    var script = Script(accepting: offer, configuration: configuration, flags: all)
    script.expect([.syn, .ack, .cwr])
    script.inject([.ack, .cwr], seq: 1, ack: 1, options: counts(1, 0, 1))
    return script
  }

  static func counts(_ ect0: UInt32, _ ce: UInt32, _ ect1: UInt32) -> TCPOptions {
    var options = TCPOptions()
    options.accurateECN = AccurateECNOption(ect0: ect0, ce: ce, ect1: ect1)
    return options
  }

  // MARK: The handshake

  struct Answer: Sendable, CustomTestStringConvertible {
    var bits: UInt16
    /// Whether marks are counted; nil for no ECN at all.
    var counts: Bool?
    var mayBeMarked: Bool
    var testDescription: String { "SYN,ACK with \(bits)" }
  }

  @Test(
    "each answer to our SYN has its mode (table 2)",
    arguments: [
      Answer(bits: 0b000, counts: nil, mayBeMarked: false),
      Answer(bits: 0b001, counts: false, mayBeMarked: true),
      Answer(bits: 0b010, counts: true, mayBeMarked: true),
      Answer(bits: 0b011, counts: true, mayBeMarked: false),
      Answer(bits: 0b100, counts: true, mayBeMarked: false),
      Answer(bits: 0b101, counts: true, mayBeMarked: true),
      Answer(bits: 0b110, counts: true, mayBeMarked: false),
      Answer(bits: 0b111, counts: nil, mayBeMarked: false),
    ])
  func client(_ answer: Answer) throws {
    var script = Script(opening: Self.configuration)
    script.expect([.syn, .ae, .cwr, .ece], rule: .sendSYN)
    script.inject(
      TCPFlags.synAck.union(Self.bits(answer.bits)), seq: 0, ack: 1, options: Self.offer)
    let isCounting = answer.counts == true
    script.expect(isCounting ? [.ack, .cwr] : .ack, seq: 1, ack: 1)
    script.send(1000)
    let dataSent = script.next()
    let data = try #require(dataSent)
    #expect(data.flags.subtracting(.psh) == (isCounting ? [.ack, .ae, .ece] : .ack))
    #expect(data.codepoint == (answer.mayBeMarked ? .ect0 : .notECT))
    let ledger = script.ledger
    #expect(ledger.count(.agreeToCount) == (isCounting ? 1 : 0))
    #expect(ledger.count(.countingDeclined) == (isCounting ? 0 : 1))
    #expect(ledger.count(.marksMangled) == (isCounting && !answer.mayBeMarked ? 1 : 0))
    let usesECN = script.connection.usesECN
    #expect(usesECN == (answer.counts != nil))
  }

  @Test(
    "a listener reflects the codepoint of the SYN, and the client that of the SYN,ACK",
    arguments: [
      (ECNCodepoint.notECT, 0b010 as UInt16), (.ect1, 0b011), (.ect0, 0b100), (.ce, 0b110),
    ])
  func reflection(codepoint: ECNCodepoint, bits: UInt16) throws {
    var script = Script(
      accepting: Self.offer, configuration: Self.configuration, flags: Self.all,
      codepoint: codepoint)
    let answerSent = script.expect(TCPFlags.synAck.union(Self.bits(bits)))
    let answer = try #require(answerSent)
    #expect(answer.options.accurateECN == AccurateECNOption(ect0: 1, ce: 0, ect1: 1))
    var client = Script(opening: Self.configuration)
    client.expect([.syn, .ae, .cwr, .ece])
    // Data that waits does not hide it.
    client.send(10)
    client.inject([.syn, .ack, .cwr], seq: 0, ack: 1, options: Self.offer, codepoint: codepoint)
    let thirdSent = client.expect(TCPFlags.ack.union(Self.bits(bits)))
    let third = try #require(thirdSent)
    #expect(third.options.accurateECN == AccurateECNOption(ect0: 1, ce: 0, ect1: 1))
    // A mark on the SYN,ACK is counted.
    client.expect(TCPFlags.ack.union(Self.bits(codepoint == .ce ? 6 : 5)), seq: 1, length: 10)
    // It comes again: so does the answer.
    client.inject([.syn, .ack, .cwr], seq: 0, ack: 1, options: Self.offer, codepoint: .ect1)
    client.expect(TCPFlags.ack.union(Self.bits(0b011)))
  }

  @Test("what a listener does with the bits of a SYN", arguments: 0..<8 as Range<UInt16>)
  func server(bits: UInt16) {
    var script = Script(
      accepting: Self.offer, configuration: Self.configuration, flags: Self.bits(bits))
    let answer: UInt16 = bits == 0 ? 0 : bits == 0b011 ? 0b001 : 0b010
    script.expect(TCPFlags.synAck.union(Self.bits(answer)))
  }

  @Test("the bits of the last ACK of the handshake (table 4)", arguments: 0..<8 as Range<UInt16>)
  func third(bits: UInt16) throws {
    var script = Script(accepting: Self.offer, configuration: Self.configuration, flags: Self.all)
    script.expect([.syn, .ack, .cwr])
    script.inject(TCPFlags.ack.union(Self.bits(bits)), seq: 1, ack: 1)
    script.expect(state: .established)
    script.send(1000)
    let dataSent = script.next()
    let data = try #require(dataSent)
    let isClean = [0b001, 0b010, 0b101, 0b111].contains(bits)
    #expect(data.codepoint == (isClean ? .ect0 : .notECT))
    // 6 is one mark more than 5, and none where the mark on the SYN,ACK was told already.
    script.inject(TCPFlags.ack.union(Self.bits(6)), seq: 1, ack: 1001)
    let ledger = script.ledger
    #expect(ledger.count(.countZeroed) == (bits == 0 ? 1 : 0))
    #expect(ledger.count(.marksCounted) == (bits == 0 || bits == 6 ? 0 : 1))
    #expect(ledger.count(.congestionEchoed) == (bits == 0 || bits == 6 ? 0 : 1))
  }

  @Test("a SYN asks twice, and then without")
  func retransmittedSYN() {
    var script = Script(opening: Self.configuration)
    script.expect([.syn, .ae, .cwr, .ece])
    script.wait(.seconds(1))
    script.expect([.syn, .ae, .cwr, .ece], rule: .retransmitSYN)
    script.wait(.seconds(2))
    script.expect(.syn, rule: .retransmitSYN)
    // The answer to an earlier one counts all the same.
    script.inject([.syn, .ack, .cwr], seq: 0, ack: 1, options: Self.offer)
    script.expect([.ack, .cwr])
  }

  @Test("a SYN,ACK goes again without the option, and then without the bits")
  func retransmittedAnswer() throws {
    var script = Script(accepting: Self.offer, configuration: Self.configuration, flags: Self.all)
    script.expect([.syn, .ack, .cwr])
    script.wait(.seconds(1))
    let secondSent = script.expect([.syn, .ack, .cwr])
    let second = try #require(secondSent)
    #expect(second.options.accurateECN == nil)
    script.wait(.seconds(2))
    script.expect([.syn, .ack])
    // The mode stays, but nothing may be marked.
    script.inject([.ack, .cwr], seq: 1, ack: 1)
    script.send(1000)
    let dataSent = script.next()
    let data = try #require(dataSent)
    #expect(data.flags.contains([.ae, .ece]) && data.codepoint == .notECT)
  }

  @Test("the latest SYN is reflected; one without bits forbids marks; one of old ends it all")
  func another() throws {
    var script = Script(accepting: Self.offer, configuration: Self.configuration, flags: Self.all)
    script.expect([.syn, .ack, .cwr])
    script.inject([.syn, .ae, .cwr, .ece], seq: 0, options: Self.offer, codepoint: .ect0)
    let againSent = script.expect([.syn, .ack, .ae])
    let again = try #require(againSent)
    #expect(again.options.accurateECN == nil)
    script.inject(.syn, seq: 0, options: Self.offer)
    script.expect([.syn, .ack, .cwr])
    script.inject([.syn, .cwr, .ece], seq: 0, options: Self.offer)
    script.expect([.rst, .ack])
    let ledger = script.ledger
    #expect(ledger.count(.handshakesDisagree) == 1)
    script.expect(closed: .reset)
  }

  @Test("both open at once: each answers as a listener would")
  func simultaneous() {
    var script = Script(opening: Self.configuration)
    script.expect([.syn, .ae, .cwr, .ece])
    script.inject([.syn, .ae, .cwr, .ece], seq: 0, options: Self.offer, codepoint: .ect0)
    script.expect([.syn, .ack, .ae])
    script.inject([.syn, .ack, .cwr], seq: 0, ack: 1, options: Self.offer)
    script.expect([.ack, .ae, .ece])
    script.expect(state: .established)
  }

  // MARK: The receiver

  @Test("marks are counted, told when they begin, and every second one")
  func receiver() throws {
    var script = Self.server()
    script.inject([.ack, .ae, .ece], seq: 1, ack: 1, length: 1000, codepoint: .ect0)
    let plainSent = script.expect([.ack, .ae, .ece], ack: 1001)
    let plain = try #require(plainSent)
    #expect(plain.options.accurateECN == AccurateECNOption(ect0: 1001, ce: 0, ect1: 1, fields: 1))
    script.inject([.ack, .ae, .ece], seq: 1001, ack: 1, length: 1000, codepoint: .ce)
    let firstSent = script.expect([.ack, .ae, .cwr], ack: 2001)
    let first = try #require(firstSent)
    #expect(
      first.options.accurateECN == AccurateECNOption(ect0: 1001, ce: 1000, ect1: 1, fields: 2))
    // Segments that a device has put together count one by one: 6 + 3 is 1.
    script.inject(
      [.ack, .ae, .ece], seq: 2001, ack: 1, length: 3000, codepoint: .ce, segmentSize: 1000)
    script.expect([.ack, .ece], ack: 5001)
    // ECT(1) makes the other order the shorter one only while nothing else has come.
    script.inject([.ack, .ae, .ece], seq: 5001, ack: 1, length: 1000, codepoint: .ect1)
    let lastSent = script.expect([.ack, .ece], ack: 6001)
    let last = try #require(lastSent)
    #expect(last.options.accurateECN == AccurateECNOption(ect0: 1001, ce: 4000, ect1: 1001))
    let ledger = script.ledger
    #expect(ledger.count(.congestionMarked) == 2)
  }

  @Test("the shorter order is told, and what does not fit beside two SACK blocks is cut")
  func optionRoom() throws {
    var script = Self.server()
    script.inject([.ack, .ae, .ece], seq: 1, ack: 1, length: 100, codepoint: .ect1)
    let firstSent = script.expect([.ack, .ae, .ece], ack: 101)
    let first = try #require(firstSent)
    #expect(
      first.options.accurateECN
        == AccurateECNOption(ect0: 1, ce: 0, ect1: 101, isReversed: true, fields: 1))
    script.inject([.ack, .ae, .ece], seq: 201, ack: 1, length: 100, codepoint: .ect0)
    let holeSent = script.expect([.ack, .ae, .ece], ack: 101)
    let hole = try #require(holeSent)
    #expect(hole.options.sackBlocks.count == 1 && hole.options.accurateECN?.fields == 3)
  }

  @Test("marked acknowledgments are answered at the third, data or not")
  func acknowledgments() {
    var script = Self.server()
    for number in 1...3 {
      script.inject([.ack, .ae, .ece], seq: 1, ack: 1, codepoint: .ce)
      if number < 3 { script.expectNothing() }
    }
    // 5 + 3 begins anew at 0.
    script.expect(.ack, rule: .acknowledgeMarks)
  }

  @Test("a mark travels on an acknowledgment of its own, not only with data")
  func beforeData() throws {
    var script = Self.server()
    script.inject([.ack, .ae, .ece], seq: 1, ack: 1, length: 1000, codepoint: .ce)
    script.send(500)
    let aloneSent = script.expect([.ack, .ae, .cwr], ack: 1001)
    let alone = try #require(aloneSent)
    #expect(alone.options.accurateECN?.ce == 1000)
    script.expect([.ack, .ae, .cwr], length: 500)
  }

  // MARK: The sender

  /// Sends segments of 1,000 octets, and takes them.
  private func sendAll(_ script: inout Script, _ count: Int) {
    script.send(count * 1000)
    let sent = script.all()
    #expect(sent.count == count && sent.allSatisfy { $0.codepoint == .ect0 })
  }

  @Test("a count that rises cuts the window once in a round trip, and no CWR answers it")
  func cut() {
    var script = Self.server()
    sendAll(&script, 10)
    let before = script.connection.info.congestionWindow
    script.inject([.ack, .ae, .cwr], seq: 1, ack: 2001, options: Self.counts(1001, 1000, 1))
    script.inject([.ack, .ae, .cwr, .ece], seq: 1, ack: 4001, options: Self.counts(2001, 2000, 1))
    let ledger = script.ledger
    #expect(ledger.count(.marksCounted) == 2 && ledger.count(.congestionEchoed) == 1)
    script.inject(
      [.ack, .ae, .cwr, .ece], seq: 1, ack: 10_001, options: Self.counts(8001, 2000, 1))
    let after = script.connection.info.congestionWindow
    #expect(after < before, "\(before) to \(after)")
    script.send(1000, from: 10_000)
    script.expect([.ack, .ae, .ece], seq: 10_001, length: 1000)
  }

  @Test(
    "an acknowledgment of many packets may hide a round of the count",
    arguments: [(true, 0), (false, 1)])
  func wrap(hasOption: Bool, cuts: UInt64) {
    var script = Script(accepting: Self.offer, configuration: Self.configuration, flags: Self.all)
    script.expect([.syn, .ack, .cwr])
    script.inject(
      [.ack, .cwr], seq: 1, ack: 1, options: hasOption ? Self.counts(1, 0, 1) : TCPOptions())
    sendAll(&script, 10)
    script.inject(
      [.ack, .ae, .ece], seq: 1, ack: 10_001,
      options: hasOption ? Self.counts(10_001, 0, 1) : TCPOptions())
    let ledger = script.ledger
    #expect(ledger.count(.marksCounted) == cuts)
  }

  @Test("with an option, octets tell whether the count has come round")
  func wrapWithOption() {
    var script = Self.server()
    sendAll(&script, 10)
    script.inject([.ack, .ae, .ece], seq: 1, ack: 10_001, options: Self.counts(2001, 8000, 1))
    let ledger = script.ledger
    #expect(ledger.count(.marksCounted) == 1)
  }

  @Test("an acknowledgment that was overtaken tells nothing")
  func overtaken() {
    var script = Self.server()
    sendAll(&script, 4)
    script.inject([.ack, .ae, .ece], seq: 1, ack: 3001)
    script.inject([.ack, .ae, .cwr], seq: 1, ack: 1001)
    script.inject([.ack, .ae, .cwr], seq: 1, ack: 3001)
    let ledger = script.ledger
    #expect(ledger.count(.marksCounted) == 0)
  }

  @Test("a first count of zero is not believed, nor is our data marked after it")
  func zeroed() throws {
    var script = Script(opening: Self.configuration)
    script.expect([.syn, .ae, .cwr, .ece])
    script.inject([.syn, .ack, .cwr], seq: 0, ack: 1, options: Self.offer)
    script.expect([.ack, .cwr])
    sendAll(&script, 2)
    script.inject(.ack, seq: 1, ack: 2001)
    script.send(1000, from: 2000)
    let dataSent = script.next()
    let data = try #require(dataSent)
    #expect(data.codepoint == .notECT)
    script.inject([.ack, .ece], seq: 1, ack: 3001)
    let ledger = script.ledger
    #expect(ledger.count(.countZeroed) == 1 && ledger.count(.marksCounted) == 0)
  }

  @Test("marked octets without a marked packet: something changes the fields")
  func inconsistent() throws {
    var script = Self.server()
    sendAll(&script, 2)
    script.inject([.ack, .ae, .ece], seq: 1, ack: 2001, options: Self.counts(1001, 1000, 1))
    let ledger = script.ledger
    #expect(ledger.count(.marksMangled) == 1)
    script.send(1000, from: 2000)
    let dataSent = script.next()
    let data = try #require(dataSent)
    #expect(data.codepoint == .notECT)
  }

  @Test("options that begin with zero are not believed, but the count is")
  func zeroedOption() {
    var script = Script(accepting: Self.offer, configuration: Self.configuration, flags: Self.all)
    script.expect([.syn, .ack, .cwr])
    script.inject([.ack, .cwr], seq: 1, ack: 1, options: Self.counts(0, 0, 0))
    sendAll(&script, 2)
    script.inject([.ack, .ae, .ece], seq: 1, ack: 1001, options: Self.counts(0, 5000, 0))
    script.inject([.ack, .ae, .cwr], seq: 1, ack: 2001, options: Self.counts(0, 5000, 0))
    let ledger = script.ledger
    #expect(ledger.count(.marksMangled) == 0 && ledger.count(.marksCounted) == 1)
  }
}
