import Wire

/// What is remembered of one direction of a connection.
///
/// Zero means "not known", so that a number that really is 0 counts as unknown, as with tshark.
struct Direction {
  /// The number behind the highest octet sent.
  var next: UInt32 = 0
  var nextFrame = 0
  var nextTime: Int64 = 0
  /// The number behind the last octet that can be acknowledged without a gap.
  var highestToAcknowledge: UInt32 = 0
  /// The acknowledgment of the last frame, with the ACK flag or without.
  var lastAcknowledgment: UInt32 = 0
  var lastTime: Int64 = 0
  /// The frame that first had that acknowledgment.
  var acknowledgmentFrame = 0
  /// Duplicates of it; the largest number marks one for what was not captured.
  var duplicates: UInt32 = 0
  /// The window last offered, unscaled; the largest number when none was.
  var window = UInt32.max
  /// -1 unknown, -2 known to be none, else the shift.
  var scale: Int8 = -1
  /// What was said of the last frame.
  var lastFlags: AnalysisFlags = []
  /// An acknowledgment without SYN was seen, from which on windows are scaled.
  var hasAcknowledged = false
  /// The number of the SYN, or the one before the first octet seen.
  var initial: UInt32?
  var unacknowledged = UnacknowledgedList()
  /// Octets were missed, so that it is not known what is in flight.
  var hasHole = false
  /// Octets sent since the last PSH.
  var pushed: UInt32 = 0
  /// The SACK blocks of the last frame.
  var sackBlocks = SACKBlocks()

  /// The subtypes of Multipath TCP's option that the connection had seen when this side last sent.
  var multipathSeen: UInt8 = 0

  /// The largest number as a mark in ``duplicates``.
  static var mark: UInt32 { .max }
}
