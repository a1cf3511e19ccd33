import Testing

@testable import Drill

/// Parses a script that has one event behind a first one.
func parseEvent(_ line: String, _ settings: ScriptSettings = ScriptSettings()) throws -> ScriptEvent
{
  let text = "+0 listen(3, 1) = 0\n" + line
  let script = try Script(parsing: Array(text.utf8), file: "x.pkt", settings: settings)
  return try #require(script.events.last)
}

/// Settings of the fork's dialect.
var forkSettings: ScriptSettings {
  var settings = ScriptSettings()
  settings.dialect = .freebsd
  return settings
}

@Suite("packets of a script")
struct PacketParserTests {
  func packet(_ line: String, _ settings: ScriptSettings = ScriptSettings()) throws -> PacketSyntax?
  {
    switch try parseEvent(line, settings).action {
    case .inbound(let packet), .outbound(let packet): packet
    default: nil
    }
  }

  func segment(_ line: String, _ settings: ScriptSettings = ScriptSettings()) throws
    -> SegmentSyntax?
  {
    guard case .tcp(let segment) = try packet(line, settings)?.body else { return nil }
    return segment
  }

  @Test("a segment's numbers")
  func numbers() throws {
    let parsed = try segment("+0 < P. 1:1001(1000) ack 5 win 257 urg 7 <nop,nop,TS val 7 ecr 3>")
    #expect(parsed?.start == 1)
    #expect(parsed?.length == 1000)
    #expect(parsed?.acknowledgment == 5)
    #expect(parsed?.window == 257)
    #expect(parsed?.urgentPointer == 7)
    #expect(parsed?.options == [.noOperation, .noOperation, .timestamps(value: 7, echo: 3)])
    #expect(parsed?.ports == nil)
  }

  @Test("sequence numbers may wrap")
  func wrapping() throws {
    let parsed = try segment("+0 > . 4294967295:1(2) ack 1")
    #expect(parsed?.start == .max)
    #expect(parsed?.end == 1)
  }

  @Test(
    "flags",
    arguments: [
      ("S", [.syn]), ("S.", [.syn, .ack]), (".", [.ack]), ("-", []), ("FP.", [.fin, .psh, .ack]),
      ("PF.", [.fin, .psh, .ack]), ("R", [.rst]), ("SEW", [.syn, .ece, .cwr]),
      ("SE.", [.syn, .ece, .ack]), ("SEWA", [.syn, .ece, .cwr, .ae]),
      ("S.5", [.syn, .ack, .ae, .ece]), (".3", [.ack, .cwr, .ece]), (".0", [.ack]),
      ("U.", [.urg, .ack]), ("P.7", [.psh, .ack, .ae, .cwr, .ece]),
      ("S7", [.syn, .ae, .cwr, .ece]),
    ] as [(String, SegmentFlags)])
  func flags(text: String, flags: SegmentFlags) throws {
    #expect(try segment("+0 < \(text) 0:0(0) win 0")?.flags == flags)
  }

  @Test(
    "options of TCP",
    arguments: [
      ("", []),
      ("mss 1460,nop,wscale 8", [.maximumSegmentSize(1460), .noOperation, .windowScale(8)]),
      ("sackOK,eol,eol", [.sackPermitted, .endOfList, .endOfList]),
      (
        "nop,nop,sack 1:2 3:4",
        [
          .noOperation, .noOperation,
          .sack([SACKSyntax(left: 1, right: 2), SACKSyntax(left: 3, right: 4)]),
        ]
      ),
      ("FO,nop,nop", [.fastOpen([]), .noOperation, .noOperation]),
      ("FO 3021b9d8,nop,nop", [.fastOpen([0x30, 0x21, 0xB9, 0xD8]), .noOperation, .noOperation]),
      ("FO 1234", [.fastOpen([0x12, 0x34])]),
      ("FOEXP", [.fastOpenExperimental([])]),
      ("md5 0x0102", [.md5([1, 2])]),
      ("ECN e0b 1 ceb 2 e1b 3,nop", [.accurateECN(order: 0, counters: [1, 2, 3]), .noOperation]),
      ("ECN e1b 9 ceb 1", [.accurateECN(order: 1, counters: [9, 1])]),
    ] as [(String, [OptionSyntax])])
  func options(text: String, options: [OptionSyntax]) throws {
    #expect(try segment("+0 < . 0:0(0) win 0 <\(text)>")?.options == options)
  }

  @Test("no list means no options; an ellipsis means any")
  func anyOptions() throws {
    #expect(try segment("+0 > . 1:1(0) ack 1")?.options == [])
    #expect(try segment("+0 > . 1:1(0) ack 1 <...>")?.options == .some(nil))
  }

  @Test(
    "what is said of the IP header",
    arguments: [
      ("[noecn]", NetworkSyntax(congestion: .exactly(0))),
      ("[ect0]", NetworkSyntax(congestion: .exactly(2))),
      ("(ce)", NetworkSyntax(congestion: .exactly(3))),
      ("[ect01]", NetworkSyntax(congestion: .eitherCapable)),
      ("[tos 0x10]", NetworkSyntax(serviceType: 0x10)),
      ("[ttl 64]", NetworkSyntax(ttl: 64)),
      ("[flowlabel 0x1]", NetworkSyntax(flowLabel: 1)),
      ("[ect1,flowlabel 0x2]", NetworkSyntax(congestion: .exactly(1), flowLabel: 2)),
    ])
  func network(text: String, network: NetworkSyntax) throws {
    #expect(try packet("+0 > \(text) . 1:1(0) ack 1")?.network == network)
  }

  @Test("ports, UDP and encapsulation")
  func others() throws {
    #expect(
      try segment("+0 < 1234 > 8080 S 0:0(0) win 1")?.ports
        == PortsSyntax(source: 1234, destination: 8080))
    #expect(try packet("+0 > udp (10)")?.body == .udp(DatagramSyntax(length: 10)))
    let wrapped = try packet("+0 > ipv4 192.0.2.1 > 192.0.2.2: gre: . 1:1(0) ack 1")
    #expect(wrapped?.encapsulation.map(\.name) == ["ipv4", "gre"])
    #expect(
      try packet(
        "+0 < ipv6 2001:db8::1 > 2001:db8::2: mpls (label 1, tc 0, [S], ttl 3): . 1:1(0) win 0")?
        .encapsulation.map(\.name) == ["ipv6", "mpls"])
    #expect(
      try packet("+0 > encap psp spi 0x17 . 1:1(0) ack 1")?.encapsulation.map(\.name) == ["encap"])
  }

  @Test(
    "ICMP messages",
    arguments: [
      (
        "icmp unreachable frag_needed mtu 1200 [1:1461(1460)]",
        ICMPSyntax(
          type: 3, code: 4, mtu: 1200, quote: .segment(start: 1, length: 1460), name: "unreachable")
      ),
      ("icmp type_3 code_13", ICMPSyntax(type: 3, code: 13, name: "type_3")),
      ("icmp echo_request id 7", ICMPSyntax(type: 8, code: 0, identifier: 7, name: "echo_request")),
      (
        "icmp unreachable port_unreachable [udp (20)]",
        ICMPSyntax(type: 3, code: 3, quote: .datagram(length: 20), name: "unreachable")
      ),
      (
        "icmp source_quench [raw (8)]",
        ICMPSyntax(type: 4, code: 0, quote: .raw(length: 8), name: "source_quench")
      ),
      (
        "icmp packet_too_big mtu 1280 [0:0(0)]",
        ICMPSyntax(
          type: 2, code: 0, isIPv6: true, mtu: 1280, quote: .segment(start: 0, length: 0),
          name: "packet_too_big")
      ),
    ])
  func icmp(text: String, message: ICMPSyntax) throws {
    #expect(try packet("+0 < \(text)")?.body == .icmp(message))
  }

  @Test("the fork's forms are read in the fork's dialect alone")
  func fork() throws {
    let lines = [
      "+0 < (hlim 3) . 1:1(0) ack 1 win 5/udp(1 > 9811)", "+0 > R. 0:0(0)! ack 2 win 0",
      "+0 > S. ...(0) ack 1 win 5 <nop,nop,md5 valid>", "+0 > .E 1:1(0) ack 1",
      "+0 < . 1:1(0) win 0 <gen-254 0102>", "+0 < . 1:1(0) win 0 <0x01010101>",
      "+0 > . 1:1(0) ack 1 <exp-FO>", "+0 < [ttl 4,ect0,dscp 0x2] . 1:1(0) win 0",
    ]
    for line in lines {
      #expect(throws: Never.self, "\(line)") { _ = try packet(line, forkSettings) }
    }
    let parsed = try segment(lines[1], forkSettings)
    #expect(parsed?.isAbsolute == true)
    #expect(try segment(lines[2], forkSettings)?.hasAnySequence == true)
    #expect(
      try segment(lines[0], forkSettings)?.udpPorts == PortsSyntax(source: 1, destination: 9811))
    #expect(try segment(lines[4], forkSettings)?.options == [.other(kind: 254, [1, 2])])
    // An option of any kind is read in both.
    #expect(try segment(lines[4])?.options == [.other(kind: 254, [1, 2])])
    for (place, line) in lines.enumerated() where ![0, 4, 7].contains(place) {
      #expect(throws: ScriptError.self, "\(line)") { _ = try packet(line) }
    }
  }

  @Test(
    "a malformed packet is refused with what was expected",
    arguments: [
      ("+0 < S 0:0(0)", "'win N' for an inbound segment, found the end of the script"),
      ("+0 < S 0:1(0) win 1", "0, which is 0 + 0, found '1'"),
      ("+0 < S 1:1000(1000) win 1", "1001, which is 1 + 1000, found '1000'"),
      ("+0 < X 0:0(0) win 1", "the flags of a segment: letters of FSRPUEWA, '.' or '-', found 'X'"),
      (
        "+0 < E.1 0:0(0) win 1",
        "one digit of 0 to 7 for the ACE field, and none of E, W, A, found '.1'"
      ),
      ("+0 < S 0:0(0) win 65536", "a window of 0 to 65535, found '65536'"),
      ("+0 < S 0:0(0) win 1 <mss>", "an MSS, found '>'"),
      (
        "+0 < S 0:0(0) win 1 <nop>",
        "a multiple of 4 octets of options (pad with nop or eol), found 1"
      ),
      ("+0 < S 0:0(0) win 1 <...>", "the options of an inbound segment, found '...'"),
      ("+0 < S 0:0(0) win 1 <sack>", "one to four blocks 'LEFT:RIGHT', found '>'"),
      ("+0 < S 0:0(0) win 1 <TS val 1>", "'ecr N', found '>'"),
      (
        "+0 < S 0:0(0) win 1 <FO 123>",
        "a cookie of an even number of hexadecimal digits, at most 76, found '123'"
      ),
      (
        "+0 < S 0:0(0) win 1 <FO COOKIE>",
        "a cookie of an even number of hexadecimal digits, at most 76, found 'COOKIE'"
      ),
      (
        "+0 > [ect2] . 1:1(0)",
        "what the IP header holds ('ect0', 'ce', 'tos 0x..', 'ttl N', ...), found 'ect2'"
      ),
      ("+0 > [tos 16] . 1:1(0)", "a type of service in hexadecimal (0x..), found '16'"),
      ("+0 < [ect01] . 1:1(0) win 1", "one ECN value for an inbound packet, found 'ect01'"),
      (
        "+0 < icmp nonsense",
        "a type of ICMP message, such as 'unreachable' or 'type_3', found 'nonsense'"
      ),
      (
        "+0 < icmp unreachable mtu 5",
        "'mtu' with frag_needed or packet_too_big only, found 'unreachable'"
      ),
      ("+0 > 1:1(0)", "the flags of a segment: letters of FSRPUEWA, '.' or '-', found '1'"),
      ("+0 > . 4294967296:1(0)", "a sequence number of 0 to 4294967295, found '4294967296'"),
    ])
  func malformed(line: String, message: String) {
    let error = #expect(throws: ScriptError.self) { _ = try parseEvent(line) }
    #expect(error?.description == "x.pkt:2: expected " + message)
  }
}
