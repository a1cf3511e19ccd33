import Foundation
import Frames
import Testing
import Wire

@testable import Analysis

/// Captures as they come from outside: cut off, quoted, within other protocols, with clocks that stand.
@Suite("Agreement with tshark on hard cases", .needsTshark)
struct HardCaseTests {
  private func expectAgreement(
    _ frames: [MadeFrame], link: LinkType = .rawIP, kept: (Int) -> Int = { _ in .max }
  ) async throws {
    try await withCapture(frames.map { ($0.time, $0.octets) }, link: link, kept: kept) { path in
      let said = try await AnalysisTests.expectAgreement(on: path)
      // Nothing found by either would prove nothing.
      #expect(!said.isEmpty)
    }
  }

  @Test("segments at the same instant, windows that tear open, numbers half the circle apart")
  func random() async throws {
    var traffic = RandomTraffic(seed: 11)
    let frames = (0..<400).flatMap { traffic.connection($0, count: $0 % 2 == 0 ? 12 : 60) }
    try await expectAgreement(frames)
  }

  @Test("segments of which the capture kept only so much", arguments: [38, 40, 44, 52, 57, 60])
  func cut(_ kept: Int) async throws {
    var traffic = RandomTraffic(seed: UInt64(kept))
    let frames = (0..<60).flatMap { traffic.connection($0, count: 30) }
    try await expectAgreement(frames) { _ in kept }
  }

  @Test("segments of which the capture kept sometimes all, sometimes the header up to the window")
  func cutHereAndThere() async throws {
    var traffic = RandomTraffic(seed: 7)
    let frames = (0..<60).flatMap { traffic.connection($0, count: 30) }
    try await expectAgreement(frames) { index in index % 5 == 2 ? 36 + index % 29 : .max }
  }

  @Test("a clock that goes back, by less and by more than any bound")
  func clock() async throws {
    var traffic = RandomTraffic(seed: 8)
    let steps: [Int64] = [0, 0, -1_000, 0, -5_000_000, 0, 0, -30_000_000, 0, -1_000_000_000, 0]
    let frames = (0..<60).flatMap { traffic.connection($0, count: 30) }
    try await expectAgreement(
      frames.enumerated().map { index, frame in
        MadeFrame(time: frame.time + steps[index % steps.count], octets: frame.octets)
      })
  }

  @Test("Multipath TCP: an acknowledgment may be repeated for the sake of an option")
  func multipath() async throws {
    // Subtypes 2 to 5: data sequence, addresses, priority. RFC 8684 section 3.
    let options: [[UInt8]] = [
      [30, 4, 0x20, 0], [30, 8, 0x20, 1, 1, 2, 3, 4], [30, 4, 0x40, 1], [30, 3, 0x50, 1],
    ]
    var traffic = RandomTraffic(seed: 9)
    let frames = (0..<100).flatMap { traffic.connection($0, count: 40) }
    try await expectAgreement(
      frames.enumerated().map { index, frame in
        guard frame.octets[33] & 2 == 0, index % 13 == 5 else { return frame }
        return MadeFrame(
          time: frame.time, octets: Self.adding(options[index / 13 % 4], to: frame.octets))
      })
  }

  /// A packet with whole words of options behind those that its TCP header has.
  private static func adding(_ option: [UInt8], to packet: [UInt8]) -> [UInt8] {
    let end = 20 + Int(packet[32] >> 4) * 4
    guard end + option.count <= 80 else { return packet }
    var octets = Array(packet[..<end]) + option + packet[end...]
    octets[2] = UInt8(octets.count >> 8)
    octets[3] = UInt8(octets.count & 255)
    octets[32] += UInt8(option.count / 4) << 4
    return octets
  }

  /// Frames of three connections, each changed by `change`.
  private func changed(_ change: (Int, [UInt8]) -> [UInt8]) -> [MadeFrame] {
    var traffic = RandomTraffic(seed: 5)
    let frames = (0..<3).flatMap { traffic.connection($0, count: 40) }
    return frames.enumerated().map { index, frame in
      MadeFrame(time: frame.time, octets: change(index, frame.octets))
    }
  }

  @Test("headers that say they are too short, or too long")
  func impossibleHeaders() async throws {
    try await expectAgreement(
      changed { index, octets in
        var octets = octets
        if index % 7 == 3 { octets[32] = 0x10 }
        if index % 11 == 5 { octets[32] = 0xF0 }
        return octets
      })
  }

  @Test("segments that ICMP errors quote: they have a stream, and a SYN begins one")
  func quotes() async throws {
    try await expectAgreement(
      changed { index, octets in
        guard index % 4 == 1 else { return octets }
        return Self.ip(1, [3, 3, 0, 0, 0, 0, 0, 0] + octets.prefix(index % 8 == 1 ? 48 : 60))
      })
  }

  @Test("segments within tunnels: IP, and generic routing encapsulation with and without a key")
  func tunnels() async throws {
    try await expectAgreement(
      changed { index, octets in
        switch index % 4 {
        case 0: Self.ip(4, octets)
        case 1: Self.ip(47, [0, 0, 8, 0] + octets)
        case 2: Self.ip(47, [0x20, 0, 8, 0, 1, 2, 3, 4] + octets)
        default: octets
        }
      })
  }

  @Test("segments behind VLAN tags, PPPoE, MPLS labels, LLC and SNAP")
  func linkHeaders() async throws {
    let addresses = [UInt8](repeating: 2, count: 12)
    try await expectAgreement(
      changed { index, octets in
        let count = [UInt8((octets.count + 8) >> 8), UInt8((octets.count + 8) & 255)]
        let more = [UInt8((octets.count + 2) >> 8), UInt8((octets.count + 2) & 255)]
        let header: [UInt8] =
          switch index % 5 {
          case 0: [0x88, 0xA8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]
          case 1: [0x88, 0x64, 0x11, 0, 0, 1] + more + [0, 0x21]
          case 2: [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64]
          case 3: count + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
          default: [8, 0]
          }
        return addresses + header + octets
      }, link: .ethernet)
  }

  @Test("segments in fragments, in order and not, once and twice")
  func fragments() async throws {
    var traffic = RandomTraffic(seed: 6)
    var frames: [MadeFrame] = []
    for (index, frame) in (0..<3).flatMap({ traffic.connection($0, count: 40) }).enumerated() {
      let payload = Array(frame.octets[20...])
      guard payload.count > 40, index % 2 == 0 else {
        frames.append(frame)
        continue
      }
      var parts = stride(from: 0, to: payload.count, by: 24).map { start in
        let part = payload[start..<min(start + 24, payload.count)]
        let more: UInt8 = part.endIndex == payload.count ? 0 : 0x20
        return MadeFrame(
          time: frame.time,
          octets: Self.ip(
            6, Array(part), flags: [more, UInt8(start / 8)], identification: UInt8(index),
            addresses: Array(frame.octets[12..<20])))
      }
      if index % 4 == 0 { parts.reverse() }
      if index % 3 == 0 { parts.insert(parts[0], at: 1) }
      frames += parts
    }
    try await expectAgreement(frames)
  }

  /// An IPv4 packet around a payload.
  private static func ip(
    _ transport: UInt8, _ payload: some Collection<UInt8>, flags: [UInt8] = [0, 0],
    identification: UInt8 = 1, addresses: [UInt8] = [203, 0, 113, 1, 203, 0, 113, 2]
  ) -> [UInt8] {
    let total = 20 + payload.count
    return [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, identification] + flags
      + [64, transport, 0, 0] + addresses + payload
  }
}
