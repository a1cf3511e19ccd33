import Wire

/// What scripts and the command line may set, with the defaults of the language.
struct ScriptConfiguration: Hashable, Sendable {
  enum Version: String, Hashable, Sendable {
    case ipv4
    case ipv6
    case mapped = "ipv4-mapped-ipv6"
  }

  /// An option that this interpreter does not know.
  struct UnknownOption: Hashable, Sendable {
    var name: String
    var line: Int
  }

  var version = Version.ipv4
  /// Addresses as text, for they may be of either version; nil takes the default.
  var localAddress: String?
  var remoteAddress: String?
  var bindPort: UInt16 = 8080
  var connectPort: UInt16 = 8080
  var mtu = 1500
  /// Inbound segments with more payload are one super-packet of segments of this size; 0: never.
  var mss = 0
  var toleranceMicroseconds: Int64 = 4000
  var tolerancePercent = 12.5
  /// Microseconds of a tick of the timestamps clock; 0 leaves outbound values unchecked.
  var timestampTick: Int64 = 0
  var scalesTimestampEchoes = false
  var isStrictAboutSegments = false
  var toleratesPacketMismatch = false
  var isDryRun = false
  /// Options we don't know: the script is reported as unsupported.
  var unknown: [UnknownOption] = []

  var isIPv6: Bool { version == .ipv6 }

  /// Options of other runners that change nothing here.
  private static let ignored: Set<String> = [
    "gateway_ip", "netmask_ip", "speed", "init_scripts", "send_omit_free", "code_command",
    "code_format", "code_sockopt", "verbose", "v", "debug", "wire_client", "wire_server",
    "wire_client_dev", "wire_server_dev", "wire_server_ip", "wire_server_port", "so_filename",
    "so_flags", "psp_udp_port", "tun_dev", "persistent_tun_dev", "is_anyip",
  ]

  /// Sets an option by name.
  ///
  /// - Returns: false when the value is not one that the option can have.
  mutating func set(
    _ name: String, to value: String, isCommandLine: Bool, line: Int = 0
  ) -> Bool {
    switch name {
    case "ip_version":
      guard let version = Version(rawValue: value) else { return false }
      self.version = version
    case "local_ip": return Self.setAddress(&localAddress, value)
    case "remote_ip": return Self.setAddress(&remoteAddress, value)
    case "bind_port": return Self.set(&bindPort, value, 1...65_535)
    case "connect_port": return Self.set(&connectPort, value, 1...65_535)
    case "mtu": return Self.set(&mtu, value, 68...65_535)
    case "mss": return Self.set(&mss, value, 0...65_535)
    case "tolerance_usecs": return Self.set(&toleranceMicroseconds, value, 1...1_000_000_000)
    case "tolerance_percent":
      guard let percent = Double(value), (0...100).contains(percent) else { return false }
      tolerancePercent = percent
    case "tcp_ts_tick_usecs": return Self.set(&timestampTick, value, 0...1_000_000)
    case "tcp_ts_ecr_scaled": scalesTimestampEchoes = true
    case "strict_segments": isStrictAboutSegments = true
    case "dry_run": isDryRun = true
    case "non_fatal":
      for part in value.split(separator: ",") {
        guard part == "packet" || part == "syscall" else { return false }
        if part == "packet" { toleratesPacketMismatch = true }
      }
    case _ where Self.ignored.contains(name): break
    default: unknown.append(UnknownOption(name: name, line: line))
    }
    return true
  }

  /// What an option's value must be, for messages.
  static func expectation(for name: String) -> String {
    switch name {
    case "ip_version": "'ipv4', 'ipv6' or 'ipv4-mapped-ipv6' for --ip_version"
    case "local_ip", "remote_ip": "an IP address for --\(name)"
    case "bind_port", "connect_port": "a port of 1 to 65535 for --\(name)"
    case "mtu": "68 to 65535 octets for --mtu"
    case "mss": "0 to 65535 octets for --mss"
    case "tolerance_usecs": "a number of microseconds above 0 for --tolerance_usecs"
    case "tolerance_percent": "0 to 100 for --tolerance_percent"
    case "tcp_ts_tick_usecs": "0 to 1000000 microseconds for --tcp_ts_tick_usecs"
    case "non_fatal": "'packet' or 'syscall' for --non_fatal"
    default: "a value for --\(name)"
    }
  }

  private static func setAddress(_ address: inout String?, _ value: String) -> Bool {
    let text = String(value.split(separator: "/").first ?? "")
    guard IPv4Address(text) != nil || AddressScanner.isIPv6(text) else { return false }
    address = text
    return true
  }

  private static func set<Number: FixedWidthInteger>(
    _ number: inout Number, _ text: String, _ range: ClosedRange<Number>
  ) -> Bool {
    guard let value = Number(text), range.contains(value) else { return false }
    number = value
    return true
  }
}
