/// What the analysis has found about one TCP frame.
public struct FrameVerdict: Hashable, Sendable {
  /// The connection's number, in the order in which they began; from 0.
  public var stream: Int
  /// What is remarkable.
  public var flags: AnalysisFlags = []
  /// The frame that this one acknowledges to its very end.
  public var acknowledgedFrame: Int?
  /// Nanoseconds since that frame.
  public var acknowledgmentRoundTrip: Int64?
  /// Nanoseconds from the SYN to the acknowledgment that ended the handshake.
  public var initialRoundTrip: Int64?
  /// Octets in flight, this frame's included.
  public var bytesInFlight: Int?
  /// Octets since the last PSH, this frame's included.
  public var pushBytesSent: Int?
  /// Nanoseconds since the octets of a retransmission were first sent.
  public var retransmissionTimeout: Int64?
  /// The frame that first sent them.
  public var originalFrame: Int?
  /// How many duplicates there have been.
  public var duplicateNumber: UInt32?
  /// The acknowledgment that they repeat.
  public var duplicateOf: Int?
  /// What the judgment was made from.
  public var evidence = Evidence()

  /// Something was judged, though nothing came of it that could be told.
  var hasMore = false

  /// Whether nothing was found.
  var isEmpty: Bool {
    flags.isEmpty && acknowledgedFrame == nil && bytesInFlight == nil && pushBytesSent == nil
  }

  /// A frame of a connection about which nothing is said.
  public init(stream: Int) { self.stream = stream }

  /// The numbers that the conditions compare, as they stood before this frame.
  public struct Evidence: Hashable, Sendable {
    /// The number behind the highest octet that the sender had sent; 0 when unknown.
    public var next: UInt32 = 0
    /// The sender's last acknowledgment.
    public var lastAcknowledgment: UInt32 = 0
    /// The window that the sender last offered.
    public var lastWindow: UInt32 = 0
    /// The window that the receiver last offered, unscaled.
    public var peerWindow: UInt32 = 0
    /// The shift of the receiver's windows: -1 unknown, -2 none.
    public var peerScale: Int8 = -1
    /// The receiver's last acknowledgment.
    public var peerAcknowledgment: UInt32 = 0
    /// The number behind the last octet of the receiver's that can be acknowledged.
    public var peerHighest: UInt32 = 0
    /// Duplicates that the receiver had sent.
    public var peerDuplicates: UInt32 = 0
    /// Nanoseconds since the receiver's last frame.
    public var sincePeer: Int64 = 0
    /// Nanoseconds since the sender's highest octet.
    public var sinceHighest: Int64 = 0
    /// Within so many nanoseconds of it, what lies behind was overtaken and not sent again.
    public var reorderingTime: Int64 = 0
  }
}
