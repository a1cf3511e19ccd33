import Frames
import Octets
import Testing
import Wire

@testable import Oracle

/// What routers say to an end is said to our stack in its place.
@Suite("routers are heard")
struct RouterTests {
  /// A capture in which a router tells the server that its first segment with data is too long.
  private func frames(mtu: UInt16) throws -> [CapturedFrame] {
    var frames = try Captures.frames("half-close.pcapng")
    let place = try #require(
      frames.firstIndex { frame in
        guard let packet = try? IPv4PacketView(parsing: frame.octets.span),
          let segment = try? TCPSegmentView(parsing: packet.payload)
        else { return false }
        return segment.sourcePort == 7 && segment.payload.count > 1000
      })
    var error = frames[place]
    let original = error.octets
    let packet = try IPv4PacketView(parsing: original.span)
    let quote = [UInt8](copying: original.span.extracting(first: 28))
    let length = ICMPv4Header.length + quote.count
    let destination = packet.source
    let octets = [UInt8](capacity: 20 + length) { output in
      IPv4Header(
        payloadLength: length, transport: .icmp, source: IPv4Address(203, 0, 113, 1),
        destination: destination
      ).emit(into: &output)
      ICMPv4Header(.unreachable(code: 4, nextHopMTU: mtu)).emit(into: &output, payload: quote.span)
      output.append(copying: quote.span)
    }
    error.octets = octets
    error.originalLength = octets.count
    error.time += 3_000_000
    let next = try #require(frames.firstIndex { $0.time > error.time })
    frames.insert(error, at: next)
    return frames.enumerated().map { index, frame in
      var frame = frame
      frame.number = index + 1
      return frame
    }
  }

  @Test("a limit that a router tells makes our segments shorter")
  func limit() throws {
    let connection = try Captures.connection(try frames(mtu: 1000), as: .server)
    #expect(
      connection.errors(for: .server).map(\.kind) == [.unreachable(code: 4, nextHopMTU: 1000)])
    #expect(connection.errors(for: .client).isEmpty)
    let report = OracleReport(connection, as: .server)
    let again = report.comparisons.filter { $0.mark == .onlyOurs }.flatMap(\.ours)
    #expect(!again.isEmpty && again.allSatisfy { $0.payload <= 1000 - 52 }, "\(report.differences)")
    // The client has not heard of it.
    #expect(try Captures.report("half-close.pcapng", as: .client).differences.isEmpty)
  }

  @Test("an error about what was not sent is not believed")
  func stranger() throws {
    let frames = try frames(mtu: 1000).map { frame in
      var frame = frame
      // The quoted sequence number.
      if frame.octets[9] == 1 { frame.octets[20 + 8 + 24] ^= 0x40 }
      return frame
    }
    let report = OracleReport(try Captures.connection(frames, as: .server), as: .server)
    #expect(report.differences.isEmpty)
  }
}
