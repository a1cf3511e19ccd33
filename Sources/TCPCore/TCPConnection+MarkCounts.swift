import Octets
import Wire

// Accurate feedback of congestion marks: RFC 9768.
extension TCPConnection {
  /// AE, CWR and ECE as one number.
  static func countBits(_ flags: TCPFlags) -> UInt8 {
    UInt8(truncatingIfNeeded: flags.rawValue >> 6)
  }

  private static func flags(ofCount bits: UInt8) -> TCPFlags {
    TCPFlags(rawValue: UInt16(bits & 7) << 6)
  }

  // MARK: The handshake. RFC 9768 section 3.1.

  private mutating func beginCounting(_ codepoint: ECNCodepoint) {
    ecn.formUnion([.agreed, .counting])
    var counts = MarkCounts()
    counts.handshake = codepoint
    counts.previous = codepoint
    markCounts = [counts]
  }

  /// A SYN that asks for it, or for what is not known yet (RFC 9768 section 3.1.3).
  mutating func agreeToCount(_ codepoint: ECNCodepoint) { beginCounting(codepoint) }

  /// The answer to our SYN with all three bits. RFC 9768 table 2.
  mutating func countingAnswered(
    _ bits: UInt8, _ codepoint: ECNCodepoint, _ option: AccurateECNOption?
  ) {
    switch bits {
    // Without ECN, or a mirror.
    case 0b000, 0b111: return
    case 0b001: ecn.insert(.agreed)
    default:
      beginCounting(codepoint)
      markCounts[0].owesHandshake = true
      // RFC 9768 section 3.2.2.2: the mark on a SYN,ACK counts, once.
      if codepoint == .ce { markCounts[0].packets = 6 }
      // Our SYN may not be marked; 0b101 tells nothing of it yet (RFC 9768 section 3.1.3).
      markCounts[0].forbidsCapable = bits != 0b010 && bits != 0b101
      if let option { _ = markCounts[0].take(option) }
    }
  }

  /// What has become of the question in our SYN.
  mutating func tellCounting(ledger: inout RuleLedger<TCPRule>) {
    guard ecn.contains(.askedToCount) else { return }
    guard let counts = markCounts.first else { return ledger.note(.countingDeclined) }
    ledger.note(.agreeToCount)
    if counts.forbidsCapable { ledger.note(.marksMangled) }
  }

  /// A SYN that comes again: the latest is reflected, and none may ask for something else.
  /// RFC 9768 section 3.1.5.
  ///
  /// - Returns: whether the connection has ended over it.
  mutating func handshakeCameAgain(
    _ segment: borrowing TCPSegmentView, _ codepoint: ECNCodepoint,
    ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    guard configuration.ecn == .accurate, segment.sequence == receive.initial else { return false }
    let bits = Self.countBits(segment.flags)
    if segment.flags.contains(.ack) {
      guard ecn.contains(.counting), !isPassive, state.isSynchronized, (2...6).contains(bits) else {
        return false
      }
      markCounts[0].handshake = codepoint
      markCounts[0].owesHandshake = true
      return false
    }
    guard state == .synReceived, isPassive else { return false }
    let asksToCount = bits != 0 && bits != 0b011
    if ecn.contains(.counting) ? bits == 0b011 : ecn.contains(.agreed) && asksToCount {
      ledger.note(.handshakesDisagree)
      finish(.reset)
      pending.insert(.reset)
      return true
    }
    guard ecn.contains(.counting) else { return false }
    markCounts[0].handshake = codepoint
    // RFC 9768 section 3.2.3.2.2: perhaps it was the option that did not pass.
    markCounts[0].tellsOctets = false
    if bits == 0 { markCounts[0].forbidsCapable = true }
    return false
  }

  /// The three bits of our SYN,ACK.
  mutating func countingAnswer() -> TCPFlags {
    if retransmissions > 0 { markCounts[0].tellsOctets = false }
    guard retransmissions < 2 else {
      // RFC 9768 sections 3.2.3.2.2 and 3.1.5: perhaps it was the bits that did not pass. Who sends
      // such a SYN,ACK sends nothing that may be marked.
      markCounts[0].forbidsCapable = true
      return []
    }
    return Self.flags(ofCount: MarkCounts.reflection(of: markCounts[0].handshake))
  }

  /// Our first SYN,ACK tries whether the option passes. RFC 9768 section 3.2.3.2.1.
  func offerCounts(_ options: inout TCPOptions) {
    guard let counts = markCounts.first, counts.tellsOctets else { return }
    let room = 40 &- options.length
    guard room >= 4 else { return }
    let octets = counts.octets
    options.accurateECN = AccurateECNOption(
      ect0: octets.ect0, ce: octets.ce, ect1: octets.ect1, fields: room >= 12 ? 3 : 0)
  }

  /// The acknowledgment of our SYN,ACK. RFC 9768 table 4.
  ///
  /// - Returns: whether its three bits speak of the SYN,ACK; else they are a count already.
  mutating func handshakeCounted(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions, ledger: inout RuleLedger<TCPRule>
  ) -> Bool {
    guard isPassive else { return false }
    ledger.note(.agreeToCount)
    guard segment.length == 0, options.sackBlocks.isEmpty else { return false }
    if let option = options.accurateECN { _ = markCounts[0].take(option) }
    switch Self.countBits(segment.flags) {
    case 0:
      ledger.note(.countZeroed)
      markCounts[0].forbidsCapable = true
      markCounts[0].ignoresPeer = true
    case 0b011, 0b100, 0b110:
      // RFC 9768 section 3.2.2.3: our SYN,ACK may not be marked.
      ledger.note(.marksMangled)
      markCounts[0].forbidsCapable = true
      if segment.flags.isSuperset(of: [.ae, .cwr]) { markCounts[0].peerPackets = 6 }
    default: break
    }
    return true
  }

  // MARK: The receiver. RFC 9768 section 3.2.

  /// An acceptable segment came, with what the IP header says of its way.
  mutating func count(
    _ codepoint: ECNCodepoint, _ segment: borrowing TCPSegmentView, _ segmentSize: UInt16,
    ledger: inout RuleLedger<TCPRule>
  ) {
    let octets = segment.payload.count
    let size = Int(segmentSize)
    if codepoint != .notECT { ecn.insert(.sawCapable) }
    if codepoint == .ce { ledger.note(.congestionMarked) }
    let isDue = markCounts[0].received(
      codepoint, octets: octets, packets: size > 0 ? max(1, (octets &+ size &- 1) / size) : 1,
      hasUnacknowledged: octets > 0 || acknowledgments.unacknowledged > 0)
    if isDue { acknowledgeNow(.acknowledgeMarks) }
  }

  /// Whether an acknowledgment must travel alone: it has options, or a meaning, that data has not.
  var owesCounts: Bool {
    guard let counts = markCounts.first else { return false }
    return counts.owesHandshake
      || counts.tellsOctets
        && (counts.untold.contains(.ce) || counts.untoldOctets >= MarkCounts.octetsUntold)
  }

  /// The count of marked packets goes with every acknowledgment. RFC 9768 section 3.2.2.2.
  mutating func putCount(_ header: inout TCPHeader) {
    header.flags.formUnion(Self.flags(ofCount: UInt8(truncatingIfNeeded: markCounts[0].packets)))
    markCounts[0].sinceAcknowledgment = 0
  }

  /// The count's bits have CWR among them, which a device must not copy into some segments only.
  var countBearsCWR: Bool { markCounts.first.map { $0.packets & 2 != 0 } ?? false }

  /// A bare acknowledgment has room for the counts of octets; the first one tells how the SYN,ACK
  /// came. RFC 9768 sections 3.2.2.1 and 3.2.3.3.
  mutating func tellCounts(_ header: inout TCPHeader) {
    let blocks = header.options.sackBlocks.count
    let isFirst = markCounts[0].owesHandshake
    markCounts[0].owesHandshake = false
    if isFirst, blocks == 0 {
      header.flags.subtract([.ae, .cwr, .ece])
      let reflection = MarkCounts.reflection(of: markCounts[0].handshake)
      header.flags.formUnion(Self.flags(ofCount: reflection))
    }
    // Two SACK blocks are worth more.
    let others = header.options.userTimeout == nil ? 0 : 4
    let used = others &+ (header.options.timestamps == nil ? 0 : 12)
    let room = 40 &- used &- (blocks == 0 ? 0 : 4 &+ 8 &* min(blocks, 2))
    header.options.accurateECN = markCounts[0].option(room: room, isFirst: isFirst)
  }

  // MARK: The sender. RFC 9768 sections 3.2.2.2 and 3.2.3.1.

  /// Takes the peer's counts from an acknowledgment that no later one has overtaken.
  mutating func marksTold(
    _ segment: borrowing TCPSegmentView, _ options: TCPOptions,
    _ news: inout AcknowledgmentNews, ledger: inout RuleLedger<TCPRule>
  ) {
    let isNews = news.advance > 0 || news.delivery.hasSACKed || isLater(segment, options)
    guard isNews, segment.acknowledgment.followsOrEquals(send.unacknowledged) else { return }
    let bits = Self.countBits(segment.flags)
    if markCounts[0].awaitsFirst {
      markCounts[0].awaitsFirst = false
      if bits == 0 {
        // RFC 9768 section 3.2.2.4.
        ledger.note(.countZeroed)
        markCounts[0].forbidsCapable = true
        markCounts[0].ignoresPeer = true
      }
    }
    let size = max(send.maximumSegmentSize, 1)
    let number = (news.delivery.octets &+ size &- 1) / size
    let marked = options.accurateECN.flatMap { markCounts[0].take($0) }
    let added = markCounts[0].take(
      bits, acknowledging: number, marked: marked, segmentSize: size)
    guard !markCounts[0].ignoresPeer else { return }
    if let marked, marked > 0, added == 0, number < 8 {
      // RFC 9768 section 3.2.3.2.5: marked octets, but no marked packet.
      ledger.note(.marksMangled)
      markCounts[0].forbidsCapable = true
    }
    guard added > 0 else { return }
    ledger.note(.marksCounted, Int64(added))
    news.isEcho = true
  }

  /// Whether the segment was sent after all that came before it.
  private func isLater(_ segment: borrowing TCPSegmentView, _ options: TCPOptions) -> Bool {
    if receive.usesTimestamps, let times = options.timestamps,
      Int32(bitPattern: times.value &- receive.timestampRecent) > 0
    {
      return true
    }
    return segment.sequence.follows(send.windowUpdate.sequence)
  }
}
