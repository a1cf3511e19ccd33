import Octets
package import Wire

// For who explores states: what tells two of them apart, and what must hold in each.
extension TCPConnection {
  /// Adds all that decides what the connection will do to a digest.
  ///
  /// Left out: what the user set, counters, reports of times that were asked for, and what Fast
  /// Open and BBR keep.
  package func digest(into digest: inout StateDigest) {
    digest.add(state.isSynchronized)
    for character in state.rawValue.utf8 { digest.add(Int(character)) }
    digest.add(isClosing)
    digest.add(isOrphan)
    digest.add(isWriteBlocked)
    digest.add(refusesText)
    digest.add(expectsMore)
    digest.add(pushesTail)
    digest.add(Int(pending.rawValue))
    digest.add(retransmissions)
    digest.add(pathMTU)
    digest.add(badHandshakeACK)
    digest.add(duplicateReport?.left)
    digest.add(duplicateReport?.right)
    digest.add(Int(ecn.rawValue))
    if let counts = markCounts.first { counts.digest(into: &digest) }
    digest.add(userTimeouts.peers.map { Int($0.rawValue) } ?? -1)
    digest.add(userTimeouts.isOwed)
    send.digest(into: &digest)
    receive.digest(into: &digest)
    digest.add(sendBuffer.count)
    digest.add(sendBuffer.limit)
    digest.add(receiveBuffer.count)
    digest.add(receiveBuffer.limit)
    reassembly.digest(into: &digest)
    timers.digest(into: &digest, isWaiting: outstanding > 0 || !sendBuffer.isEmpty)
    digest.add(acknowledgments.unacknowledged)
    digest.add(acknowledgments.quick)
    digest.add(acknowledgments.isInteractive)
    digest.add(acknowledgments.lastDataAt)
    digest.add(windowUse.peak)
    digest.add(windowUse.end)
    digest.add(windowUse.isFull)
    scoreboard.digest(into: &digest)
    detection.digest(into: &digest)
    recovery.digest(into: &digest)
    congestion.digest(into: &digest)
    slowStart.digest(into: &digest)
    receiveTuning.digest(into: &digest)
    roundTrip.digest(into: &digest)
    challenges.digest(into: &digest)
  }

  /// The right edge of the window that the peer was told.
  package var receiveEdge: SequenceNumber { receive.windowEdge }

  /// What is wrong in the connection itself, by its numbered invariants; nil if nothing is.
  package var violation: String? {
    guard state != .closed else {
      if nextDeadline != nil { return "a closed connection waits for a time" }
      if !scoreboard.isEmpty || !sendBuffer.isEmpty { return "a closed connection holds octets" }
      return nil
    }
    if send.next.precedes(send.unacknowledged) { return "SND.UNA lies behind SND.NXT" }
    if send.dataStart != send.unacknowledged, send.unacknowledged != send.initial,
      send.unacknowledged != send.dataStart + 1, state != .timeWait
    {
      return "the send buffer does not begin at SND.UNA"
    }
    if state != .synSent, receive.next.follows(receive.windowEdge) {
      return "RCV.NXT lies beyond the window"
    }
    if receiveBuffer.count > receiveBuffer.limit || sendBuffer.count > sendBuffer.limit {
      return "a buffer holds more than it may"
    }
    if lacksTimer { return "the connection waits, and no timer runs" }
    return nil
  }
}

extension StateDigest {
  /// Takes a sequence number that may be missing.
  mutating func add(_ number: SequenceNumber?) {
    add(number != nil)
    if let number { add(number) }
  }
}

extension SendSequence {
  fileprivate func digest(into digest: inout StateDigest) {
    digest.add(unacknowledged)
    digest.add(next)
    digest.add(window)
    digest.add(maximumWindow)
    digest.add(windowUpdate.sequence)
    digest.add(windowUpdate.acknowledgment)
    digest.add(Int(peerScale))
    digest.add(dataStart)
    digest.add(maximumSegmentSize)
    digest.add(hasProbe)
    digest.add(synSentAt ?? .distantFuture)
    digest.add(lastDataAt ?? .distantFuture)
    digest.add(smallSegmentEnd)
    digest.add(urgentEnd)
    digest.add(overridesSillyWindow)
  }
}

extension ReceiveSequence {
  fileprivate func digest(into digest: inout StateDigest) {
    digest.add(initial)
    digest.add(next)
    digest.add(windowEdge)
    digest.add(limit)
    digest.add(Int(ourScale))
    digest.add(usesScaling)
    digest.add(usesSACK)
    digest.add(usesTimestamps)
    if usesTimestamps {
      digest.add(Int(timestampRecent))
      digest.add(timestampRecentAt)
    }
    digest.add(lastAcknowledged)
    digest.add(finish)
    digest.add(hasFinished)
    digest.add(urgent)
    digest.add(segmentSize)
  }
}

extension Timers {
  fileprivate func digest(into digest: inout StateDigest, isWaiting: Bool) {
    digest.add(retransmit)
    digest.add(lossProbe)
    digest.add(reordering)
    digest.add(acknowledgment)
    digest.add(keepalive)
    digest.add(close)
    digest.add(pacing)
    digest.add(trim)
    // Since when matters only while something waits.
    if isWaiting || retransmit != .distantFuture { digest.add(unacknowledgedSince) }
    digest.add(lastHeard)
    digest.add(Int(probes))
    digest.add(Int(keepaliveProbes))
  }
}
