import Octets
import Wire

/// How fast the user reads: a buffer of which a quarter is read within a round trip is too small, for
/// it, and not the path, may be what bounds the peer: one that doubles what it sends with each round
/// trip has twice in flight what arrived in the last, and twice that in the next. What lies behind a
/// gap takes room beside that, and the more the longer the path lets segments overtake each other.
///
/// The peer's round trip is told by its timestamps, which echo ours: the least of an interval, for
/// what the peer sends may have waited for its user. Times are nanoseconds.
/// Source: J. Semke, J. Mahdavi, M. Mathis, "Automatic TCP buffer tuning", SIGCOMM 1998; M. Fisk,
/// W. Feng, "Dynamic right-sizing in TCP", 2001.
struct ReceiveTuning {
  /// When the interval began.
  private var since = Instant.start
  /// Octets read since.
  private var consumed = 0
  /// The least round trip of the interval, in milliseconds of the timestamps.
  private var least = UInt32.max

  /// Data came with an echo of what our clock said so many milliseconds ago.
  mutating func echoed(_ milliseconds: UInt32) { least = min(least, max(milliseconds, 1)) }

  /// The user has read octets from a buffer of `limit`: whether that should be larger.
  ///
  /// - Parameters:
  ///   - behind: what of the buffer lies behind a gap, the gap included.
  ///   - known: the round trip as the sender in us knows it; used where no echo tells.
  mutating func consumed(
    _ octets: Int, of limit: Int, behind: Int = 0, known: Int64?, at now: Instant
  ) -> Bool {
    consumed &+= octets
    guard consumed >= (limit &- behind) / 4 else { return false }
    let roundTrip = least == .max ? known ?? 0 : Int64(least) &* 1_000_000
    let elapsed = now.nanoseconds(since: since)
    since = now
    consumed = 0
    least = .max
    return elapsed <= roundTrip
  }
}

// Buffers grow as a path needs them.
extension TCPConnection {
  /// The user has read octets: the receive buffer may have to grow.
  mutating func tuneReceiveBuffer(_ octets: Int, at now: Instant) {
    let behind = reassembly.ranges.last.map { receive.next.distance(to: $0.end) } ?? 0
    guard
      receiveTuning.consumed(
        octets, of: receive.limit, behind: behind, known: roundTrip.smoothedRoundTrip, at: now),
      configuration.tunesReceiveBuffer, receiveBuffer.mayGrow
    else { return }
    // The sender's window doubles in a round trip too.
    let wanted = min(2 &* receive.limit, configuration.receiveBufferMaximum)
    if wanted > receive.limit { setReceiveLimit(wanted) }
  }

  /// The user has more to send than fits: the send buffer is to hold four windows, of which one is
  /// under way, one may be repaired, and two are to come.
  mutating func tuneSendBuffer() {
    let wanted = min(4 &* congestion.congestionWindow, configuration.sendBufferMaximum, 1 << 30)
    if wanted > sendBuffer.limit { sendBuffer.limit = wanted }
  }

  /// Octets of memory that the buffers hold.
  package var bufferMemory: Int { sendBuffer.capacity &+ receiveBuffer.capacity }

  /// Whether the buffers may take more memory than they have, 2,048 octets each apart.
  package var buffersMayGrow: Bool {
    get { sendBuffer.mayGrow }
    set {
      sendBuffer.mayGrow = newValue
      receiveBuffer.mayGrow = newValue
    }
  }
}

extension ReceiveTuning {
  /// Adds what was measured to a digest.
  func digest(into digest: inout StateDigest) {
    digest.add(since)
    digest.add(consumed)
    digest.add(Int(least))
  }
}
