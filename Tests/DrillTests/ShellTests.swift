import Testing

@testable import Drill

@Suite("shell commands, which no shell ever sees")
struct ShellTests {
  @Test(
    "the vocabulary",
    arguments: [
      ("../../common/defaults.sh", [.defaults]),
      (
        "../common/defaults.sh\n sysctl -q net.ipv4.tcp_ecn=1  # on\n",
        [.defaults, .setting(name: "net.ipv4.tcp_ecn", values: ["1"])]
      ),
      (
        "sysctl -q -w net/ipv4/tcp_rmem=\"4096 540000 15728640\" net.ipv4.tcp_sack=0",
        [
          .setting(name: "net.ipv4.tcp_rmem", values: ["4096", "540000", "15728640"]),
          .setting(name: "net.ipv4.tcp_sack", values: ["0"]),
        ]
      ),
      (
        "../../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 \\\n /proc/sys/net/ipv4/tcp_min_tso_segs=4",
        [
          .setting(name: "net.ipv4.tcp_timestamps", values: ["0"]),
          .setting(name: "net.ipv4.tcp_min_tso_segs", values: ["4"]),
        ]
      ),
      (
        "sysctl -w net.inet.tcp.sack.enable=1",
        [.setting(name: "net.inet.tcp.sack.enable", values: ["1"])]
      ),
      ("/tmp/sysctl_restore_${PPID}.sh", [.nothing]),
      ("ip tcp_metrics flush all > /dev/null 2>&1", [.forgetPeers]), ("", []), ("# note", []),
      ("nstat > /dev/null", [.resetCounters]), ("nstat -n || rm x", [.resetCounters]),
      (
        "nstat | grep TcpExtOutOfWindowIcmps > /dev/null", [.counterMoved("TcpExtOutOfWindowIcmps")]
      ),
      ("sleep 0.5; sleep 1", [.sleep(500_000), .sleep(1_000_000)]),
      (
        "tc qdisc delete dev tun0 root 2>/dev/null ; tc qdisc add dev tun0 root pfifo limit 0",
        [.link(isBlocked: false), .pacing(false), .link(isBlocked: true)]
      ),
      (
        "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 1460 mtu lock 1500",
        [.route(.init(mtu: 1500, isMTULocked: true, advertisedMSS: 1460))]
      ),
      (
        "ip -6 route replace 2001:db8::1 via ::1 mtu lock 1400 initcwnd 20",
        [.route(.init(mtu: 1400, isMTULocked: true, initialCongestionWindow: 20, isIPv6: true))]
      ),
      (
        "sockstat -4 -P tcp -s -p 8080 | grep -c SYN_RCVD | grep 1",
        [.socketCount(state: "SYN_RCVD", port: 8080, count: 1, isIPv6: false)]
      ),
      (
        "sockstat -6 -P tcp -s | grep packetdril | grep -c TIME_WAIT | grep 0",
        [.socketCount(state: "TIME_WAIT", port: nil, count: 0, isIPv6: true)]
      ),
      ("tc qdisc replace dev tun0 root fq", [.link(isBlocked: false), .pacing(true)]),
      ("ethtool -K tun0 tso off gso off", [.segmentationOffload(false)]),
      ("ethtool -K tun0 gso on", [.segmentationOffload(true)]), ("ethtool -k tun0", [.nothing]),
      ("tcpdrop -s TIME_WAIT", [.dropConnections(state: "TIME_WAIT")]),
      ("grep \" 0A \" /proc/net/tcp /proc/net/tcp6 | grep \":1F90\"", [.listening(port: 8080)]),
      ("rm -rf / --no-preserve-root", [.unsupported("rm -rf / --no-preserve-root")]),
      ("sysctl -a", [.unsupported("sysctl -a")]),
      ("cat x | wc -l", [.unsupported("cat x | wc -l")]),
    ] as [(String, [ShellCommand])])
  func vocabulary(text: String, commands: [ShellCommand]) {
    #expect(ShellCommand.commands(in: text) == commands)
  }
}

@Suite("names for numbers")
struct ConstantsTests {
  @Test(
    "the values of Linux",
    arguments: [
      ("AF_INET6", 10), ("O_NONBLOCK", 2048), ("MSG_FASTOPEN", 0x2000_0000), ("EWOULDBLOCK", 11),
      ("TCP_USER_TIMEOUT", 18), ("SIOCINQ", 0x541B), ("EPOLLET", 0x8000_0000), ("NULL", 0),
    ])
  func values(name: String, value: Int64) { #expect(Constants.value(of: name) == value) }

  @Test("a union adds bits; an unknown name is told")
  func numbers() throws {
    #expect(
      try Constants.number(.union([.word("O_RDWR"), .word("O_NONBLOCK"), .hexadecimal(1)])) == 2051)
    #expect(try Constants.number(.ellipsis) == nil)
    #expect(throws: Constants.UnknownName(name: "SO_WONDER")) {
      try Constants.number(.union([.word("SO_ERROR"), .word("SO_WONDER")]))
    }
  }

  @Test("an error number has the name that people use")
  func errorNames() {
    #expect(Constants.errorName(11) == "EAGAIN")
    #expect(Constants.errorName(95) == "EOPNOTSUPP")
    #expect(Constants.errorName(104) == "ECONNRESET")
    #expect(Constants.errorName(9999) == "error 9999")
  }
}
