import Octets
import Wire

/// When a connection finds out by itself which packets its path takes. Source: RFC 4821.
public enum PathProbing: Hashable, Sendable {
  /// Never: routers must tell.
  case never
  /// Once packets of full size vanish without a word.
  case afterBlackHole
  /// From the beginning: small packets first, then larger ones.
  case always
}

/// The search for the largest packet that a path takes, where no router tells. Source: RFC 4821.
///
///     believing ──full-stop time-out──► searching ──nothing left to try──► settled
///                                        ▲  │ ▲                               │
///                          time-out again└──┘ └──────── ten minutes ──────────┘
///
/// All sizes are octets of whole packets, headers included. Invariant: while it searches,
/// `limit <= probe.packet <= highest`.
struct PathProbe {
  /// Time-outs in a row after which a path is taken for a black hole. RFC 4821 section 7.7.
  static let patience = 3
  /// Sizes to fall back to, the largest first. RFC 4821 section 7.7; RFC 791's least is the last.
  private static let refuges: InlineArray<5, UInt16> = [1024, 512, 256, 128, 68]
  /// A gain that is not worth a probe.
  private static var threshold: UInt16 { 8 }
  /// Until it is tried whether the path has become wider, in nanoseconds. RFC 4821 section 7.3.
  private static var raiseInterval: Int64 { 600_000_000_000 }
  /// After a probe that told nothing.
  private static var retryInterval: Int64 { 1_000_000_000 }

  /// New data that left in one packet larger than those that are known to pass.
  struct Probe {
    /// The first number.
    var start: SequenceNumber
    /// The number behind the last.
    var end: SequenceNumber
    /// Its size.
    var packet: UInt16
  }

  /// search_low and eff_pmtu: what is sent now; nil while the path's known limit is believed.
  private(set) var limit: UInt16?
  /// search_high: what may still pass.
  private var highest: UInt16 = 0
  /// What is out.
  private(set) var probe: Probe?
  private var nextAt = Instant.start

  /// Whether there is, or was, anything to find out.
  var isOn: Bool { limit != nil }

  /// Begins below a ceiling, with packets that pass nearly everywhere. RFC 4821 section 7.2.
  mutating func begin(below ceiling: UInt16) {
    guard limit == nil, ceiling > Self.refuges[0] else { return }
    limit = Self.refuges[0]
    highest = ceiling
  }

  /// Packets of `size` vanish: smaller ones from here on; false where there are none.
  ///
  /// When even those vanish, the network is rather away than so narrow: what was thought possible stays.
  mutating func fallBack(from size: UInt16) -> Bool {
    probe = nil
    for index in Self.refuges.indices where Self.refuges[index] < size {
      if limit == nil { highest = size &- 1 }
      limit = Self.refuges[index]
      nextAt = .start
      return true
    }
    return false
  }

  /// A router, or the link, tells that nothing above `mtu` passes.
  mutating func bounded(by mtu: UInt16) {
    guard let known = limit else { return }
    probe = nil
    highest = min(highest, mtu)
    if known >= mtu { limit = nil }
  }

  /// The size to try next, at most `ceiling`; nil when nothing is to be tried now.
  mutating func next(below ceiling: UInt16, at now: Instant) -> UInt16? {
    guard let known = limit, probe == nil, now >= nextAt else { return nil }
    if highest < known &+ Self.threshold { highest = ceiling }
    let most = min(highest, ceiling)
    guard most >= known, most &- known >= Self.threshold else { return nil }
    return known &+ (most &- known &+ 1) / 2
  }

  /// A probe left.
  mutating func sent(_ probe: Probe) { self.probe = probe }

  /// The probe arrived. RFC 4821 section 7.6.1.
  mutating func succeeded(at now: Instant) {
    guard let packet = probe?.packet else { return }
    probe = nil
    limit = packet
    pauseIfDone(at: now)
  }

  /// The probe was lost, and nothing else. RFC 4821 section 7.6.2.
  mutating func failed(at now: Instant) {
    guard let packet = probe?.packet else { return }
    probe = nil
    highest = packet &- 1
    pauseIfDone(at: now)
  }

  /// The probe was lost together with others: that may have another reason. RFC 4821 section 7.6.4.
  mutating func wasInconclusive(at now: Instant) {
    probe = nil
    nextAt = now.advanced(byNanoseconds: Self.retryInterval)
  }

  private mutating func pauseIfDone(at now: Instant) {
    guard let limit, highest < limit &+ Self.threshold else { return }
    nextAt = now.advanced(byNanoseconds: Self.raiseInterval)
  }
}
