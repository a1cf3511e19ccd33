import Wire

/// One direction of a connection, summed up.
public struct DirectionSummary: Hashable, Sendable {
  /// Frames.
  public internal(set) var segments = 0
  /// Frames with payload.
  public internal(set) var dataSegments = 0
  /// Octets of payload, those sent again included.
  public internal(set) var octets = 0
  /// Octets of the longest payload.
  public internal(set) var longestPayload = 0
  /// Frames that were sent again.
  public internal(set) var retransmissions = 0
  /// Octets of payload in them.
  public internal(set) var retransmittedOctets = 0
  /// Frames that were overtaken.
  public internal(set) var outOfOrder = 0
  /// Duplicate acknowledgments.
  public internal(set) var duplicateACKs = 0
  /// Frames with SACK blocks.
  public internal(set) var segmentsWithSACK = 0
  /// Round trips that were measured, from octets of this direction to their acknowledgment.
  public internal(set) var roundTrips = 0
  /// The least of them, in nanoseconds.
  public internal(set) var leastRoundTrip = Int64.max
  /// The greatest of them, in nanoseconds.
  public internal(set) var greatestRoundTrip: Int64 = 0
  /// Their sum, in nanoseconds.
  public internal(set) var sumOfRoundTrips: Int64 = 0
  /// The sum of their squared distances from the average, in nanoseconds squared. By Welford's way:
  /// sums of squares lose what matters.
  private var spread = 0.0
  private var average = 0.0
  /// Frames whose window counts: without SYN, whose window is not scaled, and RST, whose means nothing.
  public internal(set) var windows = 0
  /// The largest window that was offered, in octets, as far as its scale is known.
  public internal(set) var largestWindow = 0
  /// The least.
  public internal(set) var leastWindow = Int.max
  /// Their sum.
  public internal(set) var sumOfWindows = 0
  /// Frames that offer no window.
  public internal(set) var zeroWindows = 0
  /// The MSS option of the SYN; nil without.
  public internal(set) var maximumSegmentSize: UInt16?
  /// The shift that the SYN offers; nil without.
  public internal(set) var windowScale: UInt8?
  /// Whether the SYN permits SACK.
  public internal(set) var permitsSACK = false
  /// Whether the SYN has timestamps.
  public internal(set) var offersTimestamps = false
  /// Frames with FIN.
  public internal(set) var finishes = 0
  /// Frames with RST.
  public internal(set) var resets = 0
  /// The longest time between two frames, in nanoseconds.
  public internal(set) var longestIdle: Int64 = 0
  private var lastTime: Int64?

  /// The standard deviation of the round trips, in nanoseconds; nil where there are not two.
  public var deviation: Int64? {
    roundTrips > 1 ? Int64((spread / Double(roundTrips &- 1)).squareRoot().rounded()) : nil
  }

  /// A frame of this direction.
  mutating func add(_ facts: TCPFacts, _ verdict: FrameVerdict, _ scale: Int, _ time: Int64) {
    segments &+= 1
    octets &+= facts.length
    if facts.length > 0 { dataSegments &+= 1 }
    longestPayload = max(longestPayload, facts.length)
    if let lastTime { longestIdle = max(longestIdle, time &- lastTime) }
    lastTime = max(lastTime ?? time, time)
    if verdict.flags.contains(.retransmission) {
      retransmissions &+= 1
      retransmittedOctets &+= facts.length
    }
    if verdict.flags.contains(.outOfOrder) { outOfOrder &+= 1 }
    if verdict.flags.contains(.duplicateACK) { duplicateACKs &+= 1 }
    if facts.sackBlocks.count > 0 { segmentsWithSACK &+= 1 }
    if facts.flags.contains(.fin) { finishes &+= 1 }
    if facts.flags.contains(.rst) { resets &+= 1 }
    largestWindow = max(largestWindow, Int(facts.window) << scale)
    if facts.flags.contains(.syn) {
      maximumSegmentSize = facts.maximumSegmentSize
      windowScale = facts.windowScale
      permitsSACK = facts.permitsSACK
      offersTimestamps = facts.hasTimestamps
    } else if !facts.flags.contains(.rst) {
      addWindow(Int(facts.window) << scale)
    }
  }

  private mutating func addWindow(_ window: Int) {
    windows &+= 1
    sumOfWindows &+= window
    leastWindow = min(leastWindow, window)
    if window == 0 { zeroWindows &+= 1 }
  }

  /// A frame of the other direction may end a round trip.
  mutating func acknowledged(_ verdict: FrameVerdict) {
    guard let roundTrip = verdict.acknowledgmentRoundTrip else { return }
    roundTrips &+= 1
    sumOfRoundTrips &+= roundTrip
    leastRoundTrip = min(leastRoundTrip, roundTrip)
    greatestRoundTrip = max(greatestRoundTrip, roundTrip)
    let distance = Double(roundTrip) - average
    average += distance / Double(roundTrips)
    spread += distance * (Double(roundTrip) - average)
  }
}
