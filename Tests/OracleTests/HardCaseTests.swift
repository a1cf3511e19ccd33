import Frames
import Octets
import Testing
import Wire

@testable import Oracle

/// Captures that no network has ever made.
@Suite("what makes no sense is played all the same, and played to its end")
struct HardCaseTests {
  private func play(_ frames: [CapturedFrame]) {
    for role in EndpointRole.allCases {
      guard let connection = try? Captures.connection(frames, as: role) else { continue }
      let report = OracleReport(connection, as: role)
      #expect(report.comparisons.allSatisfy { $0.mark == .same || !$0.reasons.isEmpty })
      let other = OracleReport(connection, as: role, everythingArrives: true)
      #expect(other.lost.isEmpty)
    }
  }

  @Test("frames damaged, lost, doubled, exchanged and moved in time", arguments: 0..<4)
  func damaged(_ seed: UInt64) throws {
    var random = RandomSource.seeded(seed)
    for name in Captures.names {
      var frames = try Captures.frames(name)
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 1..<frames.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: frames.remove(at: place)
        case 1: frames.insert(frames[place], at: Int.random(in: 1..<frames.count, using: &random))
        case 2: frames.swapAt(place, Int.random(in: 1..<frames.count, using: &random))
        case 3:
          frames[place].time &+=
            [-1 << 40, 1 << 20, 1 << 34, 1 << 44, .max / 4]
            .randomElement(using: &random) ?? 0
        case 4:
          let cut = Int.random(in: 20...frames[place].octets.count, using: &random)
          frames[place].octets.removeLast(frames[place].octets.count - cut)
        default:
          for _ in 0..<3 {
            let octet = Int.random(in: 0..<frames[place].octets.count, using: &random)
            frames[place].octets[octet] = UInt8.random(in: 0...255, using: &random)
          }
        }
        if frames.count < 3 { break }
      }
      play(frames)
    }
  }

  @Test("ends that have lost their mind", arguments: 0..<24)
  func random(_ seed: UInt64) throws {
    var random = RandomSource.seeded(seed)
    var peer = HeaderGenerator(using: &random)
    var time: Int64 = 0
    let frames = (1...120).map { number in
      time &+= [0, 10_000, 20_000_000, 3_000_000_000, 1 << 50].randomElement(using: &random) ?? 0
      let octets = peer.frame(number, using: &random)
      return CapturedFrame(
        number: number, time: time, linkType: .rawIP, originalLength: octets.count, octets: octets)
    }
    play(frames)
  }
}

/// A handshake, and then segments with numbers at and near every edge.
private struct HeaderGenerator {
  private var initial: [UInt32]
  private var next: [UInt32]
  private let stamps: Bool

  init(using random: inout RandomSource) {
    initial = (0..<2).map { _ in
      [UInt32.random(in: 0...(.max), using: &random), 0xFFFF_FFF0, 0, 0x7FFF_FFF0]
        .randomElement(using: &random) ?? 0
    }
    next = initial
    stamps = Bool.random(using: &random)
  }

  mutating func frame(_ number: Int, using random: inout RandomSource) -> [UInt8] {
    var side = Int.random(in: 0...1, using: &random)
    var flags = TCPFlags.ack
    var payload = [0, 0, 1, 100, 536, 1448, 20_000].randomElement(using: &random) ?? 0
    var (sequence, acknowledgment) = (next[side], next[1 - side])
    if number <= 3 {
      (side, flags) = [(0, [.syn]), (1, [.syn, .ack]), (0, [.ack])][number - 1]
      payload = 0
      (sequence, acknowledgment) = (next[side], next[1 - side])
    } else {
      switch Int.random(in: 0..<20, using: &random) {
      case 0: flags = TCPFlags(rawValue: UInt16.random(in: 0...255, using: &random))
      case 1: flags = [.fin, .ack]
      case 2: flags = [.rst]
      case 3: flags = [.rst, .ack]
      case 4: flags = [.psh, .ack]
      default: break
      }
      let steps: [UInt32] = [0, 0, 0, 1, .max, 1 << 31, 1 << 20, 1448, 0 &- 1448, 0 &- 1]
      sequence &+= steps.randomElement(using: &random) ?? 0
      acknowledgment &+= steps.randomElement(using: &random) ?? 0
    }
    var header = TCPHeader(
      sourcePort: side == 0 ? 40_000 : 25, destinationPort: side == 0 ? 25 : 40_000,
      sequence: SequenceNumber(sequence), acknowledgment: SequenceNumber(acknowledgment),
      flags: flags, window: [0, 1, 500, 65_535].randomElement(using: &random) ?? 0)
    if flags.contains(.syn) {
      header.options.maximumSegmentSize = [0, 1, 88, 536, 1460, 65_535]
        .randomElement(using: &random)
      header.options.windowScale = [nil, 0, 7, 14, 255].randomElement(using: &random) ?? nil
      header.options.sackPermitted = true
    }
    if stamps {
      header.options.timestamps = TCPTimestamps(
        value: UInt32(truncatingIfNeeded: number), echo: UInt32.random(in: 0...130, using: &random))
    }
    if !flags.contains(.syn), Bool.random(using: &random) {
      header.options.sackBlocks.append(
        SACKBlock(SequenceNumber(acknowledgment &+ 100), SequenceNumber(acknowledgment &+ 600)))
    }
    next[side] = sequence &+ UInt32(payload)
    if flags.contains(.syn) { next[side] &+= 1 }
    let ends = [IPv4Address(127, 0, 0, 1), IPv4Address(224, 0, 0, 1)]
    let ip = IPv4Header(
      payloadLength: header.length + payload, transport: .tcp, source: ends[side],
      destination: ends[1 - side])
    return [UInt8](capacity: 20 + header.length + payload) {
      ip.emit(into: &$0)
      header.emit(into: &$0)
      $0.append(zeros: payload)
    }
  }
}
