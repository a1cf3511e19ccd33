/// What is known of one connection, as far as pictures show it: seconds since the first packet, octets
/// since each side's first number.
public struct Flow: Sendable {
  /// Who sent something.
  public enum Side: Sendable {
    /// Who opened the connection.
    case client
    /// The other.
    case server
  }

  /// A segment.
  public struct Segment: Sendable {
    /// When it was seen.
    public var time: Double
    /// Who sent it.
    public var side: Side
    /// Its first octet's number; the SYN has 0.
    public var sequence: Int
    /// Octets of payload.
    public var length: Int
    /// What it acknowledges; nil for nothing.
    public var acknowledgment: Int?
    /// The window that it offers, in octets.
    public var window: Int
    /// The blocks that it reports, from and to.
    public var blocks: [ClosedRange<Int>] = []
    /// SYN, FIN and RST, as people write them.
    public var flags = ""
    /// Whether octets of it had been sent before.
    public var isCopy = false
    /// Whether it was lost on the way.
    public var isLost = false
    /// Why it was sent, in a few words.
    public var reason: String?

    /// A segment from its parts.
    public init(
      time: Double, side: Side, sequence: Int, length: Int, acknowledgment: Int?, window: Int
    ) {
      self.time = time
      self.side = side
      self.sequence = sequence
      self.length = length
      self.acknowledgment = acknowledgment
      self.window = window
    }
  }

  /// The true inner state of the client's connection, of our own runs only.
  public struct State: Hashable, Sendable {
    /// When it began to hold.
    public var time: Double
    /// The congestion window, in octets.
    public var congestionWindow: Int
    /// The slow-start threshold; nil while there is none.
    public var slowStartThreshold: Int?
    /// The retransmission time-out, in milliseconds.
    public var retransmissionTimeout: Double

    /// A state from its parts.
    public init(
      time: Double, congestionWindow: Int, slowStartThreshold: Int?, retransmissionTimeout: Double
    ) {
      self.time = time
      self.congestionWindow = congestionWindow
      self.slowStartThreshold = slowStartThreshold
      self.retransmissionTimeout = retransmissionTimeout
    }
  }

  /// The two ends.
  public var client: String
  /// The two ends.
  public var server: String
  /// In the order of time.
  public var segments: [Segment] = []
  /// In the order of time; empty for captures.
  public var states: [State] = []

  /// A connection without segments.
  public init(client: String, server: String) {
    self.client = client
    self.server = server
  }

  /// Who sent more octets.
  var sender: Side {
    var balance = 0
    for segment in segments {
      balance += segment.side == .client ? segment.length : -segment.length
    }
    return balance >= 0 ? .client : .server
  }

  func name(_ side: Side) -> String { side == .client ? client : server }

  /// From the first segment to the last.
  var times: ClosedRange<Double> {
    var (first, last) = (Double.infinity, -Double.infinity)
    for segment in segments where segment.time.isFinite {
      first = min(first, segment.time)
      last = max(last, segment.time)
    }
    return first <= last ? first...last : 0...1
  }
}
