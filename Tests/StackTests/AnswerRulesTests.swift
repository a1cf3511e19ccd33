import NetworkCore
import Octets
import Stack
import Testing
import Wire

/// Frames of every mixture of right and wrong fields, and one rule for all of them.
@Suite("A host: who is answered")
struct AnswerRulesTests {
  private struct Question {
    var octets: [UInt8]
    var isForUs: Bool
    var isFromOne: Bool
    var isError: Bool
  }

  private static let sources = [
    theirs, IPv4Address(198, 51, 100, 7), ours, .any, .limitedBroadcast, IPv4Address(0, 1, 2, 3),
    IPv4Address(192, 0, 2, 255), IPv4Address(127, 0, 0, 1), IPv4Address(224, 0, 0, 1),
    IPv4Address(240, 0, 0, 1),
  ]
  private static let targets = [
    ours, ours, IPv4Address(192, 0, 2, 255), .limitedBroadcast, IPv4Address(224, 0, 0, 1),
    IPv4Address(127, 0, 0, 1), IPv4Address(192, 0, 2, 77), .any,
  ]
  private static let stations = [
    ourHardware, ourHardware, .broadcast, MACAddress(rawValue: 0x0100_5E00_0001), theirHardware,
  ]
  private static let options: [[UInt8]] = [
    [], [], [7, 0, 0, 0], [1, 1, 1, 131], [131, 7, 4, 192, 0, 2, 9, 0], [7, 7, 4, 0, 0, 0, 0, 0],
    Array(repeating: 1, count: 40),
  ]
  private static let fields: [UInt16] = [0, 0, 0x4000, 0x8000, 0x2000, 0x2001, 0x0001, 0x1FFF]

  private func question(_ random: inout RandomSource) -> Question {
    func pick<Element>(_ list: [Element]) -> Element {
      list[Int.random(in: 0..<list.count, using: &random)]
    }
    func usually<Element>(_ first: Element, _ list: [Element]) -> Element {
      Bool.random(using: &random) ? first : pick(list)
    }
    let source = usually(theirs, Self.sources)
    let target = usually(ours, Self.targets)
    let station = usually(ourHardware, Self.stations)
    let transport = pick([.icmp, .tcp, .udp, IPProtocol(rawValue: 132)])
    var payload: [UInt8] = (0..<Int.random(in: 0...64, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let type = UInt8.random(in: 0...20, using: &random)
    if transport == .icmp, payload.count >= 8 {
      payload[0] = type
      payload.replaceSubrange(2..<4, with: [0, 0])
      var sum = InternetChecksum()
      sum.add(payload.span)
      payload.replaceSubrange(2..<4, with: [UInt8(sum.value >> 8), UInt8(sum.value & 255)])
    }
    if transport == .udp, payload.count >= 8 {
      payload.replaceSubrange(4..<8, with: [0, UInt8(payload.count), 0, 0])
    }
    let options = usually([], Self.options)
    var packet = Packet.ip(transport, from: source, to: target, options + payload)
    let field = usually(0, Self.fields)
    packet[0] = 0x45 + UInt8(options.count / 4)
    packet.replaceSubrange(4..<8, with: [0, pick([1, 2]), UInt8(field >> 8), UInt8(field & 255)])
    packet.replaceSubrange(10..<12, with: [0, 0])
    var sum = InternetChecksum()
    sum.add(packet.span.extracting(first: 20 + options.count))
    packet.replaceSubrange(10..<12, with: [UInt8(sum.value >> 8), UInt8(sum.value & 255)])
    return Question(
      octets: Packet.ethernet(.ipv4, to: station, packet),
      isForUs: target == ours && station == ourHardware,
      isFromOne: Self.sources.prefix(2).contains(source),
      isError: transport == .icmp && [3, 4, 5, 11, 12].contains(payload.first ?? 3))
  }

  @Test(
    "only what one host sent to us alone, and that is no error", arguments: 0..<8 as Range<UInt64>)
  func rule(_ seed: UInt64) throws {
    var random = RandomSource.seeded(seed)
    let bench = Bench(
      medium: .ethernet(ourHardware), configure: { $0.icmpErrorsPerSecond = 1_000_000 })
    bench.stack.addRoute(IPv4Prefix(.any, length: 0), via: theirs, on: bench.link)
    _ = try bench.stack.listen(at: SocketAddress(.any, 25))
    bench.arrive(Packet.arp(.request))
    var answers = 0
    for step in 0..<4000 {
      let question = question(&random)
      let sent = bench.arrive(question.octets)
      answers += sent.count
      if !question.isForUs || !question.isFromOne {
        #expect(sent.isEmpty, "seed \(seed), step \(step): \(question.octets)")
      }
      for frame in sent {
        let packet = try #require(PacketValue(FrameValue(frame)?.payload))
        #expect(packet.header.source == ours && packet.isRight)
        let isError = ICMPv4Value(packet.payload)?.kind.isError ?? false
        #expect(
          !(question.isError && packet.header.transport == .icmp && isError),
          "seed \(seed), step \(step): \(question.octets)")
      }
      if step % 100 == 0 {
        bench.now = bench.now + .milliseconds(100)
        bench.arrive(Packet.arp(.request))
      }
    }
    #expect(answers > 50)
    // What waits for fragments was for us alone, too.
    for frame in bench.wait(.seconds(60)) {
      guard let packet = PacketValue(FrameValue(frame)?.payload) else { continue }
      #expect(Self.sources.prefix(2).contains(packet.header.destination))
    }
  }
}
