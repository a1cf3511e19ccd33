import Octets

// A connection as it stands, once more: what a simulation goes back to.
extension TCPConnection {
  /// Another connection in the same state, with buffers of its own.
  ///
  /// Both answer the same input with the same output from now on. A test reads this file: a property
  /// that is not copied here fails it.
  package init(copying other: borrowing TCPConnection) {
    self.init(
      other.endpoints, other.send.unacknowledged, other.pathMTU, other.configuration,
      state: other.state, isPassive: other.isPassive)
    closeReason = other.closeReason
    send = other.send
    receive = other.receive
    sendBuffer = other.sendBuffer.copy()
    receiveBuffer = other.receiveBuffer.copy()
    reassembly = other.reassembly
    scoreboard = other.scoreboard
    detection = other.detection
    recovery = other.recovery
    congestion = other.congestion
    windowUse = other.windowUse
    slowStart = other.slowStart
    pacing = other.pacing
    receiveTuning = other.receiveTuning
    roundTrip = other.roundTrip
    timers = other.timers
    pending = other.pending
    acknowledgmentRule = other.acknowledgmentRule
    events = other.events
    acknowledgments = other.acknowledgments
    challenges = other.challenges
    isClosing = other.isClosing
    isOrphan = other.isOrphan
    isWriteBlocked = other.isWriteBlocked
    pathMTU = other.pathMTU
    duplicateReport = other.duplicateReport
    badHandshakeACK = other.badHandshakeACK
    retransmissions = other.retransmissions
    expectsMore = other.expectsMore
    pushesTail = other.pushesTail
    refusesText = other.refusesText
    statistics = other.statistics
    recordEnds = other.recordEnds
    stamps = other.stamps
    sendTimes = other.sendTimes
    ecn = other.ecn
    markCounts = other.markCounts
    userTimeouts = other.userTimeouts
    pathProbe = other.pathProbe
    fastOpen = other.fastOpen
    networkOptions = other.networkOptions
    orphanDeadline = other.orphanDeadline
  }
}
