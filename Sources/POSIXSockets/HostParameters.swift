public import Stack
public import TCPCore

/// What an administrator sets for all sockets: the values behind `sysctl(8)`.
///
/// They are what sockets begin with: one that is open keeps what it has.
public struct HostParameters: Sendable {
  /// The three numbers of `tcp_rmem` and `tcp_wmem`: the least, the default and the most octets.
  public struct Buffers: Hashable, Sendable {
    /// The least, the default and the most.
    public var least: Int, usual: Int, most: Int
    /// Numbers for a buffer.
    public init(_ least: Int, _ usual: Int, _ most: Int) {
      (self.least, self.usual, self.most) = (least, usual, most)
    }
  }

  /// The configuration that new sockets begin with, but for the buffers.
  public var tcp = TCPConfiguration()
  /// `tcp_rmem`, of which half is for octets and bounds the window.
  public var receiveBuffers = Buffers(4096, 131_072, 6_291_456)
  /// `tcp_wmem`.
  public var sendBuffers = Buffers(4096, 16_384, 4_194_304)
  /// `net.core.rmem_max`: what `SO_RCVBUF` may ask for, before it is doubled.
  public var receiveBufferMaximum = 212_992
  /// `net.core.wmem_max`: what `SO_SNDBUF` may ask for, before it is doubled.
  public var sendBufferMaximum = 212_992
  /// `tcp_notsent_lowat`; nil for none.
  public var unsentLowWater: Int?
  /// `tcp_syn_retries`, 1...127. One more than Linux has, whose two minutes and seven seconds are too
  /// few: RFC 9293 3.8.3 MUST-23.
  public var openRetransmissions = 7
  /// `tcp_synack_retries`, 1...127.
  public var answerRetransmissions = 5
  /// `tcp_fastopen` and `tcp_fastopen_key`; without keys the host keeps those it has.
  public var fastOpen = FastOpenSettings()
  /// `tcp_fastopen`, the bit 0x400: listeners take data in SYNs without `TCP_FASTOPEN`.
  public var listensFast = false
  /// `tcp_syncookies`, other than 0: a full queue of handshakes answers with cookies.
  public var usesCookies = true
  /// `tcp_syncookies`, 2: every SYN is answered with a cookie, to try how that is.
  public var usesCookiesAlways = false
  /// The keepalive times of sockets that switch it on.
  public var keepalive = Keepalive()

  /// Linux's defaults, as far as the stack has them.
  public init() {
    fastOpen.isServer = false
    tcp.toleratesMissingTimestamps = true
    tcp.conservativeSlowStartRounds = 0
    tcp.pathProbing = .never
  }

  /// Congestion controllers of Linux.
  static let knownAlgorithms: Set<String> = [
    "bic", "cdg", "dctcp", "highspeed", "htcp", "hybla", "illinois", "lp", "nv",
    "scalable", "vegas", "veno", "westwood", "yeah",
  ]

  /// What a new TCP socket gives the stack.
  var configuration: TCPConfiguration {
    var tcp = tcp
    tcp.receiveBufferLimit = max(receiveBuffers.usual / 2, 2048)
    tcp.receiveBufferMaximum = max(receiveBuffers.most, receiveBufferMaximum)
    // What a process may write is counted above the stack, whose own bound must not come first.
    tcp.sendBufferLimit = max(sendBuffers.usual, 1 << 18)
    tcp.openRetransmissions = UInt8(clamping: openRetransmissions)
    tcp.keepalive = nil
    tcp.keepsTextAfterReset = true
    // What a process may write is bounded by SO_SNDBUF alone.
    tcp.sendBufferMaximum = 0
    return tcp
  }

  /// What a new socket begins with.
  func socketOptions(isStream: Bool) -> SocketOptions {
    var options = SocketOptions(
      sendBuffer: isStream ? sendBuffers.usual : sendBufferMaximum,
      receiveBuffer: isStream ? receiveBuffers.usual : receiveBufferMaximum)
    options.keepalive = keepalive
    return options
  }

  // MARK: TCP_DEFER_ACCEPT, which counts retransmissions of the SYN,ACK.

  /// How many retransmissions happen in so many seconds: after 1, 3, 7, 15 seconds, and so on.
  static func retransmissions(inSeconds seconds: Int) -> Int {
    guard seconds > 0 else { return 0 }
    var (count, period, timeout) = (1, 1, 1)
    while seconds > period, count < 255 {
      count += 1
      timeout = min(timeout * 2, 120)
      period += timeout
    }
    return count
  }

  /// The seconds in which so many retransmissions happen.
  static func seconds(ofRetransmissions count: Int) -> Int {
    guard count > 0 else { return 0 }
    var (period, timeout) = (1, 1)
    for _ in 1..<count {
      timeout = min(timeout * 2, 120)
      period += timeout
    }
    return period
  }

  /// How long a listener waits for data with so many retransmissions; nil for none.
  func deferral(_ count: Int) -> Duration? {
    count > 0 ? .seconds(Self.seconds(ofRetransmissions: count)) : nil
  }
}
