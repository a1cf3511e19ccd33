import Octets
import TCPCore
import Testing
import Wire

/// Segments with any fields at all: nothing may trap, nothing may run away.
@Suite("Malformed and hostile segments")
struct MutationTests {
  private static let states: [TCPState] = [
    .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck,
    .timeWait,
  ]

  private static func agreement(_ random: inout RandomSource) -> Agreement {
    Agreement {
      $0.receiveBufferLimit = [2048, 30_000, 600_000].randomElement(using: &random) ?? 2048
      $0.keepalive = Bool.random(using: &random) ? Keepalive() : nil
      $0.congestion = Bool.random(using: &random) ? .reno : .cubic
    }.with {
      $0.usesSACK = Bool.random(using: &random)
      $0.usesTimestamps = Bool.random(using: &random)
      $0.windowScale = Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : nil
      $0.maximumSegmentSize = [nil, 0, 1, 536, 1460, 65_535].randomElement(using: &random) ?? nil
    }
  }

  /// A number that is near something that matters, or anywhere.
  private static func number(_ random: inout RandomSource) -> Int {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: Int.random(in: -3...3, using: &random)
    case 1: Int.random(in: 0...3000, using: &random)
    case 2: Int.random(in: -70_000...70_000, using: &random)
    case 3: Int.random(in: 0x7FFF_0000...0x8001_0000, using: &random)
    default: Int.random(in: 0...0xFFFF_FFFF, using: &random)
    }
  }

  private static func options(_ random: inout RandomSource) -> [UInt8] {
    var octets: [UInt8] = []
    while octets.count < 40, Int.random(in: 0..<4, using: &random) != 0 {
      let kind = UInt8.random(in: 0...9, using: &random)
      let length = UInt8.random(in: 0...12, using: &random)
      octets += [kind, length]
      for _ in 0..<max(0, Int(length) - 2) {
        octets.append(UInt8.random(in: 0...255, using: &random))
      }
    }
    octets = Array(octets.prefix(40))
    while octets.count % 4 != 0 { octets.append(0) }
    return octets
  }

  private static func segment(_ random: inout RandomSource, _ clock: UInt32?) -> [UInt8] {
    var header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: Script.theirStart + number(&random),
      acknowledgment: Script.ourStart + number(&random),
      flags: Bool.random(using: &random)
        ? .ack : TCPFlags(rawValue: UInt16.random(in: 0...511, using: &random)),
      window: Bool.random(using: &random) ? 0 : UInt16.random(in: 0...65_535, using: &random))
    header.urgentPointer = UInt16.random(in: 0...65_535, using: &random)
    if let clock, Int.random(in: 0..<4, using: &random) != 0 {
      header.options.timestamps = TCPTimestamps(
        value: clock &+ UInt32.random(in: 0...3, using: &random),
        echo: UInt32.random(in: 0...UInt32.max, using: &random))
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        header.options.sackBlocks.append(
          SACKBlock(Script.ourStart + number(&random), Script.ourStart + number(&random)))
      }
    }
    let wild = header.options.timestamps == nil ? options(&random) : []
    let count = [0, 0, 1, 100, 1460, 60_000].randomElement(using: &random) ?? 0
    let length = Int.random(in: 0...count, using: &random)
    var octets = [UInt8](capacity: 100 + length) { output in
      header.emit(into: &output)
      output.append(copying: wild.span)
      output.append(zeros: length)
    }
    if !wild.isEmpty { octets[12] = UInt8((20 + wild.count) << 2) }
    if Int.random(in: 0..<20, using: &random) == 0 {
      octets[Int.random(in: 0..<octets.count, using: &random)] ^= 255
    }
    return octets
  }

  @Test("any segments in any state", arguments: states, 0..<40 as Range<UInt64>)
  func anything(_ state: TCPState, _ seed: UInt64) {
    var random = RandomSource.seeded(seed &* 0x9E37 &+ UInt64(state.rawValue.utf8.count))
    var script = Script.inState(state, Self.agreement(&random))
    for _ in 0..<150 {
      switch Int.random(in: 0..<12, using: &random) {
      case 0: script.send(Int.random(in: 0...5000, using: &random))
      case 1: _ = script.read()
      case 2: script.connection.closeSending(at: script.now)
      case 3:
        script.limits = SegmentLimits(maximumPayload: Int.random(in: 0...65_000, using: &random))
      case 4: script.wait(.milliseconds(Int.random(in: 0...3000, using: &random)))
      case 5:
        script.injectError(
          [
            .fragmentationNeeded(mtu: Int.random(in: 0...2000, using: &random)), .timeExceeded,
            .unreachable(code: UInt8.random(in: 0...15, using: &random)),
          ].randomElement(using: &random) ?? .timeExceeded, quoting: Self.number(&random))
      case 6 where seed % 4 == 0: script.connection.detach(at: script.now)
      default: script.arrive(Self.segment(&random, script.peerClock))
      }
      let sent = script.all()
      #expect(sent.count < 2000)
      for segment in sent { #expect(segment.options.length <= 40 && segment.length <= 65_535) }
      let isStuck = script.connection.lacksTimer
      #expect(!isStuck, "\(script.connection.state)")
      let info = script.connection.info
      #expect(info.bufferMemory <= 4_000_000 && info.outstanding >= 0)
      #expect(info.receiveWindow >= 0 && info.congestionWindow > 0)
    }
    // Whatever it was, an abort ends it.
    script.connection.abort(at: script.now)
    _ = script.all()
    let isFinished = script.connection.isFinished
    let deadline = script.connection.nextDeadline
    #expect(isFinished)
    #expect(deadline == nil)
  }
}
