import Octets
import POSIXSockets
import Stack
import TCPCore
import Wire

// Shell commands and assertions.
extension ScriptRunner {
  /// Does what shell commands would do.
  mutating func runCommands(
    _ text: String, at position: SourcePosition, isPrologue: Bool
  ) throws(Halt) {
    for command in ShellCommand.commands(in: text) {
      let what: String
      switch command {
      case .sleep(let microseconds):
        try advance(to: Instant(microseconds: now + microseconds))
        continue
      case .nothing, .dropConnections: continue
      case .defaults:
        Profile.apply(to: &machine.process.parameters)
        machine.process.stack.forgetServers()
        continue
      case .forgetPeers:
        machine.process.stack.forgetServers()
        continue
      case .link(let isBlocked):
        machine.isBlocked = isBlocked
        if !isBlocked { machine.flush() }
        continue
      case .pacing(let isOn):
        machine.process.parameters.tcp.isPaced = isOn
        continue
      case .segmentationOffload(let isOn):
        if isOn == hasSegmentationOffload { continue }
        what = "changing segmentation offload while a script runs"
      case .setting(let name, let values):
        guard let refused = set(name, values.joined(separator: " ")) else { continue }
        what = refused
      case .route(let change):
        guard let refused = setRoute(change) else { continue }
        what = refused
      case .resetCounters:
        counterStart = [:]
        for name in Self.counters.keys { counterStart[name] = counter(name) }
        continue
      case .counterMoved(let name):
        guard let value = counter(name) else {
          what = "the counter \(name)"
          break
        }
        guard value == counterStart[name] ?? 0 else { continue }
        throw .failed(
          ScriptFailure(at: position, text: "nstat", "the counter \(name) has not moved"))
      case .listening(let port):
        guard
          !sockets.contains(where: {
            $0.state == .listening && !$0.isClosed && $0.localPort == port
          })
        else {
          continue
        }
        throw .failed(
          ScriptFailure(at: position, text: text, "nobody listens on port \(port)"))
      case .socketCount(let state, let port, let count, _):
        guard let seen = connections(in: state, port: port) else {
          what = "counting sockets in state \(state)"
          break
        }
        guard seen != count else { continue }
        throw .failed(
          ScriptFailure(
            at: position, text: text,
            "\(seen) connections are in state \(state), not \(count)"))
      case .unsupported(let text): what = "the command '\(text)'"
      }
      throw .unsupported(position, what: what)
    }
  }

  /// Sets a setting of the host; what cannot be done, if so.
  private mutating func set(_ name: String, _ value: String) -> String? {
    var setting = (name: name, value: value)
    if !name.hasPrefix("net.ipv4.") {
      guard let linux = Profile.linuxSetting(name, value) else { return "sysctl \(name)=\(value)" }
      setting = linux
      if setting.name.isEmpty { return nil }
    }
    // No cookies may be kept: those there are go.
    if setting == ("net.ipv4.tcp_fastopen_cookies", "0") { machine.process.stack.forgetServers() }
    do throws(UnsupportedCall) {
      try machine.process.parameters.set(setting.name, to: setting.value)
      return nil
    } catch {
      if Profile.invisible.contains(setting.name) { return nil }
      // A setting that the profile has, set to what the profile says.
      if Profile.linux.contains(where: { $0 == setting }) { return nil }
      return "sysctl \(setting.name)=\(setting.value)"
    }
  }

  private mutating func setRoute(_ change: ShellCommand.RouteChange) -> String? {
    guard !change.isIPv6 else { return nil }
    if let mtu = change.mtu, mtu != script.configuration.mtu { return "ip route mtu \(mtu)" }
    if let window = change.initialReceiveWindow { return "ip route initrwnd \(window)" }
    if let size = change.advertisedMSS {
      machine.process.parameters.tcp.maximumSegmentSize = size
    }
    if let window = change.initialCongestionWindow {
      guard (1...10).contains(window) else { return "ip route initcwnd \(window)" }
      machine.process.parameters.tcp.initialWindowSegments = window
    }
    return nil
  }

  // MARK: Counters and states

  /// What Linux's counters are called here.
  private static let counters: [String: TCPRule] = [
    "TcpExtOutOfWindowIcmps": .badICMP, "TcpExtTCPChallengeACK": .challengeACK,
    "TcpExtPAWSEstab": .dropPAWS,
  ]

  private func counter(_ name: String) -> UInt64? {
    Self.counters[name].map { machine.process.stack.counters.tcp.count($0) }
  }

  /// How many connections are in a state, as FreeBSD names it.
  private func connections(in name: String, port: UInt16?) -> Int? {
    let states: [String: TCPState] = [
      "SYN_SENT": .synSent, "SYN_RCVD": .synReceived, "ESTABLISHED": .established,
      "FIN_WAIT_1": .finWait1, "FIN_WAIT_2": .finWait2, "CLOSE_WAIT": .closeWait,
      "CLOSING": .closing, "LAST_ACK": .lastAck, "TIME_WAIT": .timeWait,
    ]
    guard let state = states[name] else { return nil }
    return machine.process.stack.connectionSummaries.count { summary in
      summary.info.state == state
        && (port == nil || summary.endpoints.local.port.rawValue == port)
    }
  }

  // MARK: Code

  /// Runs assertions with what is known of the tracked socket.
  mutating func check(_ text: String, _ event: ScriptEvent) throws(Halt) {
    var snapshot: [String: Int64] = [:]
    guard let tracked, let descriptor = sockets[tracked].descriptor else {
      throw faulty(event, "a descriptor of the tracked socket before this code", found: "none")
    }
    if text.contains("tcpi_") || text.contains("SK_MEMINFO") {
      guard let information = machine.process.tcpInformation(descriptor) else {
        throw unsupported(event, "TCP_INFO of this socket")
      }
      for (name, value) in information { snapshot[name] = Int64(value) }
      if text.contains("SK_MEMINFO") {
        for (name, value) in machine.process.memoryInformation(descriptor) ?? [:] {
          snapshot[name] = Int64(value)
        }
      }
    }
    switch evaluator.run(text, snapshot: snapshot) {
    case .holds: return
    case .unsupported(let what): throw unsupported(event, what)
    case .fails(let assertion, let reasons):
      var failure = failure(event, "the assertion '\(assertion)' does not hold")
      if !reasons.isEmpty { failure.sentence += ": \(reasons)" }
      failure.seenTime = now
      throw .failed(failure)
    }
  }
}
