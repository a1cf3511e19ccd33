import Testing

@testable import Oracle

/// Our stack in the place of itself: what it would send is what it has sent.
@Suite("in the place of our own stack nothing differs")
struct OwnCaptureTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var stream = 0
    var role: EndpointRole
    /// What differs, and why it must, where anything does.
    var differences: Set<String> = []
    var testDescription: String { "\(name) \(stream) as \(role.rawValue)" }
  }

  static let cases: [Case] = {
    let streams = ["fast-open.pcapng": 2, "reused-port.pcapng": 2]
    let known: [String: Set<String>] = [
      // The probe of the tail depends on which acknowledgments came, and a lost one leaves no trace.
      "lost-answers.pcapng client": ["<"],
      // What was not captured is sent by ours, too; its arrival is told by the next acknowledgment only.
      "unheard.pcapng client": [">"],
      "unheard.pcapng server": [">", "window"],
    ]
    var cases: [Case] = []
    for name in Captures.names where name.hasSuffix(".pcapng") {
      for stream in 0..<(streams[name] ?? 1) {
        for role in EndpointRole.allCases {
          cases.append(
            Case(
              name: name, stream: stream, role: role,
              differences: known["\(name) \(role.rawValue)"] ?? []))
        }
      }
    }
    return cases
  }()

  @Test("each segment is the same, but where the capture cannot tell enough", arguments: cases)
  func same(_ one: Case) throws {
    let report = try Captures.report(one.name, stream: one.stream, as: one.role)
    #expect(report.count(.same) > 0)
    for comparison in report.comparisons where comparison.mark != .same {
      let names =
        comparison.mark == .changed
        ? comparison.aspects.map(\.rawValue) : [comparison.mark.rawValue]
      #expect(one.differences.isSuperset(of: names), "\(report.differences)")
    }
  }

  @Test("that is so for nearly all there is")
  func most() {
    #expect(Self.cases.count >= 30)
    #expect(Self.cases.count { $0.differences.isEmpty } == Self.cases.count - 3)
  }
}

/// Everything that was sent is compared once, and everything that differs is explained.
@Suite("every difference has a rule")
struct ExplanationTests {
  static let cases = Captures.names.flatMap { name in
    EndpointRole.allCases.map { (name, $0) }
  }

  @Test("each of their segments is in the comparison once, in order", arguments: cases)
  func complete(_ name: String, _ role: EndpointRole) throws {
    let report = try Captures.report(name, as: role)
    let theirs = report.connection.segments.filter { $0.sender == role }
    var octets: [Int: Int] = [:]
    for segment in report.comparisons.flatMap(\.theirs) {
      octets[segment.frame ?? 0, default: 0] += segment.payload
    }
    #expect(octets.count == theirs.count)
    for captured in theirs {
      #expect(octets[captured.segment.frame ?? 0] == captured.segment.payload)
    }
    let times = report.comparisons.map(\.time)
    #expect(times == times.sorted())
  }

  @Test("no difference lacks a reason, and no reason a document", arguments: cases)
  func explained(_ name: String, _ role: EndpointRole) throws {
    let report = try Captures.report(name, as: role)
    for comparison in report.comparisons {
      if comparison.mark == .same {
        #expect(comparison.aspects.isEmpty && comparison.reasons.isEmpty)
        continue
      }
      #expect(!comparison.reasons.isEmpty, "\(report.differences)")
      for reason in comparison.reasons {
        #expect(reason.source.hasPrefix("RFC "), "\(reason)")
        #expect(!reason.sentence.isEmpty && !reason.name.isEmpty)
      }
      #expect(
        (comparison.mark == .onlyTheirs) == comparison.ours.isEmpty
          && (comparison.mark == .onlyOurs) == comparison.theirs.isEmpty)
      #expect(comparison.mark != .changed || !comparison.aspects.isEmpty)
      #expect(comparison.ours.allSatisfy { $0.rule != nil })
    }
  }

  @Test(
    "what the kernel and our stack do alike is alike",
    arguments: [
      ("kernel-mail.pcap", EndpointRole.server, 11), ("kernel-mail.pcap", .client, 10),
      ("kernel-starttls.pcap", .server, 16), ("kernel-keepalive.pcap", .server, 6),
    ])
  func kernel(_ name: String, _ role: EndpointRole, _ alike: Int) throws {
    let report = try Captures.report(name, as: role)
    #expect(report.count(.same) == alike, "\(report.differences)")
    #expect(report.lost.isEmpty && report.supplied == 0 && report.clipped == 0)
  }
}
