import Octets
import Testing
import Wire

@testable import Drill

/// The segment of a line of a script.
func parseSegment(_ text: String) throws -> SegmentSyntax {
  guard case .inbound(let packet) = try parseEvent("+0 < " + text).action,
    case .tcp(let segment) = packet.body
  else { throw ScriptError(at: SourcePosition(file: "x.pkt", line: 1), expected: "a segment") }
  return segment
}

@Suite("packets built octet by octet, and read again")
struct PacketOctetsTests {
  let builder = PacketBuilder(local: IPv4Address(192, 0, 2, 7), remote: IPv4Address(192, 0, 2, 9))
  let ports = PortsSyntax(source: 40_000, destination: 8080)

  @Test(
    "a segment that is built is read as it was",
    arguments: [
      "S 0:0(0) ack 0 win 32792 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 8>",
      ". 4294967295:999(1000) ack 5 win 0", "- 1:1(0) ack 0 win 65535",
      "FP. 1:2(1) ack 3 win 1 <nop,nop,sack 5:6 7:8 9:10>", "SEWA 9:9(0) ack 0 win 5",
      "U. 1:11(10) ack 1 win 1 urg 4", "R.5 1:1(0) ack 1 win 0",
      ". 1:1(0) ack 1 win 1 <FO 3021b9d8,FOEXP a1b2,eol,eol,nop,nop>",
      ". 1:1(0) ack 1 win 1 <md5 000102030405060708090a0b0c0d0e0f,nop,nop>",
      ". 1:1(0) ack 1 win 1 <ECN e0b 1 ceb 70000 e1b 16777215,nop>",
    ])
  func roundTrip(text: String) throws {
    let segment = try parseSegment(text)
    let octets = builder.segment(segment, ports: ports, network: NetworkSyntax())
    let read = EmittedPacket(octets, at: .start, because: nil)
    guard case .tcp(let seen, let seenPorts, let isZero) = read.body else {
      return #expect(Bool(false), "\(read.body)")
    }
    #expect(seen == segment)
    #expect(seenPorts == ports)
    #expect(isZero)
    #expect(read.ttl == 255)
    #expect(read.serviceType == 0)
  }

  @Test(
    "what is said of the IP header is in it",
    arguments: [
      ("[ect1]", 1, 255), ("[ce]", 3, 255), ("[tos 0x28]", 0x28, 255), ("[ttl 3]", 0, 3),
      ("[noecn]", 0, 255),
    ])
  func network(text: String, serviceType: UInt8, ttl: UInt8) throws {
    guard case .inbound(let packet) = try parseEvent("+0 < \(text) . 1:1(0) win 1").action,
      case .tcp(let segment) = packet.body
    else { return #expect(Bool(false)) }
    let octets = builder.segment(segment, ports: ports, network: packet.network)
    let read = EmittedPacket(octets, at: .start, because: nil)
    #expect(read.serviceType == serviceType)
    #expect(read.ttl == ttl)
  }

  @Test("a wrong checksum, set reserved bits and a cut header make a packet malformed")
  func malformed() throws {
    let octets = builder.segment(
      try parseSegment(". 1:3(2) ack 1 win 1"), ports: ports, network: NetworkSyntax())
    func reason(_ change: (inout [UInt8]) -> Void) -> String? {
      var changed = octets
      change(&changed)
      guard case .malformed(let reason) = EmittedPacket(changed, at: .start, because: nil).body
      else { return nil }
      return reason
    }
    #expect(reason { _ in } == nil)
    #expect(reason { $0[41] ^= 1 } == "the checksum of the TCP segment is wrong")
    #expect(reason { $0[8] ^= 1 } == "the checksum of the IP header is wrong")
    // A bit that is set and taken out of the checksum again.
    #expect(
      reason {
        $0[32] |= 2
        $0[36] &-= 2
      } == "reserved bits of the TCP header are set")
    #expect(reason { $0.removeLast(30) } != nil)
  }

  @Test("options that cannot be read are shown as they are")
  func strangeOptions() {
    func options(_ octets: [UInt8]) -> [OptionSyntax] { EmittedPacket.options(octets.span) }
    #expect(options([1, 0]) == [.noOperation, .endOfList])
    #expect(options([77, 3, 9, 1]) == [.other(kind: 77, [9]), .noOperation])
    #expect(options([2, 3, 9, 1]) == [.other(kind: 2, [9]), .noOperation])
    #expect(options([8, 10, 1]) == [.raw([8, 10, 1])])
    #expect(options([5]) == [.raw([5])])
    #expect(options([5, 1, 1, 1]) == [.raw([5, 1, 1, 1])])
  }

  @Test("an ICMP error quotes the header and eight octets, and tells the MTU")
  func icmp() throws {
    let quote = builder.quote(
      .tcp, ports: ports, sequence: 0x0102_0304, length: 1000, headerLength: 20)
    #expect(quote.count == 28)
    let message = ICMPSyntax(
      type: 3, code: 4, mtu: 1200, quote: .segment(start: 0, length: 1000), name: "unreachable")
    let octets = builder.message(message, quote: quote, network: NetworkSyntax())
    guard let packet = try? IPv4PacketView(parsing: octets.span),
      let view = try? ICMPv4MessageView(parsing: packet.payload)
    else { return #expect(Bool(false)) }
    let isRight = view.checksumIsRight
    #expect(isRight)
    let kind = view.kind
    #expect(kind == .unreachable(code: 4, nextHopMTU: 1200))
    guard let quoted = try? IPv4PacketView(quoted: view.payload) else {
      return #expect(Bool(false))
    }
    let (length, source, sequence) = (
      quoted.totalLength, quoted.source, quoted.payload.uint32(at: 4)
    )
    #expect(length == 1040)
    #expect(source == builder.local)
    #expect(sequence == 0x0102_0304)
  }
}

@Suite("numbers of the script and of the wire")
struct MappingTests {
  /// A connection whose numbers began at 500 (script 10) here and at 900 there.
  var socket: TrackedSocket {
    var socket = TrackedSocket()
    socket.liveInitial = 500
    socket.scriptInitial = 10
    socket.remoteInitial = 900
    return socket
  }

  @Test(
    "inbound: the peer's numbers grow by its first, acknowledgments by ours; with SYN they don't",
    arguments: [
      (". 1:2(1) ack 1 win 1", ". 901:902(1) ack 501 win 1"),
      (
        ". 1:1(0) ack 1 win 1 <nop,nop,sack 3:5>",
        ". 901:901(0) ack 501 win 1 <nop,nop,sack 503:505>"
      ),
      ("S. 7:7(0) ack 11 win 1", "S. 7:7(0) ack 501 win 1"), ("S 7:7(0) win 1", "S 7:7(0) win 1"),
      ("R 1:1(0) win 0", "R 901:901(0) win 0"),
      (". 4294967295:0(1) ack 4294967295 win 1", ". 899:900(1) ack 499 win 1"),
      (". 1:1(0) win 1", ". 901:901(0) ack 500 win 1"),
    ])
  func inbound(script: String, live: String) throws {
    let mapped = socket.live(try parseSegment(script), scalesEchoes: false)
    #expect(mapped?.text == live)
  }

  @Test(
    "outbound: the other way round",
    arguments: [
      (". 501:502(1) ack 901 win 1", ". 1:2(1) ack 1 win 1"),
      (
        ". 501:501(0) ack 901 win 1 <nop,nop,sack 903:905>",
        ". 1:1(0) ack 1 win 1 <nop,nop,sack 3:5>"
      ),
      ("S. 500:500(0) ack 901 win 1", "S. 10:10(0) ack 901 win 1"),
      ("S 500:500(0) ack 0 win 1", "S 10:10(0) ack 0 win 1"),
      ("R 501:501(0) ack 0 win 0", "R 1:1(0) ack 0 win 0"),
    ])
  func outbound(live: String, script: String) throws {
    #expect(socket.script(try parseSegment(live)).text == script)
  }

  @Test("an echoed timestamp must have been sent, unless scaling is asked for")
  func timestamps() throws {
    var socket = socket
    socket.timestamps.match(script: 100, live: 7000)
    socket.timestamps.match(script: 105, live: 7006)
    func echo(_ value: Int, scales: Bool = false) throws -> String? {
      let text = ". 1:1(0) ack 1 win 1 <nop,nop,TS val 9 ecr \(value)>"
      return socket.live(try parseSegment(text), scalesEchoes: scales)?.options?.last?.text
    }
    #expect(try echo(100) == "TS val 9 ecr 7000")
    #expect(try echo(105) == "TS val 9 ecr 7006")
    #expect(try echo(101) == nil)
    #expect(try echo(101, scales: true) == "TS val 9 ecr 7001")
    let seen = try parseSegment(". 1:1(0) ack 1 win 1 <nop,nop,TS val 7010 ecr 3>")
    #expect(socket.script(seen).options?.last?.text == "TS val 110 ecr 3")
    let syn = try parseSegment("S 1:1(0) win 1 <nop,nop,TS val 9 ecr 55>")
    #expect(socket.live(syn, scalesEchoes: false)?.options?.last?.text == "TS val 9 ecr 55")
  }
}
