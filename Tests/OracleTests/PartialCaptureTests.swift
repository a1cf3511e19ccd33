import Frames
import Octets
import Testing
import Wire

@testable import Oracle

/// Captures of what our stack does not speak, and of which a part is missing.
@Suite("what there is of a connection is judged")
struct PartialCaptureTests {
  /// The packet of an IPv4 frame over IPv6, its checksum right there.
  private func overIPv6(_ frame: CapturedFrame) throws -> CapturedFrame {
    let octets = frame.octets
    let packet = try IPv4PacketView(parsing: octets.span)
    var segment = [UInt8](copying: packet.payload)
    let addresses = [packet.source, packet.destination].flatMap { address in
      [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11)
        + [UInt8(truncatingIfNeeded: address.rawValue)]
    }
    segment.replaceSubrange(16..<18, with: [0, 0])
    var sum = InternetChecksum()
    sum.add(addresses.span)
    sum.add(word: UInt16(segment.count))
    sum.add(word: 6)
    sum.add(segment.span)
    segment.replaceSubrange(16..<18, with: [UInt8(sum.value >> 8), UInt8(sum.value & 255)])
    let service = packet.dscp << 2 | packet.ecn.rawValue
    var frame = frame
    frame.octets =
      [0x60 | service >> 4, service << 4, 0, 0, UInt8(segment.count >> 8)]
      + [UInt8(segment.count & 255), 6, packet.ttl] + addresses + segment
    frame.originalLength = frame.octets.count
    return frame
  }

  private func isFrom(_ role: EndpointRole, _ frame: CapturedFrame) -> Bool {
    let octets = frame.octets
    guard let packet = try? IPv4PacketView(parsing: octets.span),
      let segment = try? TCPSegmentView(parsing: packet.payload)
    else { return false }
    return (segment.sourcePort.rawValue < 1024) == (role == .server)
  }

  static let whole = ["mail.pcapng", "half-close.pcapng", "losses.pcapng", "zero-window.pcapng"]

  @Test("over IPv6 it is the same at the TCP layer", arguments: whole, EndpointRole.allCases)
  func ipv6(_ name: String, _ role: EndpointRole) throws {
    let frames = try Captures.frames(name).map { try overIPv6($0) }
    let connection = try Captures.connection(frames, as: role)
    #expect(connection.isIPv6 && connection.leftOut == 0)
    #expect("\(connection.client)".hasPrefix("[2001:db8::"))
    #expect(connection.segments.allSatisfy { !$0.hasWrongChecksum })
    let report = OracleReport(connection, as: role)
    let former = try Captures.report(name, as: role)
    #expect(report.differences == former.differences)
    #expect(report.count(.same) == former.count(.same) && report.count(.same) > 0)
    #expect(report.mapped?.ours == IPv4Address(192, 0, 2, 1) && former.mapped == nil)
  }

  @Test("over IPv6 a wrong checksum is seen, and a segment takes 1,220 octets without the option")
  func ipv6Header() throws {
    var frames = try Captures.frames("mail.pcapng").map { try overIPv6($0) }
    frames[4].octets[40 + 17] ^= 1
    // The SYN's first option, the segment size, becomes padding; so does its checksum.
    #expect(Array(frames[0].octets[60..<62]) == [2, 4])
    frames[0].octets.replaceSubrange(60..<64, with: [1, 1, 1, 1])
    let segments = try Captures.connection(frames, as: .server).segments
    #expect(segments[4].hasWrongChecksum && !segments[3].hasWrongChecksum)
    #expect(segments[0].segment.options.maximumSegmentSize == nil)
    let options = segments[0].options
    let size = TCPOptions(parsing: options.span).maximumSegmentSize
    #expect(size == 1220)
  }

  @Test(
    "of an end that was not captured our stack sends what that end has sent", arguments: whole,
    EndpointRole.allCases)
  func unseen(_ name: String, _ role: EndpointRole) throws {
    let all = try Captures.connection(try Captures.frames(name), as: role)
    let half = try Captures.connection(
      try Captures.frames(name).filter { !isFrom(role, $0) }, as: role)
    #expect(half.isUnseen(role) && !all.isUnseen(role))
    let report = OracleReport(half, as: role)
    #expect(report.isUnseen && report.comparisons.allSatisfy { $0.mark == .onlyOurs })
    #expect(report.comparisons.allSatisfy { !$0.reasons.isEmpty })
    let ours = report.comparisons.flatMap(\.ours)
    #expect(ours.first?.flags.contains(.syn) == true)
    #expect(ours.map(\.end).max() == all.highest[role])
    #expect(ours.contains { $0.flags.contains(.fin) } == (all.finish[role] != nil))
    #expect(ours.compactMap(\.acknowledgment).max() == all.highest[role.other])
  }

  @Test("where nothing of the peer was captured there is nothing to answer", arguments: whole)
  func unanswered(_ name: String) throws {
    for role in EndpointRole.allCases {
      let half = try Captures.frames(name).filter { isFrom(role, $0) }
      #expect(throws: OracleRefusal.unanswered(0, role.other)) {
        try Captures.connection(half, as: role)
      }
    }
  }

  /// Of the others the round trip of the handshake, which is not known then, moves the timers.
  @Test(
    "an answer that stands before its SYN was sent after it",
    arguments: ["mail.pcapng", "half-close.pcapng"])
  func overtaken(_ name: String) throws {
    for role in EndpointRole.allCases {
      var frames = try Captures.frames(name)
      frames.swapAt(0, 1)
      frames[1].time = frames[0].time + 1000
      let connection = try Captures.connection(frames, as: role)
      #expect(connection.segments.map { $0.segment.frame ?? 0 }.prefix(3) == [1, 2, 3])
      #expect(connection.segments[1].segment.acknowledgment == 1)
      let report = OracleReport(connection, as: role)
      #expect(report.differences.isEmpty && report.count(.same) > 0, "\(report.differences)")
    }
  }

  @Test("an answer to another SYN than the one that comes is refused")
  func foreignAnswer() throws {
    var frames = try Captures.frames("mail.pcapng")
    let octets = frames[0].octets
    (frames[0].octets, frames[1].octets) = (frames[1].octets, octets)
    // SEG.ACK of the answer.
    frames[0].octets[20 + 9] ^= 1
    #expect(throws: OracleRefusal.self) { try Captures.connection(frames, as: .server) }
  }
}
