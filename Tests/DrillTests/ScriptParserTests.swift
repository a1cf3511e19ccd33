import Testing

@testable import Drill

@Suite("scripts, times and options")
struct ScriptParserTests {
  func parse(_ text: String, _ settings: ScriptSettings = ScriptSettings()) throws -> Script {
    try Script(parsing: Array(text.utf8), file: "x.pkt", settings: settings)
  }

  @Test(
    "times",
    arguments: [
      ("0.5 listen(3, 1) = 0", .absolute(500_000)), ("+.1 listen(3, 1) = 0", .relative(100_000)),
      ("3 listen(3, 1) = 0", .absolute(3_000_000)),
      ("+0.0000019 listen(3, 1) = 0", .relative(1)), ("* > . 1:1(0)", .any),
      ("0.5~0.7 > . 1:1(0)", .absoluteRange(500_000, 700_000)),
      ("+.3~+.400 > . 1:1(0)", .relativeRange(300_000, 400_000)),
    ] as [(String, EventTime)])
  func times(line: String, time: EventTime) throws {
    #expect(try parseEvent(line).time == time)
  }

  @Test("a script has options, a command, events and a command, across lines and comments")
  func whole() throws {
    let script = try parse(
      """
      --mtu=1400 // octets
      --tolerance_usecs=10000
      `sysctl -q a=1
       sysctl -q b=2`
      0 socket(..., SOCK_STREAM,
               IPPROTO_TCP) = 3
      +.1 `sleep 1` +0 %{ assert 1 }% +0
        < S 0:0(0) win /* here */ 5
      `restore`
      """)
    #expect(script.configuration.mtu == 1400)
    #expect(script.configuration.toleranceMicroseconds == 10_000)
    #expect(script.prologue?.text == "sysctl -q a=1\n sysctl -q b=2")
    #expect(script.epilogue == ShellText(text: "restore", line: 9))
    #expect(script.events.map(\.line) == [5, 7, 7, 7])
    #expect(script.events.map(\.lastLine) == [6, 7, 7, 8])
    #expect(script.text(of: script.events[0]) == "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3")
  }

  @Test("the command line wins over the script")
  func commandLine() throws {
    var settings = ScriptSettings()
    settings.options = [("mtu", "576"), ("tolerance_percent", "20.5")]
    let script = try parse("--mtu=1400\n--local_ip=192.0.2.7/24\n0 listen(3, 1) = 0", settings)
    #expect(script.configuration.mtu == 576)
    #expect(script.configuration.tolerancePercent == 20.5)
    #expect(script.configuration.localAddress == "192.0.2.7")
  }

  @Test("an unknown option is remembered, not refused")
  func unknownOption() throws {
    let script = try parse("--wonder=1\n0 listen(3, 1) = 0")
    #expect(script.configuration.unknown == [.init(name: "wonder", line: 1)])
  }

  @Test("a definition replaces words behind it; the command line's wins")
  func definitions() throws {
    var settings = ScriptSettings()
    settings.definitions = ["COOKIE": "a1b2c3d4", "PORT": "0x10"]
    let script = try parse(
      """
      --define=COOKIE=ffff
      --define=WINDOW=5
      --define=NAME="x y"
      0 < S 0:0(0) win WINDOW <FO COOKIE,nop,nop>
      0 listen(PORT, NAME) = 0
      """, settings)
    guard case .inbound(let packet) = script.events[0].action, case .tcp(let segment) = packet.body,
      case .call(let call) = script.events[1].action
    else { return #expect(Bool(false)) }
    #expect(segment.window == 5)
    #expect(segment.options?.first == .fastOpen([0xA1, 0xB2, 0xC3, 0xD4]))
    #expect(call.arguments == [.integer(16), .string("x y")])
  }

  @Test("lines of the fork hold under their condition")
  func conditions() throws {
    let text =
      "0 listen(3, 1) = 0\n#ifdef FreeBSD\n+0 close(3) = 0\n#endif\n#ifdef STANDARD\n+0 close(4) = 0\n#endif\n"
    let script = try parse(text, forkSettings)
    #expect(script.events.map(\.line) == [1, 3])
    var standard = forkSettings
    standard.definitions = ["STANDARD": "1"]
    #expect(try parse(text, standard).events.map(\.line) == [1, 6])
    #expect(throws: ScriptError.self) {
      _ = try parse("0 listen(3, 1) = 0\n#ifdef A\n", forkSettings)
    }
    #expect(throws: ScriptError.self) { _ = try parse(text) }
  }

  @Test(
    "a malformed script is refused with the line and what was expected",
    arguments: [
      ("", "x.pkt:1: expected an event, such as '+0 < S 0:0(0)', found the end of the script"),
      ("+1 close(3) = 0", "x.pkt:1: expected the first event at time 0"),
      ("0 close(3) = 0\n\n-1 close(3) = 0", "x.pkt:3: expected a time of 0 or more, found '-1'"),
      (
        "0 close(3) = 0\n* close(3) = 0",
        "x.pkt:2: expected an exact time for anything but an outbound packet"
      ),
      (
        "0 close(3) = 0\n1~2 < S 0:0(0) win 1",
        "x.pkt:2: expected an exact time for anything but an outbound packet"
      ),
      (
        "0 close(3) = 0\n2~1 > S 0:0(0)",
        "x.pkt:2: expected a range that does not end before it starts, found '1'"
      ),
      ("0 close(3) = 0\n+1~2 > S 0:0(0)", "x.pkt:2: expected '+', found '2'"),
      (
        "0 close(3) = 0\n+0",
        "x.pkt:2: expected a packet ('<' or '>'), a system call, a command or code, found the end of the script"
      ),
      ("--mtu=5\n0 close(3) = 0", "x.pkt:1: expected 68 to 65535 octets for --mtu, found '5'"),
      (
        "--ip_version=ipv5\n0 close(3) = 0",
        "x.pkt:1: expected 'ipv4', 'ipv6' or 'ipv4-mapped-ipv6' for --ip_version, found 'ipv5'"
      ),
      ("--mtu\n0 close(3) = 0", "x.pkt:1: expected 68 to 65535 octets for --mtu, found none"),
      (
        "0 close(3) = 0\n`a`\n0 close(3) = 0",
        "x.pkt:3: expected nothing behind the last command, found '0'"
      ),
      ("0 close(3) = 0 nonsense", "x.pkt:1: expected a time in seconds, found 'nonsense'"),
    ])
  func malformed(text: String, message: String) {
    let error = #expect(throws: ScriptError.self) { _ = try parse(text) }
    #expect(error?.description == message)
  }
}
