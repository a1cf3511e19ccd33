import Frames
import Octets
import Testing
import Wire

@testable import Oracle

/// Captures in which one thing was made different, as by a stack with a mistake.
@Suite("a mistake in what an end sends is found")
struct StrayStackTests {
  /// A change of a packet that one end has sent.
  private func changed(
    _ name: String, _ change: (inout CapturedFrame, inout TCPHeader) -> Bool
  ) throws -> [CapturedFrame] {
    try Captures.frames(name).compactMap { frame in
      var frame = frame
      let octets = frame.octets
      guard let packet = try? IPv4PacketView(parsing: octets.span),
        let view = try? TCPSegmentView(parsing: packet.payload)
      else { return frame }
      var header = TCPHeader(view)
      guard change(&frame, &header) else { return nil }
      let ip = IPv4Header(packet)
      let payload = [UInt8](copying: view.payload)
      var sized = ip
      sized.payloadLength = header.length + payload.count
      var sum = PseudoHeader.sum(
        source: ip.source, destination: ip.destination, transport: .tcp,
        length: sized.payloadLength)
      let blank = [UInt8](capacity: sized.payloadLength) {
        header.emit(into: &$0)
        $0.append(copying: payload.span)
      }
      sum.add(blank.span)
      frame.octets = [UInt8](capacity: 20 + sized.payloadLength) {
        sized.emit(into: &$0)
        header.emit(into: &$0, checksum: sum.value)
        $0.append(copying: payload.span)
      }
      frame.originalLength = frame.octets.count
      return frame
    }
  }

  private func report(_ frames: [CapturedFrame], _ role: EndpointRole) throws -> OracleReport {
    OracleReport(try Captures.connection(frames, as: role), as: role)
  }

  private func differences(_ report: OracleReport) -> [Comparison] {
    report.comparisons.filter { $0.mark != .same }
  }

  @Test("an acknowledgment that is half a second late")
  func late() throws {
    let slow = try changed("half-close.pcapng") { frame, header in
      if header.sourcePort != 7, frame.number == 11 || frame.number == 12 {
        frame.time += 450_000_000
      } else if frame.number > 12 {
        frame.time += 500_000_000
      }
      return true
    }
    let found = differences(try report(slow, .client))
    #expect(found.contains { $0.aspects.contains(.time) })
  }

  @Test("an acknowledgment that is missing, and one too many")
  func count() throws {
    let missing = try changed("losses.pcapng") { frame, header in
      !(header.sourcePort == 7 && frame.number == 31)
    }
    let one = differences(try report(missing, .server))
    #expect(one.map(\.mark) == [.onlyOurs])
    #expect(one.first?.reasons.first?.source == "RFC 5681 4.2")
    var doubled = try Captures.frames("losses.pcapng")
    let place = try #require(doubled.firstIndex { $0.number == 31 })
    doubled.insert(doubled[place], at: place)
    let two = differences(try report(doubled, .server))
    #expect(two.map(\.mark) == [.onlyTheirs])
  }

  @Test(
    "a wrong field",
    arguments: [
      Aspect.flags, .window, .sack, .echo, .options, .acknowledgment,
    ])
  func field(_ aspect: Aspect) throws {
    let frames = try changed("losses.pcapng") { frame, header in
      guard header.sourcePort == 7 else { return true }
      switch aspect {
      case .flags where frame.number == 31: header.flags.insert(.psh)
      case .window where frame.number == 31: header.window /= 2
      case .sack where frame.number == 31: header.options.sackBlocks = SACKBlocks()
      case .echo where frame.number == 31: header.options.timestamps?.echo &+= 7
      case .options where frame.number == 31: header.options.timestamps = nil
      case .acknowledgment where frame.number == 16: header.acknowledgment += -524
      default: break
      }
      return true
    }
    let report = try report(frames, .server)
    #expect(report.count(aspect) == 1, "\(report.differences)")
    let found = report.comparisons.first { $0.aspects.contains(aspect) }
    #expect(found?.reasons.contains { $0.name == aspect.rawValue } == true)
  }

  @Test("a stack that does not send again what was lost")
  func noRepair() throws {
    let frames = try changed("losses.pcapng") { frame, header in
      !(header.sourcePort != 7 && frame.number == 28)
    }
    let found = differences(try report(frames, .client))
    #expect(found.contains { $0.mark == .onlyOurs && $0.reasons.first?.name == "fastRetransmit" })
  }

  @Test("a reset that nobody has asked for, amid a dialogue that goes on")
  func reset() throws {
    var frames = try Captures.frames("mail.pcapng")
    let reset = try changed("mail.pcapng") { frame, header in
      header.flags = .rst
      return header.sourcePort == 25 && frame.number > 6
    }
    frames.insert(try #require(reset.first), at: 7)
    let found = differences(try report(frames, .server))
    #expect(found.contains { $0.mark == .onlyTheirs && $0.theirs.first?.flags == .rst })
    #expect(found.allSatisfy { !$0.reasons.isEmpty })
  }
}
