import Octets
import POSIXSockets
import Stack
import Wire

/// What a script's machine is made from; refuses what no machine of ours can be.
struct Preparation {
  var local: IPv4Prefix
  var remote: IPv4Address
  var configuration = StackConfiguration()
  var parameters = HostParameters()
  /// What the link's device does for the stack: as Linux's, unless the script begins otherwise.
  var offload = OffloadCapabilities(checksum: true, segmentation: true)

  /// Takes the settings of a script.
  init(_ script: Script) throws(Halt) {
    let settings = script.configuration
    let top = SourcePosition(file: script.file, line: 1)
    if let unknown = settings.unknown.first {
      throw .unsupported(
        SourcePosition(file: script.file, line: max(unknown.line, 1)),
        what: "the option --\(unknown.name)")
    }
    guard settings.version == .ipv4 else { throw .unsupported(top, what: "IPv6") }
    for event in script.events where event.isForIPv6 {
      throw .unsupported(script.position(of: event), what: "IPv6")
    }
    guard let remote = Self.address(settings.remoteAddress, or: "192.0.2.1"),
      let local = Self.address(settings.localAddress, or: "192.168.0.1")
    else { throw .unsupported(top, what: "IPv6") }
    self.remote = remote
    self.local = IPv4Prefix(local, length: 16)
    configuration.explains = true
    Profile.apply(to: &parameters)
    if script.dialect == .freebsd { Profile.applyFork(to: &parameters) }
    configuration.tcp = parameters.tcp
    for command in ShellCommand.commands(in: script.prologue?.text ?? "") {
      if case .segmentationOffload(let isOn) = command { offload.segmentation = isOn }
    }
  }

  private static func address(_ text: String?, or standard: String) -> IPv4Address? {
    IPv4Address(text ?? standard)
  }
}

/// The settings that the public scripts assume.
enum Profile {
  /// What every script of Linux begins with, by Linux's names. What the stack has no setting for is
  /// left as it is.
  static let linux: [(name: String, value: String)] = [
    ("net.ipv4.tcp_rmem", "4096 540000 15728640"), ("net.ipv4.tcp_wmem", "4096 262144 4194304"),
    ("net.ipv4.tcp_timestamps", "1"), ("net.ipv4.tcp_syn_retries", "5"),
    ("net.ipv4.tcp_synack_retries", "5"), ("net.ipv4.tcp_frto", "2"), ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_dsack", "1"), ("net.ipv4.tcp_window_scaling", "1"),
    ("net.ipv4.tcp_reordering", "3"), ("net.ipv4.tcp_congestion_control", "cubic"),
    ("net.ipv4.tcp_slow_start_after_idle", "0"), ("net.ipv4.tcp_early_retrans", "4"),
    ("net.ipv4.tcp_recovery", "1"), ("net.ipv4.tcp_ecn", "0"), ("net.ipv4.tcp_fastopen", "0x70403"),
    ("net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"),
    ("net.ipv4.tcp_syncookies", "1"), ("net.ipv4.tcp_notsent_lowat", "4294967295"),
  ]

  /// Settings that decide how segments are grouped for offload and paced, which nobody sees here:
  /// expected segments are put together from any pieces, and the link has no queue.
  static let invisible: Set<String> = [
    "net.ipv4.tcp_tso_win_divisor", "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_pacing_ss_ratio", "net.ipv4.tcp_pacing_ca_ratio", "net.ipv4.tcp_fack",
    "net.ipv4.tcp_fastopen_cookies", "net.ipv4.tcp_autocorking", "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_tso_rtt_log",
  ]

  /// Sets what the public scripts assume.
  static func apply(to parameters: inout HostParameters) {
    for (name, value) in linux { try? parameters.set(name, to: value) }
  }

  /// Sets what the scripts of FreeBSD assume.
  static func applyFork(to parameters: inout HostParameters) {
    for (name, value) in [
      ("net.ipv4.tcp_rmem", "4096 65536 2097152"), ("net.ipv4.tcp_wmem", "4096 32768 2097152"),
      ("net.ipv4.tcp_fastopen", "0"),
    ] { try? parameters.set(name, to: value) }
  }

  /// Linux's name and value for a setting of FreeBSD; nil when there is none, an empty name when it
  /// changes nothing here.
  static func linuxSetting(_ name: String, _ value: String) -> (name: String, value: String)? {
    switch name {
    case "net.inet.tcp.sack.enable": return ("net.ipv4.tcp_sack", value)
    case "net.inet.tcp.recvspace": return ("net.ipv4.tcp_rmem", "4096 \(value) 2097152")
    case "net.inet.tcp.sendspace": return ("net.ipv4.tcp_wmem", "4096 \(value) 2097152")
    case "net.inet.tcp.syncookies": return ("net.ipv4.tcp_syncookies", value)
    case "net.inet.tcp.ecn.enable": return ("net.ipv4.tcp_ecn", value)
    case "net.inet.tcp.hostcache.purgenow", "kern.ipc.maxsockbuf", "net.inet.tcp.rexmit_slop":
      return ("", "")
    case "net.inet.tcp.rfc1323" where value == "1", "net.inet.tcp.blackhole" where value == "0",
      "net.inet.tcp.insecure_rst" where value == "0",
      "net.inet.tcp.insecure_syn" where value == "0",
      "net.inet.tcp.rexmit_drop_options" where value == "0",
      "net.inet.tcp.rexmit_initial" where value == "1000",
      "net.inet.tcp.fastopen.client_enable" where value == "0",
      "net.inet.tcp.drop_synfin" where value == "0",
      "net.inet.tcp.syncookies_only" where value == "0",
      "net.inet.tcp.delacktime" where value == "40",
      "net.inet.tcp.udp_tunneling_port" where value == "0",
      "net.inet.tcp.path_mtu_discovery" where value == "1":
      return ("", "")
    default: return nil
    }
  }
}
