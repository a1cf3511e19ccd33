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
            slowStartThreshold: number > 3 ? 9_000 : nil, retransmissionTimeout: 200))
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
      "sent again",
    ] { #expect(reader.texts.contains(text), "\(text)") }
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

@Suite("connections of a row of packets")
struct FlowCollectorTests {
  private let client = SocketAddress(IPv4Address(192, 0, 2, 1), 40_000)
  private let server = SocketAddress(IPv4Address(192, 0, 2, 2), 25)

  private func packet(
    from: SocketAddress, to: SocketAddress, _ flags: TCPFlags, sequence: UInt32,
    acknowledgment: UInt32 = 0, _ payload: Int = 0, options: TCPOptions = TCPOptions()
  ) -> [UInt8] {
    var tcp = TCPHeader(
      sourcePort: from.port, destinationPort: to.port, sequence: SequenceNumber(sequence),
      acknowledgment: SequenceNumber(acknowledgment), flags: flags, window: 100)
    tcp.options = options
    let ip = IPv4Header(
      payloadLength: tcp.length + payload, transport: .tcp, source: from.address,
      destination: to.address)
    return [UInt8](capacity: 20 + tcp.length + payload) { output in
      ip.emit(into: &output)
      tcp.emit(into: &output)
      for _ in 0..<payload { output.append(0x2E) }
    }
  }

  @Test("numbers are relative, windows scaled, copies known, and the busiest is chosen")
  func collect() throws {
    var collector = FlowCollector()
    var offer = TCPOptions()
    offer.windowScale = 3
    let other = SocketAddress(IPv4Address(192, 0, 2, 9), 50_000)
    let rows: [[UInt8]] = [
      packet(from: other, to: server, [.syn], sequence: 1),
      packet(from: client, to: server, [.syn], sequence: .max - 1, options: offer),
      packet(
        from: server, to: client, [.syn, .ack], sequence: 7, acknowledgment: .max, options: offer),
      packet(from: client, to: server, [.ack], sequence: .max, acknowledgment: 8, 10),
      packet(from: client, to: server, [.ack], sequence: .max, acknowledgment: 8, 10),
      packet(from: server, to: client, [.ack], sequence: 8, acknowledgment: 9),
    ]
    for (index, row) in rows.enumerated() {
      collector.add(packet: row.span, at: Double(index), isLost: index == 3)
      collector.add(packet: row.span.extracting(first: 25), at: Double(index))
    }
    let flow = try #require(collector.busiest)
    #expect(flow.client == "\(client)" && flow.server == "\(server)")
    #expect(flow.segments.map(\.sequence) == [0, 0, 1, 1, 1])
    #expect(flow.segments.map(\.acknowledgment) == [nil, 1, 1, 1, 11])
    #expect(flow.segments.map(\.isCopy) == [false, false, false, true, false])
    #expect(flow.segments.map(\.isLost) == [false, false, true, false, false])
    #expect(flow.segments.map(\.window) == [100, 100, 800, 800, 800])
    #expect(flow.segments[0].flags == "SYN")
  }
}
