public import Octets

/// Every decision of the TCP core, with where it comes from and a sentence for people.
public enum TCPRule: UInt8, ProtocolRule {
  // What is sent, and why.
  case sendSYN, sendSYNWithData, sendSYNACK, retransmitSYN, retransmitSYNACK
  case sendData, sendLastData, sendFIN, sendFINWithData
  case fastRetransmit, retransmitHole, retransmitAfterTimeout, retransmitFIN
  case acknowledgeAtOnce, acknowledgeSecondSegment, acknowledgeDelayed, acknowledgeOutOfOrder
  case acknowledgeFIN, acknowledgeHandshake, acknowledgeDuplicate, windowUpdate
  case challengeACK, zeroWindowProbe, keepaliveProbe, resetAbort, resetNoConnection
  case resetBadHandshakeACK, resetUnreadData, limitedTransmit, lossProbe
  case echoCongestion, acknowledgeMarks, tellUserTimeout, probePathMTU, answerProbe
  // What is delayed.
  case nagle, corked, sillyWindow, windowFull, congestionLimited, paced, delayACK
  case challengeLimited
  // What is dropped.
  case dropUnacceptable, dropResetOutOfWindow, dropResetInexact, dropNoACK, dropOldACK
  case dropFutureACK, dropPAWS, dropMissingTimestamp, dropBeyondWindow, dropBadResetInSYNSENT
  case dropDataAfterFIN, dropUnexpected, dropResetInTimeWait, dropForeignEcho, dropMemory
  case dropReassemblyFull
  // What only changes the state.
  case establish, peerClosed, closeAcknowledged, enterTimeWait, timeWaitOver, resetReceived
  case acceptData, queueOutOfOrder, fillGap, enterRecovery, leaveRecovery, retransmissionTimeout
  case measureRoundTrip, roundTripAdvice, giveUp, pathMTUReduced, softICMP, hardICMP, badICMP
  case pathBlackHole, pathMTURaised, pathProbeLost
  case urgentAnnounced, simultaneousOpen, orphanTimeout, orphanSlow
  // Early data, congestion marks, loss detection by time, and mistakes undone.
  case acceptEarlyData, earlyDataAcknowledged, congestionMarked, congestionEchoed
  case agreeToCount, countingDeclined, marksCounted, marksMangled, countZeroed, handshakesDisagree
  case adoptUserTimeout
  case leaveSlowStart
  case lossProbeRepaired, undoByTimestamp, undoByDuplicates, undoByProbe

  /// The document and section.
  public var source: String {
    switch self {
    case .sendSYN, .simultaneousOpen: "RFC 9293 3.5"
    case .sendSYNACK, .establish, .acknowledgeHandshake: "RFC 9293 3.10.7"
    case .retransmitSYN, .retransmitSYNACK: "RFC 9293 3.8.3"
    case .sendData, .sendFINWithData: "RFC 9293 3.7.4"
    case .sendLastData: "RFC 9293 3.9.1.2"
    case .sendFIN, .peerClosed, .closeAcknowledged, .acknowledgeFIN: "RFC 9293 3.6"
    case .fastRetransmit, .enterRecovery: "RFC 5681 3.2"
    case .retransmitHole, .leaveRecovery: "RFC 6675 5"
    case .retransmitAfterTimeout, .retransmitFIN, .retransmissionTimeout: "RFC 6298 5"
    case .measureRoundTrip: "RFC 6298 2"
    case .acknowledgeAtOnce, .acknowledgeSecondSegment, .acknowledgeDelayed, .delayACK:
      "RFC 9293 3.8.6.3"
    case .acknowledgeOutOfOrder, .fillGap: "RFC 5681 4.2"
    case .acknowledgeDuplicate, .dropUnacceptable, .dropBeyondWindow, .answerProbe:
      "RFC 9293 3.10.7.4"
    case .windowUpdate, .sillyWindow: "RFC 9293 3.8.6.2"
    case .challengeACK, .challengeLimited, .dropResetInexact, .dropResetOutOfWindow: "RFC 5961"
    case .zeroWindowProbe, .windowFull: "RFC 9293 3.8.6.1"
    case .keepaliveProbe: "RFC 9293 3.8.4"
    case .resetAbort: "RFC 9293 3.10.5"
    case .resetNoConnection: "RFC 9293 3.10.7.1"
    case .resetBadHandshakeACK, .dropBadResetInSYNSENT: "RFC 9293 3.10.7.3"
    case .resetUnreadData: "RFC 9293 3.6.1"
    case .nagle, .corked: "RFC 9293 3.7.4"
    case .congestionLimited: "RFC 5681 3.1"
    case .limitedTransmit: "RFC 3042 2"
    case .paced: "RFC 9002 7.7"
    case .dropNoACK, .dropDataAfterFIN, .dropUnexpected, .acceptData: "RFC 9293 3.10.7.4"
    case .dropOldACK, .dropFutureACK: "RFC 5961 5.2"
    case .dropPAWS: "RFC 7323 5.3"
    case .dropMissingTimestamp, .dropForeignEcho: "RFC 7323 3.2"
    case .queueOutOfOrder, .dropReassemblyFull, .dropMemory: "RFC 9293 3.10.7.4"
    case .enterTimeWait, .timeWaitOver: "RFC 9293 3.6.1"
    case .resetReceived: "RFC 9293 3.5.3"
    case .dropResetInTimeWait: "RFC 1337 4"
    case .roundTripAdvice, .giveUp: "RFC 9293 3.8.3"
    case .pathMTUReduced, .badICMP: "RFC 5927"
    case .softICMP, .hardICMP: "RFC 9293 3.9.2.2"
    case .urgentAnnounced: "RFC 9293 3.8.5"
    case .orphanTimeout: "RFC 1122 4.2.2.20"
    case .orphanSlow: "RFC 9293 3.9.1.4"
    case .sendSYNWithData, .earlyDataAcknowledged: "RFC 7413 4.2.1"
    case .acceptEarlyData: "RFC 7413 4.2.2"
    case .congestionMarked, .echoCongestion: "RFC 3168 6.1.3"
    case .congestionEchoed: "RFC 3168 6.1.2"
    case .acknowledgeMarks: "RFC 9768 3.2.2.5.1"
    case .agreeToCount: "RFC 9768 3.1.1"
    case .countingDeclined: "RFC 9768 3.1.2"
    case .handshakesDisagree: "RFC 9768 3.1.5"
    case .marksCounted: "RFC 9768 3.2.2.2"
    case .marksMangled: "RFC 9768 3.2.2.3"
    case .countZeroed: "RFC 9768 3.2.2.4"
    case .tellUserTimeout: "RFC 5482 3"
    case .adoptUserTimeout: "RFC 5482 3.1"
    case .leaveSlowStart: "RFC 9406 4.2"
    case .lossProbe: "RFC 8985 7.3"
    case .lossProbeRepaired: "RFC 8985 7.4"
    case .undoByTimestamp: "RFC 4015 3"
    case .undoByDuplicates: "RFC 3708 3"
    case .undoByProbe: "RFC 5682 2.1"
    case .probePathMTU: "RFC 4821 7.5"
    case .pathMTURaised, .pathProbeLost: "RFC 4821 7.6"
    case .pathBlackHole: "RFC 4821 7.7"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .sendSYN: "an active open asks for a connection and states where its numbers begin"
    case .sendSYNACK: "a listener answers a SYN with its own and acknowledges the peer's"
    case .retransmitSYN: "the SYN was not answered in time, so it goes out again"
    case .retransmitSYNACK: "the answer to the SYN was not acknowledged, so it goes out again"
    case .sendData: "a full segment fits into both windows"
    case .sendLastData: "all that the user has given goes out, marked PSH so that nobody waits"
    case .sendFIN: "the user has closed and all data is sent: FIN takes the next number"
    case .sendFINWithData: "the last data and the end of the stream share a segment"
    case .fastRetransmit: "three duplicate acknowledgments: the first missing segment goes again"
    case .retransmitHole: "the peer reported what it has; what lies between goes again"
    case .retransmitAfterTimeout: "nothing came back in time: the oldest segment goes again"
    case .retransmitFIN: "the FIN was not acknowledged in time"
    case .sendSYNWithData: "the server knows us by a cookie, so that the SYN can carry data"
    case .earlyDataAcknowledged: "the server has taken the data in our SYN"
    case .acceptEarlyData: "the SYN brought a valid cookie: its data goes to the user at once"
    case .lossProbe: "two round trips of silence: a probe asks whether the tail was lost"
    case .lossProbeRepaired: "the probe made good a loss, so the window is cut after all"
    case .congestionMarked: "a router on the way has marked the segment: it is congested"
    case .echoCongestion: "a router marked the data: the sender is told until it slows down"
    case .acknowledgeMarks: "congestion marks begin, or several came: the sender learns at once"
    case .agreeToCount: "both ends count congestion marks, and tell each other how many came"
    case .countingDeclined: "the server counts no marks: one echo a round trip, or none"
    case .handshakesDisagree: "two SYNs ask for different feedback: nobody could tell which holds"
    case .marksCounted: "the peer counts more marks than before: a router is congested"
    case .marksMangled: "the path changes ECN fields: what we send may not be marked any more"
    case .countZeroed: "the first count is zero, as none begins: it is not believed"
    case .tellUserTimeout: "our time-out has changed, and the peer may follow it"
    case .adoptUserTimeout: "the peer waits longer or shorter for us: within bounds, so do we"
    case .leaveSlowStart: "round trips grow longer: a queue fills, and slow start is over"
    case .congestionEchoed: "a router is congested: the window is cut before anything is lost"
    case .undoByTimestamp: "the answer is to the original, so nothing was lost: the cut is undone"
    case .undoByDuplicates: "every copy was one too many, so nothing was lost: the cut is undone"
    case .undoByProbe: "what was sent before the time-out has arrived: it came too early"
    case .acknowledgeAtOnce: "data is acknowledged at once while the connection is young"
    case .acknowledgeSecondSegment: "every second full segment is acknowledged at once"
    case .acknowledgeDelayed: "an acknowledgment found no company in time and goes alone"
    case .acknowledgeOutOfOrder:
      "a segment came early: the acknowledgment repeats what is missing"
    case .acknowledgeFIN: "the peer's FIN is acknowledged at once"
    case .acknowledgeHandshake: "the third step: the peer's SYN is acknowledged"
    case .acknowledgeDuplicate: "a segment outside the window is answered by where we are"
    case .windowUpdate: "the user has read, and the peer may send so much more"
    case .challengeACK: "a segment that a stranger could have forged is answered by a question"
    case .zeroWindowProbe: "the window is closed: one octet asks whether it has opened"
    case .keepaliveProbe: "nothing was heard for long: an old number asks for an answer"
    case .resetAbort: "the user has aborted: the peer is told to forget the connection"
    case .resetNoConnection: "nobody listens there: the sender is told so"
    case .resetBadHandshakeACK: "the handshake was answered with a number that was never sent"
    case .resetUnreadData: "the user is gone and data is still coming: the peer must know"
    case .answerProbe: "a probe of our closed window is answered by where we are"
    case .corked: "the user said that more follows; a small segment waits for it"
    case .nagle: "a small segment waits while another is unacknowledged"
    case .sillyWindow: "the window has too little room for a segment worth sending"
    case .windowFull: "the peer's window is full"
    case .congestionLimited: "the congestion window is full"
    case .paced: "segments leave one after the other at a rate, not all at once"
    case .delayACK: "an acknowledgment waits a moment for data to travel with"
    case .challengeLimited: "enough challenges were sent this second"
    case .dropUnacceptable: "the segment lies outside the receive window"
    case .dropResetOutOfWindow: "a reset outside the window is not believed"
    case .dropResetInexact: "a reset inside the window, but not at its left edge, is not believed"
    case .dropNoACK: "a segment of an open connection must acknowledge"
    case .dropOldACK: "the acknowledgment is older than the largest window"
    case .dropFutureACK: "the acknowledgment is for what was never sent"
    case .dropPAWS: "the timestamp is older than the last: an old duplicate"
    case .dropMissingTimestamp: "timestamps were agreed on and this segment has none"
    case .dropBeyondWindow: "the part beyond the window is cut off"
    case .dropBadResetInSYNSENT: "a reset that does not acknowledge our SYN is not believed"
    case .dropDataAfterFIN: "data behind the FIN does not belong to the stream"
    case .dropUnexpected: "nothing in this state asks for such a segment"
    case .dropResetInTimeWait: "a late reset must not cut short the wait for other late segments"
    case .dropForeignEcho: "the answer to our SYN echoes a time at which none was sent"
    case .dropMemory: "all buffers together hold as much as they may: it must come again"
    case .dropReassemblyFull: "too many gaps: the segment must come again"
    case .establish: "both ends know each other's numbers: the connection stands"
    case .peerClosed: "the peer will send no more; we still may"
    case .closeAcknowledged: "the peer has our FIN"
    case .enterTimeWait: "both sides have closed; old segments die out before the port is free"
    case .timeWaitOver: "twice the segment lifetime has passed: the connection is forgotten"
    case .resetReceived: "the peer has reset the connection"
    case .acceptData: "the segment is next in order: its data goes to the user"
    case .queueOutOfOrder: "the segment came early and waits in its place"
    case .fillGap: "a gap is filled: what waited behind it goes to the user too"
    case .enterRecovery: "a segment is lost: the window is cut and the hole repaired"
    case .leaveRecovery: "all that was outstanding at the loss has arrived"
    case .retransmissionTimeout: "the timer ran out: the window falls to one segment"
    case .measureRoundTrip: "the acknowledgment measures the round trip"
    case .roundTripAdvice: "several retransmissions in a row: the path may have failed"
    case .giveUp: "nothing was acknowledged for too long: the connection is given up"
    case .probePathMTU: "one larger packet tries whether the path takes it; no router tells"
    case .pathBlackHole: "full packets vanish without a word: smaller ones from here on"
    case .pathMTURaised: "the larger packet has arrived: segments grow to its size"
    case .pathProbeLost: "the larger packet was lost alone: too large, and no sign of congestion"
    case .pathMTUReduced: "a router on the path takes only smaller packets"
    case .softICMP: "the network reports trouble that may pass"
    case .hardICMP: "the network says that the peer cannot be reached"
    case .badICMP: "an ICMP error quotes what is not outstanding and is not believed"
    case .urgentAnnounced: "the peer points at urgent data"
    case .simultaneousOpen: "both ends sent a SYN at the same time"
    case .orphanSlow:
      "nobody is left to wait, and the peer takes the rest only to keep the connection"
    case .orphanTimeout: "nobody is left to read, and the peer does not close"
    case .limitedTransmit: "an early duplicate acknowledgment lets one new segment out"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch rawValue {
    case Self.sendSYN.rawValue...Self.answerProbe.rawValue: .sends
    case Self.nagle.rawValue...Self.challengeLimited.rawValue: .delays
    case Self.dropUnacceptable.rawValue...Self.dropReassemblyFull.rawValue: .drops
    case Self.acceptData.rawValue...Self.fillGap.rawValue: .accepts
    default: .notes
    }
  }
}
