/// What there is to say about a TCP segment in the light of those before it.
///
/// The names, and the conditions, are those of `tshark` 4.0.17 with its default preferences.
public struct AnalysisFlags: OptionSet, Hashable, Sendable {
  /// One bit for each flag.
  public var rawValue: UInt16
  /// Flags from their bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// One octet into a window that was closed.
  public static let zeroWindowProbe = AnalysisFlags(rawValue: 1 << 0)
  /// The receiver takes no more for now.
  public static let zeroWindow = AnalysisFlags(rawValue: 1 << 1)
  /// Octets before this segment are not in the capture.
  public static let lostSegment = AnalysisFlags(rawValue: 1 << 2)
  /// An old number that asks whether the peer lives.
  public static let keepAlive = AnalysisFlags(rawValue: 1 << 3)
  /// Nothing but another window.
  public static let windowUpdate = AnalysisFlags(rawValue: 1 << 4)
  /// The segment fills the peer's window to its last octet.
  public static let windowFull = AnalysisFlags(rawValue: 1 << 5)
  /// The answer to a keep-alive.
  public static let keepAliveACK = AnalysisFlags(rawValue: 1 << 6)
  /// The answer to a window probe: the window is still closed.
  public static let zeroWindowProbeACK = AnalysisFlags(rawValue: 1 << 7)
  /// The same acknowledgment once more.
  public static let duplicateACK = AnalysisFlags(rawValue: 1 << 8)
  /// It acknowledges octets that are not in the capture.
  public static let ackLostSegment = AnalysisFlags(rawValue: 1 << 9)
  /// Sent again although the peer has acknowledged it.
  public static let spuriousRetransmission = AnalysisFlags(rawValue: 1 << 10)
  /// Sent again because of duplicate acknowledgments.
  public static let fastRetransmission = AnalysisFlags(rawValue: 1 << 11)
  /// Overtaken on its way.
  public static let outOfOrder = AnalysisFlags(rawValue: 1 << 12)
  /// Sent again.
  public static let retransmission = AnalysisFlags(rawValue: 1 << 13)
  /// The ports of an earlier connection are used for a new one.
  public static let reusedPorts = AnalysisFlags(rawValue: 1 << 14)

  /// Every flag with its name, in the order in which they are judged.
  public static let named: [(flag: AnalysisFlags, name: String)] = [
    (.zeroWindowProbe, "zero_window_probe"), (.zeroWindow, "zero_window"),
    (.lostSegment, "lost_segment"), (.keepAlive, "keep_alive"),
    (.windowUpdate, "window_update"), (.windowFull, "window_full"),
    (.keepAliveACK, "keep_alive_ack"), (.zeroWindowProbeACK, "zero_window_probe_ack"),
    (.duplicateACK, "duplicate_ack"), (.ackLostSegment, "ack_lost_segment"),
    (.spuriousRetransmission, "spurious_retransmission"),
    (.fastRetransmission, "fast_retransmission"), (.outOfOrder, "out_of_order"),
    (.retransmission, "retransmission"), (.reusedPorts, "reused_ports"),
  ]

  /// The names of the flags that are set.
  public var names: [String] { Self.named.compactMap { contains($0.flag) ? $0.name : nil } }
}
