import Octets
import Testing
import Wire

@testable import TCPCore

@Suite("The parts that a connection is made of")
struct PartsTests {
  @Test("SipHash-2-4 gives the published value")
  func sipHash() {
    // The reference's key 00..0f; its input 00..0f is two words.
    let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
    #expect(hash.hash(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908) == 0x3F2A_CC7F_57C2_9BDB)
  }

  @Test(
    "initial numbers follow a clock of 4 microseconds and differ from pair to pair",
    .requirement("RFC 9293 MUST-8"), .requirement("RFC 9293 MUST-9"),
    .requirement("RFC 9293 SHLD-1"))
  func initialSequence() {
    var random = RandomSource.seeded(1)
    let generator = InitialSequenceGenerator(random: &random)
    let first = generator.next(for: Script.ends, at: .start)
    let later = generator.next(for: Script.ends, at: Instant(nanoseconds: 1_000_000_000))
    #expect(first.distance(to: later) == 250_000)
    var other = Script.ends
    other.remote.port = 50_001
    #expect(abs(first.distance(to: generator.next(for: other, at: .start))) > 1000)
    let stranger = InitialSequenceGenerator(random: &random)
    #expect(stranger.next(for: Script.ends, at: .start) != first)
  }

  @Test("ephemeral ports are in their range, differ, and run out only when all are used")
  func ports() {
    var random = RandomSource.seeded(2)
    var selector = PortSelector(random: &random)
    var used: Set<Port> = []
    let local = IPv4Address(192, 0, 2, 1)
    while let port = selector.next(
      local: local, remote: Script.ends.remote, isFree: { !used.contains($0) })
    {
      #expect(PortSelector.range.contains(port.rawValue))
      guard used.insert(port).inserted else { break }
      if used.count > 20_000 { break }
    }
    #expect(used.count == PortSelector.range.count)
  }

  struct ResetCase: Sendable {
    var flags: TCPFlags
    var length: Int
    var answer: TCPFlags?
    var seq: UInt32
    var ack: UInt32
  }

  @Test(
    "the answer to a segment without a connection (RFC 9293 3.10.7.1)",
    arguments: [
      ResetCase(flags: .syn, length: 0, answer: .rstAck, seq: 0, ack: 101),
      ResetCase(flags: [.syn, .fin], length: 5, answer: .rstAck, seq: 0, ack: 107),
      ResetCase(flags: .ack, length: 0, answer: .rst, seq: 777, ack: 0),
      ResetCase(flags: .finAck, length: 9, answer: .rst, seq: 777, ack: 0),
      ResetCase(flags: [], length: 3, answer: .rstAck, seq: 0, ack: 103),
      ResetCase(flags: .rst, length: 0, answer: nil, seq: 0, ack: 0),
      ResetCase(flags: .rstAck, length: 0, answer: nil, seq: 0, ack: 0),
    ])
  func reset(_ test: ResetCase) throws {
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(100),
      acknowledgment: SequenceNumber(777), flags: test.flags, window: 1)
    let octets = [UInt8](capacity: 60) { output in
      header.emit(into: &output)
      output.append(zeros: test.length)
    }
    let view = try TCPSegmentView(parsing: octets.span)
    let answer = TCPReset.answer(to: view)
    #expect(answer?.flags == test.answer)
    guard let answer else { return }
    #expect(answer.sequence == SequenceNumber(test.seq))
    #expect(answer.acknowledgment == SequenceNumber(test.ack))
    #expect(answer.sourcePort == Port(2) && answer.destinationPort == Port(1))
  }

  @Test("every rule has a source, a sentence and an effect; those of segments are sent")
  func rules() {
    for rule in TCPRule.allCases {
      #expect(rule.source.hasPrefix("RFC "))
      #expect(rule.sentence.count > 15 && !rule.sentence.hasSuffix("."))
      #expect(
        rule.sentence.first?.isUppercase == false || rule.sentence.hasPrefix("ICMP")
          || rule.sentence.hasPrefix("SACK") || rule.sentence.hasPrefix("FIN"))
    }
    #expect(TCPRule.limitedTransmit.effect == .sends)
    #expect(TCPRule.sendSYN.effect == .sends && TCPRule.answerProbe.effect == .sends)
    #expect(TCPRule.nagle.effect == .delays && TCPRule.challengeLimited.effect == .delays)
    #expect(
      TCPRule.dropUnacceptable.effect == .drops && TCPRule.dropReassemblyFull.effect == .drops)
    #expect(TCPRule.dropResetInTimeWait.effect == .drops)
    #expect(TCPRule.acceptData.effect == .accepts && TCPRule.fillGap.effect == .accepts)
    #expect(TCPRule.establish.effect == .notes && TCPRule.badICMP.effect == .notes)
  }

  @Test("a connection without data is small, and holds nothing on the heap for buffers")
  func size() {
    #expect(MemoryLayout<TCPConnection>.size <= 1800)
    let script = Script.established()
    let memory = script.connection.info.bufferMemory
    #expect(memory == 0)
  }

  @Test("configurations without sense are bounded", arguments: [Int.min, -1, 0, 1, Int.max])
  func configuration(_ value: Int) {
    var configuration = TCPConfiguration()
    configuration.sendBufferLimit = value
    configuration.receiveBufferLimit = value
    configuration.initialWindowSegments = value
    configuration.quickAcknowledgments = value
    configuration.retransmissionsBeforeAdvice = value
    configuration.maximumSegmentSize = value
    let time = Duration.nanoseconds(value)
    configuration.delayedAcknowledgment = time
    configuration.initialRetransmissionTimeout = time
    configuration.minimumRetransmissionTimeout = time
    configuration.maximumRetransmissionTimeout = time
    var script = Script(opening: configuration, mtu: value)
    script.expect(.syn)
    script.inject(.synAck, seq: 0, ack: 1)
    script.send(4000)
    script.inject(.ack, seq: 1, ack: 1, length: 100)
    for _ in 0..<20 {
      guard let deadline = script.connection.nextDeadline else { break }
      script.wait(until: max(deadline, script.now))
      _ = script.all()
    }
    script.inject(.rst, seq: 101)
    let reason = script.connection.closeReason
    #expect(reason == .reset || reason == .timedOut)
  }
}
