public import Analysis
public import Wire

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
    /// The control bits.
    public var control: TCPFlags = []
    /// What the analysis says of it.
    public var verdict: AnalysisFlags = []
    /// Whether octets of it had been sent before.
    public var isCopy = false
    /// Whether it was lost on the way.
    public var isLost = false
    /// Milliseconds from the segment that it acknowledges, if it is the first to do so.
    public var roundTrip: Double?
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

    /// The number behind its last octet; SYN and FIN take one each.
    var end: Int {
      sequence &+ length &+ (control.contains(.syn) ? 1 : 0) &+ (control.contains(.fin) ? 1 : 0)
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
    /// Octets that are sent and not acknowledged.
    public var outstanding: Int
    /// The retransmission time-out, in milliseconds.
    public var retransmissionTimeout: Double
    /// The smoothed round trip, in milliseconds; nil before the first was measured.
    public var smoothedRoundTrip: Double?

    /// A state from its parts.
    public init(
      time: Double, congestionWindow: Int, slowStartThreshold: Int?, outstanding: Int = 0,
      retransmissionTimeout: Double, smoothedRoundTrip: Double? = nil
    ) {
      self.time = time
      self.congestionWindow = congestionWindow
      self.slowStartThreshold = slowStartThreshold
      self.outstanding = outstanding
      self.retransmissionTimeout = retransmissionTimeout
      self.smoothedRoundTrip = smoothedRoundTrip
    }

    /// Whether nothing but the time differs.
    public func isSame(as other: State) -> Bool {
      var other = other
      other.time = time
      return self == other
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
      balance &+= segment.side == .client ? segment.length : 0 &- segment.length
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

  /// The connection in numbers, in one line.
  var summary: String {
    let (sender, times) = (sender, times)
    var octets = (there: 0, back: 0)
    var again = 0
    for segment in segments {
      if segment.side == sender {
        octets.there &+= segment.length
      } else {
        octets.back &+= segment.length
      }
      if segment.isCopy { again += 1 }
    }
    let other: Side = sender == .client ? .server : .client
    let duration = Axis.decimal(((times.upperBound - times.lowerBound) * 1e6).rounded() / 1e6)
    return "\(segments.count) segments in \(duration) s, \(again) of them sent again; "
      + "\(octets.there) octets from \(name(sender)), \(octets.back) from \(name(other))"
  }
}
