import Octets
import Testing

@testable import Drill

/// A listener, and a connection that it accepts as descriptor 4.
let established = """
  0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
  +0 bind(3, ..., ...) = 0
  +0 listen(3, 1) = 0
  +0 < S 0:0(0) win 32792 <mss 1000>
  +0 > S. 0:0(0) ack 1 <...>
  +.1 < . 1:1(0) ack 1 win 32792
  +0 accept(3, ..., ...) = 4

  """

func report(_ text: String, _ settings: RunSettings = RunSettings()) throws -> ScriptReport {
  try Script(parsing: Array(text.utf8), file: "x.pkt").run(settings)
}

@Suite("scripts against the stack")
struct RunTests {
  @Test(
    "scripts that pass",
    arguments: [
      "", "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n",
      "+0 < P. 1:11(10) ack 1 win 100\n+0 > . 1:1(0) ack 11\n+0 read(4, ..., 100) = 10\n",
      // A call that blocks until data comes.
      "+0...0.250 read(4, ..., 100) = 10\n+.25 < P. 1:11(10) ack 1 win 100\n+0 > . 1:1(0) ack 11\n",
      // Several segments are one, and a range of times.
      "+0 write(4, ..., 3000) = 3000\n0.09~0.11 > P. 1:3001(3000) ack 1\n",
      // Retransmission: a lost segment comes again, at any time.
      "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n* > P. 1:101(100) ack 1\n",
      "+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n+1 `sleep 1`\n+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n",
      "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 1) = -1 EAGAIN (would block)\n",
      "+0 ioctl(4, SIOCINQ, [0]) = 0\n+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n",
      "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1\n",
      // An octet of a string is one, whatever its value.
      #"""
      +0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, "\xff\x80\xc3\xbf0123456789\x01\xfe", 16) = 0
      +0 getsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, "\xff\x80\xc3\xbf0123456789\x01\xfe", [16]) = 0

      """#,
      "+0 close(3) = 0\n+0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n",
      "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n+0 close(4) = 0\n+0 > R. 1:1(0) ack 1\n",
    ])
  func passes(text: String) throws {
    let report = try report(established + text)
    #expect(report.outcome.name == "pass", "\(report.line)")
  }

  @Test(
    "scripts that fail say where and why",
    arguments: [
      ("+0 > . 1:1(0) ack 1\n", "x.pkt:8: the stack sends no such packet"),
      (
        "+0 write(4, ..., 10) = 10\n+0 > P. 1:12(11) ack 1\n",
        "x.pkt:9: after 10 of 11 octets came a segment that cannot be a part of the same: it does not"
          + " continue at 11"
      ),
      (
        "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n", "x.pkt:9: the packet differs in flags"
      ),
      ("+0 write(4, ..., 10) = 10\n+1 > P. 1:11(10) ack 1\n", "x.pkt:9: the packet came too early"),
      (
        "+0 write(4, ..., 10) = 10\n+.05 > P. 1:11(10) ack 1\n",
        "x.pkt:9: the packet came too early"
      ),
      ("+0 write(4, ..., 11) = 10\n", "x.pkt:8: result is 11, not 10"),
      ("+0 read(4, ..., 11) = 10\n", "x.pkt:8: the call would have to wait"),
      ("+0 read(99, ..., 11) = 10\n", "x.pkt:8: result is -1 EBADF, not 10"),
      ("+0 read(99, ..., 11) = -1 EINVAL\n", "x.pkt:8: result is -1 EBADF, not -1 EINVAL"),
      ("+0...0.2 read(4, ..., 11) = 10\n", "x.pkt:8: the call does not return"),
      (
        "+0...0.2 read(4, ..., 11) = 10\n+.5 < P. 1:11(10) ack 1 win 5\n",
        "x.pkt:8: the call returns too late"
      ),
      ("+0 ioctl(4, SIOCINQ, [5]) = 0\n", "x.pkt:8: the value is 0, not 5"),
      (
        "+0 poll([{fd=4, events=POLLOUT, revents=POLLIN}], 1, 0) = 1\n",
        "x.pkt:8: revents is POLLOUT, not POLLIN"
      ),
      (
        "+0 %{ assert tcpi_state == TCP_CLOSE, tcpi_state }%\n",
        "x.pkt:8: the assertion 'tcpi_state == TCP_CLOSE' does not hold: tcpi_state is 1"
      ),
      (
        "+0 `nstat`\n+0 `nstat | grep TcpExtTCPChallengeACK`\n",
        "x.pkt:9: the counter TcpExtTCPChallengeACK has not moved"
      ),
      (
        "+0 close(3) = 0\n+0 `grep \" 0A \" /proc/net/tcp | grep \":1F90\"`\n",
        "x.pkt:9: nobody listens on port 8080"
      ),
    ])
  func fails(text: String, message: String) throws {
    let report = try report(established + text)
    #expect(report.line == "fail        " + message)
  }

  @Test(
    "what cannot be done is unsupported, neither passed nor failed",
    arguments: [
      ("--ip_version=ipv6\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "IPv6"),
      ("--wonder\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "the option --wonder"),
      ("0 pipe([3, 4]) = 0", "the system call pipe"), ("0 wonder() = 0", "the system call wonder"),
      ("0 `rm -rf /`", "the command 'rm -rf /'"),
      ("`make`\n0 socket(..., SOCK_STREAM, 0) = 3", "the command 'make'"),
      ("0 `sysctl -q net.ipv4.tcp_wonder=1`", "sysctl net.ipv4.tcp_wonder=1"),
      ("0 socket(..., SOCK_STREAM, 0) = 3 +0 %{ assert wonder }%", "wonder in code"),
      ("0 < gre: . 1:1(0) ack 1 win 1", "packets inside gre"),
      ("0 < [flowlabel 0x1] . 1:1(0) win 1", "IPv6"),
      ("0 < icmp packet_too_big mtu 1280 [0:0(0)]", "IPv6"),
    ])
  func unsupported(text: String, what: String) throws {
    let report = try report(text)
    guard case .unsupported(_, let reason) = report.outcome else {
      return #expect(Bool(false), "\(report.line)")
    }
    #expect(reason == what)
  }

  @Test(
    "a script that contradicts itself is in error",
    arguments: [
      (
        "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n",
        "expected a new number for a descriptor, found 4, which is open"
      ),
      (
        "+0 socket(..., SOCK_WONDER, IPPROTO_TCP) = 5\n",
        "expected a known name, found 'SOCK_WONDER'"
      ),
      ("+0 read(4, ..., 5) = -1 EWONDER\n", "expected the name of an error, found 'EWONDER'"),
      // Whether or not the call fails.
      ("+0 write(4, ..., 5) = -1 EWONDER\n", "expected the name of an error, found 'EWONDER'"),
      (
        "+0 close(4) = 0\n+0 %{ assert 1 == 1 }%\n",
        "expected a descriptor of the tracked socket before this code, found none"
      ),
      (
        "+0 < . 1:1(0) ack 1 win 5 <nop,nop,TS val 1 ecr 77>\n",
        "expected 'ecr' of a timestamp that an outbound packet of the script had"
      ),
      (
        "0.5 close(4) = 0\n0.4 close(3) = 0\n",
        "expected a time that is not before the event before, found an earlier one"
      ),
      ("+0 listen([3], 1) = 0\n", "expected a descriptor as argument 1 of listen, found '[3]'"),
    ])
  func faulty(text: String, message: String) throws {
    let fcntl = "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
    let report = try report(established + fcntl + text)
    guard case .faulty(let error) = report.outcome else {
      return #expect(Bool(false), "\(report.line)")
    }
    #expect(error.description.hasSuffix(message), "\(error)")
  }

  @Test(
    "UDP and ICMP have their packets too",
    arguments: [
      "+0 bind(3, ..., ...) = 0\n+0 < udp (10)\n+0 recvfrom(3, ..., 100, 0, ..., ...) = 10\n",
      "+0 connect(3, ..., ...) = 0\n+0 write(3, ..., 20) = 20\n+0 > udp (20)\n+.1 < udp (5)\n"
        + "+0 recv(3, ..., 100, 0) = 5\n",
      "+0 sendto(3, ..., 7, 0, ..., ...) = 7\n+0 > udp (7)\n",
      "+0 bind(3, ..., ...) = 0\n+0 < icmp echo_request id 7\n+0 > icmp echo_reply\n",
      "+0 connect(3, ..., ...) = 0\n+0 write(3, ..., 20) = 20\n+0 > udp (20)\n"
        + "+.1 < icmp unreachable port_unreachable [udp (20)]\n+0 read(3, ..., 9) = -1 ECONNREFUSED\n",
    ])
  func datagrams(text: String) throws {
    let socket = "0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n"
    let report = try report(socket + text)
    #expect(report.outcome.name == "pass", "\(report.line)")
    // One octet more, or another type, is another packet.
    let altered = text.replacing("> udp (20)", with: "> udp (21)").replacing(
      "> udp (7)", with: "> udp (8)"
    )
    .replacing("echo_reply", with: "redirect")
    guard altered != text else { return }
    #expect(
      try Script(parsing: Array((socket + altered).utf8), file: "x.pkt").run().outcome.name
        == "fail")
  }

  @Test("two inbound packets keep their distance, whatever the stack does between them")
  func inboundBase() throws {
    let text = established + "+.01 < P. 1:2(1) ack 1 win 5\n+.01 < P. 2:3(1) ack 1 win 5\n"
    var settings = RunSettings()
    settings.traces = true
    let times = try report(text, settings).steps.filter { $0.kind == .inbound }.map(\.time)
    #expect(times == [0, 100_000, 110_000, 120_000])
  }

  @Test("a strict run fails on what the script leaves unmentioned")
  func leftovers() throws {
    let text = established + "+0 < P. 1:11(10) ack 1 win 100\n"
    #expect(try report(text).outcome.name == "pass")
    var settings = RunSettings()
    settings.isStrict = true
    #expect(try report(text, settings).line.hasSuffix("a packet that the script does not mention"))
  }

  @Test("tolerated mismatches are told as warnings")
  func warnings() throws {
    let text = "--non_fatal=packet\n" + established + "+0 > . 1:1(0) ack 1\n"
    let report = try report(text)
    #expect(report.outcome.name == "pass")
    #expect(report.warnings == ["x.pkt:9: the stack sends no such packet"])
  }

  @Test("every seed gives other live numbers and the same outcome")
  func seeds() throws {
    let text =
      established
      + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n+0 < . 1:1(0) ack 11 win 9\n"
    for seed in 1...20 {
      var settings = RunSettings()
      settings.seed = UInt64(seed)
      #expect(try report(text, settings).outcome.name == "pass")
    }
  }
}
