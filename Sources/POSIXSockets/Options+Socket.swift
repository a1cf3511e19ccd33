import Octets
import Stack
import TCPCore

// SOL_SOCKET: `socket(7)`.
extension POSIXProcess {
  mutating func socketOption(
    _ socket: OpenSocket, _ name: Int
  ) throws(UnsupportedCall) -> OptionAnswer {
    let options = socket.options
    switch name {
    case 1, 5, 11, 14: return .int(0)
    case 2: return .flag(options.reusesAddress)
    case 3: return .int(socket.isStream ? 1 : 2)
    case 4:
      notice(socket)
      if !socket.isStream { fetch(socket) }
      return .int(Int(socket.takeError()?.rawValue ?? 0))
    case 6: return .flag(options.isBroadcast)
    case 7: return .int(options.sendBuffer)
    case 8: return .int(options.receiveBuffer)
    case 9: return .flag(options.keepsAlive)
    case 10: return .flag(options.isUrgentInline)
    case 12: return .int(options.priority)
    case 13: return .value(.linger(isOn: options.lingers, seconds: options.lingerSeconds))
    case 15: return .flag(options.reusesPort)
    case 18: return .int(options.receiveLowWater)
    case 19: return .int(1)
    case 20: return .value(Self.time(options.receiveTimeout))
    case 21: return .value(Self.time(options.sendTimeout))
    case 30:
      if case .listener = socket.role { return .int(1) }
      return .int(0)
    case 36: return .int(options.mark)
    case 38: return .int(socket.isStream ? 6 : 17)
    case 39: return .int(2)
    case 47: return .int(options.pacingRate ?? -1)
    case 55: return .value(OptionValue(octets: memoryOctets(socket)))
    case 37: return .int(socket.reports.timestamping)
    case 60: return .flag(socket.reports.tellsZeroCopy)
    case 16...76: throw UnsupportedCall(what: "getsockopt(SOL_SOCKET, \(Self.socketName(name)))")
    default: return .failed(.noSuchOption)
    }
  }

  mutating func setSocketOption(
    _ socket: OpenSocket, _ name: Int, _ value: OptionValue?
  ) throws(UnsupportedCall) -> Errno? {
    let (number, error) = number(value)
    if let error { return error }
    let isOn = number != 0
    switch name {
    case 2: socket.options.reusesAddress = isOn
    case 3, 4, 30, 38, 39, 19: return .noSuchOption
    case 6: socket.options.isBroadcast = isOn
    case 7: setSendBuffer(socket, min(max(number, 0), parameters.sendBufferMaximum))
    case 32: setSendBuffer(socket, max(number, 0))
    case 8: setReceiveBuffer(socket, min(max(number, 0), parameters.receiveBufferMaximum))
    case 33: setReceiveBuffer(socket, max(number, 0))
    case 9:
      socket.options.keepsAlive = isOn
      updateKeepalive(socket)
    case 10: socket.options.isUrgentInline = isOn
    case 12: socket.options.priority = number
    case 13:
      guard let linger = value?.linger else { return .invalidArgument }
      socket.options.lingers = linger.isOn
      if linger.isOn { socket.options.lingerSeconds = max(0, linger.seconds) }
    case 15: socket.options.reusesPort = isOn
    case 18: socket.options.receiveLowWater = number < 0 ? Int(Int32.max) : max(number, 1)
    case 20, 21:
      guard let time = value?.time else { return .invalidArgument }
      guard (0..<1_000_000).contains(time.microseconds) else { return .outOfDomain }
      setTimeout(socket, isSend: name == 21, time.seconds, time.microseconds)
    case 36: socket.options.mark = number
    case 47:
      // Octets a second, without a sign; all ones for no limit.
      let rate = Int(UInt32(truncatingIfNeeded: number))
      socket.options.pacingRate = rate == Int(UInt32.max) ? nil : rate
      configure(socket) { $0.maximumPacingRate = socket.options.pacingRate }
    case 37: return try setTimestamping(socket, number)
    case 60:
      guard (0...1).contains(number) else { return .invalidArgument }
      guard socket.isStream || !isOn else { throw UnsupportedCall(what: "SO_ZEROCOPY on UDP") }
      socket.reports.tellsZeroCopy = isOn
    case 1, 5, 11:
      // What is off may be switched off.
      if isOn { throw UnsupportedCall(what: "setsockopt(SOL_SOCKET, \(Self.socketName(name)))") }
    case 14: break
    case 16...76: throw UnsupportedCall(what: "setsockopt(SOL_SOCKET, \(Self.socketName(name)))")
    default: return .noSuchOption
    }
    return nil
  }

  private func setTimeout(
    _ socket: OpenSocket, isSend: Bool, _ seconds: Int64, _ microseconds: Int64
  ) {
    // Zero waits for ever; less than that waits not at all.
    let isForEver = seconds == 0 && microseconds == 0
    let wanted =
      seconds < 0 ? Duration.zero : .seconds(seconds) + .microseconds(microseconds)
    let timeout = isForEver ? nil : wanted
    if isSend {
      socket.options.sendTimeout = timeout
    } else {
      socket.options.receiveTimeout = timeout
    }
  }

  private static func time(_ timeout: Duration?) -> OptionValue {
    let microseconds = (timeout ?? .zero).wholeNanoseconds / 1000
    return .time(seconds: microseconds / 1_000_000, microseconds: microseconds % 1_000_000)
  }

  /// Linux doubles what is asked for, to have room for its bookkeeping. `socket(7)`
  private mutating func setSendBuffer(_ socket: OpenSocket, _ wanted: Int) {
    let size = max(wanted.multipliedReportingOverflow(by: 2).partialValue, 4608)
    socket.options.sendBuffer = min(size, Int(Int32.max))
    socket.options.isSendBufferSet = true
    configure(socket) { $0.sendBufferLimit = max($0.sendBufferLimit, size) }
  }

  private mutating func setReceiveBuffer(_ socket: OpenSocket, _ wanted: Int) {
    let size = max(wanted.multipliedReportingOverflow(by: 2).partialValue, 2304)
    socket.options.receiveBuffer = min(size, Int(Int32.max))
    socket.options.isReceiveBufferSet = true
    configure(socket) { tcp in
      // Half of the doubled size is for octets, and bounds the window for good.
      tcp.receiveBufferLimit = size / 2
      tcp.receiveBufferMaximum = 0
    }
  }

  /// `SO_KEEPALIVE` with the times of `TCP_KEEPIDLE` and its kin.
  mutating func updateKeepalive(_ socket: OpenSocket) {
    let keepalive = socket.options.keepsAlive ? socket.options.keepalive : nil
    configure(socket) { $0.keepalive = keepalive }
  }

  private static let socketNames: [Int: String] = [
    1: "SO_DEBUG", 5: "SO_DONTROUTE", 11: "SO_NO_CHECK", 16: "SO_PASSCRED", 17: "SO_PEERCRED",
    25: "SO_BINDTODEVICE", 26: "SO_ATTACH_FILTER", 27: "SO_DETACH_FILTER", 29: "SO_TIMESTAMP",
    31: "SO_PEERSEC", 34: "SO_PASSSEC", 35: "SO_TIMESTAMPNS",
    40: "SO_RXQ_OVFL", 42: "SO_PEEK_OFF", 44: "SO_LOCK_FILTER", 46: "SO_BUSY_POLL",
    49: "SO_INCOMING_CPU", 50: "SO_ATTACH_BPF", 56: "SO_INCOMING_NAPI_ID", 57: "SO_COOKIE",
    61: "SO_TXTIME", 74: "SO_TXREHASH",
  ]

  private static func socketName(_ name: Int) -> String { socketNames[name] ?? String(name) }
}
