import Octets
import Wire

/// How much the user reads in a round trip: the receive buffer is to hold twice as much, so that the
/// peer's window never is what bounds it.
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
  /// Octets read in the best interval so far.
  private var best = 0
  /// The least round trip of the interval, in milliseconds of the timestamps.
  private var least = UInt32.max
  /// The round trip of the interval before.
  private var roundTrip: Int64 = 0

  /// Data came with an echo of what our clock said so many milliseconds ago.
  mutating func echoed(_ milliseconds: UInt32) { least = min(least, max(milliseconds, 1)) }

  /// The user has read octets.
  ///
  /// - Parameter known: the round trip as the sender in us knows it; used where no echo tells.
  /// - Returns: how much it reads in a round trip, when that is more than ever before.
  mutating func consumed(_ octets: Int, known: Int64, at now: Instant) -> Int? {
    consumed &+= octets
    let wait = max(roundTrip > 0 ? roundTrip : known, 1_000_000)
    guard now.nanoseconds(since: since) >= wait else { return nil }
    let isLong = now.nanoseconds(since: since) > 4 &* wait
    defer {
      since = now
      consumed = 0
      roundTrip = least == .max ? 0 : Int64(least) &* 1_000_000
      least = .max
    }
    // After a pause the interval tells of the pause.
    guard !isLong, consumed > best else { return nil }
    best = consumed
    return consumed
  }
}

// Buffers grow as a path needs them.
extension TCPConnection {
  /// The user has read octets: the receive buffer may have to grow.
  mutating func tuneReceiveBuffer(_ octets: Int, at now: Instant) {
    guard configuration.tunesReceiveBuffer, receiveBuffer.mayGrow,
      receive.limit < configuration.receiveBufferMaximum,
      let read = receiveTuning.consumed(octets, known: roundTrip.smoothedRoundTrip ?? 0, at: now)
    else { return }
    // Twice what is read in a round trip, for the sender's window doubles in one; and some more.
    let wanted = min(2 &* read &+ 16 &* receive.segmentSize, configuration.receiveBufferMaximum)
    guard wanted > receive.limit else { return }
    setReceiveLimit(wanted)
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
