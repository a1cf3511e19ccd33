import Octets
import Simulation
import TCPCore

/// Runs to begin with, by name.
public enum LaboratoryScene: String, CaseIterable, Sendable {
  /// One mail, from the first SYN to the end of TIME-WAIT.
  case mail
  /// 30,000 octets from the client to the server.
  case transfer
  /// The same on a link that loses a part of the packets.
  case lossy
  /// A reader that takes its time, and a small buffer.
  case slow

  /// One sentence.
  public var sentence: String {
    switch self {
    case .mail: "one mail, from the first SYN to the end of TIME-WAIT"
    case .transfer: "30,000 octets from the client to the server"
    case .lossy: "60,000 octets on a link that loses 8 % of the packets"
    case .slow: "12,000 octets to a reader with a buffer of 4,096 that takes its time"
    }
  }

  /// The most octets that a transfer may be asked to carry.
  public static let mostOctets = 20_000_000

  /// Whether the scene is a transfer of any number of octets.
  public var isTransfer: Bool { self == .transfer || self == .lossy }

  /// The run, where chance begins at a seed.
  ///
  /// - Parameter octets: what a transfer carries, if it is not to be its usual number.
  public func run(seed: UInt64 = 1, octets: Int? = nil) -> RecordedRun {
    switch self {
    case .mail:
      var run = RecordedRun(seed: seed, inputs: [RunInput(.zero, .client, .open)])
      run.clientHabit = .mailClient(mails: 1, isPooled: true)
      run.serverHabit = .mailServer
      return run
    case .transfer: return Self.transfer(octets ?? 30_000, seed: seed)
    case .lossy:
      var run = Self.transfer(octets ?? 60_000, seed: seed)
      run.link.loss = 0.08
      return run
    case .slow:
      return Self.slowReader(buffer: 4096, seed: seed)
    }
  }

  /// The client opens, sends so many octets and closes; so does the server.
  static func transfer(_ count: Int, seed: UInt64 = 1) -> RecordedRun {
    var run = RecordedRun(
      seed: seed,
      inputs: [
        RunInput(.zero, .client, .open),
        RunInput(.milliseconds(100), .client, .send(pattern(count))),
        RunInput(.milliseconds(100), .client, .close),
        RunInput(.milliseconds(200), .server, .close),
      ])
    run.port = 9
    return run
  }

  /// The server's user sleeps for 2 s, and then reads 1,000 octets each 500 ms.
  static func slowReader(buffer: Int, seed: UInt64 = 1) -> RecordedRun {
    var run = transfer(12_000, seed: seed).configured {
      $0.usesWindowScaling = false
      $0.usesTimestamps = false
      $0.maximumSegmentSize = 1000
    }
    run.server.receiveBufferLimit = buffer
    run.server.receiveBufferMaximum = 0
    run.server.tunesReceiveBuffer = false
    run.serverHabit = .waits
    run.inputs.removeLast()
    for turn in 0..<24 {
      run.inputs.append(RunInput(.milliseconds(2000 + 500 * turn), .server, .read(1000)))
    }
    run.inputs.append(RunInput(.seconds(15), .server, .close))
    return run
  }

  /// Octets of text in lines of 50, so that each can be told by its place.
  static func pattern(_ count: Int) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(count + 50)
    while octets.count < count {
      let number = "\(octets.count) "
      let dots = String(repeating: ".", count: max(48 - number.utf8.count, 0))
      octets += Array((number + dots + "\r\n").utf8)
    }
    return Array(octets.prefix(count))
  }
}
