import Wire

/// A connection in a capture, summed up in the manner of tcptrace.
public struct StreamSummary: Sendable {
  /// How a connection ended.
  public enum Ending: String, Hashable, Sendable {
    /// The capture has no end of it.
    case open
    /// One side has sent a FIN.
    case halfClosed = "half closed"
    /// Both sides have.
    case closed
    /// There was a reset.
    case reset
  }

  /// Its number, from 0.
  public let stream: Int
  /// Who opened it: the sender of the SYN, else of the first frame.
  public let client: CapturedEnd
  /// Who was asked.
  public let server: CapturedEnd
  /// The first frame's time, in nanoseconds on the capture's clock.
  public let start: Int64
  /// The last frame's time.
  public private(set) var end: Int64
  /// From the SYN to the acknowledgment that ended the handshake, in nanoseconds.
  public private(set) var handshake: Int64?
  /// What the client sent.
  public private(set) var fromClient = DirectionSummary()
  /// What the server sent.
  public private(set) var fromServer = DirectionSummary()
  /// How it ended.
  public private(set) var ending = Ending.open
  /// Whether the client ended it, or reset it, first; nil while it is open.
  public private(set) var clientEndedFirst: Bool?
  /// The longest time in which neither side sent anything, in nanoseconds.
  public private(set) var longestIdle: Int64 = 0
  private var lastTime: Int64
  private var finished = (client: false, server: false)

  init(_ stream: Int, _ facts: TCPFacts, _ time: Int64) {
    self.stream = stream
    (client, server) =
      facts.answers ? (facts.destination, facts.source) : (facts.source, facts.destination)
    start = time
    end = time
    lastTime = time
  }

  mutating func add(_ facts: TCPFacts, _ verdict: FrameVerdict, _ scale: Int, _ time: Int64) {
    end = max(end, time)
    handshake = handshake ?? verdict.initialRoundTrip
    let isClient = facts.source == client
    if isClient {
      fromClient.add(facts, verdict, scale, time)
      fromServer.acknowledged(verdict)
    } else {
      fromServer.add(facts, verdict, scale, time)
      fromClient.acknowledged(verdict)
    }
    longestIdle = max(longestIdle, time &- lastTime)
    lastTime = max(lastTime, time)
    if facts.flags.contains(.fin) {
      if isClient { finished.client = true } else { finished.server = true }
    }
    if facts.flags.contains(.rst) {
      ending = .reset
    } else if ending != .reset, finished.client || finished.server {
      ending = finished.client && finished.server ? .closed : .halfClosed
    }
    if ending != .open, clientEndedFirst == nil { clientEndedFirst = isClient }
  }
}
