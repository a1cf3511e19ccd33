import Octets
import Stack
import TCPCore

// SOL_TCP: `tcp(7)`.
extension POSIXProcess {
  mutating func tcpOption(
    _ socket: OpenSocket, _ name: Int
  ) throws(UnsupportedCall) -> OptionAnswer {
    guard socket.isStream else { return .failed(.notSupported) }
    let options = socket.options
    switch name {
    case 1: return .flag(socket.tcp.noDelay)
    case 2: return .int(segmentSize(socket))
    case 3: return .flag(socket.tcp.isCorked)
    case 4: return .int(Int(options.keepalive.idle.components.seconds))
    case 5: return .int(Int(options.keepalive.interval.components.seconds))
    case 6: return .int(options.keepalive.probes)
    case 7: return .int(options.openRetransmissions ?? parameters.openRetransmissions)
    case 8:
      let host = Int(parameters.tcp.orphanTimeout.components.seconds)
      return .int(options.linger2.map { $0 == 0 ? host : $0 } ?? host)
    case 9: return .int(HostParameters.seconds(ofRetransmissions: options.deferredAccept))
    case 10: return .int(0)
    case 11: return .value(OptionValue(octets: information(socket).octets))
    case 12: return .flag(options.acknowledgesQuickly)
    case 13: return .text(socket.tcp.congestion.rawValue)
    case 18:
      return .int(Int((socket.tcp.userTimeout ?? .zero).wholeNanoseconds / 1_000_000))
    case 25: return .int(options.unsentLowWater ?? 0)
    case 36: return .flag(options.tellsQueue)
    case 23: return .int(options.fastOpenQueue)
    case 30: return .flag(options.opensFast)
    case 33: return .value(OptionValue(octets: fastOpenKeyOctets(socket)))
    case 34: return .flag(!socket.tcp.fastOpenNeedsCookie)
    // What is always off: thin streams, transmission delay.
    case 16, 17, 37: return .int(0)
    case 14...45: throw UnsupportedCall(what: "getsockopt(SOL_TCP, \(Self.tcpName(name)))")
    default: return .failed(.noSuchOption)
    }
  }

  private func segmentSize(_ socket: OpenSocket) -> Int {
    guard case .connection(let id) = socket.role, stack.state(id) != .closed,
      let info = stack.info(id)
    else { return socket.options.segmentSize > 0 ? socket.options.segmentSize : 536 }
    return info.sendMaximumSegmentSize
  }

  mutating func setTCPOption(
    _ socket: OpenSocket, _ name: Int, _ value: OptionValue?
  ) throws(UnsupportedCall) -> Errno? {
    guard socket.isStream else { return .noSuchOption }
    if name == 13 { return try setCongestion(socket, value) }
    if name == 33 { return setFastOpenKey(socket, value) }
    let (number, error) = number(value)
    if let error { return error }
    switch name {
    case 1:
      configure(socket) { $0.noDelay = number != 0 }
      // Linux lets what is held go each time, whatever was set before.
      if number != 0, case .connection(let id) = socket.role {
        stack.mark(id, .nothingFollows, at: now)
      }
    case 2: return setSegmentSize(socket, number)
    case 3: configure(socket) { $0.isCorked = number != 0 }
    case 4, 5, 6: return setKeepaliveTimes(socket, name, number)
    case 7:
      guard (1...127).contains(number) else { return .invalidArgument }
      socket.options.openRetransmissions = number
      configure(socket) { $0.openRetransmissions = UInt8(number) }
    case 8: return setOrphanTime(socket, number)
    case 9: setDeferral(socket, HostParameters.retransmissions(inSeconds: number))
    case 12: setQuickAcknowledgments(socket, number)
    case 18:
      guard number >= 0 else { return .invalidArgument }
      let timeout: Duration? = number == 0 ? nil : .milliseconds(number)
      configure(socket) { $0.userTimeout = timeout }
    case 25:
      socket.options.unsentLowWater = number == 0 ? nil : Int(UInt32(truncatingIfNeeded: number))
    case 36:
      guard (0...1).contains(number) else { return .invalidArgument }
      socket.options.tellsQueue = number == 1
    case 23: return setFastOpenQueue(socket, number)
    case 30: return setFastOpenConnect(socket, number)
    case 34: return setFastOpenNoCookie(socket, number)
    case 10, 16, 17, 37:
      // What is off may be switched off.
      if number != 0 { throw UnsupportedCall(what: "setsockopt(SOL_TCP, \(Self.tcpName(name)))") }
    case 11: return .noSuchOption
    case 14...45: throw UnsupportedCall(what: "setsockopt(SOL_TCP, \(Self.tcpName(name)))")
    default: return .noSuchOption
    }
    return nil
  }

  private mutating func setSegmentSize(_ socket: OpenSocket, _ number: Int) -> Errno? {
    // Linux bounds the segments of both directions by it.
    guard number == 0 || (88...32_767).contains(number) else { return .invalidArgument }
    socket.options.segmentSize = number
    configure(socket) { tcp in
      tcp.maximumSegmentSize = number == 0 ? nil : number
      tcp.maximumSentSegmentSize = number == 0 ? nil : UInt16(number)
    }
    return nil
  }

  private mutating func setKeepaliveTimes(
    _ socket: OpenSocket, _ name: Int, _ number: Int
  ) -> Errno? {
    guard (1...(name == 6 ? 127 : 32_767)).contains(number) else { return .invalidArgument }
    switch name {
    case 4: socket.options.keepalive.idle = .seconds(number)
    case 5: socket.options.keepalive.interval = .seconds(number)
    default: socket.options.keepalive.probes = number
    }
    updateKeepalive(socket)
    return nil
  }

  /// `TCP_LINGER2`: below zero, an orphan does not stay in FIN-WAIT-2 at all.
  private mutating func setOrphanTime(_ socket: OpenSocket, _ number: Int) -> Errno? {
    socket.options.linger2 = number < 0 ? -1 : min(number, 120)
    let host = parameters.tcp.orphanTimeout
    let time: Duration = number < 0 ? .zero : number == 0 ? host : .seconds(min(number, 120))
    configure(socket) { $0.orphanTimeout = time }
    return nil
  }

  private mutating func setDeferral(_ socket: OpenSocket, _ count: Int) {
    socket.options.deferredAccept = count
    guard case .listener(let id) = socket.role else { return }
    let patience = parameters.deferral(count)
    try? stack.configureListener(id) { $0.deferAccept = patience }
  }

  /// `TCP_QUICKACK`: even numbers go back by themselves, which here every setting does.
  private mutating func setQuickAcknowledgments(_ socket: OpenSocket, _ number: Int) {
    socket.options.acknowledgesQuickly = number & 1 != 0
    guard case .connection(let id) = socket.role else {
      if number == 0 { configure(socket) { $0.quickAcknowledgments = 0 } }
      return
    }
    stack.acknowledgeQuickly(id, number & 1 != 0, at: now)
  }

  private mutating func setCongestion(
    _ socket: OpenSocket, _ value: OptionValue?
  ) throws(UnsupportedCall) -> Errno? {
    guard let value else { return .badAddress }
    guard !value.octets.isEmpty else { return .invalidArgument }
    let name = value.string
    guard let algorithm = CongestionAlgorithm(rawValue: name) else {
      if HostParameters.knownAlgorithms.contains(name) {
        throw UnsupportedCall(what: "congestion control \(name)")
      }
      return .noEntry
    }
    configure(socket) { $0.congestion = algorithm }
    return nil
  }

  private static let tcpNames: [Int: String] = [
    10: "TCP_WINDOW_CLAMP", 14: "TCP_MD5SIG", 16: "TCP_THIN_LINEAR_TIMEOUTS",
    17: "TCP_THIN_DUPACK", 19: "TCP_REPAIR", 20: "TCP_REPAIR_QUEUE", 21: "TCP_QUEUE_SEQ",
    22: "TCP_REPAIR_OPTIONS", 24: "TCP_TIMESTAMP", 26: "TCP_CC_INFO",
    27: "TCP_SAVE_SYN", 28: "TCP_SAVED_SYN", 29: "TCP_REPAIR_WINDOW",
    31: "TCP_ULP", 32: "TCP_MD5SIG_EXT",
    35: "TCP_ZEROCOPY_RECEIVE", 37: "TCP_TX_DELAY",
  ]

  private static func tcpName(_ name: Int) -> String { tcpNames[name] ?? String(name) }
}
