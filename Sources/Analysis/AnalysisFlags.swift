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
  public static let named: [(flag: AnalysisFlags, name: String)] = (0..<15).map { bit in
    (AnalysisFlags(rawValue: 1 << UInt16(bit)), "\(name(ofBit: bit))")
  }

  /// The names of the flags that are set.
  public var names: [String] {
    var names: [String] = []
    forEachName { names.append("\($0)") }
    return names
  }

  /// Gives the names of the flags that are set, one after the other.
  public func forEachName(_ body: (StaticString) -> Void) {
    var left = rawValue & 0x7FFF
    while left != 0 {
      body(Self.name(ofBit: left.trailingZeroBitCount))
      left &= left &- 1
    }
  }

  private static func name(ofBit bit: Int) -> StaticString {
    switch bit {
    case 0: "zero_window_probe"
    case 1: "zero_window"
    case 2: "lost_segment"
    case 3: "keep_alive"
    case 4: "window_update"
    case 5: "window_full"
    case 6: "keep_alive_ack"
    case 7: "zero_window_probe_ack"
    case 8: "duplicate_ack"
    case 9: "ack_lost_segment"
    case 10: "spurious_retransmission"
    case 11: "fast_retransmission"
    case 12: "out_of_order"
    case 13: "retransmission"
    case 14: "reused_ports"
    default: "unnamed"
    }
  }
}
