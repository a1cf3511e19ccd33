import TCPCore
import Testing
import Wire

/// A segment, told by what RFC 9293 section 3.10.7 asks of it.
struct SegmentEvent: Hashable, Sendable {
  enum Kind: String, CaseIterable {
    case nothing, syn, synAck, ack, text, textAck, fin, finAck, textFinAck, urgentAck, rst, rstAck

    var flags: TCPFlags {
      switch self {
      case .nothing, .text: []
      case .syn: .syn
      case .synAck: .synAck
      case .ack, .textAck: .ack
      case .fin: .fin
      case .finAck, .textFinAck: .finAck
      case .urgentAck: [.urg, .ack]
      case .rst: .rst
      case .rstAck: .rstAck
      }
    }

    /// Octets of text.
    var text: Int {
      switch self {
      case .text, .textAck, .textFinAck, .urgentAck: 1
      case .nothing, .syn, .synAck, .ack, .fin, .finAck, .rst, .rstAck: 0
      }
    }
    /// SEG.LEN.
    var length: Int {
      text + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    }
  }

  /// SEG.SEQ, from RCV.NXT or from its right edge, RCV.NXT+RCV.WND.
  enum Place: String, CaseIterable {
    case farBefore, justBefore, first, second, last, edge, behindEdge, farBehind
  }

  /// SEG.ACK, from SND.UNA or SND.NXT.
  enum Acknowledgment: String, CaseIterable {
    case none, ancient, old, unacknowledged, next, future, farFuture
  }

  var kind: Kind
  var place: Place
  var acknowledgment: Acknowledgment

  /// All of them: an acknowledgment number where there is an ACK, and none elsewhere.
  static let all: [SegmentEvent] = Kind.allCases.flatMap { kind in
    Place.allCases.flatMap { place in
      Acknowledgment.allCases.compactMap { acknowledgment in
        (acknowledgment != .none) == kind.flags.contains(.ack)
          ? SegmentEvent(kind: kind, place: place, acknowledgment: acknowledgment) : nil
      }
    }
  }
}

/// What the RFC makes of a segment in a state.
struct SegmentOutcome: Hashable, Sendable {
  enum Answer { case none, ack, synAck, rst }
  var state: TCPState
  var answer: Answer
}

/// RFC 9293 sections 3.10.7.1 to 3.10.7.4, step by step, written down once more from its text: it
/// asks nothing of the code that it judges.
///
/// It follows RFC 5961 (challenges), RFC 1337 (resets in TIME-WAIT), and where our stack differs
/// from the letter, says so at "Differs".
struct SegmentOracle {
  let state: TCPState
  let event: SegmentEvent

  /// SND.NXT - SND.UNA in the state as it is reached: a SYN or a FIN that is not acknowledged.
  private var hasOutstanding: Bool {
    switch state {
    case .synSent, .synReceived, .finWait1, .closing, .lastAck: true
    case .listen, .established, .finWait2, .closeWait, .timeWait, .closed: false
    }
  }

  /// SND.UNA < SEG.ACK =< SND.NXT.
  private var acknowledgesNew: Bool { hasOutstanding && event.acknowledgment == .next }

  var outcome: SegmentOutcome {
    switch state {
    case .closed: SegmentOutcome(state: .closed, answer: whereNobodyIs)
    case .listen: inListen
    case .synSent: inSynSent
    default: elsewhere
    }
  }

  /// 3.10.7.1.
  private var whereNobodyIs: SegmentOutcome.Answer {
    event.kind.flags.contains(.rst) ? .none : .rst
  }

  /// 3.10.7.2.
  private var inListen: SegmentOutcome {
    let flags = event.kind.flags
    if flags.contains(.rst) { return stay(.none) }
    if flags.contains(.ack) { return stay(.rst) }
    if flags.contains(.syn) { return SegmentOutcome(state: .synReceived, answer: .synAck) }
    return stay(.none)
  }

  /// 3.10.7.3.
  private var inSynSent: SegmentOutcome {
    let flags = event.kind.flags
    // First.
    if flags.contains(.ack), !acknowledgesNew {
      return stay(flags.contains(.rst) ? .none : .rst)
    }
    // Second.
    if flags.contains(.rst) {
      return flags.contains(.ack) ? SegmentOutcome(state: .closed, answer: .none) : stay(.none)
    }
    // Fourth, and fifth.
    guard flags.contains(.syn) else { return stay(.none) }
    return flags.contains(.ack)
      ? SegmentOutcome(state: .established, answer: .ack)
      : SegmentOutcome(state: .synReceived, answer: .synAck)
  }

  /// 3.10.7.4.
  private var elsewhere: SegmentOutcome {
    let flags = event.kind.flags
    // First. The window is open in all these states.
    guard isAcceptable else {
      if flags.contains(.rst) { return stay(.none) }
      if state == .synReceived, event.kind == .synAck, event.place == .justBefore,
        event.acknowledgment == .next
      {
        // Section 3.5, figure 8: the SYN,ACK of a peer that has opened at the same time.
        return SegmentOutcome(state: .established, answer: .ack)
      }
      return stay(challenge)
    }
    // Second; RFC 5961 section 3.
    if flags.contains(.rst) {
      guard event.place == .first else { return stay(challenge) }
      // Differs: RFC 1337 section 4, fix F1.
      return state == .timeWait ? stay(.none) : SegmentOutcome(state: .closed, answer: .none)
    }
    // Fourth; RFC 5961 section 4. Differs: in SYN-RECEIVED too, so that no stranger's SYN ends a
    // handshake.
    if flags.contains(.syn) { return stay(challenge) }
    // Fifth.
    guard flags.contains(.ack) else { return stay(.none) }
    var now = state
    switch state {
    case .synReceived:
      guard acknowledgesNew else { return stay(.rst) }
      now = .established
    case .established, .closeWait, .finWait1, .finWait2, .closing, .lastAck, .timeWait:
      // RFC 5961 section 5: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT.
      switch event.acknowledgment {
      case .ancient, .future, .farFuture: return stay(.ack)
      case .none, .old, .unacknowledged, .next: break
      }
      guard acknowledgesNew else { break }
      if state == .finWait1 { now = .finWait2 }
      if state == .closing { return SegmentOutcome(state: .timeWait, answer: .none) }
      if state == .lastAck { return SegmentOutcome(state: .closed, answer: .none) }
    case .listen, .synSent, .closed: break
    }
    // Sixth: URG is told to the user only. Seventh and eighth: where text and FIN still count.
    guard [.established, .finWait1, .finWait2].contains(now) else {
      return SegmentOutcome(state: now, answer: .none)
    }
    return text(in: now)
  }

  /// The seventh step, and the eighth.
  private func text(in now: TCPState) -> SegmentOutcome {
    var answer = SegmentOutcome.Answer.none
    // In order it may wait for company (section 3.8.6.3); early or late it is answered at once
    // (RFC 5681 section 4.2).
    if event.kind.text > 0, event.place != .first { answer = .ack }
    guard event.kind.flags.contains(.fin) else { return SegmentOutcome(state: now, answer: answer) }
    // The FIN's own number is RCV.NXT: at the left edge, behind text that is next or was there.
    let isNext =
      event.place == .first || event.place == .justBefore && event.kind.text == 1
    guard isNext else { return SegmentOutcome(state: now, answer: .ack) }
    let next: TCPState =
      switch now {
      case .established: .closeWait
      case .finWait1: .closing
      default: .timeWait
      }
    return SegmentOutcome(state: next, answer: .ack)
  }

  /// The four cases of the first step, with RCV.WND > 0.
  private var isAcceptable: Bool {
    switch event.place {
    case .farBefore, .behindEdge, .farBehind: false
    case .first, .second, .last: true
    // Something of it, its last number, is RCV.NXT.
    case .justBefore: event.kind.length >= 2
    // Differs: a bare ACK at the edge comes from a peer whose text up to there was lost.
    case .edge: event.kind.length == 0 && !event.kind.flags.contains(.rst)
    }
  }

  /// <SEQ=SND.NXT><ACK=RCV.NXT>. In SYN-RECEIVED our SYN goes with it, for it may have been lost.
  private var challenge: SegmentOutcome.Answer { state == .synReceived ? .synAck : .ack }

  private func stay(_ answer: SegmentOutcome.Answer) -> SegmentOutcome {
    SegmentOutcome(state: state, answer: answer)
  }
}
