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

  @Test("ranges agree with a set of numbers", arguments: 1...30 as ClosedRange<UInt64>)
  func ranges(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    let base = SequenceNumber(0xFFFF_FFB0)
    var ranges = SequenceRanges(limit: 1000)
    var model: Set<Int> = []
    var edge = 0
    for _ in 0..<200 {
      let start = Int.random(in: edge...edge + 150, using: &random)
      let end = start + Int.random(in: 0...20, using: &random)
      let isNew = !model.isSuperset(of: start..<end)
      let wasNew = ranges.insert(base + start, base + end)
      #expect(wasNew == isNew)
      model.formUnion(start..<end)
      if Int.random(in: 0..<10, using: &random) == 0 {
        edge += Int.random(in: 0...30, using: &random)
        ranges.removeAll(before: base + edge)
        model = model.filter { $0 >= edge }
      }
      #expect(ranges.octets == model.count)
      let probe = edge + Int.random(in: 0...200, using: &random)
      #expect(ranges.octets(before: base + probe) == model.filter { $0 < probe }.count)
      #expect((ranges.range(around: base + probe) != nil) == model.contains(probe))
      let limit = probe + Int.random(in: 0...100, using: &random)
      let hole = ranges.firstHole(from: base + probe, before: base + limit)
      let expected = (probe..<limit).first { !model.contains($0) }
      #expect(hole.map { base.distance(to: $0.start) } == expected)
      if let hole, let expected {
        let end = (expected..<limit).first { model.contains($0) } ?? limit
        #expect(base.distance(to: hole.end) == end)
      }
      // Ascending, apart, and never empty.
      for (left, right) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
        #expect(left.end.precedes(right.start))
      }
      #expect(ranges.ranges.allSatisfy { $0.count > 0 })
    }
  }

  @Test("ranges are bounded in number, but those that exist may grow")
  func boundedRanges() {
    var ranges = SequenceRanges(limit: 4)
    let base = SequenceNumber(0)
    for index in 0..<10 { ranges.insert(base + index * 10, base + index * 10 + 5) }
    #expect(ranges.ranges.count == 4)
    let hasGrown = ranges.insert(base + 35, base + 40)
    #expect(hasGrown)
    #expect(ranges.ranges.count == 4)
    #expect(ranges.octets == 25)
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
    #expect(MemoryLayout<TCPConnection>.size <= 1696)
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

@Suite("The scoreboard at its bound")
struct ScoreboardBoundTests {
  @Test("what is acknowledged in part leaves nothing below SND.UNA, where no split has room")
  func bound() {
    var scoreboard = Scoreboard()
    let start = SequenceNumber(0xFFFF_FF00)
    for index in 0..<Scoreboard.limit {
      scoreboard.sent(start + 10 * index, start + 10 * index + 10, isPushed: false, at: .start)
    }
    var delivery = Delivery()
    scoreboard.acknowledge(to: start + 13, highestBefore: nil, &delivery)
    scoreboard.sent(
      start + 10 * Scoreboard.limit, start + 10 * Scoreboard.limit + 10, isPushed: false,
      at: .start)
    #expect(scoreboard.segments.count == Scoreboard.limit)
    scoreboard.acknowledge(to: start + 17, highestBefore: nil, &delivery)
    #expect(scoreboard.segments.first?.start == start + 17)
    #expect(delivery.octets == 17)
    scoreboard.markLost(0)
    #expect(scoreboard.lostOctets == 3)
    #expect(scoreboard.firstLost(joining: 10)?.start == start + 17)
    scoreboard.acknowledge(to: start + 19, highestBefore: nil, &delivery)
    #expect(scoreboard.lostOctets == 1)
  }
}
