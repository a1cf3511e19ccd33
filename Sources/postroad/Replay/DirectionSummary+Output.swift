import Analysis

extension DirectionSummary {
  /// Octets in a second, over the time of the whole connection.
  private func rate(over duration: Int64) -> Int? {
    guard duration > 0 else { return nil }
    return Int(min(Double(octets) * 1_000_000_000 / Double(duration), 1e15))
  }

  /// Writes an object of JSON.
  func tell(over duration: Int64, in pending: inout JSONLine) {
    pending.begin()
    pending.member("segments", segments)
    pending.member("data_segments", dataSegments)
    pending.member("octets", octets)
    pending.member("longest_payload", longestPayload)
    pending.member("retransmissions", retransmissions)
    pending.member("retransmitted_octets", retransmittedOctets)
    pending.member("out_of_order", outOfOrder)
    pending.member("duplicate_acks", duplicateACKs)
    pending.member("sack_segments", segmentsWithSACK)
    pending.member("fin", finishes)
    pending.member("rst", resets)
    pending.member("idle_max", seconds: longestIdle)
    pending.member("window_max", largestWindow)
    if windows > 0 {
      pending.member("window_min", leastWindow)
      pending.member("window_avg", sumOfWindows / windows)
      pending.member("zero_windows", zeroWindows)
    }
    pending.member("octets_per_second", rate(over: duration))
    if roundTrips > 0 {
      pending.member("rtt_samples", roundTrips)
      pending.member("rtt_min", seconds: leastRoundTrip)
      pending.member("rtt_avg", seconds: sumOfRoundTrips / Int64(roundTrips))
      pending.member("rtt_max", seconds: greatestRoundTrip)
      pending.member("rtt_sd", seconds: deviation)
    }
    pending.member("mss", maximumSegmentSize.map { Int($0) })
    pending.member("window_scale", windowScale.map { Int($0) })
    pending.key("sack_permitted")
    pending.value(permitsSACK)
    pending.key("timestamps")
    pending.value(offersTimestamps)
    pending.end()
  }

  /// Lines for people.
  func lines(over duration: Int64, by name: String) -> [String] {
    var first =
      "\(name) sent \(octets) octets in \(segments) segments,"
      + " \(retransmissions) of them again (\(retransmittedOctets) octets)"
    if let rate = rate(over: duration) { first += ", \(rate) octets a second" }
    if outOfOrder > 0 { first += ", \(outOfOrder) out of order" }
    if duplicateACKs > 0 { first += ", \(duplicateACKs) duplicate ACKs" }
    var lines = [first]
    if roundTrips > 0 {
      lines.append("  round trip " + roundTripText)
    }
    if windows > 0 {
      lines.append(
        "  window \(leastWindow) to \(largestWindow), \(sumOfWindows / windows) on average"
          + (zeroWindows > 0 ? ", closed in \(zeroWindows) segments" : ""))
    }
    let offers = offers
    if !offers.isEmpty { lines.append("  SYN with " + offers.joined(separator: ", ")) }
    return lines
  }

  private var roundTripText: String {
    let average = sumOfRoundTrips / Int64(roundTrips)
    let texts = [leastRoundTrip, average, greatestRoundTrip].map { ReplayOutput.seconds($0) }
    let spread = deviation.map { ", deviation \(ReplayOutput.seconds($0)) s" } ?? ""
    return "\(texts[0]) to \(texts[2]) s, \(texts[1]) s on average\(spread)"
  }

  private var offers: [String] {
    var offers: [String] = []
    if let maximumSegmentSize { offers.append("mss \(maximumSegmentSize)") }
    if let windowScale { offers.append("window scale \(windowScale)") }
    if permitsSACK {
      offers.append("SACK" + (segmentsWithSACK > 0 ? " (in \(segmentsWithSACK) segments)" : ""))
    }
    if offersTimestamps { offers.append("timestamps") }
    return offers
  }
}
