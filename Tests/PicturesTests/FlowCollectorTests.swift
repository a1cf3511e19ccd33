import Analysis
import Octets
import Pictures
import Testing
import Wire

@Suite("connections of a row of packets")
struct FlowCollectorTests {
  private let client = SocketAddress(IPv4Address(192, 0, 2, 1), 40_000)
  private let server = SocketAddress(IPv4Address(192, 0, 2, 2), 25)

  private func packet(
    from: SocketAddress, to: SocketAddress, _ flags: TCPFlags, sequence: UInt32,
    acknowledgment: UInt32 = 0, _ payload: Int = 0, window: UInt16 = 100,
    options: TCPOptions = TCPOptions()
  ) -> [UInt8] {
    var tcp = TCPHeader(
      sourcePort: from.port, destinationPort: to.port, sequence: SequenceNumber(sequence),
      acknowledgment: SequenceNumber(acknowledgment), flags: flags, window: window)
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

  /// Collects packets, a second apart; those at `lost` never arrive.
  private func collect(
    _ rows: [[UInt8]], into collector: FlowCollector = FlowCollector(), lost: Set<Int> = []
  ) -> FlowCollector {
    var analyzer = CaptureAnalyzer()
    var collector = collector
    for (index, row) in rows.enumerated() {
      for octets in [row, Array(row.prefix(25))] {
        let finding = analyzer.frameArrived(
          octets.span, wireLength: row.count, link: .rawIP, number: index + 1,
          time: Int64(index) * 1_000_000_000)
        guard let finding else { continue }
        collector.add(finding, at: Double(index), isLost: lost.contains(index))
      }
    }
    return collector
  }

  private var rows: [[UInt8]] {
    var offer = TCPOptions()
    offer.windowScale = 3
    let other = SocketAddress(IPv4Address(192, 0, 2, 9), 50_000)
    return [
      packet(from: other, to: server, [.syn], sequence: 1),
      packet(from: client, to: server, [.syn], sequence: .max - 1, options: offer),
      packet(
        from: server, to: client, [.syn, .ack], sequence: 7, acknowledgment: .max, options: offer),
      packet(from: client, to: server, [.ack], sequence: .max, acknowledgment: 8, 10),
      packet(from: client, to: server, [.ack], sequence: .max, acknowledgment: 8, 10),
      packet(from: server, to: client, [.ack], sequence: 8, acknowledgment: 9, window: 0),
    ]
  }

  @Test("numbers are relative, windows scaled, copies known, and the busiest is chosen")
  func busiest() throws {
    let flow = try #require(collect(rows, lost: [3]).busiest)
    #expect(flow.client == "\(client)" && flow.server == "\(server)")
    #expect(flow.segments.map(\.sequence) == [0, 0, 1, 1, 1])
    #expect(flow.segments.map(\.acknowledgment) == [nil, 1, 1, 1, 11])
    #expect(flow.segments.map(\.isCopy) == [false, false, false, true, false])
    #expect(flow.segments.map(\.isLost) == [false, false, true, false, false])
    #expect(flow.segments.map(\.window) == [100, 100, 800, 800, 0])
    #expect(flow.segments[0].control == .syn)
    #expect(flow.segments[1].roundTrip == 1000)
    #expect(flow.segments[3].verdict.contains(.retransmission))
    #expect(flow.segments[4].verdict.contains(.zeroWindow))
  }

  @Test("a connection that is asked for is drawn, and none where there is none of that number")
  func chosen() throws {
    let first = try #require(collect(rows, into: FlowCollector(stream: 0)).busiest)
    #expect(first.client == "192.0.2.9:50000" && first.segments.count == 1)
    #expect(collect(rows, into: FlowCollector(stream: 2)).busiest == nil)
  }

  @Test("the sequence graph has a letter for each thing that is remarkable")
  func letters() throws {
    func data(_ sequence: UInt32, _ count: Int) -> [UInt8] {
      packet(from: client, to: server, [.ack], sequence: sequence, acknowledgment: 1, count)
    }
    func answer(_ number: UInt32, window: UInt16 = 1000) -> [UInt8] {
      packet(
        from: server, to: client, [.ack], sequence: 1, acknowledgment: number, window: window)
    }
    let rows = [
      packet(from: client, to: server, [.syn], sequence: 0),
      packet(from: server, to: client, [.syn, .ack], sequence: 0, acknowledgment: 1, window: 1000),
      data(1, 100), data(101, 100), answer(101), answer(101), answer(101), answer(101),
      data(101, 100), answer(201, window: 0), data(201, 1), answer(201, window: 0),
      answer(201, window: 500),
      packet(from: client, to: server, [.fin, .ack], sequence: 201, acknowledgment: 1),
      packet(from: server, to: client, [.rst], sequence: 1),
    ]
    let flow = try #require(collect(rows).busiest)
    let svg = Sheet(flow, title: "x").svg
    for letter in ["SYN", "R", "3", "Z", "P", "FIN", "RST"] {
      #expect(svg.contains(">\(letter)</text>"), "\(letter)")
    }
    for name in ["retransmission", "zero window", "window probe", "third duplicate ACK"] {
      #expect(svg.contains(">\(name)</text>"), "\(name)")
    }
    #expect(!svg.contains("keep-alive"))
    #expect(svg.contains("15 segments in 14 s, 1 of them sent again; 301 octets from 192.0.2.1"))
  }
}
