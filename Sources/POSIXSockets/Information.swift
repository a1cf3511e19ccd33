import NetworkCore
import Octets
import Stack
import TCPCore

// TCP_INFO and SO_MEMINFO.
extension POSIXProcess {
  /// `TCP_INFO` by names: `tcpi_state` and all the others; nil when there is no TCP socket.
  public mutating func tcpInformation(_ fd: Int) -> [String: Int]? {
    guard let socket = openSocket(fd), socket.isStream else { return nil }
    return information(socket).variables
  }

  /// `SO_MEMINFO` by names: `SK_MEMINFO_RCVBUF` and all the others; nil when there is no socket.
  public mutating func memoryInformation(_ fd: Int) -> [String: Int]? {
    guard let socket = openSocket(fd) else { return nil }
    return Dictionary(uniqueKeysWithValues: zip(Self.memoryNames, memory(socket)))
  }

  private static let memoryNames = [
    "SK_MEMINFO_RMEM_ALLOC", "SK_MEMINFO_RCVBUF", "SK_MEMINFO_WMEM_ALLOC", "SK_MEMINFO_SNDBUF",
    "SK_MEMINFO_FWD_ALLOC", "SK_MEMINFO_WMEM_QUEUED", "SK_MEMINFO_OPTMEM", "SK_MEMINFO_BACKLOG",
    "SK_MEMINFO_DROPS",
  ]

  /// Octets of data, where Linux counts what its buffers cost besides.
  private mutating func memory(_ socket: OpenSocket) -> [Int] {
    var (received, queued) = (0, 0)
    switch socket.role {
    case .connection(let id):
      received = stack.receivable(id) + (stack.details(id)?.early ?? 0)
      queued = stack.details(id)?.queued ?? 0
    case .datagram:
      fetch(socket)
      received = socket.waiting?.octets.count ?? 0
    case .idle, .listener: break
    }
    return [
      received, socket.options.receiveBuffer, 0, socket.options.sendBuffer, 0, queued, 0, 0, 0,
    ]
  }

  mutating func memoryOctets(_ socket: OpenSocket) -> [UInt8] {
    memory(socket).flatMap { OptionValue.int($0).octets }
  }

  /// What is known of a socket's connection.
  mutating func information(_ socket: OpenSocket) -> LinuxTCPInfo {
    var info = LinuxTCPInfo()
    info["state"] = 7
    info["snd_ssthresh"] = 0x7FFF_FFFF
    info["snd_mss"] = 536
    info["rcv_mss"] = 536
    info["rto"] = 1_000_000
    info["rttvar"] = 250_000
    info["min_rtt"] = 0xFFFF_FFFF
    info["reordering"] = 3
    info["snd_cwnd"] = 10
    info["max_pacing_rate"] = socket.options.pacingRate ?? -1
    info["pacing_rate"] = -1
    switch socket.role {
    case .idle, .datagram: break
    case .listener(let id):
      info["state"] = 10
      info["unacked"] = stack.queueLengths(id)?.accepted ?? 0
      info["sacked"] = socket.options.backlog
    case .connection(let id):
      if let known = stack.info(id), let details = stack.details(id) {
        fill(&info, known, details)
        // Linux counts the SYN of an active open.
        if !socket.isAccepted, known.state != .synSent { info["bytes_acked"] += 1 }
      }
    }
    return info
  }

  private func fill(_ info: inout LinuxTCPInfo, _ known: TCPInfo, _ details: TCPDetails) {
    let size = max(known.sendMaximumSegmentSize, 1)
    func segments(_ octets: Int) -> Int { (octets + size - 1) / size }
    info["state"] = Self.number(known.state)
    info["ca_state"] = Self.number(details.loss)
    info["retransmits"] = known.retransmissions
    info["probes"] = details.probes
    info["backoff"] = details.backoffs
    info["options"] =
      (details.usesTimestamps ? 1 : 0) | (details.usesSACK ? 2 : 0) | (details.usesScaling ? 4 : 0)
      | (details.usesECN ? 8 : 0) | (details.sawECNCapable ? 16 : 0)
      | (details.earlyDataAcknowledged ? 32 : 0)
    info["snd_wscale"] = details.usesScaling ? details.sendScale : 0
    info["rcv_wscale"] = details.usesScaling ? details.receiveScale : 0
    info["rto"] = microseconds(known.retransmissionTimeout)
    info["snd_mss"] = known.sendMaximumSegmentSize
    info["rcv_mss"] = details.receiveSegmentSize
    info["unacked"] = segments(known.outstanding)
    info["sacked"] = segments(details.selectivelyAcknowledged)
    info["lost"] = segments(details.lost)
    info["retrans"] = segments(details.repaired)
    info["pmtu"] = details.pathMTU
    info["rcv_ssthresh"] = known.receiveWindow
    info["rcv_wnd"] = known.receiveWindow
    info["snd_wnd"] = known.sendWindow
    if let roundTrip = known.smoothedRoundTrip {
      info["rtt"] = microseconds(roundTrip)
      info["rttvar"] = microseconds(known.roundTripVariation)
    }
    if let least = details.minimumRoundTrip { info["min_rtt"] = microseconds(least) }
    info["snd_cwnd"] = known.congestionWindow / size
    if known.slowStartThreshold != .max {
      info["snd_ssthresh"] = known.slowStartThreshold / size
    }
    info["advmss"] = details.offeredSegmentSize
    info["reordering"] = details.reorderingDegree
    info["reord_seen"] = details.reorderings
    info["notsent_bytes"] = details.unsent
    if let rate = details.pacingRate { info["pacing_rate"] = Int(min(rate, 1e15)) }
    fillCounters(&info, details, size)
  }

  private func microseconds(_ duration: Duration) -> Int {
    Int(duration.wholeNanoseconds / 1000)
  }

  private func fillCounters(_ info: inout LinuxTCPInfo, _ details: TCPDetails, _ size: Int) {
    let counted = details.statistics
    func milliseconds(since time: Instant?) -> Int {
      guard let time, time <= now else { return 0 }
      return Int(now.nanoseconds(since: time) / 1_000_000)
    }
    info["busy_time"] = microseconds(details.sendTimes.busy(at: now))
    info["rwnd_limited"] = microseconds(details.sendTimes.windowLimited(at: now))
    info["sndbuf_limited"] = microseconds(details.sendTimes.bufferLimited(at: now))
    info["last_data_sent"] = milliseconds(since: details.lastDataSent)
    info["last_data_recv"] = milliseconds(since: counted.lastDataReceived)
    info["last_ack_recv"] = milliseconds(since: details.lastHeard)
    info["total_retrans"] = Int(counted.segmentsRetransmitted)
    info["bytes_retrans"] = counted.octetsRetransmitted
    info["bytes_sent"] = counted.octetsSent
    info["bytes_acked"] = counted.octetsAcknowledged
    info["bytes_received"] = counted.octetsReceived
    info["segs_out"] = Int(counted.segmentsSent)
    info["segs_in"] = Int(counted.segmentsReceived)
    info["data_segs_out"] = Int(counted.dataSegmentsSent)
    info["data_segs_in"] = Int(counted.dataSegmentsReceived)
    // The handshake counts as one.
    let handshake = info["state"] == 2 || info["state"] == 3 ? 0 : 1
    info["delivered"] = handshake + (counted.octetsDelivered + size - 1) / size
    info["delivered_ce"] = (counted.octetsDeliveredMarked + size - 1) / size
    info["dsack_dups"] = Int(counted.duplicatesReported)
    info["rcv_ooopack"] = Int(counted.outOfOrderSegments)
    info["total_rto"] = Int(counted.timeouts)
  }

  /// A state's number. To its owner, a connection in TIME-WAIT is closed.
  private static func number(_ state: TCPState) -> Int {
    switch state {
    case .established: 1
    case .synSent: 2
    case .synReceived: 3
    case .finWait1: 4
    case .finWait2: 5
    case .timeWait, .closed: 7
    case .closeWait: 8
    case .lastAck: 9
    case .listen: 10
    case .closing: 11
    }
  }

  private static func number(_ loss: TCPDetails.LossState) -> Int {
    switch loss {
    case .open: 0
    case .disorder: 1
    case .reduction: 2
    case .recovery: 3
    case .timeout: 4
    }
  }
}
