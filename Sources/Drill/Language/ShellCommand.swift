/// What a shell command of a script means here: no shell ever runs.
enum ShellCommand: Hashable, Sendable {
  /// It changes nothing that a script can see.
  case nothing
  /// The settings that the public scripts begin with.
  case defaults
  /// A setting of the host, such as `net.ipv4.tcp_sack`, and its words.
  case setting(name: String, values: [String])
  /// Properties of the way to the peer.
  case route(RouteChange)
  /// What was learnt about peers is forgotten.
  case forgetPeers
  /// So many microseconds pass.
  case sleep(Int64)
  /// From now on the link takes no packet, or takes them again.
  case link(isBlocked: Bool)
  /// The link's queue lets segments leave one after the other, at their connection's rate.
  case pacing(Bool)
  /// The link's device cuts super-segments, or the stack must.
  case segmentationOffload(Bool)
  /// So many connections must be in a state, as FreeBSD names it.
  case socketCount(state: String, port: UInt16?, count: Int, isIPv6: Bool)
  /// Connections in a state are dropped.
  case dropConnections(state: String)
  /// Somebody must listen on a port.
  case listening(port: UInt16)
  /// A counter begins anew.
  case resetCounters
  /// A counter must have moved.
  case counterMoved(String)
  /// Anything else.
  case unsupported(String)

  /// What `ip route change` sets.
  struct RouteChange: Hashable, Sendable {
    var mtu: Int?
    var isMTULocked = false
    var advertisedMSS: Int?
    var initialCongestionWindow: Int?
    var initialReceiveWindow: Int?
    var isIPv6 = false
  }
}

extension ShellCommand {
  /// The commands of a text, in order.
  static func commands(in text: String) -> [ShellCommand] {
    var commands: [ShellCommand] = []
    for line in ShellWords.lines(of: text) {
      let stages = ShellWords.stages(of: line)
      commands += stages.count == 1 ? simple(stages[0]) : [pipe(stages, line)]
    }
    return commands
  }

  /// A command without a pipe.
  private static func simple(_ words: [String]) -> [ShellCommand] {
    guard let first = words.first else { return [] }
    let name = String(first.split(separator: "/").last ?? "")
    let arguments = Array(words.dropFirst())
    switch name {
    case "defaults.sh": return [.defaults]
    case "sysctl": return settings(arguments, words)
    case "set_sysctls.py": return settings(arguments, words)
    case "sleep":
      guard arguments.count == 1, let seconds = Double(arguments[0]), (0...1e6).contains(seconds)
      else { return [.unsupported(words.joined(separator: " "))] }
      return [.sleep(Int64(seconds * 1e6))]
    case "nstat": return [.resetCounters]
    case "ethtool": return offload(arguments)
    case "true", "echo", "setkey", "packetdrill_setup.sh": return [.nothing]
    case "tcpdrop" where arguments.count == 2 && arguments[0] == "-s":
      return [.dropConnections(state: arguments[1])]
    case "tc": return trafficControl(arguments, words)
    case "ip": return [internet(arguments, words)]
    default:
      if name.hasPrefix("sysctl_restore") { return [.nothing] }
      return [.unsupported(words.joined(separator: " "))]
    }
  }

  /// `sysctl -q a=1 b="2 3"`, with dots or slashes in the names.
  private static func settings(_ arguments: [String], _ words: [String]) -> [ShellCommand] {
    var commands: [ShellCommand] = []
    for argument in arguments {
      if argument.hasPrefix("-") { continue }
      guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
        return [.unsupported(words.joined(separator: " "))]
      }
      var name = argument[..<equals].split { $0 == "/" || $0 == "." }.map(String.init)
      if name.starts(with: ["proc", "sys"]) { name.removeFirst(2) }
      let values = argument[argument.index(after: equals)...].split { $0 == " " || $0 == "\t" }
      commands.append(.setting(name: name.joined(separator: "."), values: values.map(String.init)))
    }
    return commands.isEmpty ? [.unsupported(words.joined(separator: " "))] : commands
  }

  private static func trafficControl(_ arguments: [String], _ words: [String]) -> [ShellCommand] {
    guard arguments.first == "qdisc" else {
      return [.unsupported(words.joined(separator: " "))]
    }
    let kind = arguments.firstIndex { $0 == "pfifo" || $0 == "fq" || $0 == "fq_codel" }
    guard let kind else {
      let isRemoval = arguments.contains("del") || arguments.contains("delete")
      return isRemoval
        ? [.link(isBlocked: false), .pacing(false)]
        : [.unsupported(words.joined(separator: " "))]
    }
    let rest = Array(arguments[(kind + 1)...])
    if rest.count == 2, rest[0] == "limit", let limit = Int(rest[1]) {
      return [.link(isBlocked: limit == 0)]
    }
    return [.link(isBlocked: false), .pacing(arguments[kind] == "fq")]
  }

  /// `ethtool -K tun0 tso off gso off`; either of them switched off takes super-segments away.
  private static func offload(_ arguments: [String]) -> [ShellCommand] {
    var commands: [ShellCommand] = []
    for (name, value) in zip(arguments, arguments.dropFirst()) where name == "tso" || name == "gso"
    {
      if value == "on" || value == "off" { commands.append(.segmentationOffload(value == "on")) }
    }
    guard commands.contains(.segmentationOffload(false)) else {
      return commands.isEmpty ? [.nothing] : [.segmentationOffload(true)]
    }
    return [.segmentationOffload(false)]
  }

  private static func internet(_ arguments: [String], _ words: [String]) -> ShellCommand {
    var arguments = arguments
    var change = RouteChange()
    if arguments.first == "-6" {
      change.isIPv6 = true
      arguments.removeFirst()
    }
    if arguments.starts(with: ["tcp_metrics", "flush"]) { return .forgetPeers }
    guard arguments.count > 2, arguments[0] == "route",
      ["change", "replace", "add"].contains(arguments[1])
    else { return .unsupported(words.joined(separator: " ")) }
    var index = 2
    while index < arguments.count {
      let value = index + 1 < arguments.count ? Int(arguments[index + 1]) : nil
      switch (arguments[index], value) {
      case ("mtu", nil) where index + 2 < arguments.count && arguments[index + 1] == "lock":
        change.mtu = Int(arguments[index + 2])
        change.isMTULocked = true
        index += 1
      case ("mtu", let value?): change.mtu = value
      case ("advmss", let value?): change.advertisedMSS = value
      case ("initcwnd", let value?): change.initialCongestionWindow = value
      case ("initrwnd", let value?): change.initialReceiveWindow = value
      // The way itself is the only one there is.
      case ("via", _), ("dev", _), ("src", _), ("proto", _), ("metric", _): break
      case _ where index == 2: index -= 1
      default: return .unsupported(words.joined(separator: " "))
      }
      index += 2
    }
    return .route(change)
  }

  // MARK: Pipes

  private static func pipe(_ stages: [[String]], _ line: String) -> ShellCommand {
    let unsupported = ShellCommand.unsupported(line)
    guard let first = stages.first, let name = first.first else { return unsupported }
    switch name {
    case "sockstat": return socketCount(stages) ?? unsupported
    case "nstat":
      guard stages.count == 2, stages[1].count == 2, stages[1][0] == "grep" else {
        return unsupported
      }
      return .counterMoved(stages[1][1])
    case "grep":
      // State 0A of the kernel's table is LISTEN; its ports are in hexadecimal.
      guard stages.count == 2, first.count >= 3, first[1].contains("0A"),
        first[2].hasPrefix("/proc/net/tcp"), stages[1].count == 2, stages[1][1].hasPrefix(":"),
        let port = UInt16(stages[1][1].dropFirst(), radix: 16)
      else { return unsupported }
      return .listening(port: port)
    default: return unsupported
    }
  }

  /// `sockstat -4 -P tcp -s -p 8080 | grep ... | grep -c STATE | grep N`.
  private static func socketCount(_ stages: [[String]]) -> ShellCommand? {
    let arguments = stages[0]
    var port: UInt16?
    if let place = arguments.firstIndex(of: "-p"), place + 1 < arguments.count {
      port = UInt16(arguments[place + 1])
    }
    guard let last = stages.last, last.count == 2, last[0] == "grep", let count = Int(last[1]),
      let counting = stages.dropLast().last, counting.count == 3, counting[1] == "-c"
    else { return nil }
    return .socketCount(
      state: counting[2], port: port, count: count, isIPv6: arguments.contains("-6"))
  }
}
