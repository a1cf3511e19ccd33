import Octets
import Wire

/// Counts of octets by the ECN codepoint with which they came; each begins so that a zero betrays
/// who has cleared it. Source: RFC 9768 section 3.2.1.
struct MarkedOctets: Hashable {
  var ect0: UInt32 = 1
  var ce: UInt32 = 0
  var ect1: UInt32 = 1
}

/// What a connection counts of congestion marks, as receiver and as sender. RFC 9768 section 3.2.
struct MarkCounts: Hashable {
  // MARK: What we receive

  /// r.cep: packets that came with CE.
  var packets: UInt32 = 5
  /// r.e0b, r.ceb and r.e1b.
  var octets = MarkedOctets()
  /// The codepoint of the packet before.
  var previous = ECNCodepoint.notECT
  /// Marks since our last acknowledgment.
  var sinceAcknowledgment = 0
  /// Which counters of octets have ever moved, and which since we last told them.
  var moved: Counters = []
  var untold: Counters = []
  /// Octets counted since we last told them.
  var untoldOctets = 0
  /// The codepoint of the peer's SYN or SYN,ACK, the latest.
  var handshake = ECNCodepoint.notECT
  /// The next bare acknowledgment tells that codepoint, not the count.
  var owesHandshake = false
  /// Our options pass, as far as we know.
  var tellsOctets = true

  // MARK: What we send

  /// s.cep: what the peer has told of r.cep.
  var peerPackets: UInt32 = 5
  /// s.e0b, s.ceb and s.e1b.
  var peerOctets = MarkedOctets()
  /// Our data must not bear ECT.
  var forbidsCapable = false
  /// What the peer tells is not believed.
  var ignoresPeer = false
  /// The peer has told counts of octets; nil when such an option was false.
  var hearsOctets: Bool? = false
  /// The first count after the handshake is still to come.
  var awaitsFirst = true

  /// Counters of octets.
  struct Counters: OptionSet, Hashable {
    var rawValue: UInt8
    static var ect0: Counters { Counters(rawValue: 1) }
    static var ce: Counters { Counters(rawValue: 2) }
    static var ect1: Counters { Counters(rawValue: 4) }
    static var all: Counters { [.ect0, .ce, .ect1] }
  }

  /// Octets after which the counts are told in any case: far from the 2^24 at which they wrap.
  static let octetsUntold = 1 << 22

  // MARK: The codepoint of a SYN. RFC 9768 tables 2 and 3.

  /// A codepoint in the three bits of a SYN,ACK, or of the acknowledgment of one.
  static func reflection(of codepoint: ECNCodepoint) -> UInt8 {
    switch codepoint {
    case .notECT: 0b010
    case .ect1: 0b011
    case .ect0: 0b100
    case .ce: 0b110
    }
  }

  // MARK: Receiving

  /// Acceptable packets came, all with this codepoint; whether the peer is to learn so at once.
  /// RFC 9768 section 3.2.2.5.1.
  mutating func received(
    _ codepoint: ECNCodepoint, octets count: Int, packets number: Int, hasUnacknowledged: Bool
  ) -> Bool {
    let wasMarked = previous == .ce
    previous = codepoint
    let added = UInt32(truncatingIfNeeded: count)
    let counter: Counters
    switch codepoint {
    case .notECT: return false
    case .ect0:
      octets.ect0 &+= added
      counter = .ect0
    case .ect1:
      octets.ect1 &+= added
      counter = .ect1
    case .ce:
      packets &+= UInt32(truncatingIfNeeded: number)
      sinceAcknowledgment &+= number
      octets.ce &+= added
      counter = .ce
    }
    if count > 0 {
      moved.insert(counter)
      untold.insert(counter)
      untoldOctets &+= count
    }
    guard codepoint == .ce else { return untoldOctets >= Self.octetsUntold }
    return count > 0 && !wasMarked || sinceAcknowledgment >= (hasUnacknowledged ? 2 : 3)
  }

  /// The option for an acknowledgment, and its counters count as told; nil where there is nothing to
  /// tell, or no room. RFC 9768 section 3.2.3.3.
  mutating func option(room: Int, isFirst: Bool) -> AccurateECNOption? {
    guard tellsOctets, isFirst || !untold.isEmpty else { return nil }
    for wanted in isFirst ? [.all, []] : [moved, untold] {
      let (fields, isReversed) = Self.fields(for: wanted)
      guard AccurateECNOption.length(ofFields: fields) <= room else { continue }
      untold = []
      untoldOctets = 0
      return AccurateECNOption(
        ect0: octets.ect0, ce: octets.ce, ect1: octets.ect1, isReversed: isReversed,
        fields: fields)
    }
    return nil
  }

  /// How many fields tell these counters, and in which order the fewest do.
  static func fields(for counters: Counters) -> (Int, isReversed: Bool) {
    let middle = counters.contains(.ce) ? 2 : 0
    let forward = counters.contains(.ect1) ? 3 : max(middle, counters.contains(.ect0) ? 1 : 0)
    let backward = counters.contains(.ect0) ? 3 : max(middle, counters.contains(.ect1) ? 1 : 0)
    return backward < forward ? (backward, true) : (forward, false)
  }

  // MARK: Sending

  /// What the peer's option tells: octets newly marked; nil when there is no such field.
  /// RFC 9768 section 3.2.3.1 and appendix A.1.
  mutating func take(_ option: AccurateECNOption) -> UInt32? {
    // RFC 9768 section 3.2.3.2.4: no counter of these begins at zero.
    if hearsOctets == false {
      hearsOctets = option.ect0 == 0 || option.ect1 == 0 ? nil : true
    }
    guard hearsOctets == true else { return nil }
    if let told = option.ect0 { _ = Self.advance(&peerOctets.ect0, to: told) }
    if let told = option.ect1 { _ = Self.advance(&peerOctets.ect1, to: told) }
    return option.ce.map { Self.advance(&peerOctets.ce, to: $0) }
  }

  /// A counter follows its 24 low bits; by how much. Half of the circle back it is an old one.
  private static func advance(_ counter: inout UInt32, to told: UInt32) -> UInt32 {
    let step = (told &- counter) & 0xFF_FFFF
    guard step < 0x80_0000 else { return 0 }
    counter &+= step
    return step
  }

  /// Marks that the three bits of an acknowledgment add, which acknowledges so many packets.
  ///
  /// Where it acknowledges more than the bits can count and no option tells better, the most that
  /// fits is taken: RFC 9768 section 3.2.2.5.2 and appendix A.2.
  mutating func take(
    _ bits: UInt8, acknowledging number: Int, marked: UInt32?, segmentSize: Int
  ) -> Int {
    let least = Int((UInt32(bits) &- peerPackets) & 7)
    var added = least
    if number > 7 {
      let safe = number - ((number - least) & 7)
      if let marked {
        // So many packets cannot share fewer octets than half a segment each.
        if Int(marked) >= safe * segmentSize / 2 { added = safe }
      } else if hearsOctets != true {
        added = safe
      }
    }
    peerPackets &+= UInt32(truncatingIfNeeded: added)
    return added
  }

  /// Adds what decides what the connection will do.
  func digest(into digest: inout StateDigest) {
    digest.add(Int(packets & 7))
    digest.add(Int(octets.ect0))
    digest.add(Int(octets.ce))
    digest.add(Int(octets.ect1))
    digest.add(Int(previous.rawValue))
    digest.add(sinceAcknowledgment)
    digest.add(Int(moved.rawValue) << 8 | Int(untold.rawValue))
    digest.add(untoldOctets)
    digest.add(Int(handshake.rawValue))
    digest.add(owesHandshake)
    digest.add(tellsOctets)
    digest.add(Int(peerPackets & 7))
    digest.add(Int(peerOctets.ect0))
    digest.add(Int(peerOctets.ce))
    digest.add(Int(peerOctets.ect1))
    digest.add(forbidsCapable)
    digest.add(ignoresPeer)
    digest.add(hearsOctets.map { $0 ? 1 : 0 } ?? 2)
    digest.add(awaitsFirst)
  }
}
