import Frames
import Octets
import Testing
import Wire

@testable import Drill

@Suite("how scripts are told")
struct ReportTests {
  var settings: RunSettings {
    var settings = RunSettings()
    settings.traces = true
    return settings
  }

  @Test("a failure is shown packet by packet, with the rule that made the stack send")
  func explanation() throws {
    let text = established + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 2 win 7\n"
    let lines = try report(text).explanation
    #expect(lines.contains("  the script says   +0 > P. 1:11(10) ack 2 win 7"))
    #expect(lines.contains("  expected          P. 1:11(10) ack 2 win 7"))
    #expect(lines.contains { $0.hasPrefix("  seen              P. 1:11(10) ack 1 win ") })
    #expect(lines.contains("  expected at       0.096000 to 0.104000 s"))
    #expect(lines.contains("  seen at           0.100000 s"))
    #expect(lines.contains("  differs           ack     expected 2, seen 1"))
    #expect(
      lines.contains { $0.hasPrefix("  sent because ") && $0.contains("sendLastData, RFC 9293") })
    #expect(try report(established).explanation.isEmpty)
  }

  @Test("the ladder shows every step in the script's numbers, and what the script leaves out")
  func ladder() throws {
    let text = established + "+0 < P. 1:11(10) ack 1 win 100\n"
    let ladder = try report(text, settings).ladder
    #expect(ladder.count == 10)
    #expect(ladder[4].contains("S 0:0(0) win 32792 <mss 1000> -"))
    #expect(ladder[5].contains("- S. 0:0(0) ack 1 win"))
    #expect(ladder[5].hasPrefix("   0.000000     5  <-"))
    #expect(ladder.last?.contains("- . 1:1(0) ack 11 win") == true)
    #expect(ladder.last?.hasSuffix("[not in the script]") == true)
    #expect(try report(text).steps.isEmpty)
  }

  @Test("the capture has every packet, with its line and its reason")
  func capture() throws {
    let report = try report(established, settings)
    var capture = ScriptCapture()
    capture.add(report)
    let octets = capture.takeOctets()
    let text = String(decoding: octets, as: UTF8.self)
    #expect(text.contains("x.pkt:5; sendSYNACK: "))
    #expect(text.contains("RFC 9293 3.10.7"))
    let packets = report.steps.filter { !$0.octets.isEmpty }
    #expect(packets.count == 3)
    for packet in packets {
      #expect(octets.count > packet.octets.count)
      #expect(packet.octets[0] == 0x45)
    }
  }

  @Test("a run without an end to it says what virtual time it took")
  func duration() throws {
    let report = try report(established + "+100 close(4) = 0\n")
    #expect(report.duration == 100_100_000)
    #expect(report.eventsDone == 8)
  }
}
