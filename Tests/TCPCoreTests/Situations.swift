import Octets
import TCPCore
import Testing
import Wire

/// The number of a requirement that a test proves, as its document numbers it.
struct Requirement: TestTrait, SuiteTrait {
  let name: String
}

extension Trait where Self == Requirement {
  /// The test proves this requirement, such as `RFC 9293 MUST-8`.
  static func requirement(_ name: String) -> Requirement { Requirement(name: name) }
}

/// What both ends agree on in the handshake of a script.
struct Agreement: Sendable {
  var configuration: TCPConfiguration
  var maximumSegmentSize: UInt16? = 1460
  var windowScale: UInt8?
  var usesSACK = false
  var usesTimestamps = false
  var window: UInt16 = 65_535
  var mtu = 1500
  /// The connection opens passively.
  var isPassive = false

  /// Nothing but MSS, and acknowledgments without delay at first.
  init(_ change: (inout TCPConfiguration) -> Void = { _ in }) {
    configuration = TCPConfiguration()
    configuration.congestion = .reno
    configuration.quickAcknowledgments = 0
    change(&configuration)
  }

  func with(_ change: (inout Agreement) -> Void) -> Agreement {
    var copy = self
    change(&copy)
    return copy
  }

  var peerOptions: TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = maximumSegmentSize
    options.windowScale = windowScale
    options.sackPermitted = usesSACK
    if usesTimestamps { options.timestamps = TCPTimestamps(value: 1000, echo: 0) }
    return options
  }
}

extension Script {
  /// An established connection, nothing sent yet but the handshake.
  static func established(_ agreement: Agreement = Agreement()) -> Script {
    var options = agreement.peerOptions
    guard !agreement.isPassive else {
      var script = Script(
        accepting: options, configuration: agreement.configuration, mtu: agreement.mtu,
        window: agreement.window)
      script.expect(.synAck, seq: 0, ack: 1)
      if agreement.usesTimestamps { script.peerClock = 1000 }
      script.inject(.ack, seq: 1, ack: 1, window: agreement.window)
      script.expect(state: .established)
      _ = script.connection.takeEvents()
      return script
    }
    var script = Script(opening: agreement.configuration, mtu: agreement.mtu)
    script.expect(.syn, seq: 0)
    if agreement.usesTimestamps {
      script.peerClock = 1000
      options.timestamps = TCPTimestamps(value: 1000, echo: script.lastTimestamp)
    }
    script.inject(.synAck, seq: 0, ack: 1, window: agreement.window, options: options)
    script.expect(.ack, seq: 1, ack: 1)
    script.expect(state: .established)
    _ = script.connection.takeEvents()
    return script
  }

  /// A connection in a state, reached the shortest way; nothing but SYN and FIN was sent.
  static func inState(_ state: TCPState, _ agreement: Agreement = Agreement()) -> Script {
    switch state {
    case .synSent:
      var script = Script(opening: agreement.configuration)
      script.expect(.syn, seq: 0)
      return script
    case .synReceived:
      var script = Script(
        accepting: agreement.peerOptions, configuration: agreement.configuration)
      script.expect(.synAck, seq: 0, ack: 1)
      return script
    case .listen, .closed, .established: return established(agreement)
    case .closeWait:
      var script = established(agreement)
      script.inject(.finAck, seq: 1, ack: 1)
      script.expect(.ack, seq: 1, ack: 2)
      return script
    case .lastAck:
      var script = inState(.closeWait, agreement)
      script.connection.closeSending(at: script.now)
      script.expect(.finAck, seq: 1, ack: 2)
      return script
    case .finWait1:
      var script = established(agreement)
      script.connection.closeSending(at: script.now)
      script.expect(.finAck, seq: 1, ack: 1)
      return script
    case .finWait2:
      var script = inState(.finWait1, agreement)
      script.inject(.ack, seq: 1, ack: 2)
      return script
    case .closing:
      var script = inState(.finWait1, agreement)
      script.inject(.finAck, seq: 1, ack: 1)
      script.expect(.ack, seq: 2, ack: 2)
      return script
    case .timeWait:
      var script = inState(.finWait2, agreement)
      script.inject(.finAck, seq: 1, ack: 2)
      script.expect(.ack, seq: 2, ack: 2)
      return script
    }
  }

  /// Our next number in a state that ``inState(_:_:)`` reached.
  static func ours(in state: TCPState) -> Int {
    switch state {
    case .synSent, .synReceived, .established, .closeWait, .listen, .closed: 1
    case .finWait1, .finWait2, .closing, .lastAck, .timeWait: 2
    }
  }

  /// The peer's next number in a state that ``inState(_:_:)`` reached.
  static func theirs(in state: TCPState) -> Int {
    switch state {
    case .synSent: 0
    case .synReceived, .established, .finWait1, .finWait2, .listen, .closed: 1
    case .closeWait, .closing, .lastAck, .timeWait: 2
    }
  }
}
