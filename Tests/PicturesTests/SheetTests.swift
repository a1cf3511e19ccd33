import Foundation
import FoundationXML
import Octets
import Pictures
import Testing
import Wire

/// Reads a document as XML, and counts its elements and the octets of its paths.
private final class Reader: NSObject, XMLParserDelegate {
  var counts: [String: Int] = [:]
  var texts: [String] = []
  private var text: String?

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    counts[name, default: 0] += 1
    text = name == "text" ? "" : nil
  }
  func parser(_ parser: XMLParser, foundCharacters characters: String) { text? += characters }
  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    if name == "text", let text { texts.append(text) }
    text = nil
  }

  static func read(_ document: String) -> Reader? {
    let parser = XMLParser(data: Data(document.utf8))
    let reader = Reader()
    parser.delegate = reader
    return parser.parse() ? reader : nil
  }
}

@Suite("drawings of a connection")
struct SheetTests {
  /// A transfer of so many segments, every tenth of them sent again, each acknowledged.
  private func flow(_ segments: Int, hasStates: Bool = false) -> Flow {
    var flow = Flow(client: "192.0.2.1:40000", server: "192.0.2.2:25")
    var sequence = 1
    for number in 0..<segments {
      let time = Double(number) * 0.001
      var segment = Flow.Segment(
        time: time, side: .client, sequence: sequence, length: 1000, acknowledgment: 1,
        window: 65_535)
      segment.isCopy = number % 10 == 9
      segment.isLost = number % 10 == 8
      segment.reason = "sendData <&> \u{1}"
      flow.segments.append(segment)
      if !segment.isCopy { sequence += 1000 }
      var answer = Flow.Segment(
        time: time + 0.0005, side: .server, sequence: 1, length: 0, acknowledgment: sequence,
        window: 20_000)
      if number % 10 == 8 { answer.blocks = [sequence...sequence + 1000] }
      flow.segments.append(answer)
      if hasStates {
        flow.states.append(
          Flow.State(
            time: time, congestionWindow: 10_000 + number,
            slowStartThreshold: number > 3 ? 9_000 : nil, outstanding: number * 7,
            retransmissionTimeout: 200, smoothedRoundTrip: number > 1 ? 20 : nil))
      }
    }
    return flow
  }

  @Test("an SVG is sound XML, with its axes, units and legend", arguments: [0, 1, 10, 1000])
  func structure(segments: Int) throws {
    let sheet = Sheet(flow(segments, hasStates: segments > 0), title: "A <title> & more")
    let reader = try #require(Reader.read(sheet.svg))
    #expect(reader.counts["svg"] == 1)
    for text in [
      "A <title> & more", "time (s)", "sequence number (octets)", "bit/s", "acknowledged",
      "segment",
    ] { #expect(reader.texts.contains(text), "\(text)") }
    #expect(reader.texts.contains("sent again") == (segments > 9))
    #expect(reader.texts.contains("octets under way") == (segments > 0))
    let hasState = reader.texts.contains("congestion window")
    #expect(hasState == (segments > 0))
    #expect(reader.texts.contains("slow-start threshold") == (segments > 4))
    #expect(reader.texts.contains("SACK block") == (segments > 8))
    #expect(reader.texts.contains { $0.hasPrefix("Ladder: ") })
  }

  @Test("a web page holds the same pictures and nothing from elsewhere")
  func page() throws {
    let html = Sheet(flow(100, hasStates: true), title: "One & all").html
    let body = html.replacing("<!DOCTYPE html>", with: "")
    let reader = try #require(Reader.read(body))
    #expect(reader.counts["svg"] == 5 && reader.counts["figure"] == 5)
    #expect(!html.contains("<script") && !html.contains("src=") && !html.contains("href="))
  }

  @Test("a hundred thousand packets make a drawing of bounded size")
  func thinning() throws {
    let (small, large) = (
      Sheet(flow(1_000), title: "x").svg, Sheet(flow(50_000, hasStates: true), title: "x").svg
    )
    #expect(large.utf8.count < 400_000, "\(large.utf8.count)")
    #expect(small.utf8.count < 400_000)
    #expect(Reader.read(large) != nil)
  }

  @Test("numbers that are no numbers do not get into a drawing")
  func strange() throws {
    var flow = flow(3)
    flow.segments[0].time = .nan
    flow.segments[1].time = .infinity
    flow.segments[2].sequence = .max / 4
    flow.segments[3].acknowledgment = .min / 4
    let svg = Sheet(flow, title: "x").svg
    #expect(Reader.read(svg) != nil)
    #expect(!svg.contains("nan") && !svg.contains("inf\""))
  }
}
