import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host under damaged and hostile frames")
struct FuzzTests {
  /// Frames of every kind that the host understands, to be damaged.
  private static let models: [[UInt8]] = {
    var syn = TCPOptions()
    syn.maximumSegmentSize = 1460
    syn.windowScale = 7
    syn.sackPermitted = true
    syn.timestamps = TCPTimestamps(value: 5, echo: 0)
    let question = Packet.tcp([.syn], options: syn)
    return [
      Packet.icmp(.echo(identifier: 1, sequence: 1), Array(0..<32)),
      Packet.icmp(.unreachable(code: 4, nextHopMTU: 600), Array(question.prefix(28))),
      Packet.udp(to: SocketAddress(ours, 53), Array(0..<40)),
      Packet.udp(to: SocketAddress(ours, 99), Array(0..<40)),
      question,
      Packet.tcp([.ack], acknowledgment: SequenceNumber(1), Array(0..<100)),
      Packet.tcp([.fin, .ack], acknowledgment: SequenceNumber(1)),
      Packet.tcp([.rst]),
      Packet.ip(.icmp, Array(0..<64)) {
        $0.moreFragments = true
        $0.identification = 9
      },
      Packet.ip(.icmp, Array(0..<61)) {
        $0.fragmentOffset = 64
        $0.identification = 9
      },
    ]
  }()

  /// Changes some octets, cuts or lengthens, and mostly mends the header's checksum, so that the
  /// damage gets past the first check.
  private func damage(_ model: [UInt8], _ random: inout RandomSource) -> [UInt8] {
    var octets = model
    for _ in 0..<Int.random(in: 0...6, using: &random) where !octets.isEmpty {
      let index = Int.random(in: 0..<octets.count, using: &random)
      octets[index] = UInt8.random(in: 0...255, using: &random)
    }
    switch Int.random(in: 0..<10, using: &random) {
    case 0: octets.removeLast(Int.random(in: 0...octets.count, using: &random))
    case 1: octets += (0..<20).map { _ in UInt8.random(in: 0...255, using: &random) }
    default: break
    }
    if octets.count >= 20, Int.random(in: 0..<10, using: &random) > 0 {
      octets[0] = 0x40 | max(octets[0] & 15, 5)
      octets[2] = UInt8(truncatingIfNeeded: octets.count >> 8)
      octets[3] = UInt8(truncatingIfNeeded: octets.count)
      octets.replaceSubrange(16..<20, with: [192, 0, 2, 1])
      octets[10] = 0
      octets[11] = 0
      var sum = InternetChecksum()
      sum.add(octets.span.extracting(first: min(Int(octets[0] & 15) * 4, octets.count)))
      octets[10] = UInt8(truncatingIfNeeded: sum.value >> 8)
      octets[11] = UInt8(truncatingIfNeeded: sum.value)
    }
    return octets
  }

  /// Whether something was decided about a frame: where it has text, an end or a reset for a connection,
  /// by TCP itself or on the way to it. What only acknowledges may change nothing.
  private func isToldWhy(
    _ frame: [UInt8], _ isEthernet: Bool, _ decisions: [RuleExplanation]
  ) -> Bool {
    guard let last = decisions.last else { return false }
    guard last.name == "deliver" || last.name == "reassembled" else { return true }
    let octets = isEthernet ? Array(frame.dropFirst(EthernetHeader.length)) : frame
    guard let packet = try? IPv4PacketView(parsing: octets.span), packet.transport == .tcp else {
      // UDP's own rule has the same name.
      return decisions.count > 1
    }
    guard let segment = try? TCPSegmentView(parsing: packet.payload) else { return false }
    return segment.length == 0 && !segment.flags.contains(.rst)
  }

  @Test(
    "nothing traps, nothing grows, every frame has its reason, and the host still answers",
    arguments: 0..<24 as Range<UInt64>)
  func damaged(_ seed: UInt64) throws {
    var random = RandomSource.seeded(seed)
    let isEthernet = seed % 3 == 2
    let bench = Bench(
      medium: isEthernet ? .ethernet(ourHardware) : .ip, configure: { $0.explains = true })
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    _ = try bench.stack.bindUDP(at: SocketAddress(.any, 53))
    for step in 0..<3000 {
      let model = Self.models[Int.random(in: 0..<Self.models.count, using: &random)]
      var frame = damage(model, &random)
      if isEthernet {
        frame =
          Int.random(in: 0..<5, using: &random) == 0
          ? damage(Packet.arp(.request), &random) : Packet.ethernet(.ipv4, frame)
      }
      // The checksum of TCP, UDP and ICMP is forgiven in most frames.
      let isTrusted = Int.random(in: 0..<4, using: &random) > 0
      let facts = OffloadFacts(checksum: isTrusted ? .verified : .complete)
      _ = bench.stack.takeExplanations()
      bench.stack.frameArrived(frame.span, offload: facts, on: bench.link, at: bench.now)
      let decisions = bench.stack.takeExplanations()
      #expect(isToldWhy(frame, isEthernet, decisions), "seed \(seed), step \(step): \(decisions)")
      let unexplained = bench.flush().filter { $0.rule == nil }
      #expect(unexplained.isEmpty, "seed \(seed), step \(step)")
      if let socket = try bench.accept(listener), step % 2 == 0 {
        _ = try? bench.send(socket, Array(repeating: 7, count: 3000))
        if step % 4 == 0 { bench.stack.close(socket, at: bench.now) }
      }
      _ = bench.events()
      if step % 50 == 0 { _ = bench.wait(.milliseconds(Int.random(in: 1...3000, using: &random))) }
      let stuck = bench.stack.connectionSummaries.filter(\.lacksTimer)
      #expect(stuck.isEmpty, "seed \(seed), step \(step): \(stuck)")
    }
    #expect(bench.connectionCount < 3000)
    bench.stack.close(listener, at: bench.now)
    for summary in bench.stack.connectionSummaries {
      bench.stack.abort(summary.socket, at: bench.now)
    }
    _ = bench.wait(.seconds(3600))
    #expect(bench.connectionCount == 0)
    #expect(bench.stack.bufferMemory == 0)
    if !isEthernet {
      #expect(bench.arrive(Packet.icmp(.echo(identifier: 1, sequence: 1), [])).count == 1)
    }
  }
}
