import POSIXSockets
import TCPCore
import Testing
import Wire

@Suite("TCP_INFO, and what an administrator sets")
struct InformationTests {
  @Test("a connection is told by Linux's names, in its units")
  func values() throws {
    let hosts = Hosts()
    let (_, server, client) = try hosts.connect()
    _ = try hosts.client.write(client, text(3000))
    hosts.wait(.milliseconds(100))
    let info = hosts.client.tcpInformation(client) ?? [:]
    let expected = [
      "state": 1, "ca_state": 0, "options": 7, "snd_mss": 1448, "advmss": 1460, "pmtu": 1500,
      "snd_ssthresh": 0x7FFF_FFFF, "bytes_sent": 3000, "bytes_acked": 3001, "data_segs_out": 3,
      "unacked": 0, "total_retrans": 0, "rtt": 20_000, "min_rtt": 20_000, "reordering": 3,
      "notsent_bytes": 0, "delivered": 4, "snd_wscale": 7, "rcv_wscale": 7, "last_data_sent": 100,
    ]
    for (name, value) in expected { #expect(info["tcpi_" + name] == value, "tcpi_\(name)") }
    let other = hosts.server.tcpInformation(server) ?? [:]
    #expect(other["tcpi_bytes_received"] == 3000 && other["tcpi_data_segs_in"] == 3)
    let memory = hosts.server.memoryInformation(server) ?? [:]
    #expect(memory["SK_MEMINFO_RMEM_ALLOC"] == 3000 && memory["SK_MEMINFO_RCVBUF"] == 131_072)
  }

  @Test("losses are counted, and the state of repair is told")
  func losses() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    hosts.passes = { _, _ in false }
    _ = try hosts.client.write(client, text(100))
    hosts.wait(.seconds(2))
    let info = hosts.client.tcpInformation(client) ?? [:]
    #expect(info["tcpi_ca_state"] == 4 && info["tcpi_unacked"] == 1)
    #expect((info["tcpi_total_retrans"] ?? 0) >= 2 && (info["tcpi_backoff"] ?? 0) >= 1)
    #expect(info["tcpi_bytes_retrans"] == 100 * (info["tcpi_total_retrans"] ?? 0))
  }

  @Test("sockets without a connection are in CLOSE or LISTEN")
  func states() throws {
    let hosts = Hosts()
    let socket = try hosts.number(hosts.server.socket(type: 1))
    #expect(hosts.server.tcpInformation(socket)?["tcpi_state"] == 7)
    #expect(hosts.server.tcpInformation(socket)?["tcpi_rto"] == 1_000_000)
    _ = try hosts.server.listen(socket, backlog: 5)
    #expect(hosts.server.tcpInformation(socket)?["tcpi_state"] == 10)
    #expect(hosts.server.tcpInformation(socket)?["tcpi_sacked"] == 5)
    #expect(hosts.server.tcpInformation(99) == nil)
  }

  @Test("the octets of TCP_INFO lie where Linux has them")
  func layout() throws {
    let hosts = Hosts()
    let (_, _, client) = try hosts.connect()
    var value: OptionValue? = OptionValue(octets: [UInt8](repeating: 255, count: 400))
    #expect(try hosts.client.getsockopt(client, level: 6, name: 11, value: &value) == .done(0))
    let octets = value?.octets ?? []
    #expect(octets[0] == 1 && octets[6] == 0x77)
    func word(_ offset: Int) -> Int { OptionValue(octets: Array(octets[offset...])).int ?? -1 }
    // tcpi_rto, tcpi_snd_mss, tcpi_pmtu, tcpi_rtt, tcpi_snd_cwnd, tcpi_segs_out.
    #expect(word(8) == 220_000 && word(16) == 1448 && word(60) == 1500 && word(68) == 20_000)
    #expect(word(80) == 10 && word(136) == 2)
    var short: OptionValue? = OptionValue(octets: [0])
    _ = try hosts.client.getsockopt(client, level: 6, name: 11, value: &short)
    #expect(short?.octets == [1])
  }

  @Test("parameters have Linux's names, and new sockets begin with them")
  func parameters() throws {
    var parameters = HostParameters()
    for (name, value) in [
      ("net.ipv4.tcp_timestamps", "0"), ("/proc/sys/net/ipv4/tcp_sack", "0"),
      ("net/ipv4/tcp_rmem", "4096 540000 15728640"),
      ("net.ipv4.tcp_wmem", "\"4096 262144 4194304\""),
      ("net.ipv4.tcp_congestion_control", "reno"), ("net.ipv4.tcp_ecn", "2"),
      ("net.ipv4.tcp_syn_retries", "5"), ("net.ipv4.tcp_retries2", "15"),
    ] {
      try parameters.set(name, to: value)
    }
    #expect(parameters.tcp.retransmissionLimit == .milliseconds(924_600))
    let hosts = Hosts(parameters: parameters)
    let (_, _, client) = try hosts.connect()
    #expect(try hosts.client.option(client, 1, 7) == 262_144)
    #expect(try hosts.client.option(client, 1, 8) == 540_000)
    #expect(try hosts.client.option(client, 6, 7) == 5)
    let info = hosts.client.tcpInformation(client) ?? [:]
    #expect(info["tcpi_options"] == 4 && info["tcpi_rcv_wscale"] == 8)
    var value: OptionValue? = OptionValue(octets: [UInt8](repeating: 0, count: 16))
    _ = try hosts.client.getsockopt(client, level: 6, name: 13, value: &value)
    #expect(value?.string == "reno")
  }

  @Test(
    "a parameter that is not known, or a value that cannot be kept, is thrown",
    arguments: [
      ("net.ipv4.tcp_nonesuch", "1"), ("net.ipv4.tcp_ecn", "6"), ("net.ipv4.tcp_rmem", "1 2"),
      ("net.ipv4.tcp_sack", "yes"), ("net.ipv4.tcp_congestion_control", "vegas"),
      ("net.ipv4.tcp_syn_retries", "0"), ("net.ipv4.tcp_recovery", "9"),
    ])
  func unknownParameters(name: String, value: String) {
    var parameters = HostParameters()
    #expect(throws: UnsupportedCall.self) { try parameters.set(name, to: value) }
  }
}
