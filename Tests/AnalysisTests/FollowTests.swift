import Foundation
import Frames
import Octets
import ProgramRunner
import Testing
import Wire

@testable import Analysis

@Suite("Byte streams identical to tshark's", .needsTshark)
struct FollowTests {
  @Test(
    "of the project's own captures",
    arguments: captures(in: Places.root.appending(path: "captures"))
  )
  func own(_ capture: String) async throws { try await expectSameStreams(of: capture) }

  @Test(
    "of captures of others",
    .enabled(
      if: FileManager.default.fileExists(atPath: Places.foreignCaptures.path),
      "the captures are not part of the repository"),
    arguments: captures(in: Places.foreignCaptures))
  func foreign(_ capture: String) async throws { try await expectSameStreams(of: capture) }

  @Test(
    "of random sessions: loss, overlap with other octets, disorder, holes, numbers that come round",
    arguments: 1...8)
  func random(_ seed: UInt64) async throws {
    var traffic = RandomStreams(seed: seed)
    let frames = (0..<150).flatMap { traffic.connection($0) }
    let kept: Int = seed % 2 == 0 ? .max : [40, 45, 60, 80][Int(seed / 2)]
    try await withCapture(frames.map { ($0.time, $0.octets) }, kept: { _ in kept }) { path in
      let lines = try await expectSameStreams(of: path)
      #expect(lines > (kept == 40 ? -1 : 300))
    }
  }

  @Test("of sessions of our own stack over bad links, with retransmissions and reordering")
  func sessions() async throws {
    let frames = try (0..<25).flatMap { try WorldSessions.frames(seed: $0 &+ 700) }
    try await withCapture(frames) { path in
      let lines = try await expectSameStreams(of: path)
      #expect(lines > 300)
    }
  }

  @Test(
    "of frames with headers that are too short, in quotes of ICMP errors, in tunnels and fragments")
  func hard() async throws {
    var traffic = RandomStreams(seed: 99)
    var frames: [MadeFrame] = []
    for (index, frame) in (0..<60).flatMap({ traffic.connection($0) }).enumerated() {
      var frame = frame
      switch index % 9 {
      case 1: frame.octets[32] = 0x10
      case 3: frame.octets = wrap(frame.octets, in: 4)
      case 4:
        frame.octets = wrap([3, 3, 0, 0, 0, 0, 0, 0] + frame.octets.prefix(60), in: 1)
      case 5, 6, 7:
        frames += parts(of: frame, index)
        continue
      default: break
      }
      frames.append(frame)
    }
    try await withCapture(frames.map { ($0.time, $0.octets) }) { path in
      let lines = try await expectSameStreams(of: path)
      #expect(lines > 300)
    }
  }

  private func wrap(_ payload: some Collection<UInt8>, in transport: UInt8) -> [UInt8] {
    let total = 20 + payload.count
    return [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 1, 0, 0, 64, transport, 0, 0]
      + [203, 0, 113, 1, 203, 0, 113, 2] + payload
  }

  /// A frame as two fragments, now and then the other way round.
  private func parts(of frame: MadeFrame, _ index: Int) -> [MadeFrame] {
    let payload = Array(frame.octets[20...])
    guard payload.count > 32 else { return [frame] }
    let both = [0..<24, 24..<payload.count].map { range in
      var octets = Array(frame.octets[..<20]) + payload[range]
      octets[2] = UInt8(octets.count >> 8)
      octets[3] = UInt8(octets.count & 255)
      octets[4] = UInt8(index >> 8)
      octets[5] = UInt8(index & 255)
      octets[6] = range.lowerBound == 0 ? 0x20 : 0
      octets[7] = UInt8(range.lowerBound / 8)
      return MadeFrame(time: frame.time, octets: octets)
    }
    return index % 2 == 0 ? both : both.reversed()
  }

  @Test("too much that waits gives up a hole, and says how large it was")
  func bound() {
    var limits = StreamFollower.Limits()
    limits.octets = 100
    var follower = StreamFollower(limits: limits)
    var lines = FollowedLines()
    let traffic = RandomTraffic(seed: 1)
    var outcomes: [StreamFollower.Outcome?] = []
    for sequence in [1, 21, 41, 61, 81, 101] as [UInt32] {
      let payload = [UInt8](repeating: 0x41, count: 10 + (sequence == 101 ? 60 : 0))
      let frame = traffic.segment(1, 0, seq: sequence, ack: 1, .ack, 1000, payload)
      var finder = SegmentFinder()
      guard
        let facts = finder.find(
          in: frame.octets.span, wireLength: frame.octets.count, link: .rawIP)
      else { continue }
      outcomes.append(
        follower.segmentArrived(
          facts, at: (sequence, 1), payload: frame.octets.span.extracting(facts.payload),
          to: &lines))
    }
    #expect(outcomes.prefix(2) == [nil, .outOfOrder(missing: 10)])
    #expect(outcomes.last == .tooMuchHeld && lines.lines.count == 3)
    #expect(lines.lines[1] == FollowedLines.gap(10))
    #expect(follower.heldOctets == 100)
  }
}

/// A stream as the lines that tshark writes.
struct FollowedLines: StreamReader {
  var lines: [String] = []
  var isReading: Bool { true }

  static func gap(_ count: Int) -> String {
    hex(Array("[\(count) bytes missing in capture file]\0".utf8))
  }

  static func hex(_ octets: [UInt8]) -> String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  mutating func read(_ octets: Span<UInt8>, fromFirst: Bool) {
    lines.append((fromFirst ? "" : "\t") + Self.hex(Array(copying: octets)))
  }

  mutating func missing(_ count: Int, fromFirst: Bool) {
    lines.append((fromFirst ? "" : "\t") + Self.gap(count))
  }

  mutating func cut(_ count: Int, fromFirst: Bool) {}
  mutating func unseen(_ count: Int, fromFirst: Bool) {}
}

/// Every stream of a capture as we follow it.
func ourStreams(of capture: String) throws -> [Int: [String]] {
  var reader = try CaptureFileReader(path: capture)
  var analyzer = CaptureAnalyzer()
  var streams: [Int: (StreamFollower, FollowedLines)] = [:]
  while let frame = try? reader.next() {
    let octets = frame.octets.span
    let finding = analyzer.frameArrived(
      octets, wireLength: frame.originalLength, link: frame.linkType, number: frame.number,
      time: frame.time)
    guard let finding, let facts = finding.segment?.facts, facts.header == .whole else { continue }
    var (follower, lines) = streams[finding.stream] ?? (StreamFollower(), FollowedLines())
    analyzer.withPayload(of: facts, in: octets) { payload in
      _ = follower.segmentArrived(facts, at: finding.relative, payload: payload, to: &lines)
    }
    streams[finding.stream] = (follower, lines)
  }
  return streams.mapValues { follower, lines in
    [
      "Node 0: \(follower.first?.description ?? ":0")",
      "Node 1: \(follower.second?.description ?? ":0")",
    ]
      + lines.lines
  }
}

/// Expects that both follow every stream alike; says how many lines there were.
@discardableResult
func expectSameStreams(of capture: String) async throws -> Int {
  let ours = try ourStreams(of: capture)
  let count = (ours.keys.max() ?? -1) + 2
  let theirs = try await Tshark.streams(of: capture, count: count)
  for stream in 0..<count {
    let (our, their) = (ours[stream] ?? ["Node 0: :0", "Node 1: :0"], theirs[stream] ?? [])
    let place = zip(our, their).enumerated().first { $1.0 != $1.1 }?.offset
    #expect(
      our == their,
      """
      \(URL(filePath: capture).lastPathComponent), stream \(stream): \(our.count) and \
      \(their.count) lines, line \(place ?? min(our.count, their.count)) differs
      """)
  }
  return theirs.values.reduce(0) { $0 + $1.count - 2 }
}

extension Tshark {
  /// The first streams of a capture as lines, the two ends first.
  static func streams(of capture: String, count: Int) async throws -> [Int: [String]] {
    let wanted = (0..<count).flatMap { ["-z", "follow,tcp,raw,\($0)"] }
    let done = try await run(try #require(path), ["-q", "-r", capture] + wanted)
    var result: [Int: [String]] = [:]
    var stream = -1
    for line in done.output.split(separator: "\n") {
      if line.hasPrefix("Filter: tcp.stream eq ") {
        stream = Int(line.dropFirst(22)) ?? -1
        result[stream] = []
      } else if !line.hasPrefix("===="), !line.hasPrefix("Follow: ") {
        result[stream, default: []].append(String(line))
      }
    }
    return result
  }
}

private func captures(in folder: URL) -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  return names.filter { $0.contains(".pcap") }.sorted().map { folder.appending(path: $0).path }
}
