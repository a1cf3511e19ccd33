import Stack
import TCPCore

// The names of `sysctl(8)`; `ip-sysctl` in the kernel's documentation says what they mean.
extension HostParameters {
  /// Sets a parameter by Linux's name, dots or slashes between the parts: `net.ipv4.tcp_sack`.
  ///
  /// - Throws: ``UnsupportedCall`` for a name that is unknown, or a value that cannot be kept.
  public mutating func set(_ name: String, to value: String) throws(UnsupportedCall) {
    let key = Self.key(name)
    if key == "net.ipv4.tcp_congestion_control" { return try setCongestion(value) }
    if key == "net.ipv4.tcp_fastopen_key" { return try setFastOpenKeys(value) }
    let numbers = value.split { " \t,\"'".contains($0) }.compactMap(Self.number)
    guard let first = numbers.first else {
      throw UnsupportedCall(what: "sysctl \(name)=\(value)")
    }
    if try setBuffers(key, numbers) { return }
    if key == "net.ipv4.tcp_fastopen" { return setFastOpen(first) }
    if setFlag(key, first) { return }
    if setCount(key, first) { return }
    guard Self.fixed[key]?.contains(first) == true else {
      throw UnsupportedCall(what: "sysctl \(name)=\(value)")
    }
  }

  /// `/proc/sys/net/ipv4/tcp_sack` is `net.ipv4.tcp_sack`.
  private static func key(_ name: String) -> String {
    let parts = name.split { $0 == "/" || $0 == "." }.map(String.init)
    let isPath = parts.starts(with: ["proc", "sys"])
    return (isPath ? Array(parts.dropFirst(2)) : parts).joined(separator: ".")
  }

  private static func number(_ text: some StringProtocol) -> Int? {
    text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }

  /// Bits 1, 2, 4, 0x200 and 0x400; others have no meaning any more.
  private mutating func setFastOpen(_ bits: Int) {
    fastOpen.isClient = bits & 1 != 0
    fastOpen.isServer = bits & 2 != 0
    fastOpen.sendsWithoutCookie = bits & 4 != 0
    fastOpen.acceptsWithoutCookie = bits & 0x200 != 0
    listensFast = bits & 0x400 != 0
  }

  /// One key, or a new one and the one before.
  private mutating func setFastOpenKeys(_ value: String) throws(UnsupportedCall) {
    let parts = value.split { " \t,\"'".contains($0) }
    let keys = parts.compactMap { FastOpenKey($0) }
    guard keys.count == parts.count, (1...2).contains(keys.count) else {
      throw UnsupportedCall(what: "sysctl net.ipv4.tcp_fastopen_key=\(value)")
    }
    fastOpen.keys = keys
  }

  private mutating func setCongestion(_ value: String) throws(UnsupportedCall) {
    guard let algorithm = CongestionAlgorithm(rawValue: value) else {
      throw UnsupportedCall(what: "congestion control \(value)")
    }
    tcp.congestion = algorithm
  }

  private mutating func setBuffers(
    _ key: String, _ numbers: [Int]
  ) throws(UnsupportedCall) -> Bool {
    switch key {
    case "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem":
      guard numbers.count == 3, numbers.allSatisfy({ (1...1 << 30).contains($0) }) else {
        throw UnsupportedCall(what: "sysctl \(key) without three sizes")
      }
      let buffers = Buffers(numbers[0], numbers[1], numbers[2])
      if key == "net.ipv4.tcp_rmem" { receiveBuffers = buffers } else { sendBuffers = buffers }
    case "net.core.rmem_max": receiveBufferMaximum = max(numbers[0], 2304)
    case "net.core.wmem_max": sendBufferMaximum = max(numbers[0], 4608)
    default: return false
    }
    return true
  }

  private mutating func setFlag(_ key: String, _ value: Int) -> Bool {
    let isOn = value != 0
    switch key {
    case "net.ipv4.tcp_timestamps": tcp.usesTimestamps = isOn
    case "net.ipv4.tcp_sack": tcp.usesSACK = isOn
    case "net.ipv4.tcp_dsack": tcp.reportsDuplicates = isOn
    case "net.ipv4.tcp_window_scaling": tcp.usesWindowScaling = isOn
    case "net.ipv4.tcp_slow_start_after_idle": tcp.restartsAfterIdle = isOn
    case "net.ipv4.ip_no_pmtu_disc" where (0...1).contains(value):
      tcp.forbidsFragments = !isOn
    case "net.ipv4.tcp_min_tso_segs" where (1...64).contains(value): tcp.leastSuperSegment = value
    case "net.ipv4.tcp_syncookies" where (0...2).contains(value):
      usesCookies = isOn
      usesCookiesAlways = value == 2
    case "net.ipv4.tcp_moderate_rcvbuf": tcp.tunesReceiveBuffer = isOn
    case "net.ipv4.tcp_frto": tcp.detectsSpuriousTimeouts = isOn
    // 3 and 4 send tail loss probes; the delayed early retransmit of 1 and 2 is no more.
    case "net.ipv4.tcp_early_retrans" where (0...4).contains(value): tcp.usesLossProbes = value >= 3
    default: return false
    }
    return true
  }

  private mutating func setCount(_ key: String, _ value: Int) -> Bool {
    switch key {
    case "net.ipv4.tcp_ecn" where (0...3).contains(value):
      tcp.ecn = [ECNUse.off, .always, .whenAsked, .accurate][value]
    case "net.ipv4.tcp_mtu_probing" where (0...2).contains(value):
      tcp.pathProbing = [PathProbing.never, .afterBlackHole, .always][value]
    case "net.ipv4.tcp_syn_retries" where (1...127).contains(value): openRetransmissions = value
    case "net.ipv4.tcp_synack_retries" where (1...127).contains(value):
      answerRetransmissions = value
    case "net.ipv4.tcp_retries2" where (1...255).contains(value):
      tcp.retransmissionLimit = Self.limit(ofRetransmissions: value)
    case "net.ipv4.tcp_fin_timeout" where value >= 0: tcp.orphanTimeout = .seconds(value)
    case "net.ipv4.tcp_keepalive_time" where value > 0: keepalive.idle = .seconds(value)
    case "net.ipv4.tcp_keepalive_intvl" where value > 0: keepalive.interval = .seconds(value)
    case "net.ipv4.tcp_keepalive_probes" where value > 0: keepalive.probes = value
    case "net.ipv4.tcp_notsent_lowat":
      let mark = UInt32(truncatingIfNeeded: value)
      unsentLowWater = mark == .max || mark == 0 ? nil : Int(mark)
    // Ours: Linux has no such option. Seconds, or 0 for none.
    case "net.ipv4.tcp_user_timeout_option" where (0...32_767 * 60).contains(value):
      tcp.advertisedUserTimeout = value == 0 ? nil : .seconds(value)
    case "net.ipv4.ip_default_ttl" where (1...255).contains(value): tcp.ttl = UInt8(value)
    default: return false
    }
    return true
  }

  /// Linux asks whether so many time-outs, doubled from 200 ms up to 120 s, would be over.
  private static func limit(ofRetransmissions count: Int) -> Duration {
    let doubled = min(count, 9)
    let milliseconds = ((2 << doubled) - 1) * 200
    return .milliseconds(count <= 9 ? milliseconds : milliseconds + (count - 9) * 120_000)
  }

  /// Parameters that have one value here, and values that come to the same.
  private static let fixed: [String: Set<Int>] = [
    "net.ipv4.tcp_ecn_fallback": [1], "net.ipv4.tcp_fack": [0],
    "net.ipv4.tcp_recovery": [1], "net.ipv4.tcp_reordering": [3],
    "net.ipv4.tcp_max_reordering": [300], "net.ipv4.tcp_fastopen_blackhole_timeout_sec": [0],
    "net.ipv4.tcp_abc": [0],
    "net.ipv4.tcp_rfc1337": [1],
    "net.ipv4.tcp_no_metrics_save": [1],
    "net.ipv4.tcp_abort_on_overflow": [0], "net.ipv4.tcp_stdurg": [0],
    "net.ipv4.tcp_thin_linear_timeouts": [0], "net.ipv4.tcp_workaround_signed_windows": [0],
  ]
}
