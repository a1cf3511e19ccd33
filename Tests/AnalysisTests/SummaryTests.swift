import Foundation
import Frames
import ProgramRunner
import Testing
import Wire

@testable import Analysis

@Suite("Sums of connections, from our own reading and from tshark's", .needsTshark)
struct SummaryTests {
  /// One direction as tshark's fields tell it.
  private struct Sums: Equatable {
    var segments = 0
    var data = 0
    var octets = 0
    var again = 0
    var againOctets = 0
    var windows: [Int] = []
    var roundTrips: [Int64] = []
    var times: [Int64] = []
    var finishes = 0
    var resets = 0
    var withSACK = 0
    var mss: Int?
    var scale: Int?
  }

  private static let fields = [
    "tcp.stream", "ip.src", "tcp.srcport", "tcp.len", "tcp.window_size", "tcp.flags",
    "tcp.analysis.retransmission", "tcp.analysis.ack_rtt", "tcp.options.sack_le",
    "tcp.options.mss_val", "tcp.options.wscale.shift", "frame.time_epoch",
  ]

  /// By stream and sender; a round trip belongs to whom it acknowledges.
  private func tshark(_ capture: String) async throws -> [Int: [String: Sums]] {
    let done = try await run(
      try #require(Tshark.path),
      ["-r", capture, "-Y", "tcp && !icmp", "-T", "fields", "-E", "occurrence=f"]
        + Self.fields.flatMap { ["-e", $0] })
    var result: [Int: [String: Sums]] = [:]
    var answers: [(Int, String, Int64)] = []
    for line in done.output.split(separator: "\n") {
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard columns.count == Self.fields.count, let stream = Int(columns[0]) else { continue }
      let sender = "\(columns[1]):\(columns[2])"
      var sums = result[stream]?[sender] ?? Sums()
      let length = Int(columns[3]) ?? 0
      let flags = Int(columns[5].dropFirst(2), radix: 16) ?? 0
      sums.segments += 1
      sums.octets += length
      if length > 0 { sums.data += 1 }
      if !columns[6].isEmpty {
        sums.again += 1
        sums.againOctets += length
      }
      if flags & 6 == 0 { sums.windows.append(Int(columns[4]) ?? 0) }
      if flags & 1 != 0 { sums.finishes += 1 }
      if flags & 4 != 0 { sums.resets += 1 }
      if !columns[8].isEmpty { sums.withSACK += 1 }
      if flags & 2 != 0 { (sums.mss, sums.scale) = (Int(columns[9]), Int(columns[10])) }
      if let trip = Tshark.nanoseconds(columns[7]), !columns[7].isEmpty {
        answers.append((stream, sender, trip))
      }
      sums.times.append(Tshark.nanoseconds(columns[11]) ?? 0)
      result[stream, default: [:]][sender] = sums
    }
    for (stream, sender, trip) in answers {
      for other in result[stream]?.keys.filter({ $0 != sender }) ?? [] {
        result[stream]?[other]?.roundTrips.append(trip)
      }
    }
    return result
  }

  private func expect(_ ours: DirectionSummary, _ theirs: Sums, _ name: String) {
    #expect(ours.segments == theirs.segments && ours.dataSegments == theirs.data, "\(name)")
    #expect(ours.octets == theirs.octets, "\(name)")
    #expect(ours.retransmissions == theirs.again, "\(name)")
    #expect(ours.retransmittedOctets == theirs.againOctets, "\(name)")
    #expect(ours.finishes == theirs.finishes && ours.resets == theirs.resets, "\(name)")
    #expect(ours.segmentsWithSACK == theirs.withSACK, "\(name)")
    #expect(ours.maximumSegmentSize.map { Int($0) } == theirs.mss, "\(name)")
    #expect(ours.windowScale.map { Int($0) } == theirs.scale, "\(name)")
    #expect(ours.windows == theirs.windows.count, "\(name)")
    #expect(ours.sumOfWindows == theirs.windows.reduce(0, +), "\(name)")
    #expect(ours.leastWindow == theirs.windows.min() ?? .max, "\(name)")
    #expect(ours.zeroWindows == theirs.windows.filter { $0 == 0 }.count, "\(name)")
    let gaps = zip(theirs.times.dropFirst(), theirs.times).map { $0 - $1 }
    #expect(ours.longestIdle == gaps.max() ?? 0, "\(name)")
    let trips = theirs.roundTrips
    #expect(ours.roundTrips == trips.count, "\(name)")
    guard trips.count > 1 else { return }
    #expect(ours.leastRoundTrip == trips.min() && ours.greatestRoundTrip == trips.max(), "\(name)")
    #expect(ours.sumOfRoundTrips == trips.reduce(0, +), "\(name)")
    let average = Double(trips.reduce(0, +)) / Double(trips.count)
    let squares = trips.reduce(0.0) { $0 + (Double($1) - average) * (Double($1) - average) }
    let deviation = (squares / Double(trips.count - 1)).squareRoot()
    #expect(abs(Double(ours.deviation ?? 0) - deviation) <= 1 + deviation * 1e-9, "\(name)")
  }

  @Test(
    "agree for every connection",
    arguments: [
      "mail-with-loss.pcapng", "losses.pcapng", "lost-answers.pcapng", "reordering.pcapng",
      "zero-window.pcapng", "kernel-zero-window.pcap", "half-close.pcapng", "reset.pcapng",
      "reused-port.pcapng", "kernel-mail.pcap",
    ])
  func agree(_ name: String) async throws {
    let path = Places.root.appending(path: "captures/\(name)").path
    let theirs = try await tshark(path)
    var reader = try CaptureFileReader(path: path)
    var analyzer = CaptureAnalyzer()
    while let frame = try reader.next() {
      _ = analyzer.frameArrived(
        frame.octets.span, wireLength: frame.originalLength, link: frame.linkType,
        number: frame.number, time: frame.time)
    }
    #expect(!analyzer.summaries.isEmpty)
    for summary in analyzer.summaries {
      let sums = theirs[summary.stream] ?? [:]
      expect(
        summary.fromClient, sums[summary.client.description] ?? Sums(),
        "\(name) \(summary.stream) client")
      expect(
        summary.fromServer, sums[summary.server.description] ?? Sums(),
        "\(name) \(summary.stream) server")
      let times = sums.values.flatMap(\.times).sorted()
      let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
      #expect(summary.longestIdle == gaps.max() ?? 0)
      #expect(summary.end - summary.start == (times.last ?? 0) - (times.first ?? 0))
    }
  }
}
